"""A new component is one file a room, without a list to edit: one of each kind, tried by the commands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from added.components import CONFIG, FILES

SETUP = """
import importlib, sys
from pathlib import Path
for folder in {folders}:
    name = "captioner." + folder.replace("/", ".")
    importlib.import_module(name).__path__.append(str(Path({root!r}) / folder))
from captioner.commands import main
"""


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    """A folder with the new files, and a way to run Python in it with the packages extended by them."""
    folder = tmp_path_factory.mktemp("added")
    for name, text in FILES.items():
        file = folder / "packages" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    folders = sorted({str(Path(name).parent) for name in FILES})
    setup = SETUP.format(folders=folders, root=str(folder / "packages"))

    def run(code):
        environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "XDG_CACHE_HOME": str(folder / "cache")}
        done = subprocess.run(
            [sys.executable, "-c", setup + code],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | environment,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


NEW = [
    "data={name: my_source, copies: 16}",
    "encoder={name: my_encoder}",
    "decoder={name: my_decoder, cell: {name: my_cell, hidden_dim: 17}, embed_dim: 7}",
    "objective={name: my_objective, weight: 3.0}",
    "search={name: my_search, half_width: 2, max_length: 8}",
    "vocabulary.min_count=1",
    "training.batch_size=6",
    "training.captions_per_image=1",
    "training.monitor=val/loss",
    "optimizer={name: adam, lr: 0.03}",
    "schedule={name: constant}",
    "trainer.max_epochs=12",
    "trainer.enable_progress_bar=false",
    "trainer.accelerator=cpu",
    "trainer.log_every_n_steps=1",
]


def test_a_captioner_made_of_new_components_trains_captions_and_is_evaluated(added):
    printed = added(
        f"""
main("data", ["check", "name=my_source", "copies=16"])
main("train", ["--task", "caption", "--output", "run", *{NEW!r}])
main("evaluate", ["--model", "run/model", "--search", "my_search", "--half-width", "1"])
import captioner, numpy
blue = numpy.zeros((30, 40, 3), numpy.uint8); blue[..., 2] = 255
print("said:", captioner.load("run/model").caption(blue).text)
print(open("run/metrics.csv").readline())
"""
    )
    assert "said: blue is all there is" in printed
    assert "train/plain_step" in printed
    assert "wholly" not in printed
    assert re.search(r"^BLEU-4 +1\.000$", printed, flags=re.M), printed


def test_a_new_task_takes_a_file_in_four_rooms_and_a_config(added):
    printed = added(
        f"""
Path("my-task.yaml").write_text({CONFIG!r})
main("data", ["check", "--config", "my-task.yaml"])
main("train", ["--config", "my-task.yaml", "--output", "task"])
main("evaluate", ["--model", "task/model"])
import captioner
from PIL import Image
print("named:", captioner.load("task/model").name(Image.new("RGB", (9, 12), (0, 160, 0))))
"""
    )
    assert "splits: train, val, test" in printed
    assert "named: green" in printed
    assert "1.000" in printed
