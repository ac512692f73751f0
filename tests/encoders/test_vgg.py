"""VGG's features equal torchvision's own at every named layer; wrong options get a sentence."""

import io
from urllib.error import URLError

import pytest
import safetensors.torch
import torch
from PIL import Image
from torchvision import models

from captioner.encoders import vgg, weights
from captioner.encoders.base import ENCODERS
from captioner.encoders.vgg import VGG, layer_names
from captioner.errors import UserError

# Index of the paper's layers in torchvision's VGG16 (after the ReLU), counted by hand.
VGG16_FEATURES = {
    "conv1_2": 3,
    "pool1": 4,
    "conv2_1": 6,
    "conv3_3": 15,
    "conv4_1": 18,
    "conv5_3": 29,
    "pool5": 30,
}


UNITS = 40  # of fc6 and fc7 here; 4096 would take seconds to make


def theirs_with(depth, batch_norm, seed=0):
    """torchvision's VGG with random weights."""
    torch.manual_seed(seed)
    with torch.device("meta"):
        theirs = models.vgg.VGG(torch.nn.Identity())
    plan = models.vgg.cfgs[{11: "A", 13: "B", 16: "D", 19: "E"}[depth]]
    theirs.features = models.vgg.make_layers(plan, batch_norm)
    theirs.classifier[0] = torch.nn.Linear(25088, UNITS)
    theirs.classifier[3] = torch.nn.Linear(UNITS, UNITS)
    theirs.classifier[6] = torch.nn.Linear(UNITS, 2)
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return theirs.eval()


@pytest.fixture(scope="module")
def vgg16(tmp_path_factory):
    """torchvision's VGG16 and the file its weights lie in."""
    theirs = theirs_with(16, False)
    file = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save(theirs.state_dict(), file)
    return theirs, str(file)


@pytest.fixture(autouse=True)
def _no_hub_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))


def output_of(theirs, module, images_BCHW):
    """What leaves `module`, by a hook; copied, as the next ReLU may overwrite it."""
    outputs = []
    handle = module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output.clone()))
    with torch.no_grad():
        theirs(images_BCHW)
    handle.remove()
    return outputs[0]


def as_features(maps_BCHW):
    return torch.stack(
        [
            maps_BCHW[:, :, row, column]
            for row in range(maps_BCHW.shape[2])
            for column in range(maps_BCHW.shape[3])
        ],
        1,
    )


@pytest.mark.parametrize("layer", VGG16_FEATURES)
def test_each_layer_equals_torchvisions(vgg16, layer):
    theirs, file = vgg16
    ours = VGG(layer=layer, weights_file=file, image_size=64)
    images_BCHW = torch.randn(2, 3, 64, 64)
    expected = output_of(theirs, theirs.features[VGG16_FEATURES[layer]], images_BCHW)
    if layer.startswith("conv"):
        assert expected.min() == 0  # after the ReLU
    features_BLF = ours(images_BCHW)
    torch.testing.assert_close(features_BLF, as_features(expected))
    assert features_BLF.shape[1:] == (ours.grid[0] * ours.grid[1], ours.feature_dim)
    assert len(ours.layers) == VGG16_FEATURES[layer] + 1  # nothing behind the chosen layer is kept


@pytest.mark.parametrize("layer", ["fc6", "fc7"])
def test_fully_connected_layers_equal_torchvisions(vgg16, layer, monkeypatch):
    monkeypatch.setattr(vgg, "FULLY_CONNECTED", UNITS)
    theirs, file = vgg16
    ours = VGG(layer=layer, weights_file=file)
    images_BCHW = torch.randn(2, 3, 224, 224)
    expected = output_of(theirs, theirs.classifier[{"fc6": 1, "fc7": 4}[layer]], images_BCHW)
    torch.testing.assert_close(ours(images_BCHW), expected.unsqueeze(1))
    assert (ours.grid, ours.feature_dim) == ((1, 1), UNITS)


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_every_depth_equals_torchvisions(depth, batch_norm, tmp_path):
    theirs = theirs_with(depth, batch_norm, seed=depth)
    file = tmp_path / "vgg.safetensors"
    safetensors.torch.save_file(theirs.features.state_dict(prefix="features."), file)
    images_BCHW = torch.randn(2, 3, 40, 40)
    last = max(name for name in layer_names(depth) if name.startswith("conv5"))
    for layer, index in (("pool5", -1), (last, -2)):
        ours = VGG(depth, batch_norm, layer=layer, weights="imagenet", weights_file=str(file), image_size=40)
        expected = output_of(theirs, theirs.features[index], images_BCHW)
        torch.testing.assert_close(ours.train()(images_BCHW), as_features(expected))


def test_every_published_set_of_weights_brings_its_own_transform(vgg16, tmp_path):
    _, file = vgg16
    picture = torch.randint(0, 256, (301, 257, 3), dtype=torch.uint8)
    picture = Image.fromarray(picture.numpy())
    for name, known in models.VGG16_Weights.__members__.items():
        ours = VGG(layer="conv1_1", weights=name, weights_file=file)
        torch.testing.assert_close(ours.preprocessing(picture), known.transforms()(picture))


