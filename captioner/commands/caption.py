"""Caption your own pictures.

python scripts/caption.py photo.jpg
python scripts/caption.py holiday/ --json > captions.jsonl
python scripts/caption.py 'photos/*.png' --beam 5 --n-best 3
python scripts/caption.py photo.jpg --attention looked.png
"""

import argparse
import glob
import json
import sys
from pathlib import Path
from typing import Any

from captioner.app.places import last_run
from captioner.errors import UserError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this verb."""
    parser.add_argument("pictures", nargs="+", metavar="PHOTO", help="a file, a folder or a pattern")
    parser.add_argument("--model", type=Path, metavar="DIR", help="model folder (default: the last)")
    parser.add_argument("--beam", type=int, metavar="K", help="beam size; 1 is greedy (default: the model's)")
    parser.add_argument("--n-best", type=int, default=1, metavar="N", help="captions a picture (default: 1)")
    parser.add_argument(
        "--attention",
        type=Path,
        metavar="PNG",
        help="draw where the model looked; with several pictures, PNG-1, PNG-2, ...",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with log-probabilities")


def run(arguments: argparse.Namespace) -> None:
    """Caption, print, draw."""
    model: Path = arguments.model or last_run(Path("runs"), "caption", "model") / "model"
    files = find_pictures(arguments.pictures)
    from captioner.app.caption import Captioner

    captioner = Captioner(model, beam_size=arguments.beam, n_best=arguments.n_best)
    if arguments.attention:
        captioner.check_attends()
    unreadable = 0
    for number, captioned in enumerate(captioner(files), start=1):
        if captioned.problem:
            unreadable += 1
            print(f"left out: {captioned.problem}", file=sys.stderr)
            continue
        print(_as_json(captioned) if arguments.json else _as_text(captioned, len(files) > 1), flush=True)
        if arguments.attention:
            target: Path = arguments.attention
            if len(files) > 1:
                target = target.with_stem(f"{target.stem}-{number}")
            captioner.draw(captioned).save(target)
            print(f"looked at: {target}", file=sys.stderr)
    if unreadable and len(files) > 1:
        print(f"{unreadable} of {len(files)} pictures could not be read.", file=sys.stderr)
    if unreadable == len(files):
        sys.exit(2)


def find_pictures(wanted: list[str]) -> list[Path]:
    """Files as named, what lies in folders, what patterns match; in a stable order, each once.

    Raises:
        UserError: nothing is there.
    """
    found: list[Path] = []
    for name in wanted:
        path = Path(name).expanduser()
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        elif path.exists() or not glob.has_magic(name):
            found.append(path)
        else:
            found += sorted(Path(match) for match in glob.glob(str(path), recursive=True))
    if not found:
        raise UserError(f"There is no picture at {', '.join(wanted)}.")
    return list(dict.fromkeys(found))


def _as_text(captioned: Any, with_name: bool) -> str:
    name = f"{captioned.name}: " if with_name else ""
    if len(captioned.captions) == 1:
        return f"{name}{captioned.captions[0].text}"
    lines = [f"{caption.log_probability:8.2f}  {caption.text}" for caption in captioned.captions]
    return "\n".join(([name.rstrip()] if name else []) + lines)


def _as_json(captioned: Any) -> str:
    captions = [
        {
            "caption": caption.text,
            "log_probability": caption.log_probability,
            "words": caption.words,
            "word_log_probabilities": caption.word_log_probabilities,
            "finished": caption.finished,
        }
        for caption in captioned.captions
    ]
    return json.dumps({"image": captioned.name, "captions": captions}, ensure_ascii=False)
