"""Train every config of a folder in one of several processes, and note what it encoded and read."""

import json
import os
import sys
from pathlib import Path

from captioner.commands import main
from captioner.encoders.feature_store.claims import Claims
from captioner.training.callbacks import StopOnRequest
from captioner.training.caption import CaptionTask

built, seen, current = [], [], []
real_write, real_step = Claims.write, CaptionTask.training_step
real_end = StopOnRequest.on_train_batch_end


def write(self, batch, stamps):
    built.extend([current[-1], key] for key in batch.keys)
    real_write(self, batch, stamps)


def step(self, batch, number):
    ids = getattr(batch, "image_ids_B", [])
    seen.extend([current[-1], self.current_epoch, int(image_id)] for image_id in ids)
    return real_step(self, batch, number)


def end(self, trainer, *rest):
    """Stop the runs that are to be stopped: the second process alone is asked."""
    stops = current[-1].startswith("stopped") and os.environ["RANK"] == "1"
    self.requested = stops and trainer.global_step == 4
    real_end(self, trainer, *rest)


def train_all(folder):
    Claims.write, CaptionTask.training_step, StopOnRequest.on_train_batch_end = write, step, end
    for file in sorted(folder.glob("*.yaml")):
        current.append(file.stem)
        words = ["--config", str(file), "--output", str(folder / "two" / file.stem)]
        if file.stem.startswith("resumed"):
            words = ["--resume", str(folder / "two" / file.stem), "trainer.devices=2"]
        main("train", words)
    (folder / f"{os.environ['RANK']}.json").write_text(json.dumps({"built": built, "seen": seen}))


if __name__ == "__main__":
    train_all(Path(sys.argv[1]))
