"""A trained model starts without the trainer: commands in processes of their own."""

import json
import re
import subprocess
import sys

import pytest
from PIL import Image
from tiny_models import TASK_NAMES

HEAVY = ("pytorch_lightning", "lightning", "datasets", "wandb", "matplotlib", "torchmetrics")
LISTED = "print(json.dumps(sorted(name for name in sys.modules if '.' not in name)))"


def imported(code, *words):
    """Run code in a new process, and return the top-level modules that are imported at its end."""
    program = f"import json, sys\n{code}\n{LISTED}"
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1])), done


@pytest.fixture
def photo(tmp_path):
    Image.new("RGB", (60, 40), "red").save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_importing_the_package_imports_no_torch():
    modules, _ = imported("import captioner")
    assert "captioner" in modules
    assert not modules & {"torch", "numpy", "PIL", *HEAVY}


COMMANDS = [
    ("caption", "caption", ["{photo}"]),
    ("ask", "vqa", ["{photo}", "What color is the circle?"]),
    ("ask", "visual7w", ["{photo}", "Where is it?", "--choices", "Above.", "Below."]),
    ("sample", "char_lm", ["--prompt", "3 times "]),
    ("translate", "translate", ["two"]),
]
EACH = f"""
import os, torch
for words in json.loads(sys.argv[1]):
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        continue
    from captioner.commands import main
    main(words[0], words[1:])
    print("after", words[0], [name for name in {HEAVY} if name in sys.modules], flush=True)
    os._exit(0)
"""


def test_commands_that_use_a_model_import_no_trainer(tiny_model, photo):
    """A process each, all of which have torch already, since it takes the longest."""
    asked = [
        [verb, "--model", str(tiny_model(task)), *(word.replace("{photo}", str(photo)) for word in words)]
        for verb, task, words in COMMANDS
    ]
    _, done = imported(EACH, json.dumps(asked))
    answers = re.split(r"^after (.*)\n", done.stdout, flags=re.M)
    assert answers[1::2] == [f"{verb} []" for verb, _, _ in COMMANDS]
    assert all(answers[:-1:2]), "an answer to each"


def test_models_of_all_tasks_are_loaded_without_the_trainer(tiny_model):
    code = (
        "from pathlib import Path\nfrom captioner.models.folder import load_model\n"
        "print([load_model(Path(word)).config.task['name'] for word in sys.argv[1:]])"
    )
    modules, done = imported(code, *map(tiny_model, TASK_NAMES))
    assert done.stdout.splitlines()[0] == str(TASK_NAMES)
    assert not modules & set(HEAVY)


TYPOS = {
    "decoder.cell.hiden_dim=3": "hidden_dim",
    "encoder.dept=3": "depth",
    "objective.label_smooting=0.1": "label_smoothing",
    "optimizer.name=adm": "adam",
    "schedule.warmp=3": "warmup",
    "data.num_trian=3": "num_train",
}


def test_typos_inside_components_are_answered_without_the_trainer():
    """One process for all of them: what one imports shows at the end."""
    code = (
        "from captioner.commands import main\n"
        "for change in sys.argv[1:]:\n"
        "    try:\n        main('train', ['--task', 'caption', change])\n"
        "    except SystemExit as stopped:\n        assert stopped.code == 2\n"
        "    else:\n        raise AssertionError(change)"
    )
    modules, done = imported(code, *TYPOS)
    for line, nearest in zip(done.stderr.splitlines(), TYPOS.values(), strict=True):
        assert f"Did you mean {nearest}" in line
    assert not modules & set(HEAVY)
