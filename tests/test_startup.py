"""A trained model starts without the trainer: each command in a process of its own."""

import json
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


@pytest.mark.parametrize(
    ("verb", "task", "words"),
    [
        ("caption", "caption", ["{photo}"]),
        ("ask", "vqa", ["{photo}", "What color is the circle?"]),
        ("ask", "visual7w", ["{photo}", "Where is it?", "--choices", "Above.", "Below."]),
        ("sample", "char_lm", ["--prompt", "3 times "]),
        ("translate", "translate", ["two"]),
    ],
)
def test_a_command_that_uses_a_model_imports_no_trainer(tiny_model, photo, verb, task, words):
    code = "from captioner.commands import main\nmain(sys.argv[1], sys.argv[2:])"
    given = [word.replace("{photo}", str(photo)) for word in words]
    modules, done = imported(code, verb, "--model", tiny_model(task), *given)
    assert done.stdout.splitlines()[:-1], "an answer"
    assert "torch" in modules
    assert not modules & set(HEAVY)


def test_models_of_all_tasks_are_loaded_without_the_trainer(tiny_model):
    code = (
        "from pathlib import Path\nfrom captioner.models.folder import load_model\n"
        "print([load_model(Path(word)).config.task['name'] for word in sys.argv[1:]])"
    )
    modules, done = imported(code, *map(tiny_model, TASK_NAMES))
    assert done.stdout.splitlines()[0] == str(TASK_NAMES)
    assert not modules & set(HEAVY)


@pytest.mark.parametrize(
    ("change", "nearest"),
    [
        ("decoder.cell.hiden_dim=3", "hidden_dim"),
        ("encoder.dept=3", "depth"),
        ("objective.label_smooting=0.1", "label_smoothing"),
        ("optimizer.name=adm", "adam"),
        ("schedule.warmp=3", "warmup"),
        ("data.num_trian=3", "num_train"),
    ],
)
def test_a_typo_inside_a_component_is_answered_without_the_trainer(change, nearest):
    code = (
        "from captioner.commands import main\n"
        "try:\n    main('train', ['--task', 'caption', sys.argv[1]])\n"
        "except SystemExit as stopped:\n    assert stopped.code == 2"
    )
    modules, done = imported(code, change)
    assert f"Did you mean {nearest}" in done.stderr
    assert not modules & set(HEAVY)
