"""What every test may use."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from captioner.config import Config, load

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data to check against, where it lies (CAPTIONER_DATA); skips where it does not."""
    folder = Path(os.environ.get("CAPTIONER_DATA", ROOT / "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set CAPTIONER_DATA)")
    return folder


@pytest.fixture(scope="session")
def tiny_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a few drawn pictures, shared by all tests that train."""
    return tmp_path_factory.mktemp("data") / "scenes"


@pytest.fixture(scope="session")
def visual7w_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs of `visual7w` and `visual7w-pointing` on the same `scenes`."""
    from captioner.training.train import train

    folder = tmp_path_factory.mktemp("visual7w")
    for task in ("visual7w", "visual7w-pointing"):
        changes = [*TINY_VISUAL7W, f"data.folder={folder / 'scenes'}"]
        train(load(ROOT / f"configs/{task}.yaml", changes), folder / task)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function from a task's name to a model folder of it, with random weights."""
    from tiny_models import save_tiny, tiny_config

    folder = tmp_path_factory.mktemp("models")

    @cache
    def made(task: str) -> Path:
        kind = "visual7w" if task.startswith("visual7w") else task
        return save_tiny(tiny_config(task, folder / f"data-{kind}"), folder / task)

    return made


@pytest.fixture
def tiny(tiny_scenes: Path) -> Config:
    """The shipped captioning config, small enough to train in a second."""
    return load(ROOT / "configs/caption.yaml", [*TINY, f"data.folder={tiny_scenes}"])


@pytest.fixture
def tiny_text(tmp_path: Path) -> Config:
    """The shipped config of the character model, on a text that is learnt in a second."""
    (tmp_path / "text.txt").write_text(TEXT)
    return load(ROOT / "configs/char-lm.yaml", [*TINY_TEXT, f"data.path={tmp_path / 'text.txt'}"])


@pytest.fixture
def pictures(tmp_path: Path) -> list[tuple[str, Path]]:
    """Eleven pictures under keys that say nothing about their order."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(1)
    listed = []
    for number in range(11):
        path = tmp_path / f"{number}.png"
        Image.fromarray(random.integers(0, 256, (40, 50 + number, 3), dtype=np.uint8)).save(path)
        listed.append((f"key{number * 5 % 11}", path))
    return listed


@pytest.fixture(scope="session")
def page_app(tiny_model: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The page's application with a tiny model of every tab, and no runs; fp32, as on every processor."""
    from captioner.page.app import create_app
    from captioner.page.settings import PageSettings

    names = tuple(str(tiny_model(task)) for task in ("caption", "vqa", "visual7w", "char_lm"))
    return create_app(PageSettings(models=names, runs=tmp_path_factory.mktemp("runs"), precision="fp32"))


@pytest.fixture(scope="session")
def page_client(page_app: Any) -> Iterator[Any]:
    from starlette.testclient import TestClient

    with TestClient(page_app, base_url="http://localhost") as client:
        yield client


TINY = [
    "data.num_train=26",
    "data.num_val=6",
    "data.num_test=7",
    "encoder.width=0.04",
    "decoder.cell.hidden_dim=12",
    "decoder.embed_dim=10",
    "decoder.attention_dim=8",
    "decoder.dropout=0.3",
    "training.batch_size=5",
    "training.captions_per_image=3",
    "search.max_length=6",
    "trainer.max_epochs=2",
    "trainer.enable_progress_bar=false",
    "trainer.accelerator=cpu",
    "trainer.log_every_n_steps=1",
    "schedule.warmup=2",
]

TEXT = "".join(f"{a} times {b} is {a * b}.\n" for a in range(12) for b in range(12))
TINY_TEXT = [
    "data.chunk_length=20",
    "data.val_fraction=0.1",
    "data.validation_streams=2",
    "training.batch_size=7",
    "decoder.embed_dim=5",
    "decoder.dropout=0.3",
    "schedule.warmup=2",
    "trainer.max_epochs=2",
    "trainer.enable_progress_bar=false",
    "trainer.accelerator=cpu",
    "trainer.log_every_n_steps=1",
    'decoder.cell={"name": "stacked", "hidden_dim": 9, "dropout": 0.2}',
]

TINY_VISUAL7W = [
    "data.num_train=20",
    "data.num_val=5",
    "data.num_test=6",
    "encoder.width=0.04",
    "decoder.cell.hidden_dim=12",
    "decoder.embed_dim=10",
    "decoder.attention_dim=8",
    "decoder.context_dim=7",
    "training.batch_size=7",
    "trainer.max_epochs=1",
    "trainer.enable_progress_bar=false",
    "trainer.accelerator=cpu",
    "trainer.log_every_n_steps=1",
    "schedule.warmup=2",
]
