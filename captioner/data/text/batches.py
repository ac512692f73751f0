"""Make batches of a text: contiguous streams, chunk after chunk."""

from typing import Any

from captioner.data.loader import NO_SAMPLES, ResumableLoader
from captioner.data.module import TrainingData
from captioner.data.text.alphabet import Alphabet
from captioner.data.text.corpus import Corpus, fingerprint
from captioner.data.text.streams import Chunks, Stream, TextBatch, divide
from captioner.errors import UserError


class TextData(TrainingData[TextBatch]):
    """A corpus as contiguous streams, for truncated backpropagation through time.

    Each of `num_replicas` processes reads every `num_replicas`-th stream: streams are as many with any number
    of processes, and so is what training resumes with.

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
        """Return the loader of training.

        Returns:
            Chunks of this process's streams, in their order.

        Raises:
            UserError: there are more processes than streams.
        """
        if self.num_replicas > self.batch_size:
            raise UserError(
                f"training.batch_size={self.batch_size} is the number of streams: they cannot be shared by "
                f"{self.num_replicas} processes."
            )
        return self._loader(self._own_chunks("train"), resumes=True)

    def validation_loader(self) -> Any:
        """Return the loader of validation: chunks in their order, none where there is no such split."""
        if not self.source.val_fraction:
            return []
        chunks = self._own_chunks("val")
        return self._loader(chunks) if len(chunks.starts_N1) else [NO_SAMPLES] * len(chunks)

    def _own_chunks(self, split: str) -> Chunks:
        return self.chunks(split).of_process(self.rank, self.num_replicas)

    def _loader(self, chunks: Chunks, resumes: bool = False) -> ResumableLoader[TextBatch]:
        return ResumableLoader(chunks, 1, shuffle=False, resumes=resumes, num_workers=self.num_workers)
