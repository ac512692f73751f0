"""The commands as a user types them: what they print, leave behind and refuse."""

import io
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, TINY
from PIL import Image
from tiny_models import add_to_weights

from captioner.commands import main, verbs
from captioner.config import load
from captioner.training.train import train
from captioner.vocabulary import EOS


def command(verb, *words):
    return [sys.executable, str(ROOT / f"scripts/{verb}.py"), *map(str, words)]


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_scenes):
    """A folder of a user's: photos, and a model trained in it by the command."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "photos/more").mkdir(parents=True)
    for number, name in enumerate(["photos/b.png", "photos/a.jpg", "photos/more/c.png"]):
        Image.new("RGB", (50 + number, 40), ("red", "blue", "green")[number]).save(folder / name)
    (folder / "photos/notes.txt").write_text("no picture")
    (folder / "broken.png").write_bytes(b"\x89PNG broken")
    words = command("train", "--task", "caption", *TINY, f"data.folder={tiny_scenes}", "--output", "first")
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (folder / "said").write_text(done.stdout)
    # Every caption has words, however little was learnt.
    add_to_weights(folder / "first/model", "decoder.output.bias", EOS, -50.0)
    return folder


def test_train_says_how_long_it_took_and_where_the_model_is(home):
    said = (home / "said").read_text()
    assert re.search(r"Trained for \d+\.\d min, best val/bleu4 \d\.\d{3}\.\nModel: first/model\n$", said)
    assert (home / "first/model/model.safetensors").is_file()


def script(capsys, monkeypatch, folder, verb, *words):
    """Standard output of a script run here, in a folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", command(verb, *words)[1:])
    runpy.run_path(sys.argv[0], run_name="__main__")
    return capsys.readouterr().out


def test_evaluate_prints_a_table_and_where_the_rest_lies(home, capsys, monkeypatch):
    options = ("--model", "first/model", "--beam", "2", "--limit", "5", "--shuffled")
    said = script(capsys, monkeypatch, home, "evaluate", *options)
    assert re.match(r"5 pictures +test +shuffled\nBLEU-1 +\d\.\d{3} +\d\.\d{3}\n", said)
    assert "wholly true captions" in said
    for file in ("results.json", "samples.html"):
        assert f"first/evaluation-test/{file}" in said
        assert (home / "first/evaluation-test" / file).is_file()


def test_caption_of_a_folder_and_a_pattern_as_json_with_attention(home, capsys, monkeypatch):
    options = ("--model", "first/model", "--json", "--n-best", "3", "--attention", "drawing.png")
    said = script(capsys, monkeypatch, home, "caption", "photos", "photos/*.png", *options)
    found = [json.loads(line) for line in said.splitlines()]
    assert [one["image"] for one in found] == ["photos/a.jpg", "photos/b.png", "photos/more/c.png"]
    for one in found:
        assert len(one["captions"]) == 3
        for caption in one["captions"]:
            assert caption["caption"].split() == caption["words"]
            total = sum(caption["word_log_probs"])
            assert total == pytest.approx(caption["log_prob"], abs=1e-4)
    assert sorted(file.name for file in home.glob("drawing-*.png")) == [f"drawing-{n}.png" for n in (1, 2, 3)]


def called(capsys, verb, *words):
    """Standard output of a command run here."""
    main(verb, list(map(str, words)))
    return capsys.readouterr().out


def test_one_picture_is_answered_with_its_caption_alone(home, capsys):
    model, photo = home / "first/model", home / "photos/a.jpg"
    (line,) = called(capsys, "caption", photo, "--model", model).splitlines()
    captions = called(capsys, "caption", photo, "--model", model, "--n-best", "3").splitlines()
    assert len(captions) == 3
    assert line == captions[0].split(maxsplit=1)[1]
    logs = [float(caption.split()[0]) for caption in captions]
    assert logs == sorted(logs, reverse=True)


