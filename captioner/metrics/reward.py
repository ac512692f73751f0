"""CIDEr-D as a reward: captions that are being generated against references prepared once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from captioner.errors import UserError
from captioner.metrics.cider_d import corpus_cider_d
from captioner.metrics.document_frequencies import DocumentFrequencies
from captioner.metrics.ngrams import Tokens, encode
from captioner.vocabulary import Vocabulary


class CiderReward:
    """CIDEr-D of any captions of known images, as self-critical training needs it (Rennie et al., 2017).

    `references` are tokens by image id; the document frequencies are theirs, unless those of another corpus
    are given. With a `vocabulary`, captions are given as numbers of its words. To reward a caption for
    ending, give tokens and end each reference, and each caption that ended, with a token of its own.

    >>> reward = CiderReward({3: [["a", "red", "bus"]], 8: [["two", "dogs"]]})
    >>> reward([8, 3, 8], [["two", "dogs"], ["two", "dogs"], ["two", "dogs", "bark"]]).round(3).tolist()
    [5.0, 0.0, 3.756]
    """

    def __init__(
        self,
        references: Mapping[int, Sequence[Tokens]],
        frequencies: DocumentFrequencies | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        self.references = references
        self.frequencies = frequencies or DocumentFrequencies.count(list(references.values()))
        self.vocabulary = vocabulary

    def __call__(self, image_ids: Sequence[int], captions: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
        """The reward of each caption; an image may come several times.

        Raises:
            UserError: an image has no references.
        """
        for image_id in image_ids:
            if not self.references.get(image_id):
                raise UserError(f"Image {image_id} has no reference captions to reward its caption by.")
        said = [self.vocabulary.decode(caption) for caption in captions] if self.vocabulary else captions
        truth = [self.references[image_id] for image_id in image_ids]
        return corpus_cider_d(encode(said, truth), self.frequencies)
