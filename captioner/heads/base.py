"""What every head is: a picture and a question to the score of each answer.

B images, N questions, G glimpses, L locations, F feature, S what is remembered of a question, V answers.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from captioner.config import Component
from captioner.registry import Registry


class Answered(NamedTuple):
    """How likely each answer is."""

    logits_NV: Tensor
    alphas_NGL: Tensor | None = None  # where the head looked at each glimpse, if it uses_image at places


class Head(nn.Module, ABC):
    """An answer to a question about a picture, out of a list of answers. Subclasses are final.

    Several questions may be about one image: `images_N` says which image each is about, and `index_select`
    hands it over: unlike plain indexing it has the same gradient at every run. A head that does not look is
    shown images of no locations (L=0), one that does not read, questions of which nothing is remembered
    (S=0).
    """

    uses_image: ClassVar[bool] = True
    uses_question: ClassVar[bool] = True
    has_attention: ClassVar[bool] = False

    @abstractmethod
    def forward(self, features_BLF: Tensor, images_N: Tensor, question_NS: Tensor) -> Answered:
        """Scores of all answers to N questions."""


HEADS: Registry[Head] = Registry("head", "captioner.heads")


def head_class(config: Component) -> type[Head]:
    """The class of the head that a config names.

    Raises:
        UserError: there is no such head.
    """
    found = HEADS[config.get("name", "")]
    assert isinstance(found, type)
    return found
