"""The character model against numpy and against one pass over the whole text."""

import math

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from conftest import ROOT

from captioner.config import Config, load
from captioner.data.text.streams import TextBatch
from captioner.errors import UserError
from captioner.metrics.text.likelihood import by_distance, likelihood
from captioner.training.char_lm import CharLMTask
from captioner.training.data_module import DataModule
from captioner.training.task import TASKS
from captioner.training.train import check

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:.*{text}")
    for text in ("does not have many workers", "isinstance.treespec, LeafSpec", "across ranks is zero")
]
TEXT = "".join(f"{a} sheep and {b} goats are {a + b} animals;\n" for a in range(9) for b in range(9))


def config(tmp_path, cell=None, task=None, **data):
    (tmp_path / "text.txt").write_text(TEXT)
    return Config(
        task={"name": "char_lm", **(task or {})},
        data={"name": "corpus", "path": str(tmp_path / "text.txt"), **data},
        decoder={"name": "language_model", "cell": cell or {"name": "lstm", "hidden_dim": 7}, "embed_dim": 5},
    )


def make(tmp_path, batch_size=3, **options):
    torch.manual_seed(5)
    made = config(tmp_path, **options)
    made.training.batch_size = batch_size
    task, data = CharLMTask.prepare(made, tmp_path)
    return task.double(), data


class Losses(pl.Callback):
    def __init__(self):
        self.losses = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.losses.append(outputs["loss"].item())


def numpy_min_char_rnn(numbers, weights, updates, length=25):
    """Losses of a plain RNN written out by hand, summed over a chunk, Adagrad with 1e-8 under the root."""
    W, U, b, V, d = (weight.copy() for weight in weights)
    parameters, losses = (W, U, b, V, d), []
    memories = [np.zeros_like(weight) for weight in parameters]
    size, h, place = len(V), np.zeros(len(U)), 0
    for _ in range(updates):
        if place + length + 1 > len(numbers):
            h, place = np.zeros(len(U)), 0
        read, wanted = numbers[place : place + length], numbers[place + 1 : place + length + 1]
        states, probabilities, loss = [h], [], 0.0
        for one, other in zip(read, wanted, strict=True):
            states.append(np.tanh(W[:, one] + U @ states[-1] + b))
            scores = np.exp(V @ states[-1] + d)
            probabilities.append(scores / scores.sum())
            loss -= np.log(probabilities[-1][other])
        grads = [np.zeros_like(weight) for weight in parameters]
        dW, dU, db, dV, dd = grads
        back = np.zeros(len(U))
        for t in reversed(range(length)):
            dscore = probabilities[t] - np.eye(size)[wanted[t]]
            dV += np.outer(dscore, states[t + 1])
            dd += dscore
            draw = (V.T @ dscore + back) * (1 - states[t + 1] ** 2)
            dW[:, read[t]] += draw
            dU += np.outer(draw, states[t])
            db += draw
            back = U.T @ draw
        for weight, grad, memory in zip(parameters, grads, memories, strict=True):
            np.clip(grad, -5, 5, out=grad)
            memory += grad * grad
            weight -= 0.1 * grad / np.sqrt(memory + 1e-8)
        losses.append(loss)
        h, place = states[-1], place + length
    return np.array(losses)


def test_min_char_rnn_equals_numpy_update_for_update(tmp_path):
    """The shipped recipe, on prose so short that it starts again within the 100 updates.

    On a text that repeats itself its first updates are chaotic, and rounding alone would part the two.
    """
    text = (ROOT / "LICENSE").read_text()[:2003]
    (tmp_path / "text.txt").write_text(text)
    changes = [
        f"data.path={tmp_path / 'text.txt'}",
        "trainer.enable_progress_bar=false",
        "task.sample_every=0",
    ]
    recipe = load(ROOT / "configs/recipes/min_char_rnn.yaml", changes)
    torch.manual_seed(1)
    task, data = CharLMTask.prepare(recipe, tmp_path)
    task.double()
    cell, output = task.model.decoder.cell, task.model.decoder.output
    parameters = (cell.input.weight, cell.recurrent.weight, cell.input.bias, output.weight, output.bias)
    weights = [p.detach().numpy().copy() for p in parameters]
    assert [weight.shape[0] for weight in weights] == [100, 100, 100, len(set(text)), len(set(text))]
    assert not weights[2].any()
    assert not weights[4].any()
    assert all(0.009 < weight.std() < 0.011 for weight in (weights[0], weights[1], weights[3]))
    expected = numpy_min_char_rnn(data.numbers - 4, weights, 100)
    seen = Losses()
    trainer = pl.Trainer(
        **(recipe.trainer | {"max_epochs": -1, "max_steps": 100}),
        default_root_dir=tmp_path, callbacks=[seen], logger=False, enable_checkpointing=False,
        enable_model_summary=False, precision="64-true",
    )  # fmt: skip
    trainer.fit(task, datamodule=DataModule(data))
    np.testing.assert_allclose(np.array(seen.losses) * 25, expected, rtol=0, atol=1e-8)
    assert expected[0] == pytest.approx(25 * math.log(len(set(text))), rel=1e-3)
    assert expected[80:].mean() < 0.95 * expected[0] < expected[:80].max()


