"""What every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data to check against, where it lies (CAPTIONER_DATA); skips where it does not."""
    folder = Path(os.environ.get("CAPTIONER_DATA", ROOT / "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set CAPTIONER_DATA)")
    return folder
