"""Make batches of a text: contiguous streams, chunk after chunk."""

from typing import Any

from captioner.data.loader import ResumableLoader
from captioner.data.module import TrainingData
from captioner.data.text.alphabet import Alphabet
from captioner.data.text.corpus import Corpus, fingerprint
from captioner.data.text.streams import Chunks, Stream, TextBatch, divide


class TextData(TrainingData[TextBatch]):
    """A text as Lightning asks for it: `batch_size` contiguous streams, chunk after chunk."""

    def __init__(self, source: Corpus, batch_size: int, num_workers: int = 0) -> None:
        self.source, self.batch_size, self.num_workers = source, batch_size, num_workers
        text = source.read()
        self.cut = source.cut(len(text), batch_size)
        self.alphabet = Alphabet.of(text, source.unit)
        self.numbers = self.alphabet.encode(text)[: self.cut.length]
        self.about = fingerprint(text, source.unit)

    def chunks(self, split: str) -> Chunks:
        """The chunks of a part: whole ones of equal streams to train on, all there is otherwise."""
        train = split == "train"
        num_streams = self.batch_size if train else self.source.validation_streams
        streams: list[Stream] = divide(self.cut.parts[split], num_streams, whole=not train)
        return Chunks(self.numbers, streams, self.source.chunk_length, whole=not train)

    def training_loader(self) -> ResumableLoader[TextBatch]:
        """The chunks of training in their order, again and again."""
        return self._loader("train", resumes=True)

    def validation_loader(self) -> Any:
        """The chunks of val in their order, or nothing where there is none."""
        return self._loader("val") if self.source.val_fraction else []

    def _loader(self, split: str, resumes: bool = False) -> ResumableLoader[TextBatch]:
        return ResumableLoader(
            self.chunks(split), 1, shuffle=False, resumes=resumes, num_workers=self.num_workers
        )
