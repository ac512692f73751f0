"""Find the cells of a model that stand for something: quotes, line position, comments, nesting.

  python scripts/cells.py last
  python scripts/cells.py my_model --text my_file.c --labels comment brace if_condition
  python scripts/cells.py last --label digits=[0-9]+ --html cells.html
  python scripts/cells.py last --json > cells.json
  python scripts/cells.py runs/caption/TIME/model --split val

For every label the cell that follows it best is chosen on the first half of a text; what is printed is
measured on the second half, beside controls: the label moved along the text, the same model untrained, what
the last 3 characters tell, random labels. A cell above all of them that holds the main part of what can be
decoded is *localised*; where two ablations or more raise the loss it is *used*, and if its loss costs little
when the label takes its place, *used for this alone*. Of a captioner the words of captions that it writes are
read, and no cell is ablated.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioner.commands.options.attention_files import check_drawing
from captioner.commands.options.numbers import in_range
from captioner.config import parse_overrides
from captioner.errors import UserError
from captioner.files.outputs import check_file
from captioner.insight.labels.syntax import LANGUAGES
from captioner.paths import LAST, MODEL_HELP, model_folder
from captioner.progress import progress_bar
from captioner.ranges import Count, Seed

if TYPE_CHECKING:
    from captioner.insight.interpretable_cells.results import CellsAnalysis

LIMIT = 1_000_000  # characters that are read
HTML_LENGTH = 20_000  # characters of a page
IMAGES = 1000
PASSAGE = 400  # characters printed in colour
OF_TEXT = ("text", "limit", "label", "language", "html", "html_length", "gates")
OF_IMAGES = ("data", "split", "images")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add = parser.add_argument
    add("model", nargs="?", default=LAST, metavar="MODEL", help=MODEL_HELP)
    add("--labels", nargs="+", metavar="NAME", help="what to look for (default: all there are)")
    add("--seed", type=in_range(Seed), default=0, metavar="N", help="other controls")
    add("--json", action="store_true", help="all figures as JSON instead of tables")
    text = parser.add_argument_group("of a language model")
    text.add_argument("--text", type=Path, metavar="FILE", help="what is read (default: what it learnt from)")
    text.add_argument(
        "--limit", type=in_range(Count), metavar="N", help="the last N characters (default: 1,000,000)"
    )
    text.add_argument(
        "--label", action="append", default=[], metavar="NAME=REGEX", help="your own: in a match"
    )
    text.add_argument("--language", choices=LANGUAGES, help="of the text (default: guessed)")
    text.add_argument(
        "--html", type=Path, metavar="FILE", help="a page: any cell's colours, guesses, evidence"
    )
    text.add_argument(
        "--html-length", type=in_range(Count), metavar="N", help="characters on it (default: 20,000)"
    )
    text.add_argument("--gates", type=Path, metavar="PNG", help="draw how often gates are saturated")
    images = parser.add_argument_group("of a captioner")
    images.add_argument(
        "--data", action="append", default=[], metavar="key=value", help="another data set than training's"
    )
    images.add_argument("--split", metavar="NAME", help="images to caption (default: val)")
    images.add_argument(
        "--images", type=in_range(Count), metavar="N", help="the first N of them (default: 1,000)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Analyse and print."""
    check_drawing(arguments.gates, option="--gates")
    check_file(arguments.html, "--html")
    folder = model_folder(arguments.model, "char_lm")
    from captioner.models.folder import trained_task

    is_captioner = trained_task(folder) == "caption"
    for option in OF_TEXT if is_captioner else OF_IMAGES:
        if getattr(arguments, option):
            kind = "language models, and this is a captioner" if is_captioner else "captioners"
            raise UserError(f"--{option.replace('_', '-')} is of {kind}.")
    (_captions if is_captioner else _text)(folder, arguments)


def _text(folder: Path, arguments: argparse.Namespace) -> None:
    from captioner.inference.char_lm import Writer
    from captioner.insight.interpretable_cells.analysis import analyse_cells, read_text
    from captioner.insight.labels.base import pattern_label

    own = dict(map(pattern_label, arguments.label))
    model = Writer.load(folder)
    text = read_text(model, arguments.text, arguments.limit or LIMIT)
    labels = arguments.labels if arguments.labels or not own else []
    analysis = analyse_cells(model, text, labels, own, arguments.language, arguments.seed, _progress)
    if arguments.gates:
        from captioner.insight.interpretable_cells.gates import draw_saturation

        draw_saturation(arguments.gates, analysis.gates, f"{folder}, {len(text):,} characters")
    if arguments.html:
        from captioner.insight.interpretable_cells.page import write_cells_page

        title = f"The cells of {folder}"
        write_cells_page(arguments.html, analysis, title, arguments.html_length or HTML_LENGTH)
    if arguments.json:
        print(json.dumps(_figures(folder, analysis), ensure_ascii=False))
    else:
        _print(analysis)
    for option in ("gates", "html"):
        if getattr(arguments, option):
            print(f"{option}: {getattr(arguments, option)}", file=sys.stderr)


def _captions(folder: Path, arguments: argparse.Namespace) -> None:
    from captioner.commands.printing.cells import evidence_table
    from captioner.data.captions.base import CAPTION_SOURCES
    from captioner.evaluation.caption_split import split_of
    from captioner.inference.caption import Captioner
    from captioner.insight.interpretable_cells.captions import analyse_caption_cells

    captioner = Captioner(folder, precision="fp32")
    changes = {str(key): value for key, value in parse_overrides(arguments.data).items()}
    source = CAPTION_SOURCES.build(changes or captioner.model.config.data)
    images = split_of(source, arguments.split or "val", arguments.images or IMAGES).images
    batches = _progress(captioner.written_batches(images), "captions")
    found = analyse_caption_cells(captioner.model, batches, arguments.labels, arguments.seed)
    if arguments.json:
        about = {"model": str(folder), "captions": found.num_captions, "words": found.num_words}
        print(json.dumps(about | {"labels": [e.as_json() for e in found.evidence], "absent": found.absent}))
        return
    print(f"{found.num_captions:,} captions of {found.num_words:,} words; controls read words for characters")
    print(evidence_table(found.evidence))
    if found.absent:
        print(f"too rare in these captions: {', '.join(found.absent)}")


def _progress(sequence: Any, about: str) -> Any:
    return progress_bar(sequence, desc=about, leave=False)


def _figures(folder: Path, analysis: "CellsAnalysis") -> dict[str, Any]:
    return {
        "model": str(folder),
        "characters": len(analysis.numbers),
        "language": analysis.text.language,
        "labels": [one.as_json() for one in analysis.evidence],
        "absent": analysis.absent,
        "gates": analysis.gates.as_json(),
    }


def _print(analysis: "CellsAnalysis") -> None:
    from captioner.commands.printing.cells import ablation_lines, coloured, evidence_table, gate_lines
    from captioner.insight.interpretable_cells.analysis import strongest_passage

    print(f"{len(analysis.numbers):,} characters of {analysis.text.language}")
    print(evidence_table(analysis.evidence))
    if analysis.absent:
        print(f"too rare in this text: {', '.join(analysis.absent)}")
    print("\n".join(["", *ablation_lines(analysis.evidence), "", *gate_lines(analysis.gates)]))
    best = analysis.evidence[0]
    if best.is_localised and sys.stdout.isatty():
        here = strongest_passage(analysis, best, PASSAGE)
        values = analysis.recording.values_TK[here, analysis.column(best)]
        print(f"\n{best.label}, cell {best.signal}.{best.number}:")
        print(coloured(analysis.text.characters[here], values))
