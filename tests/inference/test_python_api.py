"""The Python interface: `captioner.load`, and what the predictors take and return."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_models import TASK_NAMES

import captioner
from captioner import image_reader
from captioner.commands import main
from captioner.errors import UserError
from captioner.images import UnreadableImage, load_image
from captioner.inference.base import PREDICTORS
from captioner.inference.caption import Captioner
from captioner.inference.char_lm import Writer
from captioner.inference.memory import MemoryPredictor
from captioner.inference.question_predictor import ImageQuestion
from captioner.inference.translate import Translator
from captioner.inference.visual7w import Chooser
from captioner.inference.vqa import Answerer
from captioner.models.base import MODELS
from captioner.preprocessing import Preprocessing

KINDS = {
    "caption": Captioner,
    "vqa": Answerer,
    "visual7w": Chooser,
    "visual7w_pointing": Chooser,
    "char_lm": Writer,
    "translate": Translator,
    "memory": MemoryPredictor,
}
COLOUR, NUMBER = "What color is the circle?", "How many red circles are there?"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three files of random pixels and one that is no image."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(5)
    for number in range(3):
        pixels = random.integers(0, 256, (40 + 7 * number, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG broken")
    return folder


@pytest.fixture
def decoded(monkeypatch):
    """The sources that are decoded, one entry each time, and the images that are resized."""
    sources, resized = [], []
    view = Preprocessing.encoder_view
    monkeypatch.setattr(
        image_reader,
        "load_image",
        lambda source, min_side: sources.append(source) or load_image(source, min_side),
    )
    monkeypatch.setattr(
        Preprocessing, "encoder_view", lambda self, image: resized.append(image) or view(self, image)
    )
    return sources, resized


def test_every_task_has_a_predictor():
    assert sorted(PREDICTORS) == sorted(MODELS) == sorted(KINDS) == sorted(TASK_NAMES)


@pytest.mark.parametrize("task", TASK_NAMES)
def test_a_folder_is_loaded_as_the_predictor_of_its_task(tiny_model, task):
    predictor = captioner.load(str(tiny_model(task)))
    assert type(predictor) is KINDS[task]
    assert isinstance(predictor.model, MODELS[task])
    assert not predictor.model.training


def test_options_reach_the_predictor(tiny_model):
    assert captioner.load(tiny_model("caption"), n_best=4, search={"max_length": 5}).search.max_length == 5
    with pytest.raises(UserError, match="There is no model"):
        captioner.load("gone")
    with pytest.raises(UserError, match="holds a model for the task caption, not vqa"):
        Answerer(tiny_model("caption"))
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        captioner.laod  # noqa: B018


def test_an_image_is_captioned_from_any_source(tiny_model, photos):
    """Against the model and its search, called by hand."""
    predictor = captioner.load(tiny_model("caption"), n_best=3)
    file = photos / "1.png"
    image = load_image(file)
    sources = [str(file), file, file.read_bytes(), image, np.asarray(image)]
    found = [predictor.caption(source) for source in sources]
    model = predictor.model
    with torch.inference_mode():
        features_BLF = model.encode_images([model.encoder.preprocessing(image)])
        (expected,) = predictor.search(model.decoder, features_BLF, 3)
    for one in (*found, *predictor.caption(sources)):
        assert one.problem is None
        assert [caption.words for caption in one.captions] == [
            model.vocabulary.decode(best.tokens) for best in expected
        ]
        assert one.log_prob == pytest.approx(expected[0].log_prob, abs=1e-4)
        assert one.words == one.captions[0].words
        assert one.text == " ".join(one.words)
        assert one.attention.shape == (len(one.captions[0].word_log_probs), math.prod(predictor.grid))
        assert one.attention.sum(axis=1) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(one.attention, expected[0].alphas_TL, atol=1e-5)
    assert found[0].words, "a caption without a word would show nothing"


def test_an_unreadable_image_is_an_error_alone_and_a_problem_in_a_list(tiny_model, photos):
    predictor = captioner.load(tiny_model("caption"))
    with pytest.raises(UnreadableImage, match=r"broken\.png cannot be read"):
        predictor.caption(photos / "broken.png")
    good, bad, gone, other = predictor.caption(
        [photos / "0.png", photos / "broken.png", photos / "gone.png", photos / "1.png"]
    )
    assert [one.problem is None for one in (good, bad, gone, other)] == [True, False, False, True]
    assert "there is no such file" in gone.problem
    assert (bad.captions, bad.text, bad.words, bad.log_prob, bad.attention) == ([], "", [], -math.inf, None)
    assert good.text == predictor.caption(photos / "0.png").text
    assert other.text == predictor.caption(photos / "1.png").text
    assert predictor.caption([]) == []


@pytest.mark.parametrize("draws", [False, True])
@pytest.mark.parametrize("num_models", [1, 2])
def test_each_image_is_decoded_and_resized_once(tiny_model, photos, decoded, tmp_path, draws, num_models):
    models = ["--model", str(tiny_model("caption"))] * num_models
    drawn = ["--attention", str(tmp_path / "seen.png")] if draws else []
    main("caption", [*(str(photos / f"{n}.png") for n in range(3)), *models, *drawn])
    sources, resized = decoded
    assert sorted(sources) == [photos / f"{n}.png" for n in range(3)]
    assert len(resized) == 3
    assert len(list(tmp_path.iterdir())) == 3 * draws


def test_an_ensemble_of_one_model_twice_says_what_it_says_alone(tiny_model, photos):
    files = [photos / f"{n}.png" for n in range(3)]
    alone, twice = (Captioner(*[tiny_model("caption")] * n).caption(files) for n in (1, 2))
    assert [one.text for one in alone] == [one.text for one in twice]
    assert [one.log_prob for one in alone] == pytest.approx([one.log_prob for one in twice], abs=1e-4)


def test_questions_are_answered_with_probabilities(tiny_model, photos, decoded):
    """Against the model, asked by hand; an image with two questions is decoded once."""
    predictor = captioner.load(tiny_model("vqa"), n_best=4)
    model, image = predictor.model, load_image(photos / "2.png")
    color, number = predictor.answer(photos / "2.png", [COLOUR, NUMBER])
    assert len(decoded[0]) == 1
    with torch.inference_mode():
        features_BLF = model.encode_images([model.encoder.preprocessing(image)])
        logits_NV = model.ask(features_BLF, [0, 0], [COLOUR, NUMBER]).logits_NV
    for reply, logits_V in zip((color, number), logits_NV, strict=True):
        probabilities_V = logits_V.softmax(0)
        top = probabilities_V.topk(4)
        assert [one.text for one in reply.answers] == [model.answers.texts[i] for i in top.indices.tolist()]
        assert [one.probability for one in reply.answers] == pytest.approx(top.values.tolist(), rel=1e-4)
        assert reply.text == reply.answers[0].text
        assert reply.probability == reply.answers[0].probability
        assert reply.question.question in (COLOUR, NUMBER)
    alone = predictor.answer(np.asarray(image), COLOUR)
    assert [one.text for one in alone.answers] == [one.text for one in color.answers]
    assert predictor.answer(image, COLOUR, choices=["red", "blue"]).text in ("red", "blue")


def test_a_question_about_an_unreadable_image(tiny_model, photos):
    predictor = captioner.load(tiny_model("vqa"))
    with pytest.raises(UnreadableImage, match=r"broken\.png"):
        predictor.answer(photos / "broken.png", COLOUR)
    asked = [ImageQuestion(name, photos / name, COLOUR) for name in ("broken.png", "0.png")]
    bad, good = predictor.stream(asked)
    assert "broken.png" in bad.problem
    assert (bad.text, bad.probability, bad.attention) == ("", 0.0, None)
    assert good.problem is None
    assert good.text == predictor.answer(photos / "0.png", COLOUR).text


@pytest.mark.parametrize(
    ("task", "choices"),
    [("visual7w", ["Above.", "On the left."]), ("visual7w_pointing", ["3,4,20,10", "30,9,20,25"])],
)
def test_one_of_the_choices_is_chosen(tiny_model, photos, task, choices):
    predictor = captioner.load(tiny_model(task))
    found = predictor.answer(photos / "0.png", "Where is it?", choices)
    assert sorted(one.text for one in found.answers) == choices
    assert sum(one.probability for one in found.answers) == pytest.approx(1, abs=1e-5)
    assert found.text == max(found.answers, key=lambda one: one.probability).text
    with pytest.raises(UserError, match="--choices, two or more"):
        predictor.answer(photos / "0.png", "Where is it?")


def test_text_is_written_and_scored(tiny_model):
    writer = captioner.load(tiny_model("char_lm"), search={"seed": 3, "max_length": 9}, n_best=2)
    for one in writer.write("3 times"):
        assert one.text.startswith("3 times")
        assert len(one.words) == len(one.text) == 7 + 9
        assert one.words == list(one.text)
        assert one.log_prob == pytest.approx(-writer.nll(one.text).sum(), abs=1e-3)
        assert one.attention is None


def test_texts_are_translated(tiny_model):
    translator = captioner.load(tiny_model("translate"))
    one = translator.translate("two")
    first, unknown, other = translator.translate(["two", "tw\u00f8", "six"])
    assert (first.text, first.log_prob) == (one.text, pytest.approx(one.log_prob, abs=1e-4))
    assert one.text == "".join(one.words)
    assert one.attention.shape == (len(one.translations[0].alphas_TL), 3)
    assert "never seen" in unknown.problem
    assert (unknown.text, unknown.words, unknown.log_prob, unknown.attention) == ("", [], -math.inf, None)
    assert other.text == translator.translate("six").text
    with pytest.raises(UserError, match="never seen"):
        translator.translate("tw\u00f8")
