"""Score captions in files, by any system, without a model.

  python scripts/score.py results.json annotations/captions_val2017.json
  python scripts/score.py said.txt reference1.txt reference2.txt --json
  python scripts/score.py mine.jsonl captions.csv --compare theirs.jsonl

CANDIDATES holds one caption for each image, REFERENCES one or more, in any of these forms:

  .json    COCO's: a list of {"image_id": 42, "caption": "..."}, or a file with `annotations`
  .jsonl   the same objects, one a line; also what caption.py --json prints
  .csv     columns image_id (or image, file_name) and caption; references in several lines, or in several
           columns caption_1, caption_2, ...
  .tsv     the same with tabs
  others   text, a caption a line; references in columns between tabs, or in several files.
           Lines NAME#0<tab>caption, as in Flickr8k.token.txt, name their images

Prints BLEU (with and without brevity penalty), ROUGE-L and CIDEr-D as coco-caption defines them, with 95 %
intervals by bootstrap over images, CIDEr-D's at fixed document frequencies. --compare adds the scores of
another captioner of the same images, the interval of the difference by paired bootstrap, and p by approximate
randomization, two-sided. Writes results.json and per_image.csv.

Captions are tokenized in Python as coco-caption's Java tokenizer does it. Where that is not certain, the
caption goes to Java if it is installed; results.json counts them and says what ran. Text without spaces
between words is segmented first, or scored by --tokenizer characters.

Answers to questions are scored by score_answers.py.

Never run unless asked for:
  METEOR     --meteor, after pip install 'captioner[meteor]' (a Java and the program, 200 MB)
  SPICE      not here: it wants 8 GB of memory and Stanford CoreNLP 3.6, a download of 384 MB. Run
             pycocoevalcap.spice on the same files
  CLIPScore  not here: it compares with the picture, by a CLIP model of 600 MB. Use torchmetrics'
             CLIPScore on the pictures and per_image.csv
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.commands.options.numbers import in_range
from captioner.commands.printing.tables import score_table
from captioner.files.outputs import check_file, check_folder
from captioner.ranges import Count

if TYPE_CHECKING:
    from captioner.evaluation.caption_files import ScoredCaptions
    from captioner.metrics.significance import Comparison


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add = parser.add_argument
    add("candidates", type=Path, metavar="CANDIDATES", help="captions to score")
    add("references", type=Path, nargs="+", metavar="REFERENCES", help="captions by people")
    add("--compare", type=Path, metavar="OTHER", help="captions of the same images to compare with")
    add("--json", action="store_true", help="print results.json instead of a table")
    add("--output", type=Path, metavar="DIR", help="where to write (default: CANDIDATES-scores)")
    add("--partial", action="store_true", help="leave out images that have no candidate")
    add(
        "--tokenizer",
        default="auto",
        metavar="NAME",
        help="python; java; auto: java for what python is not sure of, if installed (default); characters",
    )
    add(
        "--training",
        type=Path,
        metavar="FILE",
        help="captions trained on: prints the share of candidates that are not among them",
    )
    add("--idf", type=Path, metavar="NPZ", help="stored document frequencies for CIDEr-D")
    add("--save-idf", type=Path, metavar="NPZ", help="store those of REFERENCES too")
    add("--meteor", action="store_true", help="METEOR too, by its Java program (20 s to start)")
    add(
        "--resamples",
        type=in_range(Count),
        default=1000,
        metavar="N",
        help="draws of the bootstrap (default: 1000)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Score the files, write the results and print them."""
    from captioner.evaluation.caption_files import (
        Request,
        results_of,
        score_files,
        store_frequencies,
        write_results,
    )

    candidates: Path = arguments.candidates
    folder: Path = arguments.output or candidates.with_name(f"{candidates.stem}-scores")
    check_folder(folder, "--output")
    check_file(arguments.save_idf, "--save-idf")
    request = Request(
        candidates,
        arguments.references,
        other=arguments.compare,
        partial=arguments.partial,
        tokenizer=arguments.tokenizer,
        training=arguments.training,
        idf=arguments.idf,
        extra_metrics=["meteor"] if arguments.meteor else [],
        num_draws=arguments.resamples,
    )
    scored = score_files(request)
    results = results_of(request, scored)
    write_results(folder, results, scored)
    if arguments.save_idf:
        store_frequencies(request.references, arguments.save_idf, request.tokenizer)
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print(_table(scored))
    if request.other:
        print(f"\n{_comparison_table(scored, candidates, request.other)}")
    print(f"\nCIDEr-D idf     {scored.scores.cider_idf}\ntokenizer       {_tokenizer(scored)}")
    for remark in scored.remarks:
        print(f"note            {remark}")
    print(f"results         {folder / 'results.json'}\nby image        {folder / 'per_image.csv'}")


def _table(scored: "ScoredCaptions") -> str:
    columns = {
        "score": scored.figures,
        "95% low": {name: interval.low for name, interval in scored.intervals.items()},
        "high": {name: interval.high for name, interval in scored.intervals.items()},
    }
    count = scored.scores.num_images
    return score_table(columns, f"{count} image{'s' * (count != 1)}")


def _comparison_table(scored: "ScoredCaptions", candidates: Path, other: Path) -> str:
    found: dict[str, Comparison] = scored.comparison
    columns = {
        "other": scored.other_figures,
        "gain": {name: one.difference for name, one in found.items()},
        "95% low": {name: one.interval.low for name, one in found.items()},
        "high": {name: one.interval.high for name, one in found.items()},
        "p": {name: one.p_value for name, one in found.items()},
    }
    about = "gain: paired bootstrap; p: approximate randomization, two-sided, for each score by itself"
    return f"{score_table(columns, f'{candidates.stem} over {other.stem}')}\n{about}"


def _tokenizer(scored: "ScoredCaptions") -> str:
    scores = scored.scores
    doubt = f", unsure of {scores.num_unsure} captions" if scores.num_unsure else ""
    if doubt and scores.tokenizer != "python":
        return f"{scores.tokenizer} ({scores.num_unsure} captions python is unsure of, by java)"
    return f"{scores.tokenizer}{doubt}"
