"""Choices are scored alike from images and from features, also where layers of the encoder are trained."""

import pytest
import torch
from PIL import Image
from tiny_models import tiny_config

from captioner.data.questions.base import QUESTION_SOURCES
from captioner.data.questions.multiple_choice import questions_by_path
from captioner.training.task_class import task_class

ENCODER = {
    "name": "timm",
    "model": "resnet18",
    "layer": "layer2",
    "image_size": 32,
    "resize": "squash",
    "fine_tune_from": "layer2",
}


@pytest.mark.parametrize("task", ["visual7w", "visual7w_pointing"])
def test_scores_from_features_are_those_from_images(task, tmp_path):
    config = tiny_config(task, tmp_path / "data")
    config.encoder = ENCODER
    model = task_class(config).prepare(config, tmp_path)[0].model.eval()
    by_path = questions_by_path(QUESTION_SOURCES.build(config.data).tables()["test"])
    paths = list(by_path)[:3]
    images = [Image.open(path).convert("RGB") for path in paths]
    sizes, questions = [image.size for image in images], [by_path[path] for path in paths]
    pixels = [model.encoder.preprocessing(image) for image in images]
    with torch.inference_mode():
        batch = model.make_batch(torch.stack(pixels), sizes, questions)
        expected = model.choice_log_probs(model(batch))
        found = model.score(model.encode_images(pixels), sizes, questions)
    assert found.keys() == expected.keys()
    assert found
    for number, log_probs in expected.items():
        assert found[number] == pytest.approx(log_probs, rel=1e-4, abs=1e-5)
