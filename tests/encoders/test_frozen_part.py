"""The layers before the first trained one, whose output may be stored, and the rest: together the whole."""

import pytest
import torch

from captioner.encoders.timm import Timm
from captioner.encoders.vgg import VGG
from captioner.errors import UserError


@pytest.mark.parametrize(
    ("model", "layer", "first", "pool"),
    [
        ("mobilenetv1_100", "blocks.4", "blocks.3.2", False),
        ("resnet18", "layer4", "layer3", True),
        ("convnext_atto", "stages.2", "stages.1", False),
    ],
)
def test_features_of_the_parts_equal_those_of_the_whole(model, layer, first, pool):
    torch.manual_seed(5)
    whole = Timm(model, layer, image_size=64, fine_tune_from=first, pool=pool)
    for module in whole.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    part, images_BCHW = whole.frozen_part(), torch.rand(3, 3, 64, 64)
    assert part.is_frozen
    assert part is whole.frozen_part()
    assert "frozen" not in " ".join(whole.state_dict()), "no weight is there twice"
    whole.eval()
    with torch.no_grad():
        stored_BLF = part(images_BCHW)
        assert stored_BLF.shape[1:] == (part.grid[0] * part.grid[1], part.feature_dim)
        torch.testing.assert_close(whole.forward_from(stored_BLF), whole(images_BCHW))
    before = part.fingerprint()
    with torch.no_grad():
        for group in whole.trained_groups():
            for parameter in group.parameters:
                parameter.add_(1.0)
    assert Timm.frozen_part(whole).fingerprint() == before, "stored features stay right while others train"
    whole.train()
    gradient = torch.autograd.grad(whole.forward_from(stored_BLF).sum(), whole.trained_groups()[0].parameters)
    assert all(one.isfinite().all() for one in gradient)


def test_a_frozen_encoder_is_its_own_frozen_part():
    encoder = VGG(11, width=0.04, layer="conv2_1", weights=None, image_size=32)
    assert encoder.frozen_part() is encoder


def test_an_encoder_that_cannot_be_divided_says_so():
    with pytest.raises(UserError, match="do not just follow one another"):
        Timm("deit_tiny_patch16_224", "blocks.2", fine_tune_from="blocks.1").frozen_part()
    with pytest.raises(UserError, match=r"set training\.views=null"):
        Timm("resnet18", "layer1", image_size=32, fine_tune_from="all").frozen_part()
    with pytest.raises(UserError, match=r"set training\.views=null"):
        VGG(11, width=0.04, layer="conv2_1", weights=None, fine_tune_from="conv2_1").frozen_part()


def test_statistics_of_batches_are_used_or_not():
    torch.manual_seed(6)
    images_BCHW = torch.rand(4, 3, 32, 32)
    options = {"layer": "layer1", "image_size": 32, "fine_tune_from": "layer1"}
    kept = Timm("resnet18", batch_statistics=False, **options)
    torch.nn.init.uniform_(kept.net.layer1[0].bn2.weight, 0.5, 1.5)  # zero at the start
    learnt = Timm("resnet18", **options)
    learnt.load_state_dict(kept.state_dict())
    expected = kept.eval()(images_BCHW)
    torch.testing.assert_close(kept.train()(images_BCHW), expected)
    assert not torch.allclose(learnt.train()(images_BCHW), expected)
