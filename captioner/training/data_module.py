"""Hand training data to Lightning."""

from typing import Any

import pytorch_lightning as pl

from captioner.data.loader import ResumableLoader
from captioner.data.module import TrainingData


class DataModule(pl.LightningDataModule):
    """Training data as Lightning asks for it; its position is part of a checkpoint."""

    _training: ResumableLoader[Any]
    _progress: dict[str, int] | None = None

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
        if self._progress is not None:
            self._training.load_state_dict(self._progress)
        return self._training

    def val_dataloader(self) -> Any:
        """Return validation batches."""
        return self.data.validation_loader()

    def state_dict(self) -> dict[str, Any]:
        """Return the position of training, for the checkpoint.

        Lightning asks the loader too, but does not restore it where a schedule has asked for its length.

        Returns:
            Epoch and position.
        """
        return self._training.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the position of a checkpoint until there is a loader."""
        self._progress = state_dict
