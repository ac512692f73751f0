"""Stored features are those that were given, up to the stated rounding."""

import numpy as np
import pytest
import torch

from captioner.encoders.feature_store.formats import FORMATS, format_of

SIZE = (3, 5, 7)
BYTES = {"float16": 5 * 7 * 2, "float8": 5 * (7 + 4), "int8": 5 * (7 + 8)}


def stored(name, features_BLF):
    kept = format_of({"dtype": name, "grid": [1, 5], "feature_dim": 7})
    bytes_BN = kept.encode(features_BLF)
    assert bytes_BN.shape == (len(features_BLF), kept.row_bytes)
    assert kept.row_bytes == BYTES[name]
    return kept.decode(torch.from_numpy(np.copy(bytes_BN)))


@pytest.fixture
def features_BLF():
    """Locations of very different sizes, and one of equal numbers."""
    drawn = (
        torch.randn(SIZE, generator=torch.Generator().manual_seed(4)) * 10.0 ** torch.arange(-3, 2)[:, None]
    )
    drawn[1, 2] = 0.3
    drawn[2, 4] = 0
    return drawn


@pytest.mark.parametrize("name", FORMATS)
def test_features_have_their_size_and_come_back_in_single_precision(name, features_BLF):
    found = stored(name, features_BLF)
    assert found.dtype == torch.float32
    assert found.shape == SIZE
    assert torch.equal(found[2, 4], torch.zeros(7))
    assert torch.equal(stored(name, features_BLF[1:2]), found[1:2])
    kept = format_of({"dtype": name, "grid": [1, 5], "feature_dim": 7})
    assert kept.encode(features_BLF[:0]).shape == (0, BYTES[name])


def test_sixteen_bits_are_half_precision(features_BLF):
    assert torch.equal(stored("float16", features_BLF), features_BLF.half().float())


def test_steps_are_a_255th_of_the_span_of_a_location(features_BLF):
    step_BL1 = (features_BLF.amax(2, keepdim=True) - features_BLF.amin(2, keepdim=True)) / 255
    error_BLF = (stored("int8", features_BLF) - features_BLF).abs()
    assert (error_BLF <= step_BL1 / 2 + 1e-6 * features_BLF.abs()).all()
    assert (error_BLF > step_BL1 / 8).any()
    for edge in (torch.amin, torch.amax):
        torch.testing.assert_close(edge(stored("int8", features_BLF), 2), edge(features_BLF, 2))


def test_eight_bit_floats_are_torch_s_scaled_to_448(features_BLF):
    scale_BL1 = features_BLF.abs().amax(2, keepdim=True).clamp(min=1e-30) / 448
    expected = (features_BLF / scale_BL1).to(torch.float8_e4m3fn).float() * scale_BL1
    found = stored("float8", features_BLF)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    large = features_BLF.abs() > features_BLF.abs().amax(2, keepdim=True) / 448 * 2**-6
    assert ((found - features_BLF).abs() <= features_BLF.abs() / 16)[large].all()