@pytest.mark.parametrize("caffe_names", [True, False])
def test_caffe_weights_see_blue_first_and_their_own_pixels(caffe_names, tmp_path):
    """The same picture given as Caffe would: values to 255, minus the mean, in the order B, G, R."""
    convolution = torch.nn.Conv2d(3, 64, 3, padding=1)
    file = tmp_path / "caffe.pth"
    name = "conv1_1" if caffe_names else "features.0"
    torch.save(convolution.state_dict(prefix=f"{name}."), file)
    ours = VGG(layer="conv1_1", weights="caffe", weights_file=str(file), image_size=32, resize="squash")
    pixels_HWC = torch.randint(0, 256, (32, 32, 3), dtype=torch.uint8)
    blue_first_HWC = pixels_HWC.float()[:, :, [2, 1, 0]] - torch.tensor([103.939, 116.779, 123.68])
    expected = convolution(blue_first_HWC.permute(2, 0, 1).unsqueeze(0)).relu()
    features_BLF = ours(ours.preprocessing(Image.fromarray(pixels_HWC.numpy())).unsqueeze(0))
    torch.testing.assert_close(features_BLF, as_features(expected), atol=1e-4, rtol=1e-5)


def test_frozen_layers_never_change_and_need_no_memory():
    torch.manual_seed(0)
    ours = VGG(11, True, 0.25, "conv5_1", None, image_size=32, fine_tune_from="conv4_1", learning_rate=0.5)
    before = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    (group,) = ours.trained_groups()
    assert group.learning_rate == 0.5
    ours.train()
    ours(torch.randn(3, 3, 32, 32)).square().sum().backward()
    torch.optim.SGD(group.parameters, lr=0.1).step()
    changed = {name for name, tensor in ours.state_dict().items() if not torch.equal(tensor, before[name])}
    behind = {name for name in before if name.split(".")[1][-3] in "45"}
    # A bias before a batch norm has no gradient, as the mean takes it away.
    assert {name for name in behind if "bias" not in name} <= changed <= behind
    assert not ours.is_frozen
    assert {id(p) for p in group.parameters} == {id(p) for p in ours.parameters() if p.requires_grad}
    assert {name for name, p in ours.named_parameters() if p.grad is not None} == behind & dict(
        ours.named_parameters()
    ).keys()


def test_a_frozen_encoder_has_no_gradient_and_the_same_features_in_training():
    ours = VGG(11, True, 0.25, "conv5_2", None, image_size=48)
    images_BCHW = torch.randn(3, 3, 48, 48)
    assert ours.is_frozen
    torch.testing.assert_close(ours.train()(images_BCHW), ours.eval()(images_BCHW))
    assert not ours(images_BCHW).requires_grad
    assert ours(images_BCHW).shape == (3, *(ours.grid[0] * ours.grid[1], ours.feature_dim)) == (3, 9, 128)


def test_everything_trains_from_all():
    ours = VGG(11, True, 0.0625, "fc7", None, fine_tune_from="all")
    (group,) = ours.trained_groups()
    assert len(group.parameters) == len(list(ours.parameters()))
    assert ours.feature_dim == 256


def test_random_weights_keep_the_size_of_the_signal():
    torch.manual_seed(1)
    ours = VGG(16, layer="conv5_3", weights=None, image_size=64)
    power = ours(torch.randn(2, 3, 64, 64)).square().mean()
    assert 0.1 < power < 10  # He et al.: the second moment neither dies nor grows over 13 layers


def test_coordinates_are_two_more_features_of_each_location():
    torch.manual_seed(2)
    options = {
        "depth": 11,
        "width": 0.1,
        "weights": None,
        "image_size": 64,
        "layer": "pool3",
        "fine_tune_from": "all",
    }
    plain, placed = VGG(**options), VGG(**options, coordinates=True)
    placed.load_state_dict(plain.state_dict())
    images_BCHW = torch.randn(3, 3, 64, 64)
    features_BLF = placed(images_BCHW)
    assert placed.feature_dim == features_BLF.shape[2] == plain.feature_dim + 2
    torch.testing.assert_close(features_BLF[..., :-2], plain(images_BCHW))
    rows, columns = placed.grid
    for index, coordinates in enumerate(features_BLF[1, :, -2:].tolist()):
        row, column = divmod(index, columns)
        assert coordinates == pytest.approx(
            [2 * column / (columns - 1) - 1, 2 * row / (rows - 1) - 1], abs=1e-6
        )
    assert placed.fingerprint() != plain.fingerprint()


