"""Write and read files of tensors: safetensors, no pickle."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from captioner.errors import UserError


def save_tensors(tensors: Mapping[str, Tensor], file: Path) -> None:
    """Write tensors by their names.

    Args:
        tensors: on any device.
        file: the new file.

    Raises:
        OSError: the disk is full, or the file cannot be written.
    """
    try:
        save_file({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}, file)
    except SafetensorError as problem:
        raise OSError(str(problem)) from None
    file.chmod(0o644)  # safetensors makes it for its owner alone


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Read a file that `save_tensors` wrote.

    Args:
        file: the file.

    Returns:
        Tensors by their names.

    Raises:
        UserError: the file is damaged, or holds numbers that are not finite.
    """
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file} cannot be read: {error}.") from None
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise UserError(f"{file} is damaged: {name} holds numbers that are not finite.")
    return tensors
