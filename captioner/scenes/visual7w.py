"""Write questions about scenes in the format of Visual7W: one file for telling, one for pointing."""

from collections.abc import Sequence
from typing import Any

from captioner.scenes.choices import ScenePointingQuestion, SceneTellingQuestion
from captioner.scenes.scene import Box


class Visual7WFiles:
    """The contents of `dataset.json` for telling and for pointing questions, collected picture by picture.

    A question's `type` is its first word; `multiple_choices` are the three wrong answers. The answers to
    pointing questions are ids of `boxes`.
    """

    def __init__(self) -> None:
        self._images: dict[str, list[dict[str, Any]]] = {"telling": [], "pointing": []}
        self._boxes: list[dict[str, Any]] = []

    def add(
        self,
        split: str,
        image_id: int,
        filename: str,
        telling: Sequence[SceneTellingQuestion],
        pointing: Sequence[ScenePointingQuestion],
    ) -> None:
        """Add a picture and its questions.

        Args:
            split: which the picture belongs to.
            image_id: of the picture.
            filename: of the picture.
            telling: questions with answers in words.
            pointing: questions with boxes as answers.
        """
        by_kind: dict[str, list[Any]] = {
            "telling": [(question.text, question.answer, list(question.others)) for question in telling],
            "pointing": [self._with_box_ids(image_id, *numbered) for numbered in enumerate(pointing)],
        }
        image = {"image_id": image_id, "filename": filename, "split": split}
        for kind, questions in by_kind.items():
            pairs = [_pair(image_id, number, *question) for number, question in enumerate(questions)]
            self._images[kind].append({**image, "qa_pairs": pairs})

    def contents(self) -> dict[str, dict[str, Any]]:
        """Return the content of each file, by the kind of its questions."""
        files: dict[str, dict[str, Any]] = {
            kind: {"dataset": f"visual7w-{kind}", "images": images} for kind, images in self._images.items()
        }
        files["pointing"]["boxes"] = self._boxes
        return files

    def _with_box_ids(
        self, image_id: int, number: int, question: ScenePointingQuestion
    ) -> tuple[str, int, list[int]]:
        boxes = (question.answer, *question.others)
        answer, *others = [
            self._add_box(image_id, len(boxes) * number + k, box) for k, box in enumerate(boxes)
        ]
        return question.text, answer, others

    def _add_box(self, image_id: int, number: int, box: Box) -> int:
        box_id = image_id * 100 + number
        x, y, right, bottom = (round(side, 1) for side in box)
        size = {"width": round(right - x, 1), "height": round(bottom - y, 1)}
        self._boxes.append({"box_id": box_id, "image_id": image_id, "x": x, "y": y, **size})
        return box_id


def _pair(image_id: int, number: int, text: str, answer: str | int, others: list[Any]) -> dict[str, Any]:
    return {
        "qa_id": image_id * 1000 + number,
        "image_id": image_id,
        "question": text,
        "answer": answer,
        "multiple_choices": others,
        "type": text.split()[0].lower(),
    }
