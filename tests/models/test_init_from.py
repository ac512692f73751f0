"""Starting from a trained model: weights by name, rows of words and answers by their label."""

import json
import shutil

import pytest
import torch
from runs import newest
from tiny_models import TASK_NAMES, add_to_weights, save_tiny, tiny_config

from captioner.config import load
from captioner.errors import UserError
from captioner.models.base import build_model
from captioner.models.card import read_card
from captioner.models.folder import load_model
from captioner.models.init_from import init_from
from captioner.training import train as training
from captioner.training.task_class import task_class
from captioner.vocabulary import SPECIAL, Vocabulary

NEW = ["zebra", "quagga"]


def fresh(trained, words=None, answers=None, seed=99, **changes):
    """A model of the same config, untrained, of other words or answers."""
    torch.manual_seed(seed)
    card = {"answers": answers or trained.answers.texts} if hasattr(trained, "answers") else {}
    for key, value in changes.items():
        setattr(trained.config, key, value)
    return build_model(trained.config, Vocabulary(words or trained.vocabulary.words), card)


def tensors(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("task", TASK_NAMES)
def test_all_tensors_come_over_where_the_words_are_the_same(tiny_model, task):
    trained = load_model(tiny_model(task))
    model = fresh(trained)
    assert any(not torch.equal(tensors(model)[name], t) for name, t in tensors(trained).items())
    copied = init_from(model, tiny_model(task))
    for name, tensor in tensors(trained).items():
        assert torch.equal(model.state_dict()[name], tensor), name
    labels = model.row_labels()
    assert copied.new_rows == 0
    assert copied.tensors == len(trained.state_dict()) - len(labels)
    if getattr(model, "encoder", None):
        assert model.encoder.preprocessing == trained.encoder.preprocessing


def rows_by_hand(name, trained, model, start):
    """Each row of a tensor: that of the same label in the trained model, else as it was."""
    first, labels = model.row_labels()[name]
    their_first, theirs = trained.row_labels()[name]
    expected = start[name].clone()
    for row, label in enumerate(labels[first:]):
        if label in theirs[their_first:]:
            expected[row] = trained.state_dict()[name][theirs[their_first:].index(label)]
    return expected


@pytest.mark.parametrize("task", [task for task in TASK_NAMES if task not in ("char_lm", "memory")])
def test_rows_of_words_are_found_by_the_word(tiny_model, task):
    """The new vocabulary lacks two words, has two others, and is in another order."""
    trained = load_model(tiny_model(task))
    known = trained.vocabulary.words[len(SPECIAL) :]
    words = [*SPECIAL, NEW[0], *sorted(known[2:], reverse=True), NEW[1]]
    assert words[len(SPECIAL) + 1 :] != known
    model = fresh(trained, words)
    start = tensors(model)
    copied = init_from(model, tiny_model(task))
    labels = model.row_labels()
    assert labels
    for name, tensor in model.state_dict().items():
        if name in labels:
            assert torch.equal(tensor, rows_by_hand(name, trained, model, start)), name
        else:
            assert torch.equal(tensor, trained.state_dict()[name]), name
    for name, (first, listed) in labels.items():
        if NEW[0] in listed:
            for word in NEW:
                row = words.index(word) - first
                assert torch.equal(model.state_dict()[name][row], start[name][row]), (
                    "a new word keeps its row"
                )
            kept = listed.index(known[2]) - first
            assert not torch.equal(model.state_dict()[name][kept], start[name][kept])
    answers = len(trained.answers) if task == "vqa" else 0
    assert (copied.rows, copied.new_rows) == (len(words) - len(NEW) + answers, len(NEW))


def test_rows_of_answers_are_found_by_the_answer(tiny_model):
    """An answer that is new counts as new, though the vocabulary may know the word."""
    trained = load_model(tiny_model("vqa"))
    word = next(w for w in trained.vocabulary.words[len(SPECIAL) :] if w not in trained.answers.texts)
    answers = [word, *sorted(trained.answers.texts[1:], reverse=True)]
    model = fresh(trained, answers=answers)
    start = tensors(model)
    copied = init_from(model, tiny_model("vqa"))
    assert (copied.rows, copied.new_rows) == (len(model.vocabulary) + len(answers) - 1, 1)
    names = [name for name, (_, listed) in model.row_labels().items() if listed == answers]
    assert len(names) == 2
    for name in names:
        assert torch.equal(model.state_dict()[name], rows_by_hand(name, trained, model, start))
        assert torch.equal(model.state_dict()[name][0], start[name][0])


def test_rows_of_characters_have_no_special_ones(tiny_model):
    trained = load_model(tiny_model("char_lm"))
    known = trained.vocabulary.words[len(SPECIAL) :]
    model = fresh(trained, [*SPECIAL, "\u00e9", *known[:0:-1]])
    start = tensors(model)
    copied = init_from(model, tiny_model("char_lm"))
    assert (copied.rows, copied.new_rows) == (len(known) - 1, 1)
    for name in model.row_labels():
        assert torch.equal(model.state_dict()[name], rows_by_hand(name, trained, model, start))
        assert torch.equal(model.state_dict()[name][0], start[name][0])


def test_the_state_that_a_text_follows_does_not_come_over(tmp_path):
    config = tiny_config("char_lm", tmp_path / "data", "task.prompt_state=carried")
    folder = save_tiny(config, tmp_path / "run")
    add_to_weights(folder, "prompt_state.state_0", slice(None), 0.5)
    trained = load_model(folder)
    model = fresh(trained)
    init_from(model, folder)
    assert not model.state_dict()["prompt_state.state_0"].any()
    output = "decoder.output.weight"
    assert torch.equal(model.state_dict()[output], trained.state_dict()[output])


def test_another_shape_task_or_format_is_refused(tiny_model, tmp_path):
    folder = tiny_model("caption")
    trained = load_model(folder)
    decoder = trained.config.decoder
    wider = fresh(trained, decoder=decoder | {"attention_dim": 11})
    before = tensors(wider)
    with pytest.raises(UserError) as error:
        init_from(wider, folder)
    assert "has another shape than the model to train: decoder." in str(error.value)
    assert " there and " in str(error.value)
    assert "\n" not in str(error.value)
    wider_words = fresh(trained, decoder=decoder | {"embed_dim": 13})
    with pytest.raises(UserError, match="has another shape than the model to train"):
        init_from(wider_words, folder)
    other = fresh(trained, decoder={"name": "show_tell", "cell": decoder["cell"], "embed_dim": 10})
    with pytest.raises(UserError, match="is missing in"):
        init_from(other, folder)
    with pytest.raises(UserError, match="holds a model for the task caption: the task translate cannot"):
        init_from(load_model(tiny_model("translate")), folder)
    old = shutil.copytree(folder, tmp_path / "old")
    (old / "card.json").write_text(json.dumps(read_card(folder) | {"format_version": 1}))
    with pytest.raises(UserError, match=r"has format 1, .*: train the model again"):
        init_from(load_model(folder), old)
    assert all(torch.equal(before[name], tensor) for name, tensor in wider.state_dict().items()), (
        "a refused model keeps its weights"
    )


@pytest.fixture
def config(tiny_model, tmp_path):
    """Two epochs of a captioner that starts from a trained one, without the most frequent word."""
    made = tiny_config("caption", tmp_path / "scenes", "vocabulary.max_size=9")
    made.training.init_from = str(tiny_model("caption"))
    return made


def test_training_starts_from_the_model(config, tiny_model, tmp_path, monkeypatch, capsys):
    started = {}

    def keep(self):
        started.update(tensors(self.model))

    monkeypatch.setattr(task_class(config), "on_fit_start", keep)
    training.train(config, tmp_path / "run")
    trained, vocabulary = load_model(tiny_model("caption")), load_model(tmp_path / "run/model").vocabulary
    assert len(vocabulary) == len(SPECIAL) + 9 < len(trained.vocabulary)
    for name, tensor in started.items():
        if name in trained.row_labels():
            rows = [trained.vocabulary.words.index(word) for word in vocabulary.words]
            assert torch.equal(tensor, trained.state_dict()[name][rows]), name
        else:
            assert torch.equal(tensor, trained.state_dict()[name]), name
    after = newest(tmp_path / "run")["state_dict"]
    assert any(not torch.equal(after[f"model.{name}"], tensor) for name, tensor in started.items())
    line = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("init from"))
    assert f"the rows of {len(vocabulary)} words or answers; 0 are new" in line


