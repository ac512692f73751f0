"""Answer questions about images with a trained model.      N questions, G glimpses, L locations."""

from collections.abc import Iterator, Mapping, Sequence

import torch

from captioner.errors import UserError
from captioner.inference.base import PREDICTORS, EncoderInput
from captioner.inference.question_predictor import AttentionMaps, ImageQuestion, QuestionPredictor, Reply
from captioner.models.vqa import VQAModel

BATCH_SIZE = 64
NO_KNOWN_WORD = "{!r:.60} has no word that the model knows: it answers as if it could not read the question."


@PREDICTORS.register("vqa")
class Answerer(QuestionPredictor):
    """A model that answers by a word of a list, loaded once."""

    model_class = VQAModel
    model: VQAModel

    def stream(self, questions: Sequence[ImageQuestion]) -> Iterator[Reply]:
        """See `QuestionPredictor`; an image that several questions of a batch are about is encoded once."""
        for start in range(0, len(questions), BATCH_SIZE):
            yield from self._batch(questions[start : start + BATCH_SIZE])

    def check_has_attention(self) -> None:
        """See `QuestionPredictor`."""
        if not self.model.head.has_attention:
            name = self.model.config.head["name"]
            raise UserError(f"{self.folder} holds a {name} head, which has no attention to draw.")

    def attention(self, reply: Reply, image: EncoderInput | None = None) -> AttentionMaps | None:
        """Return the attention of each glimpse, with the answer as the title of the last one."""
        if reply.alphas_GL is None or reply.encoder_view is None:
            return None
        return AttentionMaps(glimpse_titles(reply), reply.alphas_GL, reply.encoder_view)

    def _batch(self, questions: Sequence[ImageQuestion]) -> list[Reply]:
        sources = list({one.name: one.source for one in questions}.items())
        (batch,) = self.read(sources, len(sources))
        images = {one.key: one.value for one in batch if one.value is not None}
        problems = {one.key: one.problem for one in batch if one.problem}
        good = [one for one in questions if one.name in images]
        replies = iter(self.answer_batch(good, images) if good else ())
        return [
            next(replies) if one.name in images else Reply(one, [], None, None, problems[one.name])
            for one in questions
        ]

    @torch.inference_mode()
    def answer_batch(
        self, questions: Sequence[ImageQuestion], images: Mapping[str, EncoderInput]
    ) -> list[Reply]:
        """See `QuestionPredictor`."""
        numbers = {name: b for b, name in enumerate(images)}
        about_N = [numbers[one.name] for one in questions]
        uses_image = self.model.encoder is not None
        pixels = [image.pixels[0] if uses_image else torch.empty(0) for image in images.values()]
        features_BLF = self.model.encode_images(pixels)
        logits_NV, alphas_NGL = self.model.ask(features_BLF, about_N, [one.question for one in questions])
        replies = []
        for n, one in enumerate(questions):
            alphas_GL = None if alphas_NGL is None else alphas_NGL[n].float().cpu().numpy()
            answers = self.model.predictions(logits_NV[n], self.n_best, one.choices)
            note = None if self.model.knows_a_word(one.question) else NO_KNOWN_WORD.format(one.question)
            view = images[one.name].view if uses_image else None
            replies.append(Reply(one, answers, view, alphas_GL, None, note))
        return replies


def glimpse_titles(reply: Reply) -> list[str]:
    """Return a title for each glimpse; the answer for the last one."""
    assert reply.alphas_GL is not None
    return [*(f"glimpse {number}" for number in range(1, len(reply.alphas_GL))), reply.answers[0].text]
