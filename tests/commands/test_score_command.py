"""`captioner score` as a user without a model types it: what it prints, writes and refuses."""

import csv
import json
import resource
import subprocess
import sys

import pytest
from conftest import ROOT

from captioner.commands import main
from captioner.evaluation.caption import evaluate
from captioner.metrics.scores import score_captions
from captioner.metrics.tokenization import java
from captioner.training.train import train

SAID = {3: "a red dog runs @ 5:30", 11: "two cats, sleeping", 20: "a bus"}
OTHER = {20: "the street", 3: "a dog", 11: "a bird"}
TRUE = {
    3: ["A red dog runs.", "the dog's running"],
    11: ["Two cats sleep", "cats (asleep)", "two cats on a bed"],
    20: ["A bus on a street"],
}


def coco(captions):
    return json.dumps([{"image_id": i, "caption": text} for i, text in captions.items()])


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with candidates and references, where Java is not installed."""
    monkeypatch.setattr(java, "find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.json").write_text(coco(SAID))
    (tmp_path / "theirs.json").write_text(coco(OTHER))
    annotations = [{"image_id": i, "caption": text} for i, group in TRUE.items() for text in group]
    content = {"images": [{"id": i} for i in (*TRUE, 99)], "annotations": annotations}
    (tmp_path / "true.json").write_text(json.dumps(content))
    return tmp_path


def test_table_results_and_scores_by_image(home, capsys):
    main("score", ["mine.json", "true.json"])
    said = capsys.readouterr().out
    expected = score_captions(SAID, TRUE)
    assert said.startswith("3 images                               score   95% low      high\n")
    assert f"CIDEr-D                           {expected.figures['cider_d']:10.3f}" in said
    assert "references of the 3 evaluated images" in said
    assert "python, unsure of 1 captions" in said
    results = json.loads((home / "mine-scores/results.json").read_text())
    figures = results["scores"]
    assert {name: figures[name] for name in expected.as_dict()} == pytest.approx(expected.as_dict())
    assert [results[name] for name in ("images", "reference_captions", "unsure_captions")] == [3, 6, 1]
    assert (results["tokenizer"], results["idf_file"]) == ("python", None)
    assert all(low <= figures[name] <= high for name, (low, high) in results["intervals"].items())
    with (home / "mine-scores/per_image.csv").open(newline="") as file:
        rows = {int(row["image"]): row for row in csv.DictReader(file)}
    for image, caption in SAID.items():
        assert rows[image]["caption"] == caption
        for name, score in expected.per_image[image].items():
            assert float(rows[image][name]) == pytest.approx(score)


def test_json_and_every_form_give_the_same(home, capsys):
    main("score", ["mine.json", "true.json", "--json"])
    results = json.loads(capsys.readouterr().out)
    assert results == json.loads((home / "mine-scores/results.json").read_text())
    (home / "said.txt").write_text("".join(f"{text}\n" for text in SAID.values()))
    for column in range(3):
        lines = (group[column] if column < len(group) else "" for group in TRUE.values())
        (home / f"true{column}.txt").write_text("".join(f"{line}\n" for line in lines))
    main("score", ["said.txt", "true0.txt", "true1.txt", "true2.txt", "--json", "--output", "deep/out"])
    assert json.loads(capsys.readouterr().out)["scores"] == results["scores"]
    assert (home / "deep/out/per_image.csv").is_file()


def test_comparison(home, capsys):
    main("score", ["mine.json", "true.json", "--compare", "theirs.json"])
    said = capsys.readouterr().out
    assert "mine over theirs                       other      gain   95% low      high         p" in said
    assert "approximate randomization" in said
    found = json.loads((home / "mine-scores/results.json").read_text())["comparison"]
    ours, theirs = (score_captions(said, TRUE).as_dict() for said in (SAID, OTHER))
    assert found["other_scores"] == pytest.approx(theirs)
    for name, one in found["scores"].items():
        assert one["difference"] == pytest.approx(ours[name] - theirs[name])
        assert one["interval"][0] <= one["difference"] <= one["interval"][1]
    assert found["scores"]["rouge_l"]["p_value"] == pytest.approx(1 / 4, abs=0.06)  # all of 2 in 8 swaps


def test_stored_frequencies_and_captions_trained_on(home, capsys):
    main("score", ["mine.json", "true.json", "--save-idf", "idf.npz", "--training", "theirs.json", "--json"])
    own = json.loads(capsys.readouterr().out)
    assert own["variety"]["novel"] == 1
    (home / "one.json").write_text(coco({3: SAID[3]}))
    main(
        "score",
        ["one.json", "true.json", "--partial", "--idf", "idf.npz", "--training", "mine.json", "--json"],
    )
    found = json.loads(capsys.readouterr().out)
    assert found["scores"]["novel"] == 0
    assert (found["cider_idf"], found["idf_file"]) == ("references of a stored corpus of 3 images", "idf.npz")
    assert found["scores"]["cider_d"] == pytest.approx(score_captions(SAID, TRUE).per_image[3]["cider_d"])


MISTAKES = {
    "gone.json true.json": "There is no file gone.json",
    "mine.json gone.json": "There is no file gone.json",
    "mine.json true.json --compare gone.json": "There is no file gone.json",
    "mine.json empty.json": "empty.json hold no captions",
    "empty.json true.json": "empty.json holds no captions",
    "unknown.json true.json": "unknown.json captions image 4 and 1 others, unknown to the references",
    "bare.json true.json": "captions image 99, which the references name without a caption",
    "fewer.json true.json": "fewer.json has no caption for image 11 and 1 others of the references",
    "mine.json true.json --partial --compare fewer.json": "caption different images, 11 for one",
    "twice.json true.json": "two captions for image 3",
    "object.json true.json": "object.json holds no list 'annotations'",
    "latin.txt true.json": "latin.txt is not UTF-8",
    "latin.csv true.json": "latin.csv is not UTF-8",
    "said.txt true.json": "captions image line 1, unknown to the references",
    "mine.json true.json --tokenizer jva": "There is no tokenizer 'jva'. Did you mean java?",
    "mine.json true.json --tokenizer java": "pip install 'captioner[meteor]'",
    "mine.json true.json --meteor": "jar meteor-1.5.jar of pycocoevalcap: pip install 'captioner[meteor]'",
    "mine.json true.json --idf mine.json": "holds no document frequencies",
    "mine.json true.json --resamples 0": "argument --resamples: must be at least 1, not 0.",
    "mine.json true.json --output mine.json": "--output: mine.json is no folder.",
    "mine.json": "the following arguments are required: REFERENCES",
    "mine.json true.json --compar": "expected one argument",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_sentence_and_nothing_is_written(home, capsys, words):
    (home / "empty.json").write_text("[]")
    (home / "unknown.json").write_text(coco(SAID | {4: "x", 5: "y"}))
    (home / "bare.json").write_text(coco(SAID | {99: "x"}))
    (home / "fewer.json").write_text(coco({3: "x"}))
    (home / "twice.json").write_text(coco(SAID)[:-1] + ', {"image_id": 3, "caption": ""}]')
    (home / "object.json").write_text("{}")
    (home / "said.txt").write_text("a dog\n")
    for name in ("latin.txt", "latin.csv"):
        (home / name).write_bytes("caf\u00e9".encode("latin-1"))
    before = sorted(home.rglob("*"))
    with pytest.raises(SystemExit) as exit_:
        main("score", words.split())
    said = capsys.readouterr()
    assert exit_.value.code == 2
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("scripts/score.py: ")
    assert MISTAKES[words] in line
    assert sorted(home.rglob("*")) == before


def results_of(folder, capsys, *words):
    """The content of results.json of files in a folder."""
    paths = [str(folder / word) if "." in word else word for word in words]
    main("score", [*paths, "--json", "--output", "scores"])
    return json.loads(capsys.readouterr().out)


def test_endings_and_ids_as_people_write_them(home, shared_data, capsys):
    folder = shared_data / "reported/scores"
    expected = results_of(folder, capsys, "res.csv", "refs.csv")
    assert (expected["images"], expected["remarks"]) == (3, [])
    assert expected["scores"]["bleu4"] == pytest.approx(1)
    for name in ("res.tsv", "RESULTS.JSON", "floatid.csv"):
        assert results_of(folder, capsys, name, "refs.csv")["scores"] == expected["scores"]
        assert results_of(folder, capsys, "res.csv", name)["scores"] == expected["scores"]
    assert results_of(folder, capsys, "res.tsv", "refs.tsv")["scores"] == expected["scores"]
    assert results_of(folder, capsys, "strid.json", "refs.json")["images"] == 3


def test_zeros_are_explained(home, shared_data, capsys):
    folder = shared_data / "reported/scores"
    one = results_of(folder, capsys, "one_res.json", "one_ref.json")
    assert (one["scores"]["cider_d"], one["scores"]["bleu4"]) == (0, pytest.approx(1))
    assert ["document frequencies of one image are no frequencies" in line for line in one["remarks"]] == [
        True
    ]
    (home / "scores").mkdir(exist_ok=True)
    main("score", ["mine.json", "true.json", "--save-idf", "true.npz"])
    assert "note " not in capsys.readouterr().out
    given = results_of(folder, capsys, "one_res.json", "one_ref.json", "--idf", str(home / "true.npz"))
    assert given["remarks"] == []
    chinese = results_of(folder, capsys, "zh.json", "zh_ref.json")
    assert chinese["scores"]["bleu1"] == pytest.approx(0)
    assert ["5 of 5 captions have no spaces between words" in line for line in chinese["remarks"]] == [True]
    characters = results_of(folder, capsys, "zh.json", "zh_ref.json", "--tokenizer", "characters")
    assert characters["remarks"] == []
    read = {name: json.loads((folder / name).read_text()) for name in ("zh.json", "zh_ref.json")}
    spaced = {
        name: [one | {"caption": " ".join(one["caption"])} for one in captions]
        for name, captions in read.items()
    }
    for name, captions in spaced.items():
        (home / name).write_text(json.dumps(captions))
    segmented = results_of(home, capsys, "zh.json", "zh_ref.json")
    assert (segmented["scores"], segmented["remarks"]) == (characters["scores"], [])
    assert characters["scores"]["bleu1"] > 0.5


def test_neither_torch_nor_the_tools_of_training_are_imported(home):
    program = (
        "import sys; from captioner.commands import main; "
        "main('score', ['mine.json', 'true.json', '--compare', 'theirs.json', '--tokenizer', 'python']); "
        "print(sorted({'torch', 'torchmetrics', 'datasets', 'nltk', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_five_thousand_images_take_little_time(home, shared_data):
    """Processor time of the whole process; the wall clock of a busy machine proves nothing."""
    file = shared_data / "caption_metrics/captions_val2017.json"
    by_image = {}
    for annotation in json.loads(file.read_text())["annotations"]:
        by_image.setdefault(annotation["image_id"], annotation["caption"])
    moved = dict(zip(by_image, [*list(by_image.values())[1:], "a dog"], strict=True))
    (home / "moved.json").write_text(coco(moved))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, str(ROOT / "scripts/score.py"), "moved.json", str(file)]
    subprocess.run(command, cwd=home, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 4


def test_evaluation_and_files_score_alike(tiny, tiny_scenes, tmp_path, capsys):
    model = train(tiny, tmp_path / "run").model
    result = evaluate(model, tmp_path / "out", split="val")
    capsys.readouterr()
    files = [tmp_path / "out/captions_val_results.json", tiny_scenes / "annotations/captions_val.json"]
    main("score", [*map(str, files), "--json"])
    found = json.loads(capsys.readouterr().out)["scores"]
    names = set(found) & set(result.figures["val"])
    assert {"bleu1", "bleu4_no_bp", "rouge_l", "cider_d", "distinct", "mean_length"} <= names
    assert {n: found[n] for n in names} == pytest.approx(
        {n: result.figures["val"][n] for n in names}, abs=1e-12
    )
