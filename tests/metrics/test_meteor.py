"""METEOR through its Java program: published values, and a stand-in for its program."""

import json
import sys

import pytest

from captioner.errors import UserError
from captioner.metrics import meteor as meteor_module
from captioner.metrics.meteor import METEOR_JAR, meteor
from captioner.metrics.scores import score_captions
from captioner.metrics.tokenization.java import JavaMissingError, java_command

STAND_IN = """
import sys
for line in sys.stdin:
    kind, *parts = line.rstrip("\\n").split(" ||| ")
    if kind == "SCORE":
        print(sum(len(part.split()) for part in parts), parts[-1].count("x"), flush=True)
    else:
        for part in parts:
            print(part.split()[1])
        print(sum(int(part.split()[0]) for part in parts), flush=True)
        break
"""


def stand_in(monkeypatch, program):
    monkeypatch.setattr(meteor_module, "java_command", lambda jar: [sys.executable, "-c", program])
    monkeypatch.setattr(meteor_module, "_PROGRAM", ())
    monkeypatch.setattr(meteor_module, "_MEMORY", "-u")


def test_more_captions_than_a_pipe_holds(monkeypatch):
    stand_in(monkeypatch, STAND_IN)
    candidates = [["x"] * (i % 3) + ["|||", "y"] for i in range(9000)]
    found = meteor(candidates, [[["a", "b"], ["c"] * 20]] * 9000)
    assert found.per_image == [float(i % 3) for i in range(9000)]
    assert found.score == 9000 * (22 + 1 + 1)


def test_it_runs_only_when_it_is_asked_for(monkeypatch):
    stand_in(monkeypatch, STAND_IN)
    texts = {3: "x x", 5: "y"}, {3: ["a"], 5: ["b c", "d"]}
    scores = score_captions(*texts, metrics=["meteor", "rouge_l"])
    assert scores.as_dict() == {"rouge_l": 0, "meteor": 1 + 2 + 2 + 1 + 1}
    assert [one["meteor"] for one in scores.per_image.values()] == [2, 0]
    assert "meteor" not in score_captions(*texts).as_dict()


def test_a_program_that_stops_is_answered_in_a_sentence(monkeypatch):
    stand_in(monkeypatch, "pass")
    with pytest.raises(UserError, match="stopped before it had scored"):
        meteor([["x"]] * 9000, [[["y"] * 50]] * 9000)


@pytest.mark.slow
def test_published_values_of_nlg_eval(shared_data):
    try:
        java_command(METEOR_JAR)
    except JavaMissingError as missing:
        pytest.skip(str(missing))
    folder = shared_data / "caption_metrics/nlg_eval"
    candidates = [line.split() for line in (folder / "hyp.txt").read_text().splitlines()]
    columns = [(folder / name).read_text().splitlines() for name in ("ref1.txt", "ref2.txt")]
    references = [[line.split() for line in row] for row in zip(*columns, strict=True)]
    expected = json.loads((folder / "expected.json").read_text())["METEOR"]
    found = meteor([*candidates, []], [*references, [["a"]]])
    assert found.per_image[2] == 0
    assert meteor(candidates, references).score == pytest.approx(expected, abs=1e-6)
