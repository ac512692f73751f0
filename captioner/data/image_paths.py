"""Find the images that a data set names: also under another case, Unicode normal form or separator."""

import os
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from captioner.errors import printable
from captioner.files.read import encodable


class ImageFinder:
    """Find files by their names; each folder is listed once."""

    def __init__(self) -> None:
        self._listed: dict[str, dict[str, list[str]]] = {}

    def find(self, path: str) -> str | None:
        """Return the file of a path: the exact one, or else the only one that differs as little.

        Args:
            path: an absolute path.

        Returns:
            The path of the file, or None.
        """
        folder, name = os.path.split(path)
        if name in self._names(folder).get(_folded(name), []):
            return path
        return self._walk(path) or (self._walk(path.replace("\\", "/")) if "\\" in path else None)

    def _walk(self, path: str) -> str | None:
        """Go down the folders of a path, and choose each name among those that are there."""
        start, *names = Path(path).parts
        for name in names:
            exact = os.path.join(start, name)
            if os.path.lexists(exact):
                start = exact
                continue
            found = self._names(start).get(_folded(name), [])
            if len(found) != 1 or found[0] != encodable(found[0]):
                return None
            start = os.path.join(start, found[0])
        return start

    def _names(self, folder: str) -> dict[str, list[str]]:
        """Return the names in a folder, by what they have in common with those that differ as little."""
        if folder not in self._listed:
            names: dict[str, list[str]] = {}
            try:
                for name in os.listdir(folder):
                    names.setdefault(_folded(name), []).append(name)
            except (OSError, ValueError):  # no folder, or a name that no folder can have
                pass
            self._listed[folder] = names
        return self._listed[folder]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def found_paths(paths: Sequence[str]) -> list[str]:
    """Return paths of images as they are on disk; how many differ is said on standard error.

    Args:
        paths: absolute paths, or names inside a data set, which are not looked for.

    Returns:
        A path for each; as it was where there is no such file, or several that fit.
    """
    finder = ImageFinder()
    on_disk = {path: finder.find(path) or path for path in dict.fromkeys(paths) if os.path.isabs(path)}
    others = [(path, found) for path, found in on_disk.items() if path != found]
    if others:
        names = " for ".join(os.path.basename(path) for path in reversed(others[0]))
        how = "found under another case, Unicode form or separator"
        print(printable(f"{how}: {len(others):,} pictures, such as {names}"), file=sys.stderr)
    return [encodable(on_disk.get(path, path)) for path in paths]


def folder_of(names: Sequence[str], folder: Path, subfolders: Sequence[str]) -> str:
    """Return the folder that images lie in.

    Args:
        names: their names, relative to it.
        folder: where they are looked for first.
        subfolders: folders in it, where they are looked for next.

    Returns:
        The first folder that holds the first of the images that is found at all; else `folder`.
    """
    finder = ImageFinder()
    roots = [str(folder), *(str(folder / name) for name in subfolders)]
    there = [root for root in (finder.find(root) for root in roots) if root is not None]
    holding = (root for name in names for root in there if finder.find(os.path.join(root, name)))
    return next(holding, str(folder))
