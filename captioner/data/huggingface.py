"""Captioned pictures as a Hugging Face data set: on disk, or by name on the hub."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioner.data.base import DATASETS, CaptionRow, CaptionSource, table
from captioner.data.files import one_line_each
from captioner.errors import UserError, nearest

if TYPE_CHECKING:
    from datasets import Dataset

USUAL = {"train": ("train",), "val": ("val", "validation", "valid", "dev"), "test": ("test",)}
SECONDS_TO_ANSWER = 5


@DATASETS.register("huggingface")
class HuggingFaceCaptions(CaptionSource):
    """A data set with a column of pictures and a column of captions, a text or a list of texts a row.

    The pictures stay encoded, as they were saved, until `load_image` reads them. The path of a row is
    `<split>/<row>`, its id the number of the row counted through train, val and test.

    Args:
        path: a folder written by `save_to_disk`, a folder or name that `datasets.load_dataset` takes.
        name: which of the configurations of the data set, where it has several.
        image_column: the column of pictures.
        caption_column: the column of captions.
        splits: our name of each split -> its name in the data set; without, train, val (also called
            validation, valid, dev) and test are taken where they are.
    """

    def __init__(
        self,
        path: str,
        name: str | None = None,
        image_column: str = "image",
        caption_column: str = "caption",
        splits: dict[str, str] | None = None,
    ) -> None:
        self.path = path
        self.name = name
        self.image_column = image_column
        self.caption_column = caption_column
        self.wanted = splits

    def tables(self) -> "Mapping[str, Dataset]":
        """The tables of the splits.

        Raises:
            UserError: the data set, a split or a column is not there, or the hub cannot be reached.
        """
        tables, first = {}, 0
        for split, dataset in self._splits.items():
            captions = dataset[self.caption_column]
            tables[split] = table(
                CaptionRow(
                    image_id=first + row, path=f"{split}/{row}", captions=self._captions(split, row, cell)
                )
                for row, cell in enumerate(captions)
            )
            first += len(dataset)
        return tables

    def image(self, split: str, path: str) -> bytes | Path:
        """The encoded picture of a row, or its file where the data set only points to one."""
        cell = self._splits[split][int(path.rpartition("/")[2])][self.image_column] or {}
        if cell.get("bytes") is None and cell.get("path"):
            return Path(cell["path"])
        return cell.get("bytes") or b""

    @cached_property
    def _splits(self) -> "dict[str, Dataset]":
        from datasets import Image

        loaded = self._load()
        datasets = {}
        for split, theirs in self._names(loaded).items():
            dataset = loaded[theirs]
            for column in (self.image_column, self.caption_column):
                if column not in dataset.features:
                    raise UserError(
                        f"{self.path} has no column {column!r}. {nearest(column, dataset.features)} "
                        "Set image_column= and caption_column= of the data set."
                    )
            if not isinstance(feature := dataset.features[self.image_column], Image):
                raise UserError(
                    f"{self.path}: the column {self.image_column!r} holds {feature}, not pictures."
                )
            columns = dataset.select_columns([self.image_column, self.caption_column])
            datasets[split] = columns.cast_column(self.image_column, Image(decode=False))
        return datasets

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

    def _captions(self, split: str, row: int, cell: Any) -> list[str]:
        captions = cell if isinstance(cell, list) else ["" if cell is None else cell]
        if not all(isinstance(caption, str) for caption in captions):
            raise UserError(
                f"{self.path}: {self.caption_column!r} of {split}/{row} is {cell!r:.60}, "
                "not text or a list of texts."
            )
        return one_line_each(captions)
