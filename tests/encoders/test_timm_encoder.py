"""Features of timm models equal what a hook gets in the whole model."""

import copy
from urllib.error import URLError

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from PIL import Image

from captioner.encoders import weights
from captioner.encoders.base import ENCODERS
from captioner.encoders.timm import Timm
from captioner.errors import UserError


def whole(model, file, **arguments):
    """The whole model with random weights and batch statistics, saved to `file`."""
    torch.manual_seed(3)
    net = timm.create_model(model, **arguments).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    safetensors.torch.save_file(net.state_dict(), file)
    return net


def output_of(net, layer, images_BCHW):
    outputs = []
    handle = net.get_submodule(layer).register_forward_hook(lambda *call: outputs.append(call[2].clone()))
    with torch.no_grad():
        net(images_BCHW)
    handle.remove()
    return outputs[0]


def cells(maps_BHWF):
    return torch.stack(
        [maps_BHWF[:, i, j] for i in range(maps_BHWF.shape[1]) for j in range(maps_BHWF.shape[2])], 1
    )


@pytest.mark.parametrize(
    ("model", "layer", "size"),
    [
        ("mobilenetv1_100", "blocks.2", (64, 64)),
        ("mobilenetv1_100", "blocks.4.0", (64, 64)),
        ("resnet18", "layer3", (64, 64)),
        ("convnext_atto", "stages.1", (64, 64)),
    ],
)
def test_maps_equal_the_whole_models(model, layer, size, tmp_path):
    net, images_BCHW = whole(model, tmp_path / "net.safetensors"), torch.randn(2, 3, *size)
    ours = Timm(model, layer, str(tmp_path / "net.safetensors"), image_size=size[0])
    expected = output_of(net, layer, images_BCHW)
    torch.testing.assert_close(ours.train()(images_BCHW), cells(expected.permute(0, 2, 3, 1)))
    assert (*ours.grid, ours.feature_dim) == (*expected.shape[2:], expected.shape[1])
    pooled = Timm(model, layer, str(tmp_path / "net.safetensors"), image_size=size[0], pool=True)
    torch.testing.assert_close(pooled(images_BCHW), expected.mean((2, 3)).unsqueeze(1))
    assert pooled.grid == (1, 1)
    assert len(ours.state_dict()) < len(net.state_dict())  # what lies behind the layer is dropped


def test_maps_with_channels_last_and_tokens_equal_the_whole_models(tmp_path):
    file, small = str(tmp_path / "net.safetensors"), {"img_size": 64}
    images_BCHW = torch.randn(2, 3, 64, 64)
    net = whole("swin_tiny_patch4_window7_224", file, **small)
    ours = Timm("swin_tiny_patch4_window7_224", "layers.1", file, arguments=small)
    torch.testing.assert_close(ours(images_BCHW), cells(output_of(net, "layers.1", images_BCHW)))
    assert (*ours.grid, ours.feature_dim) == (8, 8, 192)
    net = whole("deit_tiny_distilled_patch16_224", file, **small)
    ours = Timm("deit_tiny_distilled_patch16_224", "blocks.2", file, arguments=small)
    torch.testing.assert_close(ours(images_BCHW), output_of(net, "blocks.2", images_BCHW)[:, 2:])
    assert (*ours.grid, ours.feature_dim) == (4, 4, 192)


def test_pooled_is_the_input_of_timms_classifier(tmp_path):
    file, images_BCHW = str(tmp_path / "net.safetensors"), torch.randn(2, 3, 64, 64)
    net = whole("resnet18", file)
    ours = Timm("resnet18", "pooled", file, image_size=64)
    expected = net.forward_head(net.forward_features(images_BCHW), pre_logits=True)
    torch.testing.assert_close(ours(images_BCHW), expected.unsqueeze(1))
    assert "net.fc.weight" not in ours.state_dict()


