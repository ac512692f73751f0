"""VGG up to a layer named as in the paper.   B batch, C channels, H height, W width, L locations, F feature.

Source: Simonyan and Zisserman (2015), "Very deep convolutional networks for large-scale image recognition".
"""

import re
from itertools import chain
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn

from captioner.encoders.base import ENCODERS, Encoder, ParameterGroup, freeze
from captioner.encoders.vgg_weights import Source, published_weights, standardisation, stored_weights
from captioner.encoders.weights import load_needed
from captioner.errors import UserError, nearest
from captioner.preprocessing import Preprocessing
from captioner.ranges import ImageSize, PathName, Positive

CONVOLUTIONS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}  # of each block
CHANNELS = (64, 128, 256, 512, 512)  # of each block
FULLY_CONNECTED = 4096
FC_SIDE = 7  # of pool5 at 224 pixels, the input of fc6
InputSize = Annotated[int, Ge(32), Le(4096)]  # so that pool5 has a location
Width = Annotated[float, Gt(0), Le(4)]


@ENCODERS.register("vgg")
class VGG(Encoder):
    """The layers of VGG up to a chosen one; the rest is not created.

    conv5_3 of VGG16 at 224 pixels is L=196, F=512; pool5 is L=49; fc7 is L=1, F=4096. A name means the
    layer's output after its ReLU, as in papers.

    Args:
        depth: 11, 13, 16 or 19 weight layers.
        batch_norm: normalise each convolution's output.
        width: factor on the number of channels; pretrained weights exist for 1 only.
        layer: conv<block>_<number>, pool<block>, fc6 or fc7.
        weights: `imagenet` or another name of torchvision's weights (IMAGENET1K_FEATURES ...); `caffe` for
            the authors' own, from `weights_file`, whose first layer takes blue, green, red and is reversed
            to take red, green, blue; None for random values (He et al., 2015).
        weights_file: a local copy, with torchvision's names (features.0.weight) or Caffe's (conv1_1.weight);
            `weights` then only determines mean and deviation of the pixels (None: as `imagenet`).
        image_size: side of the square input in pixels.
        resize: `crop` keeps the aspect and takes the middle, `squash` takes all and does not.
        resize_size: what pictures are resized to before the square is cut out; None: 8/7 of `image_size`
            for `crop` (256 for 224), `image_size` for `squash`.
        coordinates: add two features to each location, its column and row from -1 to 1 (Liu et al., 2018):
            a context vector of attention then contains its position.
        fine_tune_from: the first layer that training changes, by name; `all` for every layer; None: frozen.
        learning_rate: of the fine-tuned layers; None: that of the rest of the model.

    Raises:
        UserError: a name is wrong, options contradict each other, or weights cannot be had.
    """

    def __init__(
        self,
        depth: Literal[11, 13, 16, 19] = 16,
        batch_norm: bool = False,
        width: Width = 1.0,
        layer: str = "conv5_3",
        weights: str | None = "imagenet",
        weights_file: PathName | None = None,
        image_size: InputSize = 224,
        resize: Literal["squash", "crop"] = "crop",
        resize_size: ImageSize | None = None,
        coordinates: bool = False,
        fine_tune_from: str | None = None,
        learning_rate: Positive | None = None,
    ) -> None:
        super().__init__()
        _check(depth, layer, image_size, width, weights, weights_file)
        published = published_weights(depth, batch_norm, layer, weights)
        self.learning_rate = learning_rate
        self.layers = nn.Sequential()
        self.feature_dim = 3
        for name in _module_names(depth, batch_norm, layer):
            module = _module(name, self.feature_dim, width)
            self.layers.add_module(name, module)
            self.feature_dim = getattr(
                module, "out_channels", getattr(module, "out_features", self.feature_dim)
            )
        self._num_frozen = self._first_trained(fine_tune_from)
        if coordinates:
            if layer.startswith("fc"):
                raise UserError(
                    f"encoder vgg: {layer} has no locations to give coordinates of; choose pool5 or below."
                )
            self.layers.add_module("coordinates", Coordinates())
            self.feature_dim += 2
        side = image_size >> sum(isinstance(module, nn.MaxPool2d) for module in self.layers)
        self.grid = (1, 1) if layer.startswith("fc") else (side, side)
        self.preprocessing = Preprocessing(
            size=image_size,
            resize=resize,
            resize_size=resize_size or (round(image_size * 8 / 7) if resize == "crop" else None),
            **standardisation(weights, published),
        )
        self.pretrained = weights is not None or weights_file is not None
        self._fill(stored_weights(weights, weights_file, published, _torchvision_names(depth, batch_norm)))
        freeze(self.layers[: self._num_frozen])
        self.train()

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Compute features_BLF of normalised images."""
        maps_BCHW = images_BCHW
        with torch.no_grad():
            for module in self.layers[: self._num_frozen]:
                maps_BCHW = module(maps_BCHW)
        for module in self.layers[self._num_frozen :]:
            maps_BCHW = module(maps_BCHW)
        if maps_BCHW.ndim == 2:
            return maps_BCHW.unsqueeze(1)
        return maps_BCHW.flatten(2).transpose(1, 2)

    def train(self, mode: bool = True) -> "VGG":
        """Set the mode of the fine-tuned layers; frozen ones, batch statistics too, stay in evaluation."""
        super().train(mode)
        self.layers[: self._num_frozen].eval()
        return self

    def trained_groups(self) -> list[ParameterGroup]:
        """Return the parameters from `fine_tune_from` on."""
        trained = list(self.layers[self._num_frozen :].parameters())
        return [ParameterGroup(trained, self.learning_rate)] if trained else []

    def _first_trained(self, fine_tune_from: str | None) -> int:
        names = [name for name, _ in self.layers.named_children()]
        if fine_tune_from is None:
            if self.learning_rate is not None:
                raise UserError(
                    "encoder vgg: learning_rate is for fine-tuning; set fine_tune_from to the first layer."
                )
            return len(names)
        if fine_tune_from == "all":
            return 0
        trainable = [name for name in names if name.startswith(("conv", "fc"))]
        if fine_tune_from not in trainable:
            raise UserError(
                f"encoder vgg: there is no layer {fine_tune_from!r} to fine-tune from up to the chosen one. "
                f"{nearest(fine_tune_from, ['all', *trainable])}"
            )
        return names.index(fine_tune_from)

    def _fill(self, source: Source | None) -> None:
        if source is not None:
            load_needed(self.layers, *source)
            return
        for module in self.layers:
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)


class Coordinates(nn.Module):
    """Two more channels of maps: the column, then the row, of each location, from -1 to 1."""

    def forward(self, maps_BCHW: Tensor) -> Tensor:
        """Append the channels: C + 2 in all."""
        B, _, H, W = maps_BCHW.shape
        x_W, y_H = (torch.linspace(-1, 1, n, device=maps_BCHW.device, dtype=maps_BCHW.dtype) for n in (W, H))
        x_B1HW, y_B1HW = x_W.expand(B, 1, H, W), y_H.unsqueeze(1).expand(B, 1, H, W)
        return torch.cat([maps_BCHW, x_B1HW, y_B1HW], dim=1)


def layer_names(depth: int) -> list[str]:
    """Return the names of the layers of a VGG, in order.

    >>> layer_names(11)[-4:]
    ['conv5_2', 'pool5', 'fc6', 'fc7']
    """
    blocks = (
        [*(f"conv{block}_{number}" for number in range(1, convolutions + 1)), f"pool{block}"]
        for block, convolutions in enumerate(CONVOLUTIONS[depth], start=1)
    )
    return [*chain.from_iterable(blocks), "fc6", "fc7"]


def _module_names(depth: int, batch_norm: bool, layer: str) -> list[str]:
    names = layer_names(depth)
    listed: list[str] = []
    for name in names[: names.index(layer) + 1]:
        number = re.sub("[a-z]", "", name)
        if name == "fc6":
            listed.append("flat")
        listed.append(name)
        if name.startswith("conv") and batch_norm:
            listed.append(f"bn{number}")
        if not name.startswith("pool"):
            listed.append(f"relu{number}")
    return listed


def _module(name: str, before: int, width: float) -> nn.Module:
    match name.rstrip("0123456789_"):
        case "conv":
            return nn.Conv2d(before, round(CHANNELS[int(name[4]) - 1] * width), 3, padding=1)
        case "bn":
            return nn.BatchNorm2d(before)
        case "relu":
            return nn.ReLU(inplace=True)
        case "pool":
            return nn.MaxPool2d(2)
        case "flat":
            return nn.Flatten()
    return nn.Linear(before * FC_SIDE**2 if name == "fc6" else before, round(FULLY_CONNECTED * width))


def _check(
    depth: int, layer: str, image_size: int, width: float, weights: str | None, weights_file: str | None
) -> None:
    names = layer_names(depth)
    if layer not in names:
        raise UserError(f"VGG{depth} has no layer {layer!r}. {nearest(layer, names)}")
    if layer.startswith("fc") and image_size != 224:
        raise UserError(
            f"encoder vgg: {layer} takes a picture of 224 pixels, not {image_size}; choose pool5 or below."
        )
    if round(CHANNELS[0] * width) < 1:
        raise UserError(f"encoder vgg: width {width} leaves no channels.")
    if width != 1 and (weights or weights_file):
        raise UserError(
            f"encoder vgg: pretrained weights are of width 1, not {width}; set weights=null for random ones."
        )
    if weights == "caffe" and not weights_file:
        raise UserError(
            "encoder vgg: the Caffe weights come from a local file: convert "
            f"VGG_ILSVRC_{depth}_layers.caffemodel to .pth or .safetensors and set encoder.weights_file=PATH."
        )


def _torchvision_names(depth: int, batch_norm: bool) -> dict[str, str]:
    """Return the paper's name of each module by torchvision's."""
    features = enumerate(_module_names(depth, batch_norm, "pool5"))
    return {f"features.{index}": name for index, name in features} | {
        "classifier.0": "fc6",
        "classifier.3": "fc7",
    }