def test_a_broken_picture_among_others_is_left_out_and_named(home, capsys):
    main(
        "caption",
        [str(home / "broken.png"), str(home / "photos/a.jpg"), "--model", str(home / "first/model")],
    )
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1
    assert "broken.png" in said.err
    assert "1 of 2 pictures could not be read" in said.err


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_names_that_the_output_cannot_show_are_escaped(home, tmp_path, monkeypatch, encoding):
    names = [b"caf\xe9.png", "\u732b\U0001f408.png".encode()]
    try:
        for name in names:
            with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
                Image.new("RGB", (9, 9)).save(file, "PNG")
    except OSError:
        pytest.skip("this file system has no such names")
    said = {}
    for options in ((), ("--json",)):
        with io.TextIOWrapper(io.BytesIO(), encoding=encoding) as output:
            monkeypatch.setattr(sys, "stdout", output)
            main("caption", [str(tmp_path), "--model", str(home / "first/model"), *options])
            said[options] = output.buffer.getvalue().decode(encoding)
    escaped = "\u732b\U0001f408" if encoding == "utf-8" else "\\u732b\\ud83d\\udc08"
    assert [line.partition(": ")[0] for line in said[()].splitlines()] == [
        f"{tmp_path}/caf\\udce9.png", f"{tmp_path}/{escaped}.png"
    ]  # fmt: skip
    found = [json.loads(line)["image"] for line in said[("--json",)].splitlines()]
    assert found == [os.fsdecode(os.path.join(os.fsencode(tmp_path), name)) for name in names]


def test_data_check_reports_every_split(tiny_scenes, home, capsys):
    sizes = [change.removeprefix("data.") for change in TINY if change.startswith("data.")]
    said = called(capsys, "data", "check", "name=scenes", f"folder={tiny_scenes}", *sizes)
    assert all(split in said for split in ("train", "val", "test"))
    assert "26" in said


def test_data_check_reads_a_text_by_its_config_or_its_name(tmp_path, capsys):
    (tmp_path / "text.txt").write_text("to be or not to be\n" * 100)
    wanted = "1,900 characters, 8 different"
    by_task = ("--task", "char-lm", f"data.path={tmp_path / 'text.txt'}", "data.chunk_length=7")
    said = called(capsys, "data", "check", *by_task)
    assert wanted in said
    assert "an epoch: 5 updates, each from 50 streams of 7 characters" in said
    by_name = ("name=corpus", f"path={tmp_path / 'text.txt'}")
    assert wanted in called(capsys, "data", "check", *by_name)
    line = refusal(capsys, "data", "check", *by_name, "--min-count", 2)
    assert "--min-count has no meaning for the task char_lm." in line


def test_data_check_of_questions(tiny_scenes, home, capsys):
    sizes = [change for change in TINY if change.startswith("data.")]
    words = ["data", "check", "--task", "vqa", f"data.folder={tiny_scenes}", *sizes]
    said = [line.split() for line in called(capsys, *words, "--min-count", "1").splitlines()]
    counted = [
        len(json.loads((tiny_scenes / f"annotations/questions_{split}.json").read_text())["questions"])
        for split in ("train", "val", "test")
    ]
    assert ["questions", *map(str, counted)] in said
    assert ["guessed", "from", "the", "question", "alone"] in [line[:5] for line in said]
    assert ["known", "words", "100.00%"] in [line[:3] for line in said]