@pytest.mark.parametrize("cell", ["lstm", "elman", "gru", "stacked"])
def test_val_loss_is_that_of_one_pass_over_the_whole_split(tmp_path, cell):
    task, data = make(tmp_path, cell={"name": cell, "hidden_dim": 6}, chunk_length=11)
    task.eval()
    numbers = torch.from_numpy(data.numbers[int(len(TEXT) * 0.9) :]).long()
    decoder = task.model.decoder
    outputs_NTH, _ = decoder.read(numbers[None, :-1], decoder.start(torch.zeros(1, 0, 0).double()).state)
    expected = F.cross_entropy(decoder.logits((), (outputs_NTH[0],)), numbers[1:])
    with torch.no_grad():
        found = [task.loss(batch) for batch in data.validation_loader()]
    assert sum(one.size for one in found) == len(numbers) - 1
    mean = sum(one.loss * one.size for one in found) / (len(numbers) - 1)
    torch.testing.assert_close(mean, expected.detach())
    torch.testing.assert_close(found[0].logs["bits_per_character"], found[0].loss / math.log(2))


def batches(data):
    return list(data.training_loader())


@pytest.mark.parametrize("steps", [None, 13, 5, 1])
def test_gradients_flow_no_further_than_tbptt_steps(tmp_path, steps):
    """By hand: step by step with autograd, the state cut off at each boundary."""
    task, data = make(tmp_path, task={"tbptt_steps": steps}, chunk_length=13)
    first, second = batches(data)[:2]
    task.train()
    task.loss(first)
    task.loss(second).loss.backward()
    found = {name: p.grad.clone() for name, p in task.named_parameters()}
    task.zero_grad()
    decoder, nats = task.model.decoder, []
    memory, state = decoder.start(torch.zeros(3, 0, 0).double())
    for number, batch in enumerate((first, second)):
        for t in range(13):
            if t % (steps or 13) == 0:
                state = tuple(leaf.detach() for leaf in state)
            step = decoder.step(batch.tokens_NT[:, t], state, memory)
            state = step.state
            if number == 1:
                nats.append(F.cross_entropy(step.logits_NV, batch.tokens_NT[:, t + 1]))
    torch.stack(nats).mean().backward()
    for name, parameter in task.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad)


def test_the_state_starts_at_zero_with_the_text_and_validation_leaves_it_alone(tmp_path):
    task, data = make(tmp_path, chunk_length=13)
    first, second = batches(data)[:2]
    val = next(iter(data.validation_loader()))

    def losses(*chunks):
        found = []
        for batch, training in chunks:
            task.train(training)
            found.append(task.loss(batch).loss.item())
        return found

    once = losses((first, True), (second, True))
    assert not any(leaf.requires_grad for leaf in task._carried["train"]), "a graph would be kept for ever"
    assert losses((first, True), (val, False), (second, True))[::2] == once
    alone = losses((TextBatch(second.tokens_NT, True), True))
    assert alone[0] != once[1]


def test_the_loss_without_carrying_by_distance(tmp_path):
    task, data = make(tmp_path, task={"report_zero_state": True}, chunk_length=11)
    task.sample_every = 1
    task.eval()
    everything = []
    with torch.no_grad():
        for batch in data.validation_loader():
            task.loss(batch)
            task.update_metrics(batch)
            tokens_NT = batch.tokens_NT
            memory, state = task.model.decoder.start(torch.zeros(1, 0, 0).double())
            for t in range(tokens_NT.shape[1] - 1):
                step = task.model.decoder.step(tokens_NT[:, t], state, memory)
                state = step.state
                everything.append((t + 1, F.cross_entropy(step.logits_NV, tokens_NT[:, t + 1]).item()))
    figures = task.compute_metrics()
    assert figures["zero_state_loss"] == pytest.approx(np.mean([nats for _, nats in everything]))
    for start, end in ((1, 2), (2, 4), (4, 8), (8, 16)):
        expected = np.mean([nats for t, nats in everything if start <= t < end])
        assert figures[f"zero_state_loss_at_{start}"] == pytest.approx(expected)
    assert figures["loss_low"] < figures["loss_high"]
    assert task.compute_metrics() == {}


def test_likelihood_of_known_numbers():
    random = np.random.default_rng(3)
    nats = random.exponential(size=50_000)
    found = likelihood(nats)
    assert found.nats == pytest.approx(nats.mean())
    assert found.perplexity == pytest.approx(2**found.bits)
    half = 1.96 / math.sqrt(50_000)  # independent symbols: the normal interval
    assert found.interval.high - found.nats == pytest.approx(half, rel=0.15)
    assert found.nats - found.interval.low == pytest.approx(half, rel=0.15)
    assert by_distance(np.array([[1.0, 2, 3, 4], [3, 4, np.nan, 8]])) == {1: 2.0, 2: 3.0, 4: 6.0}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"task": {"name": "char_lm", "tbptt_steps": 101}},
            "task.tbptt_steps must be 1 to data.chunk_length",
        ),
        ({"encoder": {"name": "vgg"}}, "encoder has no meaning for the task char_lm"),
        ({"decoder": {"name": "show_tell"}}, "needs the decoder language_model, not show_tell"),
        ({"decoder": {"name": "language_model", "endless": False}}, "has no option 'endless'"),
        ({"decoder": {"name": "language_model", "cell": {"name": "lstn"}}}, "Did you mean lstm"),
        ({"data": {"name": "scenes"}}, "There is no corpus 'scenes'"),
        ({"data": {"name": "corpus", "chunklength": 3}}, "Did you mean chunk_length"),
    ],
)
def test_mistakes_are_refused(tmp_path, change, says):
    made = config(tmp_path)
    for key, value in change.items():
        setattr(made, key, value)
    with pytest.raises(UserError) as error:
        check(made)
    assert says in str(error.value)


def test_options_of_captioning_are_refused(tmp_path):
    made = config(tmp_path)
    made.training.max_words = 3
    with pytest.raises(UserError, match=r"training.max_words has no meaning"):
        check(made)


def test_it_is_registered_by_its_file_name():
    assert TASKS["char_lm"] is CharLMTask
