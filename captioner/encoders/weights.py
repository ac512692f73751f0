"""Pretrained weights: from a local file, the torch hub cache, or a download announced before it starts."""

import contextlib
import pickle
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from captioner.errors import UserError

TIMEOUT = 5.0  # seconds without an answer after which there is no network


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read the state dict in a `.safetensors` file or a `.pth` file; no code in the file is run.

    Args:
        path: the file.

    Returns:
        Tensors by name.

    Raises:
        UserError: there is no such file, or it holds something else.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise UserError(f"There is no weights file {path}.")
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0].rstrip(".") or "it is empty"
        raise UserError(f"The weights file {path} cannot be read: {reason}.") from None
    stored = stored.get("state_dict", stored) if isinstance(stored, dict) else None
    if not isinstance(stored, dict) or not all(isinstance(value, Tensor) for value in stored.values()):
        raise UserError(f"The weights file {path} holds no state dict (names and tensors).")
    return stored


def fetch_weights(url: str, megabytes: float | None = None) -> dict[str, Tensor]:
    """Read the state dict at `url`, from torch's hub cache or downloaded into it.

    Args:
        url: where the file lies; a hash in its name is verified.
        megabytes: its size, for the announcement; None: not known.

    Returns:
        Tensors by name.

    Raises:
        UserError: it is not in the cache and there is no network; says how to use a local copy.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name
    if not path.is_file():
        with downloading(url, megabytes):
            path.parent.mkdir(parents=True, exist_ok=True)
            digest = re.search(r"-([0-9a-f]{8,})\.", path.name)
            torch.hub.download_url_to_file(url, str(path), digest.group(1) if digest else None)
    return read_weights(path)


@contextlib.contextmanager
def downloading(url: str, megabytes: float | None = None) -> Iterator[None]:
    """Announce a download, and turn a missing network into one sentence within seconds.

    Args:
        url: where the file lies.
        megabytes: its size; None: not known.

    Yields:
        Nothing: the download runs inside.

    Raises:
        UserError: the server cannot be reached, or stopped answering.
    """
    name = Path(urlsplit(url).path).name
    size = f"{megabytes:.0f} MB" if megabytes else "size not known before"
    print(f"downloading {name} ({size}) from {url}", file=sys.stderr)
    try:
        urlopen(Request(url, method="HEAD"), timeout=TIMEOUT).close()
        yield
    except OSError as error:  # URLError and the errors of huggingface_hub among them
        raise UserError(
            f"{name} cannot be downloaded ({getattr(error, 'reason', error)}): get {url} where there is "
            "a network and name the copy with encoder.weights_file=PATH."
        ) from None


def load_needed(module: nn.Module, weights: Mapping[str, Tensor], origin: str) -> None:
    """Fill every tensor of `module` from `weights`; further tensors in `weights` are ignored.

    Args:
        module: the module.
        weights: tensors by the names of the module's state dict.
        origin: name of the weights for messages.

    Raises:
        UserError: a tensor is missing, of another shape, or not finite.
    """
    needed: dict[str, Any] = module.state_dict()
    # Files from before 2018 lack the counts of batches, which change no feature.
    missing = [key for key in needed if key not in weights and not key.endswith("num_batches_tracked")]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UserError(f"{origin} lacks {missing[0]}{more}, which the chosen layer needs.")
    for key in needed.keys() & weights.keys():
        given, wanted = tuple(weights[key].shape), tuple(needed[key].shape)
        if given != wanted:
            raise UserError(f"{origin} has {key} of shape {given}, but this encoder needs {wanted}.")
        if not weights[key].isfinite().all():
            raise UserError(f"{origin} has values in {key} that are not numbers: it is not meant to be used.")
    module.load_state_dict({key: weights.get(key, value) for key, value in needed.items()})


def report_absent(path: str, absent: Iterable[str], layer: str) -> None:
    """Print to stderr which tensors a file lacks that a full model would have, but `layer` does not need.

    Args:
        path: the file.
        absent: names of the tensors.
        layer: the chosen layer.
    """
    names = sorted(absent)
    if names:
        listed = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        print(
            f"{path} lacks {len(names)} tensors behind {layer}, which are not used: {listed}", file=sys.stderr
        )
