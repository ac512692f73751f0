"""Score answers in files, by any system, without a model.

  python scripts/score_answers.py results.json v2_mscoco_val2014_annotations.json
  python scripts/score_answers.py results.json annotations.json --questions questions.json --explain 42000
  python scripts/score_answers.py said.txt right.txt

VQA: RESULTS is a list of {"question_id": 42000, "answer": "yes"}, one for each question of TRUTH, a file of
annotations. Prints VQA accuracy in per cent, overall and by type of answer and question, as the official
script of March 2021 computes it, to the last digit; beside it `lenient`, which normalises answers also where
all people gave the same, and `pre_2021`, the script that older papers used. Says how many answers each
rule changed, and how many accuracies would differ without it. With --questions an answer must be one of
the choices. Writes results.json and per_question.csv.

DAQUAR: two texts with a question a line, words with commas between. Prints the accuracy of answer sets and,
if nltk's WordNet is installed, WUPS at 0.9 and 0.0.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.commands.printing.tables import score_table
from captioner.errors import UserError
from captioner.files.outputs import check_folder

if TYPE_CHECKING:
    from captioner.evaluation.answer_files import ScoredAnswers
    from captioner.metrics.answers.vqa_accuracy import AnswerScores


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add = parser.add_argument
    add("results", type=Path, metavar="RESULTS", help="answers to score")
    add("truth", type=Path, metavar="TRUTH", help="annotators' answers")
    add("--questions", type=Path, metavar="FILE", help="the file of questions: choices are checked")
    add("--explain", type=int, nargs="+", default=[], metavar="ID", help="why these questions score so")
    add("--json", action="store_true", help="print results.json instead of a table")
    add("--output", type=Path, metavar="DIR", help="where to write (default: RESULTS-scores)")


def run(arguments: argparse.Namespace) -> None:
    """Score the files, write the results and print them."""
    if arguments.results.suffix.lower() != ".json":
        _run_sets(arguments)
        return
    folder: Path = arguments.output or arguments.results.with_name(f"{arguments.results.stem}-scores")
    check_folder(folder, "--output")
    from captioner.evaluation.answer_files import results_of, score_answers, write_results

    scored = score_answers(arguments.results, arguments.truth, arguments.questions)
    explained = [_explained(scored, question_id, arguments.truth) for question_id in arguments.explain]
    results = results_of(arguments.results, arguments.truth, scored)
    write_results(folder, results, scored)
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print("\n\n".join([_table(scored), _rules(scored), *explained]))
    print(f"\nresults           {folder / 'results.json'}\nby question       {folder / 'per_question.csv'}")


def _run_sets(arguments: argparse.Namespace) -> None:
    if arguments.questions or arguments.explain or arguments.output:
        raise UserError(
            "--questions, --explain and --output are for a results file of VQA, which ends in .json."
        )
    from captioner.evaluation.answer_files import score_sets

    found = score_sets(arguments.results, arguments.truth)
    wups = {f"WUPS at {threshold}": value for threshold, value in found.wups.items()}
    figures = {"accuracy of answer sets": found.accuracy} | wups
    if arguments.json:
        print(json.dumps({"questions": found.num_questions, **figures}, indent=2))
        return
    print(score_table({"score": figures}, f"{found.num_questions:,} questions", 2))
    if found.note:
        print(found.note)


def _table(scored: "ScoredAnswers") -> str:
    columns = {str(name): _figures(scored, scores) for name, scores in scored.scores.items()}
    return score_table(columns, f"{len(scored.truth):,} questions", 2)


def _figures(scored: "ScoredAnswers", scores: "AnswerScores") -> dict[str, float]:
    answer_types = Counter(one.answer_type for one in scored.truth.values())
    question_types = Counter(one.question_type for one in scored.truth.values())
    return {
        "all": scores.overall,
        **{f"  {name} ({answer_types[name]:,})": value for name, value in scores.per_answer_type.items()},
        **{f"{name} ({question_types[name]:,})": value for name, value in scores.per_question_type.items()},
    }


def _rules(scored: "ScoredAnswers") -> str:
    from captioner.evaluation.answer_files import effects

    found = {rule: effect for rule, effect in effects(scored.explanations).items() if any(effect)}
    columns = {
        "changed": {rule: float(effect.changed) for rule, effect in found.items()},
        "decides": {rule: float(effect.decided) for rule, effect in found.items()},
    }
    return score_table(columns, "rules at work", 0)


def _explained(scored: "ScoredAnswers", question_id: int, truth: Path) -> str:
    if question_id not in scored.truth:
        raise UserError(f"There is no question {question_id} in {truth}.")
    why = scored.explanations[question_id]
    lines = [
        f"question {question_id}: {scored.questions.get(question_id, '')}".rstrip(": "),
        f"  said              {why.prediction!r}",
        *(f"  {change.rule:17} {change.text!r}" for change in why.changes),
        f"  people            {_counted(scored.truth[question_id].answers)}",
    ]
    if why.is_unanimous:
        lines.append("  as written        all people gave the same answer: nothing is normalised")
    else:
        lines.append(
            f"  compared          {why.compared.prediction!r} with {_counted(why.compared.annotator_answers)}"
        )
    lines.append(f"  accuracy          {100 * why.compared.accuracy:.2f}, lenient {100 * why.lenient:.2f}")
    lines += [f"  without {rule}: {100 * value:.2f}" for rule, value in why.decisive.items()]
    return "\n".join(lines)


def _counted(answers: Sequence[str]) -> str:
    return ", ".join(f"{answer!r} x {count}" for answer, count in Counter(answers).most_common())
