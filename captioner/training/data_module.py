"""Hand training data to Lightning."""

from functools import cached_property
from typing import Any

import pytorch_lightning as pl

from captioner.data.loader import Position, ResumableLoader
from captioner.data.module import TrainingData
from captioner.processes import first_process_reports


class DataModule(pl.LightningDataModule):
    """Training data as Lightning asks for it; its position is part of a checkpoint."""

    _training: ResumableLoader[Any]
    _position: Position | None = None

    def __init__(self, data: TrainingData[Any]) -> None:
        super().__init__()
        self.data = data

    def setup(self, stage: str) -> None:
        """Make the samples, and store features: all processes together, each on its own device."""
        if stage == "fit":
            if self.trainer is not None:
                self.data.rank, self.data.num_replicas = self.trainer.global_rank, self.trainer.world_size
            with first_process_reports():
                self.data.setup()

    def train_dataloader(self) -> ResumableLoader[Any]:
        """Return training batches, from where a resumed run was stopped."""
        self._training = self.data.training_loader()
        self._training.repeats = bool(getattr(self.trainer, "overfit_batches", 0))
        if self._position is not None:
            self._training.go_on_from(self._position)
        return self._training

    def recount(self, done: dict[str, int], position: Position) -> None:
        """Set how many batches of an epoch are done to batches of their size, and their processes, now.

        Args:
            done: Lightning's counts.
            position: up to which samples were given out.
        """
        if position["ended"]:
            return
        loader = self.data.training_loader()
        loader.go_on_from(position)
        more = len(loader) - loader.pending - done["processed"]
        done.update({key: count + more for key, count in done.items()})

    def val_dataloader(self) -> Any:
        """Return validation batches."""
        return self.data.validation_loader()

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the data; a run can be resumed with the same data alone."""
        return self.data.fingerprint()

    def state_dict(self) -> dict[str, Any]:
        """Return the position of training and the fingerprint of the data, for the checkpoint."""
        position = self._training.position(ended=bool(self.trainer and self.trainer.is_last_batch))
        return {"position": dict(position), "fingerprint": self.fingerprint}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the position of a checkpoint until there is a loader."""
        self._position = state_dict["position"]
