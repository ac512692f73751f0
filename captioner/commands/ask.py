"""Ask about your own pictures.

  python scripts/ask.py photo.jpg "What color is the cat?"
  python scripts/ask.py photo.jpg "Is it raining?" "How many people are there?" --top 3
  python scripts/ask.py photo.jpg "What is on the table?" --attention attention.png
  python scripts/ask.py --pairs questions.jsonl --json > answers.jsonl
  python scripts/ask.py --task visual7w photo.jpg "Where is the cat?" --choices "On the mat." "In the bag."

Prints the likeliest answers to every question, with their probabilities. With choices, the answer is one of
them; a model of visual7w must be given some, one of visual7w-pointing places: x,y,width,height in pixels.
The lines of a file of pairs are objects, {"image": "photo.jpg", "question": "Is it raining?"}, perhaps with
a list of "choices"; or it is CSV with an image and a question. Its paths are relative to it. A picture that
cannot be read is named and left out.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.commands.options.attention_files import check_drawing, numbered
from captioner.commands.options.numbers import in_range
from captioner.commands.options.precision import add_precision_argument
from captioner.commands.printing.answers import as_json, as_text
from captioner.errors import UserError
from captioner.paths import LAST, MODEL_HELP, expanded, model_folder
from captioner.ranges import BeamSize

if TYPE_CHECKING:
    from captioner.inference.question_predictor import ImageQuestion, QuestionPredictor, Reply


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("picture", nargs="?", metavar="PHOTO", help="the file of a picture")
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help="what to ask about it")
    parser.add_argument("--pairs", type=Path, metavar="FILE", help="pictures, each with a question")
    parser.add_argument("--choices", nargs="+", default=[], metavar="ANSWER", help="one of them is right")
    parser.add_argument("--model", default=LAST, metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--task", default="vqa", help="the last model of this task (default: vqa)")
    parser.add_argument(
        "--top", type=in_range(BeamSize), default=5, metavar="N", help="answers a question (default: 5)"
    )
    parser.add_argument(
        "--attention",
        type=Path,
        metavar="PNG",
        help="draw the attention; with several questions, PNG-1, PNG-2, ...",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a question, a line each")
    add_precision_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Ask, print, draw."""
    model = model_folder(arguments.model, arguments.task)
    questions = _questions(arguments)
    predictor = _predictor(model, arguments)
    if arguments.attention:
        predictor.check_has_attention()
    unanswered = 0
    for number, reply in enumerate(predictor.stream(questions), start=1):
        if reply.problem:
            unanswered += 1
            print(f"left out: {reply.problem}", file=sys.stderr)
            continue
        _print(reply, arguments, len(questions))
        if arguments.attention:
            target = numbered(arguments.attention, number, len(questions))
            predictor.draw(reply).save(target)
            print(f"attention: {target}", file=sys.stderr)
    if unanswered and len(questions) > 1:
        print(f"{unanswered} of {len(questions)} questions could not be answered.", file=sys.stderr)
    if unanswered == len(questions):
        sys.exit(2)


def _print(reply: "Reply", arguments: argparse.Namespace, total: int) -> None:
    """Print the answers to one of `total` questions, and a note on them."""
    if reply.note:
        print(reply.note, file=sys.stderr)
    text = as_json(reply) if arguments.json else as_text(reply, total > 1, bool(arguments.pairs))
    print(text, flush=True)


def _predictor(model: Path, arguments: argparse.Namespace) -> "QuestionPredictor":
    from captioner.inference.base import PREDICTORS
    from captioner.inference.question_predictor import QuestionPredictor
    from captioner.models.folder import trained_task

    kind = PREDICTORS[task := trained_task(model)]
    if not (isinstance(kind, type) and issubclass(kind, QuestionPredictor)):
        raise UserError(f"{model} holds a model for the task {task}, which answers no questions.")
    return kind(model, n_best=arguments.top, precision=arguments.precision)


def _questions(arguments: argparse.Namespace) -> "list[ImageQuestion]":
    """Return the questions about one image, or those of a file, after checking that they can be answered."""
    photo, asked, pairs = arguments.picture, arguments.questions, arguments.pairs
    if bool(pairs) == bool(photo) or bool(photo) != bool(asked):
        raise UserError("Give a picture and questions about it, or a file of both: --pairs FILE.")
    check_drawing(arguments.attention)
    choices = arguments.choices
    found = _pairs(pairs, choices) if pairs else _about(photo, asked, choices)
    for one in found:
        if not one.question.strip():
            raise UserError(f"A question about {one.name} is empty: there is nothing to answer.")
    return found


def _about(picture: str, questions: Sequence[str], choices: Sequence[str]) -> "list[ImageQuestion]":
    from captioner.inference.question_predictor import ImageQuestion

    return [ImageQuestion(picture, expanded(picture), question, choices) for question in questions]


def _pairs(file: Path, choices: Sequence[str]) -> "list[ImageQuestion]":
    from captioner.data.formats.image_list import Columns, read_list
    from captioner.inference.question_predictor import ImageQuestion

    found = []
    for line in read_list(file, Columns(("question",), optional=("choices",))):
        own = line.texts.get("choices", choices)
        found += [
            ImageQuestion(line.image, file.parent / line.image, question, own)
            for question in line.texts["question"]
        ]
    if not found:
        raise UserError(f"{file} is empty: there is nothing to ask.")
    return found
