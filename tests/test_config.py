import subprocess
import sys
import time

import pytest

from captioner.config import load
from captioner.errors import UserError

BASE = """
task: {name: caption}
data: {name: scenes, seed: 1}
encoder: {name: vgg, depth: 11}
decoder: {name: show_attend_tell, embed_dim: 3, cell: {name: lstm, hidden_dim: 4}}
trainer: {max_epochs: 2}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "base.yaml"
    path.write_text(BASE)
    return path


def test_changes_reach_nested_keys_with_their_types(file):
    config = load(
        file, ["decoder.cell.hidden_dim=8", "optimizer.lr=1e-3", "training.augment=true", "logger=wandb"]
    )
    assert config.decoder == {
        "name": "show_attend_tell",
        "embed_dim": 3,
        "cell": {"name": "lstm", "hidden_dim": 8},
    }
    assert config.training.augment is True
    assert config.logger == ["wandb"]
    assert config.optimizer["lr"] == 0.001
    assert config.data["seed"] == 1


def test_another_name_starts_from_its_own_defaults(file):
    config = load(file, ["encoder.name=timm", "encoder.model=resnet18", "decoder.name=show_attend_tell"])
    assert config.encoder == {"name": "timm", "model": "resnet18"}
    assert config.decoder["embed_dim"] == 3, "the same name changes nothing"


def test_yaml_round_trip(file, tmp_path):
    config = load(file, ["vocabulary.max_size=7"])
    (tmp_path / "again.yaml").write_text(config.to_yaml())
    assert load(tmp_path / "again.yaml") == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("trainning.patience=3", "no option 'trainning'. Did you mean training"),
        ("training.patienc=3", "no option 'training.patienc'. Did you mean patience"),
        ("seed=one", "seed must be a whole number, at least 0, not 'one'"),
        ("training.augment=3", "training.augment must be true or false, not 3"),
        (
            "vocabulary.min_count=2.5",
            "vocabulary.min_count must be a whole number, at least 1, not 2.5",
        ),
        ("seed", "not of the form key=value"),
        ("data.path=", "data.path= has no value: write data.path=null for none"),
        ("seed=4294967296", "seed must be 0 to 4,294,967,295, not 4294967296"),
        ("training.batch_size=0", "training.batch_size must be at least 1, not 0"),
        ("training.monitor=''", "training.monitor must be a text, one character or more, not ''"),
        ("training.init_from=''", "training.init_from must be a text, the path of a file or folder, or null"),
        ("training.init_from=~nobody-has-this/x", "the path of a file or folder, or null, not '~nobody"),
        ("training=3", "training must be a mapping, not 3"),
        ("logger=[1]", "logger must be a list of texts, not [1]"),
        ("task=caption", "task must be a mapping, not 'caption'"),
    ],
)
def test_refuses_with_one_clear_sentence(file, change, message):
    with pytest.raises(UserError) as error:
        load(file, [change])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"no config file .*gone\.yaml"):
        load(tmp_path / "gone.yaml")
    for number, text in enumerate(["a: [", "- 1\n- 2\n", "just words"]):
        broken = tmp_path / f"{number}.yaml"
        broken.write_text(text)
        with pytest.raises(UserError, match=str(broken)):
            load(broken)
    (tmp_path / "binary.yaml").write_text("task: {name: !!binary aGVsbG8=}\ndata: {}\n")
    with pytest.raises(UserError, match=r"binary.yaml holds something else than texts, numbers"):
        load(tmp_path / "binary.yaml")
    (tmp_path / "bare.yaml").write_text("seed: 1\n")
    with pytest.raises(UserError, match=r"task is missing"):
        load(tmp_path / "bare.yaml")


def test_a_typo_is_answered_without_importing_torch():
    code = (
        "import sys\nfrom captioner.commands import main\n"
        "try:\n    main('train', ['--task', 'caption', 'trainig.patience=3'])\n"
        "finally:\n    assert 'torch' not in sys.modules\n"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Did you mean training" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - start < 5, "this is a start-up without torch, on a machine under load"
