"""The two files of Visual7W, written for scenes: questions with four answers in words, or four places."""

from collections.abc import Sequence
from typing import Any

from captioner.scenes.choices import PointingChoice, TellingQuestion
from captioner.scenes.scene import Box


class Visual7WFiles:
    """`dataset.json` of telling and of pointing questions, filled picture by picture.

    A question's `type` is its first word; `multiple_choices` are the three wrong answers, which for pointing
    are ids of `boxes`, as the answer is.
    """

    def __init__(self) -> None:
        self._images: dict[str, list[dict[str, Any]]] = {"telling": [], "pointing": []}
        self._boxes: list[dict[str, Any]] = []

    def add(
        self,
        split: str,
        image_id: int,
        filename: str,
        told: Sequence[TellingQuestion],
        pointed: Sequence[PointingChoice],
    ) -> None:
        """A picture and what is asked about it."""
        telling = [(q.text, q.answer, list(q.others)) for q in told]
        pointing = []
        for number, question in enumerate(pointed):
            places = (question.answer, *question.others)
            answer, *others = [
                self._box(image_id, len(places) * number + k, box) for k, box in enumerate(places)
            ]
            pointing.append((question.text, answer, others))
        image = {"image_id": image_id, "filename": filename, "split": split}
        by_kind: dict[str, list[Any]] = {"telling": telling, "pointing": pointing}
        for kind, asked in by_kind.items():
            pairs = [_pair(image_id, number, *question) for number, question in enumerate(asked)]
            self._images[kind].append({**image, "qa_pairs": pairs})

    def contents(self) -> dict[str, dict[str, Any]]:
        """What the files hold, by the kind of their questions."""
        files: dict[str, dict[str, Any]] = {
            kind: {"dataset": f"visual7w-{kind}", "images": images} for kind, images in self._images.items()
        }
        files["pointing"]["boxes"] = self._boxes
        return files

    def _box(self, image_id: int, number: int, box: Box) -> int:
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
