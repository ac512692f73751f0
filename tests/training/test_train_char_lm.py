"""Read what a run left in its folder, and stop a run."""

import json
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT, TEXT
from runs import RESUMED, assert_same, newest, rows, stop_after
from safetensors.torch import load_file

from captioner.config import load
from captioner.errors import UserError
from captioner.inference.char_lm import Writer
from captioner.models.char_lm import CharLanguageModel
from captioner.models.folder import load_model
from captioner.models.prompt import PromptedLM, no_image
from captioner.paths import config_file
from captioner.search.sample import Sample
from captioner.training import train as training
from captioner.training.char_lm import CharLMTask


@pytest.mark.parametrize("when", [0.3, 1.0, 1.6])
def test_a_resumed_run_equals_one_that_was_not_stopped_bit_for_bit(tiny_text, tmp_path, monkeypatch, when):
    """Stopped in the first epoch, at its end, in the second: weights, streams' state, losses."""
    whole = training.train(tiny_text, tmp_path / "whole")
    an_epoch = newest(tmp_path / "whole")["global_step"] // 2
    assert an_epoch > 5
    with monkeypatch.context() as patch:
        stop_after(patch, int(when * an_epoch))
        assert training.train(tiny_text, tmp_path / "parts").interrupted
    before = newest(tmp_path / "parts")
    assert [tuple(leaf.shape) for leaf in before["carried"]] == [(7, 9)] * 4
    resumed = training.train(load(tmp_path / "parts/config.yaml"), tmp_path / "parts", resume=True)
    one, other = newest(tmp_path / "whole"), newest(tmp_path / "parts")
    assert_same([one[part] for part in RESUMED], [other[part] for part in RESUMED])
    assert resumed.best == whole.best
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")


