"""Read a Hugging Face data set with images: from disk, or by name from the hub."""

import hashlib
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from captioner.data.splits import hold_out
from captioner.errors import UserError, nearest, quotation

if TYPE_CHECKING:
    from datasets import Dataset

USUAL = {"train": ("train",), "val": ("val", "validation", "valid", "dev"), "test": ("test",)}
SECONDS_TO_ANSWER = 5
HELD_OUT = 0.1  # share of the images of train that are val where the data set has no such split

Row = TypeVar("Row")


class HubPictures:
    """The splits of a data set; images stay encoded, as they were saved, until `load_image` reads them.

    A row is named by its path, `<split>/<row>`.

    Args:
        path: a folder written by `save_to_disk`, a folder or name that `datasets.load_dataset` takes.
        name: which of the configurations of the data set, where it has several.
        image_column: the column of images.
        columns: the other columns that are read, by what they hold: `caption` for the option caption_column.
        splits: our name of each split -> its name in the data set; without, train, val (also called
            validation, valid, dev) and test are taken where they are.
    """

    def __init__(
        self,
        path: str,
        name: str | None,
        image_column: str,
        columns: Mapping[str, str],
        splits: Mapping[str, str] | None,
    ) -> None:
        self.path = path
        self.name = name
        self.image_column = image_column
        self.columns = columns
        self.wanted = splits

    @cached_property
    def splits(self) -> "dict[str, Dataset]":
        """Load the data set.

        Returns:
            The rows of each split: the image as bytes or a path, and the columns.

        Raises:
            UserError: the data set, a split or a column is not there, or the hub cannot be reached.
        """
        from datasets import Image

        loaded = self._load()
        names = [self.image_column, *self.columns.values()]
        options = " and ".join(f"{what}_column=" for what in ("image", *self.columns))
        datasets = {}
        for split, theirs in self._names(loaded).items():
            dataset = loaded[theirs]
            for column in names:
                if column not in dataset.features:
                    raise UserError(
                        f"{self.path} has no column {column!r}. {nearest(column, dataset.features)} "
                        f"Set {options} of the data set."
                    )
            if not isinstance(feature := dataset.features[self.image_column], Image):
                raise UserError(
                    f"{self.path}: the column {self.image_column!r} holds {feature}, not pictures."
                )
            datasets[split] = dataset.select_columns(names).cast_column(
                self.image_column, Image(decode=False)
            )
        return datasets

    def image(self, path: str) -> bytes | Path:
        """Return the encoded image of a row, or its file where the data set holds a path."""
        split, _, row = path.rpartition("/")
        cell = self.splits[split][int(row)][self.image_column] or {}
        if cell.get("bytes") is None and cell.get("path"):
            return Path(cell["path"])
        return cell.get("bytes") or b""

    def divided(self, rows: Mapping[str, list[Row]]) -> Mapping[str, list[Row]]:
        """Hold a val split out of train where the data set has none, and say so on standard error.

        Args:
            rows: the rows of each split, in the order of the data set.

        Returns:
            The rows of each split. Which are held out depends on their images alone; all rows of an image are
            in one split, and of a single image none are held out.
        """
        if "train" not in rows or "val" in rows or self.wanted is not None:
            return rows
        names = [self._image_digest(cell) for cell in self.splits["train"][self.image_column]]
        count = max(1, round(len(set(names)) * HELD_OUT))
        if count >= len(set(names)):
            return rows
        split_of = hold_out(names, {"val": count})
        parts: dict[str, list[Row]] = {"train": [], "val": []}
        for name, row in zip(names, rows["train"], strict=True):
            parts[split_of[name]].append(row)
        print(
            f"{self.path} has no split to validate on: {len(parts['val']):,} of {len(names):,} rows are held "
            "out of train",
            file=sys.stderr,
        )
        return {**parts, **{split: own for split, own in rows.items() if split != "train"}}

    def _image_digest(self, cell: Mapping[str, Any] | None) -> str:
        """Return a name of an image that is the same in every row, and wherever the data set lies."""
        content, path = (cell or {}).get("bytes"), (cell or {}).get("path") or ""
        folder = Path(self.path).expanduser().resolve()
        return hashlib.sha256(content or os.path.relpath(path or folder, folder).encode()).hexdigest()

    def texts(self, column: str, row: str, cell: Any) -> list[str]:
        """Return the texts of a cell, which holds one, several or none.

        Args:
            column: its column, for the message.
            row: the path of its row, for the message.
            cell: its value.

        Returns:
            The texts; an empty one for an empty cell.

        Raises:
            UserError: it holds something else.
        """
        texts = cell if isinstance(cell, list) else ["" if cell is None else cell]
        if not all(isinstance(text, str) for text in texts):
            raise UserError(
                f"{self.path}: {column!r} of {row} is {quotation(cell)}, not text or a list of texts."
            )
        return texts

    def _names(self, loaded: Mapping[str, Any]) -> dict[str, str]:
        if self.wanted is None:
            found = {ours: [name for name in names if name in loaded][:1] for ours, names in USUAL.items()}
            names = {ours: theirs[0] for ours, theirs in found.items() if theirs}
        else:
            names = dict(self.wanted)
        if not names:
            raise UserError(
                f"{self.path} has only the splits {', '.join(loaded)}; set splits= of the data set."
            )
        for name in names.values():
            if name not in loaded:
                raise UserError(f"{self.path} has no split {name!r}. {nearest(name, loaded)}")
        return names

    def _load(self) -> "Mapping[str, Dataset]":
        import datasets

        folder = Path(self.path).expanduser()
        try:
            if (folder / "dataset_dict.json").is_file():
                return dict(datasets.load_from_disk(str(folder)))
            if (folder / "state.json").is_file():
                dataset = datasets.load_from_disk(str(folder))
                return {str(dataset.split or "train"): dataset}
            if not folder.exists():
                self._reach_hub()
            return dict(datasets.load_dataset(str(folder) if folder.exists() else self.path, self.name))
        except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise UserError(f"The data set {self.path} cannot be loaded: {reason}") from None

    def _reach_hub(self) -> None:
        """Ask once whether the hub answers; its own client tries for half a minute."""
        from datasets import config

        request = urllib.request.Request(config.HF_ENDPOINT, method="HEAD")
        try:
            if not config.HF_HUB_OFFLINE:
                urllib.request.urlopen(request, timeout=SECONDS_TO_ANSWER).close()
        except urllib.error.HTTPError:
            return
        except OSError as error:
            raise UserError(
                f"There is no folder {self.path}, and the hub {config.HF_ENDPOINT} does not answer "
                f"({getattr(error, 'reason', error)}). If it was loaded before, set HF_HUB_OFFLINE=1; "
                "otherwise save it by save_to_disk where there is a network, and set path= to that folder."
            ) from None