def test_only_tensors_that_the_layer_needs_must_be_in_the_file(tmp_path, capsys):
    file = tmp_path / "net.safetensors"
    state = whole("resnet18", file).state_dict()
    safetensors.torch.save_file({k: v for k, v in state.items() if not k.startswith(("layer4", "fc"))}, file)
    Timm("resnet18", "layer3", str(file), image_size=64)
    assert (
        "lacks 32 tensors behind layer3, which are not used: fc.bias, fc.weight, layer4.0.bn1.bias, ..."
        in capsys.readouterr().err
    )
    with pytest.raises(
        UserError, match=r"lacks layer4.0.conv1.weight and \d+ more, which the chosen layer needs"
    ):
        Timm("resnet18", "layer4", str(file), image_size=64)


def test_pixels_equal_timms_own_transform():
    from timm.data import create_transform, resolve_model_data_config

    random = np.random.default_rng(0)
    for model in ("resnet18", "mobilenetv1_100"):
        theirs = create_transform(**resolve_model_data_config(timm.create_model(model)), is_training=False)
        picture = Image.fromarray(random.integers(0, 256, (250, 333, 3), dtype=np.uint8))
        torch.testing.assert_close(Timm(model, "bn1").preprocessing(picture), theirs(picture))
    ours = Timm("resnet18", "bn1", mean=[0.1, 0.2, 0.3], std=[0.4, 0.5, 0.6], image_size=40, resize="squash")
    assert ours.preprocessing.mean == (0.1, 0.2, 0.3)
    assert (ours.preprocessing.size, ours.preprocessing.resize_size) == (40, None)


def test_the_pretrained_mobilenet_gives_the_features_it_was_made_for(shared_data):
    file = str(shared_data / "weights/mobilenetv1_100_imagenet.safetensors")
    arguments = {"pad_type": "same", "bn_eps": 1e-3}
    net = timm.create_model("mobilenetv1_100", **arguments).eval()
    net.load_state_dict(safetensors.torch.load_file(file), strict=False)
    images_BCHW = torch.randn(1, 3, 224, 224)
    for layer, shape in (("blocks.3", (14, 14, 512)), ("blocks.4.0", (7, 7, 1024))):
        ours = Timm("mobilenetv1_100", layer, file, arguments=arguments)
        assert (*ours.grid, ours.feature_dim) == shape
        assert ours.preprocessing.mean == ours.preprocessing.std == (0.5, 0.5, 0.5)
        expected = output_of(net, layer, images_BCHW)
        torch.testing.assert_close(ours(images_BCHW), cells(expected.permute(0, 2, 3, 1)))
    with pytest.raises(UserError, match="which the chosen layer needs"):
        Timm("mobilenetv1_100", "blocks.4", file, arguments=arguments)


def test_fine_tuning_changes_the_modules_from_there_on_and_no_others():
    live = {
        "zero_init_last": False
    }  # a scale of zero would leave the convolutions before it without gradient
    ours = Timm("resnet18", "layer3", None, False, live, fine_tune_from="layer2.1", learning_rate=0.25)
    before = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    (group,) = ours.trained_groups()
    ours.train()(torch.randn(2, 3, 64, 64)).square().sum().backward()
    torch.optim.SGD(group.parameters, lr=0.1).step()
    changed = {name for name, tensor in ours.state_dict().items() if not torch.equal(tensor, before[name])}
    behind = {name for name in before if name.startswith(("net.layer2.1", "net.layer3"))}
    assert changed == behind
    assert group.learning_rate == 0.25
    assert not ours.is_frozen


def test_a_frozen_model_gives_the_same_in_training_and_all_trains_everything():
    frozen = Timm("resnet18", "layer2", image_size=64)
    images_BCHW = torch.randn(2, 3, 64, 64)
    assert frozen.is_frozen
    torch.testing.assert_close(frozen.train()(images_BCHW), frozen.eval()(images_BCHW))
    (group,) = Timm("resnet18", "layer2", image_size=64, fine_tune_from="all").trained_groups()
    assert len(group.parameters) == len(list(frozen.parameters()))


