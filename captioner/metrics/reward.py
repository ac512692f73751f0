"""CIDEr-D as a reward of generated captions, against references that are prepared once."""

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

    To reward a caption for ending, give tokens and end each reference, and each caption that ended, with a
    token of its own.

    Args:
        references: the tokens of one or more references, by image id.
        frequencies: document frequencies of another corpus; None takes those of the references.
        vocabulary: if given, captions are numbers of its words; None for captions as tokens.

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
        """Compute the reward of each caption; an image may come several times.

        Args:
            image_ids: of the image of each caption.
            captions: tokens, or numbers of words where there is a vocabulary.

        Returns:
            A reward for each caption.

        Raises:
            UserError: an image has no references.
        """
        for image_id in image_ids:
            if not self.references.get(image_id):
                raise UserError(f"Image {image_id} has no reference captions to reward its caption by.")
        tokens = [self.vocabulary.decode(caption) for caption in captions] if self.vocabulary else captions
        references = [self.references[image_id] for image_id in image_ids]
        return corpus_cider_d(encode(tokens, references), self.frequencies)
