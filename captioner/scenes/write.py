"""Write scenes to files: pictures, COCO caption files and VQA v2 files for each split, and Visual7W files.

    images/{split}/000000000001.png
    annotations/captions_{split}.json    questions_{split}.json    annotations_{split}.json    scenes.json
    annotations/visual7w_telling.json    visual7w_pointing.json
    recipe.json

A scene depends only on the seed and its image id, so that a split does not depend on the sizes of the others.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

from captioner.scenes.choices import pointing, telling
from captioner.scenes.draw import draw_scene
from captioner.scenes.language import references
from captioner.scenes.questions import questions
from captioner.scenes.render import render
from captioner.scenes.scene import IMAGE_SIZE, Scene
from captioner.scenes.visual7w import Visual7WFiles

VERSION = 9
RECIPE = "recipe.json"
PICTURE = "{:012d}.png"  # the name of a picture by its id
SPLITS = ("train", "val", "test")
SPLIT_LIMIT = 1_000_000  # pictures; the ids of each split start at a multiple of it

_INFO = {
    "year": 2025,
    "version": str(VERSION),
    "description": "coloured shapes",
    "contributor": "captioner",
    "url": "",
    "date_created": "2025-01-01",
}
_LICENSE = {"id": 1, "name": "CC0", "url": "https://creativecommons.org/publicdomain/zero/1.0/"}


def write_scenes(folder: Path, seed: int, counts: Mapping[str, int]) -> None:
    """Draw scenes and write them; the same seed gives the same bytes.

    The recipe is written last, so that a folder with a recipe is complete.

    Args:
        folder: a new folder.
        seed: of all random numbers.
        counts: the number of pictures of each split.
    """
    (folder / "annotations").mkdir(parents=True)
    described: dict[int, Any] = {}
    choices = Visual7WFiles()
    for split, count in counts.items():
        scenes = {image_id: scene_of(seed, image_id) for image_id in image_ids(split, count)}
        described |= {image_id: asdict(scene) for image_id, scene in scenes.items()}
        _write_images(folder, split, scenes)
        _write_captions(folder, split, seed, scenes)
        _write_questions(folder, split, seed, scenes)
        _add_choices(choices, split, seed, scenes)
    for kind, content in choices.contents().items():
        _write_json(folder / "annotations" / f"visual7w_{kind}.json", content)
    _write_json(folder / "annotations" / "scenes.json", described)
    _write_json(folder / RECIPE, recipe(seed, counts))


def recipe(seed: int, counts: Mapping[str, int]) -> dict[str, Any]:
    """Return all that the files depend on."""
    return {"version": VERSION, "seed": seed, "counts": dict(counts)}


def read_scenes(folder: Path) -> dict[int, Scene]:
    """Read all scenes of a folder, by image id."""
    described = json.loads((folder / "annotations" / "scenes.json").read_text())
    return {int(image_id): Scene.from_dict(fields) for image_id, fields in described.items()}


def image_ids(split: str, count: int) -> range:
    """Return the image ids of a split; no two splits share one."""
    first = SPLIT_LIMIT * SPLITS.index(split) + 1
    return range(first, first + count)


def scene_of(seed: int, image_id: int) -> Scene:
    """Draw the scene with this id."""
    return draw_scene(_rng(seed, image_id, "scene"))


def _rng(seed: int, image_id: int, use: str) -> Random:
    return Random(f"{seed}/{image_id}/{use}")


def _write_images(folder: Path, split: str, scenes: Mapping[int, Scene]) -> None:
    images = folder / "images" / split
    images.mkdir(parents=True)
    for image_id, scene in scenes.items():
        render(scene).save(images / PICTURE.format(image_id), compress_level=1)


def _write_captions(folder: Path, split: str, seed: int, scenes: Mapping[int, Scene]) -> None:
    images = [
        {
            "id": image_id,
            "file_name": PICTURE.format(image_id),
            "height": IMAGE_SIZE,
            "width": IMAGE_SIZE,
            "license": _LICENSE["id"],
            "coco_url": "",
            "flickr_url": "",
            "date_captured": "",
        }
        for image_id in scenes
    ]
    captions = [
        {"image_id": image_id, "id": image_id * 10 + k, "caption": caption}
        for image_id, scene in scenes.items()
        for k, caption in enumerate(references(scene, _rng(seed, image_id, "captions")))
    ]
    content = {
        "info": _INFO,
        "licenses": [_LICENSE],
        "type": "captions",
        "images": images,
        "annotations": captions,
    }
    _write_json(folder / "annotations" / f"captions_{split}.json", content)


def _write_questions(folder: Path, split: str, seed: int, scenes: Mapping[int, Scene]) -> None:
    asked: list[dict[str, Any]] = []
    answered: list[dict[str, Any]] = []
    for image_id, scene in scenes.items():
        for k, question in enumerate(questions(scene, _rng(seed, image_id, "questions"))):
            ids = {"image_id": image_id, "question_id": image_id * 1000 + k}
            asked.append({**ids, "question": question.text})
            answered.append(
                {
                    **ids,
                    "question_type": question.question_type,
                    "answer_type": question.answer_type,
                    "multiple_choice_answer": question.answer,
                    "answers": _answers(question.answer),
                }
            )
    head = {"info": _INFO, "license": _LICENSE, "data_type": "scenes", "data_subtype": split}
    folder = folder / "annotations"
    _write_json(folder / f"questions_{split}.json", {**head, "task_type": "Open-Ended", "questions": asked})
    _write_json(folder / f"annotations_{split}.json", {**head, "annotations": answered})


def _answers(answer: str) -> list[dict[str, Any]]:
    """Return ten annotators' answers, all the same."""
    return [{"answer": answer, "answer_confidence": "yes", "answer_id": k} for k in range(1, 11)]


def _add_choices(files: Visual7WFiles, split: str, seed: int, scenes: Mapping[int, Scene]) -> None:
    for image_id, scene in scenes.items():
        filename = f"{split}/{PICTURE.format(image_id)}"
        telling_questions = telling(scene, _rng(seed, image_id, "telling"))
        pointing_questions = pointing(scene, _rng(seed, image_id, "pointing"))
        files.add(split, image_id, filename, telling_questions, pointing_questions)


def _write_json(path: Path, content: Mapping[Any, Any]) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