def test_the_last_model_is_taken_where_none_is_named(home, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for age, name in enumerate(["new", "old"]):
        model = tmp_path / f"runs/caption/{name}/model"
        shutil.copytree(home / "first/model", model)
        if name == "old":
            (model / "card.json").unlink()
        then = time.time() - 1000 * age
        os.utime(model, (then, then))
    assert called(capsys, "caption", home / "photos/a.jpg").strip()


def test_a_run_that_was_stopped_can_be_used_and_resumed(home, tiny_scenes, capsys, monkeypatch):
    """Ctrl-C while it trains; long enough that it cannot end by itself before."""
    many = [change for change in TINY if "max_epochs" not in change]
    words = ["--task", "caption", *many, "trainer.max_epochs=400", f"data.folder={tiny_scenes}"]
    process = subprocess.Popen(
        command("train", *words, "trainer.check_val_every_n_epoch=200", "--output", "stopped"),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    metrics = home / "stopped/metrics.csv"
    deadline = time.monotonic() + 90
    while not metrics.is_file() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "Stopping after this update" in said
    assert re.search(
        r"Stopped after \d+\.\d min\. Continue with: .*--resume stopped\nModel: stopped/model\n$", said
    )
    assert (home / "stopped/model/model.safetensors").is_file()
    config = home / "stopped/config.yaml"
    config.write_text(config.read_text().replace("max_epochs: 400", "max_epochs: 4"))
    monkeypatch.chdir(home)
    said = called(capsys, "train", "--resume", "stopped")
    assert said.endswith("Model: stopped/model\n")
    assert "Trained for" in said


def test_a_reader_who_has_had_enough_ends_a_command_quietly(tmp_path):
    (tmp_path / "said.txt").write_text("a dog\n")
    (tmp_path / "true.txt").write_text("a dog runs\n")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command("score", "said.txt", "true.txt"),
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def refusal(capsys, verb, *words):
    """The one line a command says to a mistake."""
    with pytest.raises(SystemExit) as exit_:
        main(verb, list(map(str, words)))
    said = capsys.readouterr()
    assert exit_.value.code == 2
    assert said.out == ""
    (line,) = said.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("verb", "words", "says"),
    [
        ("train", "--taks caption", "unrecognized arguments: --taks. Did you mean --task?"),
        ("train", "", "Say what to train: --task caption, or --config FILE."),
        ("train", "--task capton", "There is no task 'capton'. Did you mean caption?"),
        ("train", "--task caption trainng.batch_size=3", "Did you mean training?"),
        ("train", "--task caption training.batch_sise=3", "Did you mean batch_size?"),
        ("train", "--task caption training.batch_size=many", "batch_size must be a whole number"),
        ("train", "--task caption decoder.dropot=0.1", "Did you mean dropout?"),
        ("train", "--task caption decoder.dropout=half", "dropout must be a number, at least 0 and below 1"),
        ("train", "--task caption seed", "'seed' is not of the form key=value"),
        ("train", "--config gone.yaml", "There is no config file gone.yaml."),
        ("train", "--resume gone", "gone"),
        ("train", "--resume gone seed=1", "--resume continues the run as it was started"),
        ("train", "--resume", "There is no last.ckpt under runs/caption yet"),
        ("evaluate", "", "There is no model under runs/caption yet"),
        ("evaluate", "--model gone", "There is no model 'gone'"),
        ("evaluate", "--beam two", "argument --beam: must be a whole number, at least 1, not 'two'."),
        ("caption", "photo.jpg --model gone", "There is no model 'gone'"),
        ("caption", "photos*/*.jpg", "There is no picture at photos*/*.jpg"),
        ("data", "chekc", "invalid choice: 'chekc'"),
        ("data", "check", "Say which data"),
        ("data", "check name=scens", "Did you mean scenes?"),
    ],
)
def test_a_mistake_is_answered_in_one_line(capsys, monkeypatch, tmp_path, verb, words, says):
    monkeypatch.chdir(tmp_path)
    line = refusal(capsys, verb, *words.split())
    assert line.startswith(f"scripts/{verb}.py: ")
    assert says in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("picture", "reason"), [("gone.jpg", "there is no such file"), ("broken.png", "broken.png")]
)
def test_a_picture_that_cannot_be_read_is_answered_in_one_line(home, capsys, picture, reason):
    line = refusal(capsys, "caption", home / picture, "--model", home / "first/model")
    assert picture in line
    assert reason in line


def test_what_a_model_cannot_do_is_refused(home, capsys, tmp_path, tiny_scenes):
    changes = [change for change in TINY if not change.startswith("decoder")]
    decoder = ["decoder.name=show_tell", "decoder.embed_dim=5", "decoder.cell.name=lstm"]
    changes += [*decoder, "decoder.cell.hidden_dim=6", f"data.folder={tiny_scenes}", "trainer.max_epochs=1"]
    model = train(load(ROOT / "configs/caption.yaml", changes), tmp_path).model
    capsys.readouterr()
    photo = home / "photos/a.jpg"
    line = refusal(capsys, "caption", photo, "--model", model, "--attention", tmp_path / "x.png")
    assert "show_tell decoder, which has no attention to draw" in line
    line = refusal(capsys, "caption", photo, "--model", model, "--beam", "1", "--n-best", "2")
    assert "2" in line


@pytest.mark.parametrize("verb", list(verbs()))
def test_help_shows_commands_and_options(capsys, verb):
    for script, words in ((verb, ["--help"]), (None, [verb, "--help"])):
        with pytest.raises(SystemExit) as exit_:
            main(script, words)
        assert exit_.value.code == 0
        said = capsys.readouterr().out
        assert f"python scripts/{verb}.py" in said
        assert "options:" in said


def test_the_console_command_lists_its_verbs_and_refuses_others(capsys):
    for words in ([], ["--help"]):
        with pytest.raises(SystemExit) as exit_:
            main(None, words)
        assert exit_.value.code == 0
        assert set(verbs()) <= set(capsys.readouterr().out.split())
    assert "There is no verb 'trian'. Did you mean train?" in refusal(capsys, None, "trian")
