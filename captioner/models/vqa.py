"""Define the model that answers questions about images by a word of a list.

B images, N questions, T words, G glimpses, L locations, F feature, S size of a question's state, V answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from captioner.cells.base import CELLS
from captioner.config import Config
from captioner.data.questions.answers import UNLISTED, Answers
from captioner.data.questions.base import QUESTION_SOURCES
from captioner.data.questions.encoding import encode_question, group_by_length
from captioner.encoders.base import ENCODERS
from captioner.encoders.text_encoder import TextEncoder
from captioner.heads.base import HEADS, Answered
from captioner.models.base import MODELS, check_unused_options, label_rows
from captioner.models.image_model import ImageModel, build_encoder
from captioner.precision import in_single_precision
from captioner.registry import check_options
from captioner.vocabulary import UNK, Vocabulary

UNUSED = ("decoder", "search", "objective", "training.captions_per_image")


class Prediction(NamedTuple):
    """An answer, and how probable it is."""

    text: str
    probability: float


@MODELS.register("vqa")
class VQAModel(ImageModel):
    """Image encoder, text encoder for the question, and a head that scores every answer of a list.

    Args:
        config: `encoder`, `text_encoder` and `head` say what is built.
        vocabulary: the words of questions.
        card: `answers`, the list of answers.
        soft_targets: whether an answer's probability is a sigmoid of its own, as it is trained on the soft
            score of every answer (Teney et al., 2018), or a softmax over all.
    """

    sources = QUESTION_SOURCES

    def __init__(
        self, config: Config, vocabulary: Vocabulary, card: Mapping[str, Any], soft_targets: bool = False
    ) -> None:
        super().__init__(config, vocabulary)
        self.answers = Answers(card["answers"])
        self.soft_targets = soft_targets
        kind = HEADS.class_of(config.head)
        self.encoder = build_encoder(config.encoder) if kind.uses_image else None
        self.text_encoder = (
            TextEncoder(len(vocabulary), **config.text_encoder) if kind.uses_question else None
        )
        self.head = HEADS.build(
            config.head,
            feature_dim=self.encoder.feature_dim if self.encoder else 0,
            state_dim=self.text_encoder.state_dim if self.text_encoder else 0,
            num_answers=len(self.answers),
        )

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the image encoder, the question's encoder, its cell or the head."""
        HEADS.check(config.head, facts=("feature_dim", "state_dim", "num_answers"))
        kind = HEADS.class_of(config.head)
        if kind.uses_image or config.encoder:
            ENCODERS.check(config.encoder)
        check_options("text_encoder", TextEncoder, config.text_encoder, facts=("vocab_size",))
        if config.text_encoder.get("cell"):
            CELLS.check(config.text_encoder["cell"], facts=("input_dim",))
        check_unused_options(config, UNUSED)

    def to_card(self) -> dict[str, Any]:
        """Return the answers and the preprocessing of images."""
        return super().to_card() | {"answers": self.answers.texts}

    def row_labels(self) -> dict[str, tuple[int, Sequence[str]]]:
        """See `Model`; the head's last layer has a row for each answer."""
        found = label_rows("head", dict.fromkeys(self.head.answer_rows(), 0), self.answers.texts)
        if self.text_encoder is not None:
            found |= label_rows("text_encoder", self.text_encoder.word_rows(), self.vocabulary.words)
        return found

    def encode_questions(self, tokens: Sequence[Tensor]) -> Tensor:
        """Return question_NS of all questions, from tokens_NT of each length."""
        if self.text_encoder is None:
            return torch.zeros(sum(map(len, tokens)), 0, device=self.device)
        return torch.cat([self.text_encoder(tokens_NT).state_NS for tokens_NT in tokens])

    def forward(self, features_BLF: Tensor, images_N: Tensor, tokens: Sequence[Tensor]) -> Answered:
        """Score all answers to questions.

        Args:
            features_BLF: features of the images.
            images_N: the image that each question is about, by its number.
            tokens: tokens_NT of the questions of each length, the shortest first.

        Returns:
            logits_NV, and alphas_NGL where the head attends.
        """
        answered: Answered = self.head(features_BLF, images_N, self.encode_questions(tokens))
        return answered

    def ask(self, features_BLF: Tensor, images_N: Sequence[int], questions: Sequence[str]) -> Answered:
        """Score all answers to questions in any order, as `forward` does.

        Args:
            features_BLF: features of the images.
            images_N: the image that each question is about, by its number.
            questions: their texts.

        Returns:
            logits_NV, and alphas_NGL where the head attends, in the order of the questions.
        """
        max_words = self.config.training.max_words
        tokens = [encode_question(question, self.vocabulary, max_words) for question in questions]
        order_N = torch.tensor(sorted(range(len(tokens)), key=lambda n: len(tokens[n])), device=self.device)
        grouped = tuple(own.to(self.device) for own in group_by_length([tokens[n] for n in order_N.tolist()]))
        about_N = torch.tensor(images_N, device=self.device)[order_N]
        logits_NV, alphas_NGL = self(features_BLF, about_N, grouped)
        back_N = order_N.argsort()
        return Answered(logits_NV[back_N], None if alphas_NGL is None else alphas_NGL[back_N])

    def knows_a_word(self, question: str) -> bool:
        """Return whether the vocabulary has a word of the question, or the model uses no question."""
        words = encode_question(question, self.vocabulary, self.config.training.max_words)
        return self.text_encoder is None or any(word != UNK for word in words)

    def predictions(self, logits_V: Tensor, count: int, choices: Sequence[str] = ()) -> list[Prediction]:
        """Return the most probable answers.

        Args:
            logits_V: scores of all answers to one question.
            count: answers to return.
            choices: the answers to choose from; all of the list by default. One that is not in the list has
                the probability 0.

        Returns:
            Answers, the most probable first.
        """
        offered = list(dict.fromkeys(choices)) or self.answers.texts
        texts = [text for text in offered if self.answers.number(text) != UNLISTED]
        logits_K = in_single_precision(logits_V[[self.answers.number(text) for text in texts]])
        probabilities_K = logits_K.sigmoid() if self.soft_targets else logits_K.softmax(dim=-1)
        order_K = probabilities_K.argsort(descending=True, stable=True)[:count].tolist()
        found = [Prediction(texts[k], float(probabilities_K[k])) for k in order_K]
        unlisted = [Prediction(text, 0.0) for text in offered if self.answers.number(text) == UNLISTED]
        return [*found, *unlisted][:count]
