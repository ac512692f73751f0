"""Precisions that models compute in: what may be asked for, and what a device computes natively.

The encoder's weights are cast. Decoders and heads keep theirs, and their scores, in single precision: the
eight binary digits of bf16 are too few for logits.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""`auto` is what the device computes natively."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
HalfPrecision = Literal["bf16", "fp16"]
"""Two bytes a number, with 8 and with 11 binary digits."""
MANY_IMAGES = 8
"""Decoded together, from which on the products of `decoder_products` are quicker."""
DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""The types of torch by the name of their precision."""
BF16_INSTRUCTIONS = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
"""Functions of `torch.cpu`: whether this CPU has products of bfloat16 matrices, or of vectors."""


def chosen_precision(asked: Precision, device: "torch.device") -> Precision:
    """Return the precision that a model computes in.

    Args:
        asked: one of `PRECISIONS`.
        device: where the model is.

    Returns:
        fp32, bf16 or fp16.

    Raises:
        UserError: there is no such precision, or torch does not compute in it on this device.
    """
    from captioner.errors import UserError, check_type

    check_type("precision", asked, Precision)
    if asked == "auto":
        return native_precision(device)
    if asked == "fp16" and device.type == "cpu" and not cpu_has_half_kernels():
        raise UserError("torch has no kernels for fp16 on this CPU: choose the precision auto, fp32 or bf16.")
    return asked


def native_precision(device: "torch.device") -> Precision:
    """Return the shortest precision that a device has units for, bf16 before fp16; fp32 where it has none."""
    import torch

    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"
    return "bf16" if device.type == "cpu" and cpu_has_bf16_instructions() else "fp32"


def cpu_has_bf16_instructions() -> bool:
    """Return whether this CPU computes in bfloat16, by AMX or AVX-512: others do it many times slower."""
    import torch

    return any(getattr(torch.cpu, name, bool)() for name in BF16_INSTRUCTIONS)


def cpu_has_half_kernels() -> bool:
    """Return whether torch has what models need in half precision on this CPU: convolution and product."""
    import torch

    x_1111 = torch.zeros(1, 1, 1, 1, dtype=torch.half)
    try:
        torch.conv2d(x_1111, x_1111) @ x_1111
    except RuntimeError:
        return False
    return True


def cast_weights(model: "nn.Module", precision: Precision) -> None:
    """Cast a module's parameters and buffers in place, but for those of batch normalisation.

    Batch normalisation takes inputs of any precision. Its mean and variance stay exact: rounded too, they
    make the error of an EfficientNet's features an eighth larger in bf16 (0.065 for 0.057), and cost nothing.

    Args:
        model: stays as it is in fp32.
        precision: fp32, bf16 or fp16.
    """
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm

    dtype: torch.dtype = getattr(torch, DTYPES[precision])
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            continue
        for tensor in chain(module.parameters(recurse=False), module.buffers(recurse=False)):
            if tensor.is_floating_point():
                tensor.data = tensor.data.to(dtype)


@contextmanager
def decoder_products(precision: Precision, num_images: int) -> Iterator[None]:
    """Let products of float32 matrices, inside, be computed from numbers of bf16 (or TF32) with float32 sums.

    Weights are converted at every product, which a few rows are not worth.

    Args:
        precision: that the images were encoded in; it is done for bf16.
        num_images: that are decoded together.
    """
    import torch

    before = torch.get_float32_matmul_precision()
    if precision == "bf16" and num_images >= MANY_IMAGES:
        torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def exclude_from_autocast(module: "nn.Module") -> None:
    """Have a module compute in single precision on a CPU, also where autocast would have it compute in bf16.

    Args:
        module: with one input and weights in single precision; it is changed, and can be copied as before.
    """
    # A method, not a closure: a deep copy of the module gets one of its own.
    module.forward = partial(_without_autocast, module.forward)


def _without_autocast(forward: "Callable[[Tensor], Tensor]", x: "Tensor") -> "Tensor":
    import torch

    if not torch.is_autocast_enabled("cpu"):
        return forward(x)
    with torch.autocast("cpu", enabled=False):
        return forward(x.float())


def weights_dtype(model: "nn.Module") -> "torch.dtype":
    """Return the type that a model computes in, and takes: of its weights but batch normalisation's."""
    import torch

    dtypes = (parameter.dtype for parameter in model.parameters())
    return next((dtype for dtype in dtypes if dtype != torch.float), torch.float)


def in_single_precision(tensor: "Tensor") -> "Tensor":
    """Return a tensor in single precision, or better if it is better: for softmax, sums and scores."""
    return tensor.float() if tensor.dtype.itemsize < 4 else tensor