def test_a_resumed_run_does_not_start_again_from_the_model(config, tmp_path, monkeypatch):
    """The folder that the run started from may be gone by then."""
    config.training.init_from = str(shutil.copytree(config.training.init_from, tmp_path / "first"))
    training.train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        from runs import stop_after

        stop_after(patch, 3)
        assert training.train(config, tmp_path / "parts").interrupted
    with monkeypatch.context() as patch:
        patch.setattr(training, "init_from", lambda *_: pytest.fail("the model is started again"))
        training.train(load(tmp_path / "parts/config.yaml"), tmp_path / "parts", resume=True)
    one, other = (newest(tmp_path / name)["state_dict"] for name in ("whole", "parts"))
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.parametrize(
    ("folder", "message"),
    [("gone", "gone is not a model folder: model.safetensors is missing"), ("vqa", "holds a model for the")],
)
def test_a_folder_that_cannot_be_started_from_is_refused_by_training(
    config, tiny_model, tmp_path, folder, message
):
    config.training.init_from = str(tiny_model("translate") if folder == "vqa" else tmp_path / folder)
    with pytest.raises(UserError, match=message):
        training.train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_hot_symbols_are_columns_and_need_the_same_alphabet(tmp_path):
    folder = save_tiny(tiny_config("char_lm", tmp_path / "data", "decoder.embed_dim=null"), tmp_path)
    trained = load_model(folder)
    same = fresh(trained)
    init_from(same, folder)
    assert torch.equal(same.decoder.cell.layers[0].input.weight, trained.decoder.cell.layers[0].input.weight)
    turned = [*SPECIAL, *reversed(trained.vocabulary.words[len(SPECIAL) :])]
    model = fresh(trained, words=turned)
    before = tensors(model)
    with pytest.raises(UserError, match=r"reads them one-hot: give both a decoder\.embed_dim"):
        init_from(model, folder)
    assert all(torch.equal(tensor, before[name]) for name, tensor in tensors(model).items())
