"""Open folders on disk, or at an address of an object store, as fsspec file systems."""

import os
from functools import cache
from pathlib import Path
from typing import Any

from captioner.errors import UserError


def absolute_address(folder: str) -> str:
    """Return a folder's absolute path; an address such as `s3://bucket/folder` without its last slash."""
    return folder.rstrip("/") if "://" in folder else str(Path(folder).expanduser().resolve())


def open_folder(address: str) -> tuple[Any, str]:
    """Open the file system of a folder.

    Args:
        address: as `absolute_address` returns it.

    Returns:
        The `fsspec` file system, and the folder's path in it.

    Raises:
        UserError: there is no such kind of address, or its package is not installed.
    """
    return _opened(address, os.getpid())


@cache  # by process: file systems that keep connections open do not survive a fork
def _opened(address: str, process: int) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    try:
        file_system, path = url_to_fs(address)
    except (ImportError, ValueError) as problem:
        raise UserError(f"{address} cannot be opened: {str(problem).rstrip('.')}.") from None
    return file_system, path
