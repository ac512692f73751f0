"""Encoders for inference: batch normalisation folded, and the same features."""

import copy

import pytest
import torch
from torch import nn

from captioner.encoders.base import ENCODERS, Encoder
from captioner.encoders.inference import for_inference
from captioner.precision import weights_dtype
from captioner.preprocessing import Preprocessing

VGG = {"name": "vgg", "depth": 11, "layer": "conv5_2", "width": 0.05, "image_size": 32, "weights": None}
EFFICIENT = {"name": "timm", "model": "tf_efficientnet_lite0", "layer": "blocks.2", "image_size": 64}


def randomised(encoder: Encoder) -> Encoder:
    """With statistics and weights of normalisation that are none of those it starts from."""
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return encoder.eval()


def count(encoder: Encoder) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in encoder.modules())


@pytest.mark.parametrize(
    ("config", "there", "left"),
    [
        (VGG, 0, 0),
        (VGG | {"batch_norm": True, "fine_tune_from": "conv2_1"}, 8, 0),
        (EFFICIENT, 15, 0),
        (EFFICIENT | {"layer": "blocks.1.0.bn1"}, 4, 0),
        ({"name": "timm", "model": "resnet18", "layer": "layer2", "image_size": 64}, 10, 0),
        ({"name": "timm", "model": "densenet121", "layer": "features.denseblock1", "image_size": 64}, 13, 6),
        ({"name": "timm", "model": "convnext_atto", "layer": "stages.0", "image_size": 32}, 0, 0),
    ],
)
@torch.inference_mode()
def test_features_are_those_of_the_encoder_as_it_was(config, there, left):
    torch.manual_seed(6)
    encoder = randomised(ENCODERS.build(config))
    before, size = copy.deepcopy(encoder.state_dict()), encoder.preprocessing.size
    images_BCHW = torch.randn(3, 3, size, size)
    folded = for_inference(encoder)
    assert (count(encoder), count(folded)) == (there, left)
    expected_BLF = encoder(images_BCHW)
    torch.testing.assert_close(folded(images_BCHW), expected_BLF, rtol=1e-4, atol=1e-5 * expected_BLF.std())
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())


def test_folded_weights_are_cast_after_they_are_folded():
    torch.manual_seed(7)
    encoder = randomised(ENCODERS.build(VGG | {"batch_norm": True}))
    short = for_inference(encoder, "bf16")
    folded = for_inference(encoder).state_dict()
    assert weights_dtype(encoder) == torch.float
    assert all(torch.equal(tensor, folded[name].bfloat16()) for name, tensor in short.state_dict().items())


class Forked(Encoder):
    """What is between convolution and normalisation is used beside them too."""

    feature_dim, grid = 4, (5, 7)

    def __init__(self, twice: bool) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
        self.preprocessing, self.twice = Preprocessing(size=8), twice

    def forward(self, images_BCHW):
        """The sum of both; or the same convolution and normalisation, twice each."""
        maps_BFHW = self.conv(images_BCHW)
        summed_BFHW = self.norm(maps_BFHW) + (self.norm(self.conv(-images_BCHW)) if self.twice else maps_BFHW)
        return summed_BFHW.flatten(2).transpose(1, 2)

    def trained_groups(self):
        """None."""
        return []


@pytest.mark.parametrize("twice", [False, True])
@torch.inference_mode()
def test_normalisation_stays_where_folding_it_would_change_the_features(twice):
    torch.manual_seed(8)
    encoder = randomised(Forked(twice))
    images_BCHW = torch.randn(2, 3, 5, 7)
    folded = for_inference(encoder)
    assert count(folded) == 1
    torch.testing.assert_close(folded(images_BCHW), encoder(images_BCHW))


@pytest.mark.parametrize(("precision", "sizes"), [("fp32", [2, 2, 1]), ("bf16", [4, 1])])
def test_a_cpu_encodes_a_few_images_at_once_with_their_channels_last(precision, sizes):
    encoder, parts = for_inference(Forked(twice=False), precision), []
    encoder.register_forward_pre_hook(lambda _, inputs: parts.append(inputs[0]))
    encoder.encode(torch.randn(5, 3, 5, 7))
    assert [len(part) for part in parts] == sizes
    assert all(part.is_contiguous(memory_format=torch.channels_last) for part in parts)
