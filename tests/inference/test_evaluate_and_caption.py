"""A trained model folder, used: evaluation and captions of one's own pictures."""

import json
import shutil

import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO
from tiny_models import add_to_weights

from captioner.config import load
from captioner.data.captions.scenes import Scenes
from captioner.errors import UserError
from captioner.evaluation.caption import evaluate
from captioner.images import load_image
from captioner.inference.caption import Captioner
from captioner.models.card import read_card
from captioner.models.folder import load_model, write_card
from captioner.training.train import train
from captioner.vocabulary import EOS


@pytest.fixture(scope="module")
def model(tmp_path_factory, tiny_scenes, request):
    from conftest import ROOT, TINY

    config = load(ROOT / "configs/caption.yaml", [*TINY, f"data.folder={tiny_scenes}"])
    model = train(config, tmp_path_factory.mktemp("run")).model
    # Every caption has words, however little was learnt.
    add_to_weights(model, "decoder.output.bias", EOS, -50.0)
    return model


def test_captions_without_a_word_are_scored_and_shown(model, tmp_path):
    shutil.copytree(model, tmp_path / "silent")
    add_to_weights(tmp_path / "silent", "decoder.output.bias", EOS, 200.0)
    result = evaluate(tmp_path / "silent", tmp_path / "out", split="test", limit=3)
    assert result.figures["test"]["mean_length"] == 0
    assert result.figures["test"]["bleu1"] < 1e-6
    assert (tmp_path / "out/samples.html").is_file()


def test_results_name_all_that_a_score_depends_on(model, tmp_path):
    result = evaluate(model, tmp_path / "out", split="test", limit=5, search={"beam_size": 2}, shuffled=True)
    about = json.loads((tmp_path / "out/results.json").read_text())
    assert about["images"] == 5
    assert about["split"] == "test"
    assert about["decoding"] == {"name": "beam", "beam_size": 2, "max_length": 6}
    assert about["tokenizer"] == "python"
    assert about["unsure_captions"] == 0
    assert about["cider_idf"] == "references of the 5 evaluated images"
    assert {"torch", "captioner"} <= set(about["versions"])
    assert about["scores"]["bleu4"] == result.figures["test"]["bleu4"]
    assert {"wholly_true", "bleu4_no_bp", "cider_d", "rouge_l"} <= set(result.figures["test"])
    assert {"bleu4", "wholly_true"} <= set(result.figures["shuffled"])


def test_lists_of_captions_are_scored_beside_the_first(model, tmp_path):
    search = {"name": "diverse", "groups": 3}
    one = evaluate(model, tmp_path / "one", split="test", search=search | {"beam_size": 6})
    result = evaluate(model, tmp_path / "out", split="test", search=search, n_best=6)
    about = json.loads((tmp_path / "out/results.json").read_text())
    assert about["decoding"]["beam_size"] == 6
    assert list(one.figures) == ["test"]
    assert list(result.figures) == ["test", "oracle@1", "oracle@5", "oracle@6"]
    assert about["oracle"] == {size: result.figures[f"oracle@{size}"] for size in "156"}
    assert result.figures["test"] == one.figures["test"]
    first, last = result.figures["oracle@1"], result.figures["oracle@6"]
    for name in ("bleu4", "cider_d"):
        assert first[name] == pytest.approx(result.figures["test"][name])
        assert last[name] >= first[name]
    assert (first["captions"], last["captions"]) == (1, 6)


def test_several_models_are_scored_as_the_ensemble_that_they_make(model, tmp_path, tiny_scenes):
    other = tmp_path / "other"
    shutil.copytree(model, other)
    add_to_weights(other, "decoder.output.bias", EOS, 60.0)  # it would end every caption at once
    alone = evaluate(model, tmp_path / "alone", split="test", precision="fp32").figures["test"]
    search = {"name": "greedy"}
    result = evaluate(
        model, tmp_path / "out", split="test", others=[other, other], search=search, precision="fp32"
    )
    assert json.loads((tmp_path / "out/results.json").read_text())["others"] == [str(other)] * 2
    assert result.figures["test"]["mean_length"] == 0 < alone["mean_length"]  # two of three are sure
    evaluate(model, tmp_path / "two", split="test", others=[model], search=search, precision="fp32")
    evaluate(model, tmp_path / "one", split="test", search=search, precision="fp32")
    two, one = (tmp_path / name / "captions_test_results.json" for name in ("two", "one"))
    assert two.read_text() == one.read_text()


