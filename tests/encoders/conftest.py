"""What tests of encoders use."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def pictures(tmp_path):
    """Eleven pictures under keys that say nothing about their order."""
    random = np.random.default_rng(1)
    listed = []
    for number in range(11):
        path = tmp_path / f"{number}.png"
        Image.fromarray(random.integers(0, 256, (40, 50 + number, 3), dtype=np.uint8)).save(path)
        listed.append((f"key{number * 5 % 11}", path))
    return listed
