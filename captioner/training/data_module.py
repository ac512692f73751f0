"""Hand training data to Lightning."""

from functools import cached_property
from typing import Any

import pytorch_lightning as pl

from captioner.data.loader import Position, ResumableLoader
from captioner.data.module import TrainingData


class DataModule(pl.LightningDataModule):
    """Training data as Lightning asks for it; its position is part of a checkpoint."""

    _training: ResumableLoader[Any]
    _position: Position | None = None

    def __init__(self, data: TrainingData[Any]) -> None:
        super().__init__()
        self.data = data

    def setup(self, stage: str) -> None:
        """Make the samples of this process."""
        if stage == "fit":
            if self.trainer is not None:
                self.data.rank, self.data.num_replicas = self.trainer.global_rank, self.trainer.world_size
            self.data.setup()

    def train_dataloader(self) -> ResumableLoader[Any]:
        """Return training batches, from where a resumed run was stopped."""
        self._training = self.data.training_loader()
        self._training.repeats = bool(getattr(self.trainer, "overfit_batches", 0))
        if self._position is not None:
            self._training.go_on_from(self._position)
        return self._training

    def batches_done(self, position: Position) -> int:
        """Return how many batches of their size now were given out up to a position."""
        loader = self.data.training_loader()
        loader.go_on_from(position)
        return len(loader) - loader.pending

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
