"""Model folders of every task: what is saved computes the same when it is loaded."""

import errno
import json
import shutil
from pathlib import Path

import pytest
import torch
from tiny_models import TASK_NAMES, add_to_weights

from captioner.data.questions.multiple_choice import MultipleChoiceQuestion
from captioner.errors import UserError
from captioner.models.base import MODELS
from captioner.models.card import FORMAT_VERSION, read_card
from captioner.models.folder import load_model, save_model, trained_task, write_card
from captioner.models.prompt import nll

PIXELS = 2  # images


def images(model):
    size = model.encoder.preprocessing.size
    pixels = torch.rand(PIXELS, 3, size, size, generator=torch.Generator().manual_seed(3))
    return model.encode_images(list(pixels))


def choices(model, boxes):
    questions = [
        [MultipleChoiceQuestion(n, "Where is the big circle?", ["Above.", "On the left."], boxes, 0)]
        for n in range(PIXELS)
    ]
    return [torch.tensor(found) for found in model.score(images(model), [(60, 40)] * 2, questions).values()]


def teacher_forced(model, features_BLF):
    tokens_BKT = torch.tensor([[[1, 5, 4]], [[1, 4, 6]]])[: len(features_BLF)]
    return [model.decoder(features_BLF, tokens_BKT, torch.ones_like(tokens_BKT, dtype=torch.bool))[0]]


OUTPUTS = {
    "caption": lambda model: teacher_forced(model, images(model)),
    "vqa": lambda model: [model.ask(images(model), [1, 0], ["What color is it?", "Is it red?"]).logits_NV],
    "visual7w": lambda model: choices(model, []),
    "visual7w_pointing": lambda model: choices(model, [[3.0, 4.0, 20.0, 10.0], [30.0, 9.0, 20.0, 25.0]]),
    "char_lm": lambda model: [nll(model.prompted, torch.tensor([[4, 6, 5, 9, 7, 8]]))],
    "translate": lambda model: teacher_forced(model, model.features(torch.tensor([[4, 6, 5], [5, 7, 4]]))),
    "memory": lambda model: [model(torch.linspace(-1, 1, 2 * 5 * 10).view(2, 5, 10), 3)],
}


def test_every_task_has_a_model_here():
    assert sorted(MODELS) == sorted(TASK_NAMES) == sorted(OUTPUTS)


@pytest.mark.parametrize("task", TASK_NAMES)
def test_a_model_that_was_saved_and_loaded_computes_the_same(tiny_model, tmp_path, task):
    """Saved from weights that no folder held before, and compared with the model in memory."""
    model = load_model(tiny_model(task))
    torch.manual_seed(4)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    with torch.inference_mode():
        expected = OUTPUTS[task](model)
        save_model(model, tmp_path / "model", {"split": "train"})
        again = load_model(tmp_path / "model")
        found = OUTPUTS[task](again)
        before = OUTPUTS[task](load_model(tiny_model(task)))
    assert type(again) is type(model)
    assert not again.training
    assert again.vocabulary.words == model.vocabulary.words
    assert again.config == model.config
    assert again.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(again.state_dict()[name], t) for name, t in model.state_dict().items())
    assert len(found) == len(expected) >= 1
    for one, other, old in zip(found, expected, before, strict=True):
        assert one.isfinite().all()
        torch.testing.assert_close(one, other)  # sums may differ in the last bit by where weights lie
        assert not torch.allclose(one, old, rtol=1e-3)
    assert read_card(tmp_path / "model")["split"] == "train"
    assert trained_task(tmp_path / "model") == task
    assert sorted(file.suffix for file in (tmp_path / "model").iterdir()) == [
        ".json", ".json", ".safetensors", ".yaml",
    ]  # fmt: skip


@pytest.mark.parametrize("version", [1, None, FORMAT_VERSION + 1])
def test_a_folder_of_another_format_is_refused(tiny_model, tmp_path, version):
    folder = shutil.copytree(tiny_model("translate"), tmp_path / "model")
    card = json.loads((folder / "card.json").read_text())
    card["format_version"] = version
    (folder / "card.json").write_text(json.dumps(card))
    for reads in (load_model, read_card, trained_task):
        with pytest.raises(UserError) as error:
            reads(folder)
        assert str(error.value) == (
            f"{folder} has format {version}, but this version of captioner reads format {FORMAT_VERSION}: "
            "train the model again."
        )


def test_a_folder_is_replaced_as_a_whole(tiny_model, tmp_path):
    model = load_model(tiny_model("translate"))
    save_model(model, tmp_path / "model", {"epoch": 1})
    (tmp_path / "model/left.txt").touch()
    save_model(model, tmp_path / "model", {"epoch": 2})
    assert read_card(tmp_path / "model")["epoch"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert not (tmp_path / "model/left.txt").exists()


def test_damaged_weights_are_refused(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model("translate"), tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(UserError, match=r"model\.safetensors is not the file that was saved"):
        load_model(folder)
    write_card(folder, read_card(folder))
    with pytest.raises(UserError, match=r"model\.safetensors cannot be read"):
        load_model(folder)


def test_weights_words_and_options_belong_together(tiny_model, tmp_path):
    """A flipped bit, words that change places, another option: each file is fine by itself."""
    for name in ("model.safetensors", "vocabulary.json", "config.yaml"):
        folder = shutil.copytree(tiny_model("translate"), tmp_path / name / "model")
        content = bytearray((folder / name).read_bytes())
        if name == "vocabulary.json":
            words = json.loads(content)
            words[4], words[5] = words[5], words[4]
            content = json.dumps(words).encode()
        elif name == "config.yaml":
            content += b"\n"
        else:
            content[-3] ^= 1
        (folder / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name} is not the file that was saved with this model"):
            load_model(folder)


def test_weights_that_are_not_finite_are_refused(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model("translate"), tmp_path / "model")
    add_to_weights(folder, "decoder.output.bias", 4, float("nan"))
    with pytest.raises(UserError, match=r"decoder\.output\.bias holds numbers that are not finite"):
        load_model(folder)


def test_every_file_can_be_read_by_others(tiny_model, tmp_path):
    """As far as the mask of the process allows it, however safetensors makes its file."""
    save_model(load_model(tiny_model("translate")), tmp_path / "model", {})
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "model").iterdir()} == {0o644}


def test_a_full_disk_is_one_sentence(tiny_model, tmp_path, monkeypatch):
    model = load_model(tiny_model("translate"))
    save_model(model, tmp_path / "model", {"epoch": 1})

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match=r"model cannot be written: .*No space left"):
        save_model(model, tmp_path / "model", {"epoch": 2})
    assert read_card(tmp_path / "model")["epoch"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