def test_fingerprints_tell_weights_layers_and_transforms_apart(vgg16):
    _, file = vgg16
    options = [{}, {"layer": "pool1"}, {"image_size": 40}, {"resize": "squash"}, {"weights_file": None}]
    made = [
        VGG(**({"layer": "conv1_2", "weights": None, "weights_file": file} | option)) for option in options
    ]
    assert len({encoder.fingerprint() for encoder in made}) == len(options)
    assert made[0].fingerprint() == VGG(layer="conv1_2", weights=None, weights_file=file).fingerprint()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"layer": "conv5_4"}, "VGG16 has no layer 'conv5_4'. Did you mean conv5_"),
        ({"layer": "fc8"}, "no layer 'fc8'"),
        ({"layer": "fc7", "weights": None, "coordinates": True}, "fc7 has no locations"),
        ({"layer": "fc7", "image_size": 112}, "fc7 takes a picture of 224 pixels, not 112"),
        ({"weights": "IMAGENET1K_V3"}, "no weights 'IMAGENET1K_V3' of VGG16. Did you mean IMAGENET1K_V1"),
        ({"weights": "IMAGENET1K_FEATURES", "layer": "fc6"}, "convolutions only, so fc6"),
        ({"weights": "IMAGENET1K_FEATURES", "batch_norm": True}, "of VGG16 with batch norm"),
        ({"weights": "caffe"}, "encoder.weights_file=PATH"),
        ({"width": 0.5}, "width 1, not 0.5"),
        ({"weights": None, "width": 0.001}, "leaves no channels"),
        ({"weights": None, "image_size": 8}, "at least 32, not 8"),
        ({"weights": None, "fine_tune_from": "conv6_1"}, "'conv6_1' to fine-tune from"),
        ({"weights": None, "layer": "conv2_1", "fine_tune_from": "conv3_1"}, "up to the chosen one"),
        ({"weights": None, "learning_rate": 0.1}, "fine_tune_from"),
        ({"weights_file": "nowhere.pth"}, "no weights file nowhere.pth"),
    ],
)
def test_wrong_options_are_refused(options, sentence):
    with pytest.raises(UserError, match=sentence):
        ENCODERS.build({"name": "vgg"} | options)


def test_wrong_files_are_refused(tmp_path):
    right = torch.nn.Conv2d(3, 64, 3).state_dict(prefix="features.0.")
    nan = {key: value / 0 for key, value in right.items()}
    contents = {
        "empty.pth": (b"", "cannot be read"),
        "noise.pth": (b"not weights", "cannot be read"),
        "noise.safetensors": (b"not weights", "cannot be read"),
        "list.pth": ([1, 2], "holds no state dict"),
        "code.pth": (torch.nn.Conv2d(3, 64, 3), "cannot be read"),
        "lacks.pth": ({"features.0.weight": right["features.0.weight"]}, "lacks conv1_1.bias, which"),
        "shape.pth": (torch.nn.Conv2d(3, 65, 3).state_dict(prefix="features.0."), "needs .64"),
        "nan.pth": (nan, "not numbers"),
    }
    for name, (content, sentence) in contents.items():
        (tmp_path / name).write_bytes(content) if isinstance(content, bytes) else torch.save(
            content, tmp_path / name
        )
        with pytest.raises(UserError, match=sentence):
            VGG(layer="conv1_1", weights_file=str(tmp_path / name))


def test_without_a_network_it_says_at_once_how_to_go_on(monkeypatch, capsys):
    def no_network(request, timeout):
        assert timeout <= 5
        raise URLError("no route to host")

    monkeypatch.setattr(weights, "urlopen", no_network)
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_: pytest.fail("tried to download"))
    with pytest.raises(
        UserError, match=r"vgg19_bn-c79401a0.pth cannot.*https://.*encoder\.weights_file=PATH"
    ):
        VGG(19, batch_norm=True)
    assert "downloading vgg19_bn-c79401a0.pth (548 MB) from https://" in capsys.readouterr().err


def test_a_download_is_announced_checked_and_used_once(monkeypatch, capsys):
    torch.manual_seed(0)
    state = torch.nn.Conv2d(3, 64, 3).state_dict(prefix="features.0.")
    downloads = []

    def download(url, path, digest):
        downloads.append((url, digest))
        torch.save(state, path)

    monkeypatch.setattr(weights, "urlopen", lambda request, timeout: io.BytesIO())
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    made = [VGG(layer="conv1_1", weights=name) for name in ("imagenet", "VGG16_Weights.IMAGENET1K_V1")]
    assert downloads == [("https://download.pytorch.org/models/vgg16-397923af.pth", "397923af")]
    assert all(torch.equal(ours.layers.conv1_1.weight, state["features.0.weight"]) for ours in made)
    assert capsys.readouterr().err.count("528 MB") == 1


def test_a_download_cut_off_is_a_sentence_too(monkeypatch):
    def download(*_):
        raise ConnectionResetError("connection reset by peer")

    monkeypatch.setattr(weights, "urlopen", lambda request, timeout: io.BytesIO())
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(UserError, match="connection reset by peer"):
        VGG()
