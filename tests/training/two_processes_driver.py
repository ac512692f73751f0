"""Train every config of a folder in one of several processes, and note what it read."""

import json
import os
import sys
from pathlib import Path

from captioner.commands import main
from captioner.encoders import store_builder
from captioner.training.callbacks import StopOnRequest
from captioner.training.caption import CaptionTask

folder, rank = Path(sys.argv[1]), int(os.environ["RANK"])
built, seen, current = [], [], []
real_build, real_step = store_builder._build, CaptionTask.training_step
real_end = StopOnRequest.on_train_batch_end


def build(encoder, pictures, *rest):
    built.append([current[-1], len(pictures)])
    real_build(encoder, pictures, *rest)


def step(self, batch, number):
    for image_id in getattr(batch, "image_ids_B", []):
        seen.append([current[-1], self.current_epoch, int(image_id)])
    return real_step(self, batch, number)


def end(self, trainer, *rest):
    stops = current[-1].startswith("stopped") and rank == 1  # only this one is asked
    self.requested = stops and trainer.global_step == 4
    real_end(self, trainer, *rest)


store_builder._build, CaptionTask.training_step, StopOnRequest.on_train_batch_end = build, step, end
for file in sorted(folder.glob("*.yaml")):
    current.append(file.stem)
    words = ["--config", str(file), "--output", str(folder / "two" / file.stem)]
    if file.stem.startswith("resumed"):
        words = ["--resume", str(folder / "two" / file.stem), "trainer.devices=2"]
    main("train", words)
(folder / f"{rank}.json").write_text(json.dumps({"built": built, "seen": seen}))
