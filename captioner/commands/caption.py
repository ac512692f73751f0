"""Caption your own pictures.

  python scripts/caption.py photo.jpg
  python scripts/caption.py photo.jpg --model last
  python scripts/caption.py holiday/ --json
  python scripts/caption.py 'photos/*.png' --beam 5 --n-best 3
  python scripts/caption.py photo.jpg --attention attention.png
  python scripts/caption.py photo.jpg --search sample --temperature 0.7 --n-best 5
  python scripts/caption.py photo.jpg --search diverse --beam 6 --groups 3 --n-best 3 --tree tree.html
  python scripts/caption.py photo.jpg --prefix "there is" --required-words red --no-repeat-ngram 3 --words
  python scripts/caption.py photo.jpg --model runs/one/model --model runs/two/model

Prints a caption a picture; a picture that cannot be read is named and left out.

Many pictures:
  python scripts/caption.py holiday/ --output captions.jsonl
  python scripts/caption.py list.txt shards/ --output captions.parquet
  python scripts/caption.py list.csv --output captions.jsonl --workers ray:10.0.0.1:6379

--output writes a JSON object a picture, with why in `error` where there is no caption; the same command again
goes on with those that are missing, also after it was killed. A .parquet is made of the JSON lines, which are
beside it. A list (.txt with a path a line; .csv, .jsonl or .parquet with a column `image`) names files
relative to itself; in a tar shard a picture is called as the archive calls it. --workers ray computes on all
machines of a Ray cluster, which must see model and pictures under the same paths.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.commands.options.attention_files import check_drawing, numbered
from captioner.commands.options.numbers import in_range
from captioner.commands.options.precision import add_precision_argument
from captioner.commands.options.search import add_search_arguments, search_changes
from captioner.commands.printing.captions import as_text
from captioner.data.image_inputs.inputs import ImageInputs
from captioner.errors import UserError
from captioner.files.outputs import check_file
from captioner.paths import model_folder
from captioner.ranges import BeamSize

if TYPE_CHECKING:
    from captioner.inference.bulk.caption_file import CaptionStream
    from captioner.inference.caption import Captioner
    from captioner.inference.caption_results import Captioned

PHOTOS = "photos"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "pictures", nargs="+", metavar="PHOTO", help="a file, a folder, a pattern, a list or a tar shard"
    )
    parser.add_argument(
        "--model",
        action="append",
        metavar="MODEL",
        help="a model that `captioner models` lists, last (the last one trained), or a folder; several make "
        f"an ensemble (default: {PHOTOS})",
    )
    _add_output_arguments(parser)
    parser.add_argument(
        "--n-best", type=in_range(BeamSize), default=1, metavar="N", help="captions a picture (default: 1)"
    )
    add_precision_argument(parser)
    add_search_arguments(parser)


def _add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is written, and where."""
    parser.add_argument(
        "--attention",
        type=Path,
        metavar="PNG",
        help="draw the attention; with several pictures, PNG-1, PNG-2, ...",
    )
    parser.add_argument(
        "--tree",
        type=Path,
        metavar="HTML",
        help="a page that plays the search step by step; with several pictures, HTML-1, HTML-2, ...",
    )
    parser.add_argument("--words", action="store_true", help="the log-probability of every word")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with log-probabilities")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write into a .jsonl or .parquet, which a second run goes on with",
    )
    parser.add_argument(
        "--workers",
        metavar="ray[:ADDRESS]",
        help="with --output: compute on a Ray cluster, its GPUs if any",
    )


def run(arguments: argparse.Namespace) -> None:
    """Caption, print, draw."""
    names: list[str] = arguments.model or [PHOTOS]
    models = [model_folder(name, "caption") for name in names]
    check_drawing(arguments.attention)
    check_file(arguments.tree, "--tree")
    _check_output(arguments)
    images = ImageInputs(arguments.pictures)
    total = images.count()
    from captioner.inference.caption import Captioner

    captioner = Captioner(
        *models,
        search=search_changes(arguments),
        n_best=arguments.n_best,
        precision=arguments.precision,
    )
    if arguments.attention:
        captioner.check_has_attention()
    if arguments.output:
        print(f"model: {', '.join(names)}", file=sys.stderr)
        _write_all(captioner, images, total, arguments)
        return
    unreadable, spoke = 0, False
    for number, captioned in enumerate(captioner.stream(images, trace=bool(arguments.tree)), start=1):
        if captioned.problem:
            unreadable += 1
            print(f"left out: {captioned.problem}", file=sys.stderr)
            continue
        if not spoke:
            print(f"model: {', '.join(names)}", file=sys.stderr)
            spoke = True
        text = captioned.to_json_line() if arguments.json else as_text(captioned, total > 1, arguments.words)
        print(text, flush=True)
        _draw(captioner, captioned, arguments, number, total)
    if unreadable and total > 1:
        print(f"{unreadable} of {total} pictures could not be read.", file=sys.stderr)
    if unreadable == total or images.left_out.broken_files:
        sys.exit(2)


def _check_output(arguments: argparse.Namespace) -> None:
    """Refuse a file that cannot be written, and what is not written into one."""
    check_file(arguments.output, "--output")
    for option in ("attention", "tree", "words"):
        if arguments.output and getattr(arguments, option):
            raise UserError(f"--output writes captions alone: leave --{option} out.")
    if arguments.output and arguments.output.suffix not in (".jsonl", ".parquet"):
        raise UserError(f"--output: {arguments.output} must end in .jsonl or .parquet.")
    if arguments.workers and not arguments.output:
        raise UserError("--workers computes what is written into a file: add --output captions.jsonl.")
    if arguments.workers and arguments.workers.partition(":")[0] != "ray":
        raise UserError(f"--workers must be ray or ray:ADDRESS, not {arguments.workers!r}.")


def _write_all(
    captioner: "Captioner", images: ImageInputs, total: int, arguments: argparse.Namespace
) -> None:
    """Caption the images that have no line in a file yet, and write their lines."""
    from captioner.inference.bulk.caption_file import write_captions
    from captioner.inference.bulk.parquet_output import write_parquet

    output: Path = arguments.output
    lines = output.with_suffix(".jsonl")
    stream: CaptionStream = captioner.stream
    if arguments.workers:
        from captioner.inference.bulk.ray_workers import RayWorkers

        address = arguments.workers.partition(":")[2] or None
        options = (search_changes(arguments), arguments.n_best, captioner.precision)
        stream = RayWorkers(captioner.folders, *options, address).stream
    found = write_captions(lines, images, total, captioner.settings(), stream)
    if output != lines:
        write_parquet(lines, output)
    there = f"; {found.present:,} were there already" if found.present else ""
    written = f"{found.written:,} pictures, {found.failed:,} of them with an error"
    print(f"{output}: {written}{there}", file=sys.stderr)
    if images.left_out.broken_files or found.failed == total:
        sys.exit(2)


def _draw(
    captioner: "Captioner", captioned: "Captioned", arguments: argparse.Namespace, number: int, total: int
) -> None:
    """Write the attention image and the page of the search, where they are asked for."""
    if arguments.attention:
        target = numbered(arguments.attention, number, total)
        captioner.draw(captioned).save(target)
        print(f"attention: {target}", file=sys.stderr)
    if arguments.tree:
        target = numbered(arguments.tree, number, total)
        captioner.write_tree(captioned, target)
        print(f"search: {target}", file=sys.stderr)
