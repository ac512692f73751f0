"""Predictors in bf16: near those in fp32, and every place that reports figures says which it was."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import captioner
from captioner.commands import main
from captioner.inference.bulk import ray_workers
from captioner.inference.bulk.ray_workers import CaptionWorker
from captioner.inference.caption import Captioner
from captioner.models.card import read_card
from captioner.page.model_catalog import ModelCatalog
from captioner.precision import weights_dtype

QUESTION = "What color is the circle?"
CHOICES = {
    "vqa": (),
    "visual7w": ("Red.", "Two of them.", "Blue."),
    "visual7w_pointing": ("5,5,20,20", "30,10,25,30", "1,40,50,12"),
}


def dtypes(model):
    """Of the encoder's parameters, and of the others."""
    parameters = dict(model.named_parameters())
    return tuple(
        {one.dtype for name, one in parameters.items() if name.startswith("encoder.") == inside}
        for inside in (True, False)
    )


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    file = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(np.random.default_rng(5).integers(0, 256, (50, 60, 3), dtype=np.uint8)).save(file)
    return file


def test_the_encoder_of_a_captioner_is_cast_and_captions_are_near_the_exact_ones(tiny_model, photo):
    """Captions are not compared: those of random weights are near ties. Their words are scored again."""
    exact, short = (captioner.load(tiny_model("caption"), precision=one) for one in ("fp32", "bf16"))
    assert (exact.precision, dtypes(exact.model)) == ("fp32", ({torch.float}, {torch.float}))
    assert (short.precision, dtypes(short.model)) == ("bf16", ({torch.bfloat16}, {torch.float}))
    found = short.caption(photo).captions[0]
    assert found.log_prob == pytest.approx(sum(found.word_log_probs), abs=1e-5)
    assert found.alphas_TL.dtype == np.float32
    tokens_BKT = torch.tensor([[[1, *exact.model.vocabulary.encode(found.words)]]])
    (batch,) = exact.read([("photo", photo)], 1)
    with torch.inference_mode():
        features_BLF = exact.model.encode_images([batch[0].value.pixels[0]])
        mask_BKT = torch.ones_like(tokens_BKT, dtype=torch.bool)
        logits_MV = exact.model.decoder(features_BLF, tokens_BKT, mask_BKT).logits_MV
    log_probs_MV = logits_MV.log_softmax(dim=1)[: len(found.words)]
    expected = log_probs_MV.gather(1, tokens_BKT[0, 0, 1:, None])[:, 0]
    np.testing.assert_allclose(found.word_log_probs[: len(found.words)], expected, atol=0.3)


@pytest.mark.parametrize("task", CHOICES)
def test_answers_are_near_the_exact_ones_and_their_probabilities_sum_to_one(task, tiny_model, photo):
    replies = [
        captioner.load(tiny_model(task), n_best=1000, precision=one).answer(photo, QUESTION, CHOICES[task])
        for one in ("fp32", "bf16")
    ]
    exact, short = ({one.text: one.probability for one in reply.answers} for reply in replies)
    assert exact.keys() == short.keys()
    assert sum(short.values()) == pytest.approx(1, abs=1e-5)
    assert [short[text] for text in exact] == pytest.approx(list(exact.values()), abs=0.05)


def test_all_models_of_an_ensemble_are_cast(tiny_model):
    ensemble = Captioner(tiny_model("caption"), tiny_model("caption"), precision="bf16")
    assert [weights_dtype(one.encoder) for one in ensemble.models] == [torch.bfloat16] * 2


@pytest.mark.parametrize(
    ("task", "options"),
    [("caption", ["--limit", "3"]), ("vqa", ["--limit", "3"]), ("visual7w", ["--limit", "3"])],
)
def test_results_say_the_precision(task, options, tiny_model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("captioner.precision.cpu_has_bf16_instructions", lambda: False)
    words = ["--model", str(tiny_model(task)), "--split", "test", *options]
    for asked, expected in ([], "fp32"), (["--precision", "bf16"], "bf16"):
        main("evaluate", [*words, *asked, "--output", str(tmp_path / expected), "--json"])
        assert json.loads(capsys.readouterr().out)["precision"] == expected
    main("evaluate", [*words, "--precision", "auto", "--output", str(tmp_path / "auto")])


@pytest.mark.parametrize("verb", ["caption", "ask", "evaluate", "calibrate", "serve"])
def test_a_wrong_name_is_refused_in_one_sentence(verb, capsys):
    with pytest.raises(SystemExit) as left:
        main(verb, ["--precision", "bf61"])
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert said.count("\n") == 1
    assert "--precision: invalid choice: 'bf61'" in said


def test_models_of_texts_have_no_such_option(tiny_model, capsys):
    with pytest.raises(SystemExit):
        main("evaluate", ["--model", str(tiny_model("char_lm")), "--precision", "bf16"])
    assert "--precision has no meaning for the task char_lm." in capsys.readouterr().err


def test_a_file_of_another_precision_is_not_continued(tiny_model, photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("captioner.precision.cpu_has_bf16_instructions", lambda: False)
    monkeypatch.chdir(tmp_path)
    words = [str(photo), "--model", str(tiny_model("caption")), "--output", "captions.jsonl"]
    main("caption", [*words, "--precision", "bf16"])
    main("caption", [*words, "--precision", "bf16"])
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main("caption", words)
    assert "precision" in capsys.readouterr().err


def test_workers_compute_in_the_precision_that_the_file_says(tiny_model, photo, tmp_path, monkeypatch):
    folder, given = tiny_model("caption"), []

    class Workers:
        def __init__(self, *arguments):
            given.extend(arguments)
            self.stream = CaptionWorker(tmp_path, *arguments[:-1]).captioner.stream

    monkeypatch.setattr(ray_workers, "RayWorkers", Workers)
    monkeypatch.setattr("captioner.precision.cpu_has_bf16_instructions", lambda: True)
    file = tmp_path / "captions.jsonl"
    main("caption", [str(photo), "--model", str(folder), "--output", str(file), "--workers", "ray"])
    assert given[3] == "bf16"
    assert CaptionWorker(tmp_path, *given[:-1]).captioner.precision == "bf16"


def test_a_calibration_says_the_precision(tiny_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model("caption"), folder)
    words = [f"--data={key}={value}" for key, value in read_card(folder)["data"].items()]
    main("calibrate", [str(folder), *words, "--split=train", "--cider-d=1e-4", "--precision=bf16"])
    assert read_card(folder)["confidence_precision"] == "bf16"
    assert Captioner(folder).confidence is not None


def test_the_page_loads_models_of_images_in_it(tiny_model, tmp_path):
    names = [str(tiny_model(task)) for task in ("caption", "vqa", "char_lm")]
    catalog = ModelCatalog(names, tmp_path, "bf16")
    loaded = {task: catalog.load(catalog.entry(task)) for task in ("caption", "vqa", "char_lm")}
    assert {task: one.precision for task, one in loaded.items()} == {
        "caption": "bf16",
        "vqa": "bf16",
        "char_lm": "fp32",
    }


def test_the_page_refuses_at_its_start_what_the_device_lacks(monkeypatch, capsys):
    monkeypatch.setattr("captioner.precision.cpu_has_half_kernels", lambda: False)
    with pytest.raises(SystemExit) as left:
        main("serve", ["--port", "0", "--precision", "fp16"])
    assert left.value.code == 2
    assert "no kernels for fp16 on this CPU" in capsys.readouterr().err