def test_the_results_file_is_read_by_the_official_tool(model, tmp_path, tiny_scenes, capsys):
    evaluate(model, tmp_path / "out", split="test")
    official = COCO(str(tiny_scenes / "annotations/captions_test.json"))
    results = official.loadRes(str(tmp_path / "out/captions_test_results.json"))
    assert sorted(results.getImgIds()) == sorted(official.getImgIds())


def test_attention_pictures_and_samples_page_are_written(model, tmp_path):
    evaluate(model, tmp_path / "out", split="val")
    assert len(list((tmp_path / "out/attention").glob("*.png"))) == 6
    assert "<html" in (tmp_path / "out/samples.html").read_text()


def test_training_and_evaluation_see_the_same_pixels(model, tiny_scenes):
    """What the loaded model computes from a file equals what the trained one computed."""
    loaded = load_model(model)
    rows = Scenes(26, 6, 7, folder=str(tiny_scenes)).tables()["val"]
    image = load_image(rows[0]["path"])
    captions = [c.words for c in Captioner(model).caption([rows[0]["path"]])]
    with torch.inference_mode():
        features_BLF = loaded.encoder(loaded.encoder.preprocessing(image)[None])
    from captioner.search.beam import Beam

    found = Beam(3, max_length=6)(loaded.decoder, features_BLF)[0][0]
    assert captions == [loaded.vocabulary.decode(found.tokens)]


def test_a_model_folder_can_be_moved_and_needs_nothing_else(model, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(model, moved)
    one, other = load_model(model), load_model(moved)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])
    assert one.vocabulary.words == other.vocabulary.words
    assert one.encoder.preprocessing == other.encoder.preprocessing
    assert not any(path.suffix in (".pkl", ".ckpt", ".pt") for path in moved.iterdir())


def test_broken_pictures_are_named_and_the_others_captioned(model, tmp_path):
    Image.new("RGB", (50, 40), "red").save(tmp_path / "good.png")
    (tmp_path / "empty.png").touch()
    files = [tmp_path / "empty.png", tmp_path / "good.png", tmp_path / "gone.png"]
    found = Captioner(model, n_best=2).caption(files)
    assert [len(c.captions) for c in found] == [0, 2, 0]
    assert "empty.png" in found[0].problem
    assert "gone.png" in found[2].problem


def test_attention_is_drawn_for_a_model_that_attends(model, tmp_path):
    Image.new("RGB", (64, 64), "blue").save(tmp_path / "blue.png")
    captioner = Captioner(model)
    captioner.check_has_attention()
    captioned = captioner.caption(tmp_path / "blue.png")
    drawn = captioner.draw(captioned)
    assert drawn.width > 112
    assert drawn.height >= 112


@pytest.mark.parametrize("missing", ["model.safetensors", "card.json"])
def test_half_a_model_folder_is_refused(model, tmp_path, missing):
    shutil.copytree(model, tmp_path / "half")
    (tmp_path / "half" / missing).unlink()
    with pytest.raises(UserError, match=f"{missing} is missing"):
        load_model(tmp_path / "half")


def test_weights_that_do_not_fit_are_refused(model, tmp_path):
    shutil.copytree(model, tmp_path / "other")
    config = (tmp_path / "other/config.yaml").read_text()
    (tmp_path / "other/config.yaml").write_text(config.replace("hidden_dim: 12", "hidden_dim: 13"))
    write_card(tmp_path / "other", read_card(tmp_path / "other"))
    with pytest.raises(UserError, match="does not fit"):
        load_model(tmp_path / "other")


def test_a_wrong_split_is_refused(model, tmp_path):
    with pytest.raises(UserError, match=r"no split 'tset'\. Did you mean test"):
        evaluate(model, tmp_path / "out", split="tset")