def test_fingerprints_tell_layers_and_pooling_apart(tmp_path):
    file = str(tmp_path / "net.safetensors")
    whole("resnet18", file)
    made = [
        Timm("resnet18", "layer1", file),
        Timm("resnet18", "layer1", file, pool=True),
        Timm("resnet18", "bn1", file),
    ]
    assert len({encoder.fingerprint() for encoder in made}) == 3
    assert made[0].fingerprint() == Timm("resnet18", "layer1", file).fingerprint()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": "resnet81"}, "no model 'resnet81'. Did you mean resnet"),
        ({"layer": "layer9"}, "no layer 'layer9'. Did you mean layer"),
        ({"arguments": {"pad_tipe": "same"}}, "'pad_tipe' is not passed on. Did you mean pad_type"),
        ({"arguments": {"window_size": 3}}, "cannot make resnet18"),
        ({"arguments": {"checkpoint_path": "x.pth"}}, "'checkpoint_path' is not passed on"),
        ({"arguments": {"pretrained_cfg": {"file": "x.pth"}}}, "'pretrained_cfg' is not passed on"),
        ({"arguments": {"depths": [{"file": "x"}]}}, "depths must be a number, a word or a list"),
        ({"fine_tune_from": "layer3"}, "'layer3' to fine-tune from up to layer2"),
        ({"learning_rate": 0.1}, "fine_tune_from"),
        ({"pretrained": True, "weights_file": "x.pth"}, "not from two of them"),
        ({"weights_file": "nowhere.pth"}, "no weights file nowhere.pth"),
        (
            {"model": "vit_tiny_patch16_224", "layer": "blocks.0", "image_size": 64},
            "cannot take pictures of 64",
        ),
    ],
)
def test_wrong_options_are_refused(options, sentence):
    with pytest.raises(UserError, match=sentence):
        ENCODERS.build({"name": "timm", "model": "resnet18", "layer": "layer2"} | options)


def test_without_a_network_it_says_at_once_how_to_go_on(monkeypatch, capsys):
    def no_network(request, timeout):
        raise URLError("no route to host")

    monkeypatch.setattr(weights, "urlopen", no_network)
    with pytest.raises(
        UserError, match=r"https://huggingface.co/timm/resnet18\.\S+ .*encoder\.weights_file=PATH"
    ):
        Timm("resnet18", "layer3", pretrained=True)
    assert "size not known" in capsys.readouterr().err


def test_trained_depthwise_convolutions_stay_in_single_precision_under_autocast():
    torch.manual_seed(6)
    encoder = Timm("mobilenetv1_100", "blocks.1.1", fine_tune_from="blocks.1.0", image_size=32)
    seen = {}

    def keep(name):
        return lambda _module, inputs, output: seen.update({name: (inputs[0], output)})

    for name in ("blocks.0.0.conv_dw", "blocks.1.0.conv_dw", "blocks.1.0.conv_pw"):
        encoder.net.get_submodule(name).register_forward_hook(keep(name))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        encoder(torch.randn(2, 3, 32, 32)).float().square().mean().backward()
    types = {name: output.dtype for name, (_, output) in seen.items()}
    assert types == {
        "blocks.0.0.conv_dw": torch.bfloat16,  # frozen
        "blocks.1.0.conv_dw": torch.float32,
        "blocks.1.0.conv_pw": torch.bfloat16,
    }
    conv = encoder.net.get_submodule("blocks.1.0.conv_dw")
    given = seen["blocks.1.0.conv_dw"][0].float()
    expected = torch.conv2d(given, conv.weight, None, conv.stride, conv.padding, 1, conv.groups)
    torch.testing.assert_close(seen["blocks.1.0.conv_dw"][1], expected)
    assert conv.weight.grad.abs().sum() > 0


def test_a_copy_of_a_fine_tuned_encoder_computes_with_its_own_weights():
    encoder = Timm("mobilenetv1_100", "blocks.1.1", fine_tune_from="blocks.1.0", image_size=32).eval()
    images_BCHW = torch.randn(2, 3, 32, 32)
    copied = copy.deepcopy(encoder)
    with torch.no_grad():
        before = encoder(images_BCHW)
        for module in copied.net.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.zero_()
        torch.testing.assert_close(encoder(images_BCHW), before)
        assert not torch.equal(copied(images_BCHW), before)
        depthwise = copied.net.get_submodule("blocks.1.0.conv_dw")
        assert not depthwise(torch.randn(1, depthwise.in_channels, 9, 9)).any()
