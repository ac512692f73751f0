"""Cut timm's models at a layer: what runs before it, and nothing behind it.

B batch, L locations, F feature.
"""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from captioner.errors import UserError, nearest

POOLED = "pooled"  # name of timm's own vector of a whole picture, the input of its classifier


def stages(names: Iterable[str]) -> list[str]:
    """Return the names of modules and of their parts, not of what is deeper."""
    return [name for name in names if name and name.count(".") < 2]


def modules_from(first: str | None, called: list[str], layer: str) -> list[str]:
    """Return the names of the modules that fine-tuning changes.

    Args:
        first: the first of them, `all` for the whole model, or None for none of it.
        called: names of the modules that run up to the layer, in order.
        layer: the name of the layer whose output is used.

    Returns:
        The names; that of the whole model is empty.

    Raises:
        UserError: there is no such module.
    """
    if first is None:
        return []
    if first == "all":
        return [""]
    if first not in called:
        raise UserError(
            f"There is no module {first!r} to fine-tune from up to {layer}. "
            f"{nearest(first, ['all', *stages(called)])}"
        )
    return called[called.index(first) :]


def trained_depthwise(net: nn.Module) -> list[nn.Conv2d]:
    """Return the trained convolutions of each channel by itself.

    The gradient of their weights takes a CPU eight times as long in bf16 as in single precision.
    """
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    return [one for one in convolutions if one.groups == one.in_channels > 1 and one.weight.requires_grad]


def outermost(names: list[str]) -> list[str]:
    """Leave out modules inside of others, of names in the order in which modules run."""
    kept: list[str] = []
    for name in names:
        if not kept or not name.startswith(f"{kept[-1]}."):
            kept.append(name)
    return kept


class LayerReached(Exception):  # noqa: N818 (no error: it stops the model at a layer and carries its output)
    """Raised by a hook: carries the output of the layer."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


def stop_here(_module: nn.Module, _inputs: Any, output: Any) -> None:
    """Stop the model with the output of this layer, as a forward hook.

    Args:
        _module: the layer.
        _inputs: of the layer.
        output: of the layer.

    Raises:
        LayerReached: always.
    """
    raise LayerReached(output)


def patches(net: nn.Module, tokens_BLF: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Leave out class and register tokens.

    Args:
        net: the model that made the tokens.
        tokens_BLF: all of them.

    Returns:
        The tokens of patches, and their rows and columns; one row where the model does not give its grid.
    """
    grid = getattr(getattr(net, "patch_embed", None), "grid_size", None)
    prefix = int(getattr(net, "num_prefix_tokens", 0))
    rows, columns = (int(side) for side in grid) if grid else (1, tokens_BLF.shape[1] - prefix)
    if tokens_BLF.shape[1] == rows * columns + prefix:
        tokens_BLF = tokens_BLF[:, prefix:]
    elif tokens_BLF.shape[1] != rows * columns:  # merged tokens, whose grid the model does not give
        rows, columns = 1, tokens_BLF.shape[1]
    return tokens_BLF, (rows, columns)


def remove_uncalled(net: nn.Module, layer: str, called: list[str]) -> None:
    """Replace every module that did not run by an identity, at every level of the path to a layer.

    Args:
        net: the model; it is changed.
        layer: the name of the layer, or `pooled`.
        called: names of the modules that ran.
    """
    parents = [".".join(layer.split(".")[:depth]) for depth in range(layer.count(".") + 1)]
    for parent_name in parents if layer != POOLED else []:
        parent = net.get_submodule(parent_name)
        for name, _ in list(parent.named_children()):
            path = f"{parent_name}.{name}".lstrip(".")
            if not any(ran == path or ran.startswith(f"{path}.") for ran in called):
                setattr(parent, name, nn.Identity())
