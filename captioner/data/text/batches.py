"""Make batches of a text: contiguous streams, chunk after chunk."""

from typing import Any

from captioner.data.loader import ResumableLoader
from captioner.data.module import TrainingData
from captioner.data.text.alphabet import Alphabet
from captioner.data.text.corpus import Corpus, fingerprint
from captioner.data.text.streams import Chunks, Stream, TextBatch, divide


class TextData(TrainingData[TextBatch]):
    """A corpus as contiguous streams, for truncated backpropagation through time.

    Args:
        source: the corpus.
        batch_size: streams of training.
        num_workers: processes that make batches.
    """

    def __init__(self, source: Corpus, batch_size: int, num_workers: int = 0) -> None:
        self.source, self.batch_size, self.num_workers = source, batch_size, num_workers
        text = source.read()
        self.cut = source.cut(len(text), batch_size)
        self.alphabet = Alphabet.of(text, source.unit)
        self.numbers = self.alphabet.encode(text)[: self.cut.length]
        self.about = fingerprint(text, source.unit)

    def chunks(self, split: str) -> Chunks:
        """Return the chunks of a split: whole ones of equal streams for training, else the whole text."""
        train = split == "train"
        num_streams = self.batch_size if train else self.source.validation_streams
        streams: list[Stream] = divide(self.cut.parts[split], num_streams, whole=not train)
        return Chunks(self.numbers, streams, self.source.chunk_length, whole=not train)

    def fingerprint(self) -> str:
        """See `TrainingData`."""
        return str(self.about["sha256"])

    def training_loader(self) -> ResumableLoader[TextBatch]:
        """Return the loader of training: chunks in their order."""
        return self._loader("train", resumes=True)

    def validation_loader(self) -> Any:
        """Return the loader of validation: chunks in their order, none where there is no such split."""
        return self._loader("val") if self.source.val_fraction else []

    def _loader(self, split: str, resumes: bool = False) -> ResumableLoader[TextBatch]:
        return ResumableLoader(
            self.chunks(split), 1, shuffle=False, resumes=resumes, num_workers=self.num_workers
        )
