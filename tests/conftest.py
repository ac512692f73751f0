"""What every test may use."""

import os
from pathlib import Path

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


@pytest.fixture
def tiny(tiny_scenes: Path) -> Config:
    """The shipped captioning config, small enough to train in a second."""
    return load(ROOT / "configs/caption.yaml", [*TINY, f"data.folder={tiny_scenes}"])


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
