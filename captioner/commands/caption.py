"""Caption your own pictures.

  python scripts/caption.py photo.jpg
  python scripts/caption.py photo.jpg --model last
  python scripts/caption.py holiday/ --json
  python scripts/caption.py holiday/ --output captions.jsonl
  python scripts/caption.py 'photos/*.png' --beam 5 --n-best 3
  python scripts/caption.py photo.jpg --attention attention.png
  python scripts/caption.py photo.jpg --search sample --temperature 0.7 --n-best 5
  python scripts/caption.py photo.jpg --search diverse --beam 6 --groups 3 --n-best 3 --tree tree.html
  python scripts/caption.py photo.jpg --prefix "there is" --required-words red --no-repeat-ngram 3 --words
  python scripts/caption.py photo.jpg --model runs/one/model --model runs/two/model

Prints a caption a picture; a picture that cannot be read is named and left out. --output writes a JSON object
a picture, with why in `error` where there is no caption; the same command again goes on with those that are
missing, also after it was killed.
"""

import argparse
import glob
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.commands.options.attention_files import check_drawing, numbered
from captioner.commands.options.numbers import in_range
from captioner.commands.options.search import add_search_arguments, search_changes
from captioner.commands.printing.captions import as_json, as_text
from captioner.errors import UserError
from captioner.files.json_lines import ResumableLines
from captioner.files.outputs import check_file
from captioner.image_formats import HOW_TO_READ, NOT_READ, SUFFIXES
from captioner.paths import expanded, model_folder
from captioner.progress import progress_bar
from captioner.ranges import BeamSize

if TYPE_CHECKING:
    from captioner.images import ImageSource
    from captioner.inference.caption import Captioner
    from captioner.inference.caption_results import Captioned

PHOTOS = "photos"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("pictures", nargs="+", metavar="PHOTO", help="a file, a folder or a pattern")
    parser.add_argument(
        "--model",
        action="append",
        metavar="MODEL",
        help="a model that `captioner models` lists, last (the last one trained), or a folder; several make "
        f"an ensemble (default: {PHOTOS})",
    )
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
        "--output", type=Path, metavar="JSONL", help="write into a file, which a second run goes on with"
    )
    parser.add_argument(
        "--n-best", type=in_range(BeamSize), default=1, metavar="N", help="captions a picture (default: 1)"
    )
    add_search_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Caption, print, draw."""
    files = find_pictures(arguments.pictures)
    names: list[str] = arguments.model or [PHOTOS]
    models = [model_folder(name, "caption") for name in names]
    check_drawing(arguments.attention)
    check_file(arguments.tree, "--tree")
    _check_output(arguments)
    from captioner.inference.caption import Captioner

    captioner = Captioner(*models, search=search_changes(arguments), n_best=arguments.n_best)
    if arguments.attention:
        captioner.check_has_attention()
    images: list[tuple[str, ImageSource]] = [(str(file), file) for file in files]
    if arguments.output:
        print(f"model: {', '.join(names)}", file=sys.stderr)
        _write_all(captioner, images, arguments.output)
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
        text = as_json(captioned) if arguments.json else as_text(captioned, len(files) > 1, arguments.words)
        print(text, flush=True)
        _draw(captioner, captioned, arguments, number, len(files))
    if unreadable and len(files) > 1:
        print(f"{unreadable} of {len(files)} pictures could not be read.", file=sys.stderr)
    if unreadable == len(files):
        sys.exit(2)


def _check_output(arguments: argparse.Namespace) -> None:
    """Refuse a file that cannot be written, and what is not written into one."""
    check_file(arguments.output, "--output")
    for option in ("attention", "tree", "words"):
        if arguments.output and getattr(arguments, option):
            raise UserError(f"--output writes captions alone: leave --{option} out.")
    if arguments.output and arguments.output.suffix != ".jsonl":
        raise UserError(f"--output writes JSON lines: {arguments.output} must end in .jsonl.")


def _write_all(captioner: "Captioner", images: "list[tuple[str, ImageSource]]", output: Path) -> None:
    """Caption the images that have no line in a file yet, and write their lines."""
    from captioner.inference.caption import BATCH_SIZE

    failed = 0
    with ResumableLines(output, "image", captioner.settings()) as lines:
        wanted = list(lines.missing(images))
        for number, captioned in enumerate(
            progress_bar(captioner.stream(wanted), total=len(wanted), unit="picture"), start=1
        ):
            failed += captioned.problem is not None
            lines.write(as_json(captioned, with_error=True))
            if number % BATCH_SIZE == 0:
                lines.sync()
    there = f"; {lines.num_present:,} were there already" if lines.num_present else ""
    print(f"{output}: {len(wanted):,} pictures, {failed:,} of them with an error{there}", file=sys.stderr)
    if failed and failed == len(images):
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


def find_pictures(wanted: list[str]) -> list[Path]:
    """Find image files, in a stable order and each once.

    Args:
        wanted: names of files, folders that are searched with their subfolders, and glob patterns.

    Returns:
        The files; one that is named is returned though it may not exist.

    Raises:
        UserError: nothing is there.
    """
    found: list[Path] = []
    for name in wanted:
        path = expanded(name)
        if path.is_dir():
            files = [file for file in sorted(path.rglob("*")) if not file.is_dir()]
            found += [file for file in files if file.suffix.lower() in SUFFIXES]
            if other := [file for file in files if file.suffix.lower() in NOT_READ]:
                how = {
                    HOW_TO_READ[file.suffix.lower()] for file in other if file.suffix.lower() in HOW_TO_READ
                }
                text = f"left out: {len(other)} pictures in formats that are not read: {other[0]}"
                print("; ".join([text, *sorted(how)]), file=sys.stderr)
        elif path.exists() or not glob.has_magic(name):
            found.append(path)
        else:
            found += sorted(Path(match) for match in glob.glob(str(path), recursive=True))
    if not found:
        raise UserError(f"There is no picture at {', '.join(wanted)}.")
    return list(dict.fromkeys(found))
