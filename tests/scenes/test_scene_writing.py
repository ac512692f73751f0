"""Scenes on disk: official formats, the same bytes from the same seed."""

import contextlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from captioner.scenes.judge import judge
from captioner.scenes.render import render
from captioner.scenes.write import read_scenes, recipe, scene_of, write_scenes

COUNTS = {"train": 7, "val": 3, "test": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written") / "scenes"
    write_scenes(folder, 5, COUNTS)
    return folder


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def load(folder, name):
    return json.loads((folder / "annotations" / name).read_text())


def test_the_same_seed_gives_the_same_bytes(folder, tmp_path):
    write_scenes(tmp_path / "again", 5, COUNTS)
    assert content(tmp_path / "again") == content(folder)
    write_scenes(tmp_path / "other", 6, COUNTS)
    assert content(tmp_path / "other").keys() == content(folder).keys()
    assert load(tmp_path / "other", "scenes.json") != load(folder, "scenes.json")


def test_a_split_does_not_depend_on_the_sizes_of_the_others(folder, tmp_path):
    write_scenes(tmp_path / "more", 5, {"train": 9, "val": 3, "test": 5})
    more, fewer = content(tmp_path / "more"), content(folder)
    assert all(more[path] == fewer[path] for path in fewer if path.suffix == ".png" or "val" in path.stem)
    first = load(folder, "captions_train.json")["annotations"]
    assert load(tmp_path / "more", "captions_train.json")["annotations"][: len(first)] == first


def test_pictures_and_descriptions_agree(folder):
    scenes = read_scenes(folder)
    files = sorted((folder / "images").rglob("*.png"))
    assert len(files) == len(scenes) == sum(COUNTS.values())
    for path in files:
        scene = scenes[int(path.stem)]
        assert scene == scene_of(5, int(path.stem))
        with Image.open(path) as picture:
            np.testing.assert_array_equal(np.asarray(picture), np.asarray(render(scene)))


def test_pycocotools_reads_the_captions(folder):
    from pycocotools.coco import COCO

    scenes, seen = read_scenes(folder), set()
    for split, count in COUNTS.items():
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(folder / "annotations" / f"captions_{split}.json")
        assert len(coco.imgs) == count
        assert not seen & coco.imgs.keys()
        seen |= coco.imgs.keys()
        for image_id, image in coco.imgs.items():
            with Image.open(folder / "images" / split / image["file_name"]) as picture:
                assert picture.size == (image["width"], image["height"])
            captions = [entry["caption"] for entry in coco.imgToAnns[image_id]]
            assert len(captions) == 5
            assert all(judge(caption, scenes[image_id]).is_true for caption in captions)
        assert len(coco.anns) == 5 * count


def test_vqa_files_have_the_official_form(folder):
    for split, count in COUNTS.items():
        asked, answered = load(folder, f"questions_{split}.json"), load(folder, f"annotations_{split}.json")
        assert asked.keys() == {"info", "task_type", "data_type", "data_subtype", "license", "questions"}
        assert answered.keys() == {"info", "data_type", "data_subtype", "license", "annotations"}
        num = len({question["question_id"] for question in asked["questions"]})
        assert num == len(asked["questions"]) == len(answered["annotations"]) >= 10 * count
        for question, annotation in zip(asked["questions"], answered["annotations"], strict=True):
            assert question.keys() == {"image_id", "question_id", "question"}
            assert annotation.keys() == {
                *(
                    "image_id",
                    "question_id",
                    "question_type",
                    "answer_type",
                    "multiple_choice_answer",
                    "answers",
                )
            }
            assert [question[key] for key in ("image_id", "question_id")] == [
                annotation[key] for key in ("image_id", "question_id")
            ]
            assert annotation["answers"] == [
                {"answer": annotation["multiple_choice_answer"], "answer_confidence": "yes", "answer_id": k}
                for k in range(1, 11)
            ]


def test_the_recipe_is_kept(folder):
    assert json.loads((folder / "recipe.json").read_text()) == recipe(5, COUNTS)