def test_a_validation_in_the_middle_of_an_epoch_belongs_to_the_update_before_it(
    tiny_text, tmp_path, monkeypatch
):
    tiny_text.trainer["val_check_interval"] = 4
    whole = training.train(tiny_text, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_after(patch, 4)
        assert training.train(tiny_text, tmp_path / "parts").interrupted
    (first,) = (row["val/loss"] for row in rows(tmp_path / "parts") if row["val/loss"])
    assert newest(tmp_path / "parts")["callbacks"]["KeepBest"]["best"] == pytest.approx(float(first))
    assert training.train(tiny_text, tmp_path / "parts", resume=True).best == whole.best
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")


KILLED = """
import os, signal, sys
from pathlib import Path

from captioner.training import train as training
from captioner.config import load
from captioner.training.callbacks import StopOnRequest

def kill(self, trainer, *rest):
    if trainer.global_step == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

StopOnRequest.on_train_batch_end = kill
training.train(load(Path(sys.argv[1])), Path(sys.argv[2]))
"""


def test_a_run_that_is_killed_goes_on_from_its_last_epoch_bit_for_bit(tiny_text, tmp_path):
    """SIGKILL in the middle of the second epoch of three: nothing in the process can act on it."""
    tiny_text.trainer["max_epochs"] = 3
    training.train(tiny_text, tmp_path / "whole")
    an_epoch = newest(tmp_path / "whole")["global_step"] // 3
    (tmp_path / "config.yaml").write_text(tiny_text.to_yaml())
    words = [tmp_path / "config.yaml", tmp_path / "killed", an_epoch + an_epoch // 2]
    killed = subprocess.run([sys.executable, "-c", KILLED, *map(str, words)], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert newest(tmp_path / "killed")["global_step"] == an_epoch
    left = rows(tmp_path / "killed")
    assert len(left) == an_epoch + an_epoch // 2 - 1, "of updates that will be done again too"
    training.train(load(tmp_path / "killed/config.yaml"), tmp_path / "killed", resume=True)
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")
    one, other = newest(tmp_path / "whole"), newest(tmp_path / "killed")
    assert_same([one[part] for part in RESUMED], [other[part] for part in RESUMED])
    best = [load_file(tmp_path / name / "model/model.safetensors") for name in ("whole", "killed")]
    assert all(torch.equal(best[0][name], best[1][name]) for name in best[0])


def test_a_run_leaves_the_same_folders_as_any(tiny_text, tmp_path):
    tiny_text.task["sample_every"] = 8
    result = training.train(tiny_text, tmp_path / "run")
    assert load(tmp_path / "run/config.yaml") == tiny_text
    assert {f.name for f in result.model.iterdir()} == {
        "model.safetensors", "config.yaml", "vocabulary.json", "card.json",
    }  # fmt: skip
    card = json.loads((result.model / "card.json").read_text())
    assert card["text"]["characters"] == len(TEXT)
    assert card["validation"]["val/loss_low"] < card["validation"]["val/loss"]
    assert {"train/loss_step", "train/bits_per_character_step", "val/bits_per_character"} <= set(
        rows(tmp_path / "run")[0]
    )
    samples = (tmp_path / "run/samples.txt").read_text()
    assert samples.startswith("---- update 8 ----\n")
    model = load_model(result.model)
    assert isinstance(model, CharLanguageModel)
    assert model.alphabet.symbols == sorted(set(TEXT))
    assert model.text == card["text"]


def test_a_sample_goes_on_from_where_the_first_stream_of_training_is(tiny_text, tmp_path):
    tiny_text.task["sample_every"] = 12
    tiny_text.data["val_fraction"] = 0.0
    tiny_text.trainer["max_steps"] = 12
    result = training.train(tiny_text, tmp_path / "run")
    left, model = newest(tmp_path / "run"), load_model(result.model)
    assert model.alphabet.decode([left["newest"]]) == TEXT[12 * 20]
    first = tuple(leaf[:1] for leaf in left["carried"])
    draw, nothing = Sample(max_length=200, seed=12), no_image(model.decoder, 1)
    ((found,),) = draw(PromptedLM(model.decoder, left["newest"], first), nothing)
    ((other,),) = draw(PromptedLM(model.decoder, left["newest"]), nothing)
    written = (tmp_path / "run/samples.txt").read_text()
    assert written == f"---- update 12 ----\n{model.alphabet.decode(found.tokens)}\n\n"
    assert found.tokens != other.tokens


def test_a_text_can_open_from_where_training_ended(tiny_text, tmp_path):
    tiny_text.task["prompt_state"] = "carried"
    tiny_text.trainer["max_steps"] = 12
    result = training.train(tiny_text, tmp_path / "run")
    left, writer = newest(tmp_path / "run"), Writer(result.model)
    prompted = writer.model.prompted
    assert writer.model.alphabet.decode([prompted.token]) == TEXT[12 * 20]
    assert_same(prompted.state, tuple(leaf[:1] for leaf in left["carried"]))
    decoder, text = writer.model.decoder, TEXT[: 3 * 20]
    tokens_T = torch.tensor([left["newest"], *writer.model.alphabet.encode(text).tolist()])
    with torch.inference_mode():
        logits_TV = decoder.logits((), (decoder.read(tokens_T[None, :-1], prompted.state).outputs_NTH[0],))
        nats_T = F.cross_entropy(logits_TV, tokens_T[1:], reduction="none")
    np.testing.assert_allclose(writer.nll(text), nats_T.numpy(), rtol=1e-5)
    (written,) = Writer(result.model, {"name": "greedy", "max_length": 1}).write()
    assert writer.model.alphabet.encode(written.text).tolist() == [int(logits_TV[0].argmax())]
    assert [len(one.text) for one in Writer(result.model, {"max_length": 9}, n_best=2).write()] == [9, 9]
    writer.model.prompt_state = None
    assert writer.model.prompted.token == writer.model.line_feed
    assert abs(writer.nll(text)[0] - float(nats_T[0])) > 1e-3


def test_samples_do_not_change_training(tiny_text, tmp_path):
    training.train(tiny_text, tmp_path / "quiet")
    tiny_text.task["sample_every"] = 3
    training.train(tiny_text, tmp_path / "loud")
    one, other = newest(tmp_path / "quiet")["state_dict"], newest(tmp_path / "loud")["state_dict"]
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_samples_of_min_char_rnn_turn_from_gibberish_into_words(tiny_text, tmp_path):
    """As the lecture shows: the share of what is between spaces that stands in the text too."""
    changes = [f"data.path={tmp_path / 'text.txt'}", "task.sample_every=50", "trainer.max_steps=500"]
    recipe = load(ROOT / "configs/recipes/min_char_rnn.yaml", changes)
    recipe.trainer |= {"max_epochs": -1, "enable_progress_bar": False}
    training.train(recipe, tmp_path / "run")
    parts = re.split(r"---- update (\d+) ----\n", (tmp_path / "run/samples.txt").read_text())[1:]
    assert [int(update) for update in parts[::2]] == list(range(50, 501, 50))
    words = set(TEXT.split())
    shares = [sum(word in words for word in text.split()) / len(text.split()) for text in parts[1::2]]
    assert shares[0] < 0.3
    assert sum(shares[-4:]) / 4 > 0.6


def test_text_is_learnt_by_heart(tiny_text, tmp_path):
    tiny_text.decoder["dropout"] = 0.0
    tiny_text.decoder["cell"] = {"name": "lstm", "hidden_dim": 48}
    tiny_text.trainer["max_epochs"] = 15
    tiny_text.optimizer["lr"] = 0.02
    (tmp_path / "text.txt").write_text("to be, or not to be: that is the question.\n" * 100)
    assert training.train(tiny_text, tmp_path / "run").best < 0.1


def test_more_processes_than_streams_are_refused(tiny_text, tmp_path):
    _, data = CharLMTask.prepare(tiny_text, tmp_path)
    data.num_replicas = 7
    assert len(data.training_loader()) > 0
    data.num_replicas = 8
    with pytest.raises(UserError, match=r"training.batch_size=7 is the number of streams: .* by 8 processes"):
        data.training_loader()


def test_the_command_line_writes_the_task_with_a_hyphen_or_as_in_the_config():
    assert config_file("char-lm") == config_file("char_lm") == ROOT / "configs/char-lm.yaml"
    with pytest.raises(UserError, match="Did you mean char-lm"):
        config_file("char-lmm")
