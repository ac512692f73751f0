"""One new component of each kind, each in a file of its own; `test_adding.py` puts them into the packages."""

FILES = {
    "cells/my_cell.py": '''
from captioner.cells.base import CELLS
from captioner.cells.recurrence.base import CellStep, Recurrence


@CELLS.register("my_cell")
class MyCell(Recurrence):
    """h' = tanh(W x + U h + b)"""

    num_states = 1
    gates = ("h",)
    recurrent_matrices = {"recurrent": gates}

    def cell_step(self, preactivations, state, recurrent_matmul):
        h_NH = recurrent_matmul(preactivations[0], state[0], "recurrent").tanh()
        return CellStep((h_NH,), (h_NH,))
''',
    "decoders/my_decoder.py": '''
from typing import NamedTuple

from torch import Tensor, nn

from captioner.cells.base import CELLS, CellConfig
from captioner.decoders.base import DECODERS, DecoderStart
from captioner.decoders.recurrent import RecurrentDecoder


class MyWord(NamedTuple):
    word: Tensor


@DECODERS.register("my_decoder")
class MyDecoder(RecurrentDecoder):
    """The image is the first state."""

    def __init__(
        self, feature_dim: int, vocab_size: int, cell: CellConfig = None, embed_dim: int = 8
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.words = nn.Embedding(vocab_size, embed_dim)
        self.cell = CELLS.build(cell or {"name": "my_cell"}, input_dim=embed_dim)
        self.init = nn.Linear(feature_dim, self.cell.hidden_dim * self.cell.num_states)
        self.output = nn.Linear(self.cell.hidden_dim, vocab_size)

    def start(self, features_BLF):
        state = self.init(features_BLF.mean(dim=1)).tanh().chunk(self.cell.num_states, dim=-1)
        return DecoderStart((), state)

    def embed(self, tokens):
        return MyWord(self.words(tokens))

    def logits(self, embedded, output):
        return self.output(output[0])

    def word_rows(self):
        return {"words.weight": 0, "output.weight": 0, "output.bias": 0}
''',
    "encoders/my_encoder.py": '''
from torch import nn

from captioner.encoders.base import ENCODERS, Encoder
from captioner.preprocessing import Preprocessing


@ENCODERS.register("my_encoder")
class MyEncoder(Encoder):
    """Mean colours of a grid."""

    def __init__(self, side: int = 2) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(side)
        self.feature_dim, self.grid, self.preprocessing = 3, (side, side), Preprocessing(size=16)

    def forward(self, images_BCHW):
        return self.pool(images_BCHW).flatten(2).transpose(1, 2)

    def trained_groups(self):
        return []
''',
    "training/objectives/my_objective.py": '''
from captioner.training.loss import Loss
from captioner.training.objectives.base import OBJECTIVES, Objective
from captioner.training.objectives.teacher_forcing import teacher_forcing_loss


@OBJECTIVES.register("my_objective")
class MyObjective(Objective):
    """Twice the cross-entropy."""

    def __init__(self, weight: float = 2.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, decoder, batch, progress):
        found = teacher_forcing_loss(decoder, batch.features_BLF, batch.tokens_BKT)
        return found and Loss(self.weight * found.loss, {"plain": found.loss.detach()}, found.size)
''',
    "data/captions/my_source.py": '''
import io

from PIL import Image

from captioner.data.captions.base import CAPTION_SOURCES, CaptionSource, table

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 160, 0)}


@CAPTION_SOURCES.register("my_source")
class MySource(CaptionSource):
    """Plain colours."""

    def __init__(self, copies: int = 4) -> None:
        self.copies = copies

    def tables(self):
        rows = [
            {"image_id": number, "path": name, "captions": [f"{name} is all there is"]}
            for number, name in enumerate([*COLOURS] * self.copies)
        ]
        return {split: table(rows) for split in ("train", "val", "test")}

    def image(self, split, path):
        file = io.BytesIO()
        Image.new("RGB", (20, 20), COLOURS[path]).save(file, "PNG")
        return file.getvalue()
''',
    "search/my_search.py": '''
from dataclasses import dataclass

from captioner.search.base import SEARCHES, Search
from captioner.search.options import option


@SEARCHES.register("my_search")
@dataclass
class MySearch(Search):
    """A beam of an odd width."""

    half_width: int = option(1, "half of the beam, without its middle")

    def policy(self, n_best):
        from captioner.search.stepping.beam_policy import BeamPolicy

        return BeamPolicy(2 * self.half_width + 1, n_best, self.constraints)
''',
    "models/my_task.py": '''
from torch import nn

from captioner.data.captions.base import CAPTION_SOURCES
from captioner.encoders.base import ENCODERS
from captioner.models.base import MODELS
from captioner.models.image_model import ImageModel, build_encoder


@MODELS.register("my_task")
class MyModel(ImageModel):
    """Which word of the vocabulary names the image."""

    sources = CAPTION_SOURCES

    def __init__(self, config, vocabulary, bias: bool = True) -> None:
        super().__init__(config, vocabulary)
        self.encoder = build_encoder(config.encoder)
        self.output = nn.Linear(self.encoder.feature_dim, len(vocabulary), bias=bias)

    @classmethod
    def check(cls, config):
        ENCODERS.check(config.encoder)

    def forward(self, features_BLF):
        return self.output(features_BLF.mean(dim=1))
''',
    "training/my_task.py": '''
import torch.nn.functional as F

from captioner.data.captions.base import CAPTION_SOURCES
from captioner.data.captions.batches import CaptionData
from captioner.training.loss import Loss
from captioner.training.task import TASKS, Task

FIRST = 1  # the place of the colour after <bos>


@TASKS.register("my_task")
class MyTask(Task):
    """The first word of a caption is the class of its image."""

    def __init__(self, model, smoothing: float = 0.0) -> None:
        super().__init__(model)
        self.smoothing = smoothing
        self.right = []

    @classmethod
    def prepare(cls, config, cache):
        source = CAPTION_SOURCES.build(config.data)
        data = CaptionData(source, source.tables(), cache / "features")
        vocabulary = data.vocabulary(config.vocabulary.min_count, config.vocabulary.max_size)
        task = cls.from_config(config, vocabulary)
        data.connect(task.model.encoder, vocabulary, config.training, config.seed)
        return task, data

    @classmethod
    def check_data(cls, config):
        return "splits: " + ", ".join(CAPTION_SOURCES.build(config.data).tables())

    def describe(self, data):
        return ["colours"]

    def loss(self, batch):
        logits_BV = self.model(self.model.features(batch.pictures))
        loss = F.cross_entropy(logits_BV, batch.tokens_BKT[:, 0, FIRST], label_smoothing=self.smoothing)
        return Loss(loss, {}, len(logits_BV))

    def update_metrics(self, batch):
        found_B = self.model(self.model.features(batch.pictures)).argmax(dim=1)
        self.right += (found_B == batch.tokens_BKT[:, 0, FIRST]).tolist()

    def compute_metrics(self):
        right, self.right = self.right, []
        return {"accuracy": sum(right) / max(1, len(right))}
''',
    "inference/my_task.py": '''
import torch

from captioner.inference.base import PREDICTORS, ImagePredictor, named
from captioner.models.my_task import MyModel


@PREDICTORS.register("my_task")
class MyPredictor(ImagePredictor):
    """Name an image by one word."""

    model_class = MyModel

    @torch.inference_mode()
    def name(self, image):
        ((one,),) = self.read(named([image]), 1)
        features_BLF = self.model.encode_images([one.value.pixels[0]])
        return self.model.vocabulary.words[int(self.model(features_BLF).argmax())]
''',
    "evaluation/my_task.py": """
from captioner.data.captions.base import CAPTION_SOURCES
from captioner.evaluation.base import EVALUATIONS, Evaluation, write_results
from captioner.inference.my_task import MyPredictor


@EVALUATIONS.register("my_task")
def evaluate(model, output, *, data=None, split="test", progress=iter):
    predictor = MyPredictor(model)
    source = CAPTION_SOURCES.build(data or predictor.model.config.data)
    rows = source.tables()[split]
    right = [predictor.name(source.image(split, row["path"])) == row["path"] for row in progress(list(rows))]
    figures = {"accuracy": sum(right) / len(right)}
    write_results(output / "results.json", {"scores": figures})
    return Evaluation(f"{len(right)} pictures", {split: figures}, {"results": output / "results.json"})
""",
}

CONFIG = """
task: {name: my_task, smoothing: 0.1, bias: true}
data: {name: my_source, copies: 8}
encoder: {name: my_encoder}
vocabulary: {min_count: 1}
training: {batch_size: 6, captions_per_image: 1, monitor: val/accuracy}
optimizer: {name: adam, lr: 0.3}
trainer: {max_epochs: 8, enable_progress_bar: false, accelerator: cpu, log_every_n_steps: 1}
"""
