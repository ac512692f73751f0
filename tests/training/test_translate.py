"""The translation task against stepping by hand, with every decoder and every cell."""

import itertools
from types import SimpleNamespace

import pytest
import torch

from captioner.cells.base import CELLS
from captioner.config import Config
from captioner.data.translation.batches import PairBatch
from captioner.decoders.base import DECODERS
from captioner.errors import UserError
from captioner.search.beam import Beam
from captioner.training.sentence_task import Generated
from captioner.training.train import check
from captioner.training.translate import TranslateTask
from captioner.vocabulary import BOS, EOS, PAD, SPECIAL, Vocabulary

WORDS = Vocabulary([*SPECIAL, *"abcde"])
V, L = len(WORDS), 4
SOURCES = [[4, 5, 6, 4], [8, 8, 4, 5], [7, 6, 5, 5]]
TARGETS = [[5, 6, 4, 7, 8], [6, 4], []]
EVERY = list(itertools.product(sorted(DECODERS), sorted(CELLS)))


def config(decoder="show_attend_tell", cell="lstm", task=None, **text_encoder):
    options = {"attention_dim": 6} if decoder == "show_attend_tell" else {}
    return Config(
        task={"name": "translate"} | (task or {}),
        data={"name": "phrases"},
        text_encoder={"cell": {"name": cell, "hidden_dim": 5}, "embed_dim": 3} | text_encoder,
        decoder={"name": decoder, "cell": {"name": cell, "hidden_dim": 7}, "embed_dim": 6} | options,
        search={"name": "beam", "beam_size": 2, "max_length": 6},
    )


def make(decoder="show_attend_tell", cell="lstm", text_encoder=None, objective=None, **task):
    torch.manual_seed(4)
    made = config(decoder, cell, task, **(text_encoder or {}))
    made.objective = objective or {}
    built = TranslateTask.from_config(made, WORDS)
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    for module in built.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    built._trainer = SimpleNamespace(max_epochs=1, current_epoch=0)
    return built.double()


def batch(rows=range(3)):
    tokens = [[BOS, *TARGETS[row], EOS] for row in rows]
    longest = max(map(len, tokens))
    tokens_BKT = torch.tensor([[one + [PAD] * (longest - len(one))] for one in tokens])
    return PairBatch(torch.tensor(list(rows)), torch.tensor([SOURCES[row] for row in rows]), tokens_BKT)


def read_by_hand(task, source, both_ways):
    """features_LF of one source, its cell stepped through it."""
    states = []
    for cell, order in zip(
        task.model.text_encoder.cells, (source, source[::-1])[: 1 + both_ways], strict=True
    ):
        state, passed = cell.zero_state(torch.zeros(1, 1).double()), []
        for symbol in order:
            state = cell.step(cell.project(task.model.text_encoder.words(torch.tensor([symbol]))), state)
            passed.append(state)
        states.append(passed)
    if task.model.source_features == "state":
        return torch.cat([leaf for passed in states for leaf in passed[-1]], dim=1)
    outputs = [torch.cat([state[0] for state in passed]) for passed in states]
    return torch.cat([outputs[0], *(one.flip(0) for one in outputs[1:])], dim=1)


def stepped_by_hand(task, both_ways=False):
    """By `start` and `step` alone, at every place of all targets: log p of all symbols; and the right one."""
    rows, wanted = [], []
    for source, target in zip(SOURCES, TARGETS, strict=True):
        memory, state = task.model.decoder.start(read_by_hand(task, source, both_ways)[None])
        for symbol, following in itertools.pairwise([BOS, *target, EOS]):
            step = task.model.decoder.step(torch.tensor([symbol]), state, memory)
            state = step.state
            rows.append(step.logits_NV[0].log_softmax(0))
            wanted.append(following)
    return torch.stack(rows), torch.tensor(wanted)


@pytest.mark.parametrize("source_features", ["outputs", "state"])
@pytest.mark.parametrize(("decoder", "cell"), EVERY)
def test_the_loss_is_the_mean_over_symbols_stepped_by_hand(decoder, cell, source_features):
    task = make(decoder, cell, source_features=source_features).train()
    result = task.loss(task.encode(batch()))
    rows_MV, wanted_M = stepped_by_hand(task)
    assert result.size == len(wanted_M) == 10
    torch.testing.assert_close(result.loss, -rows_MV[range(10), wanted_M].mean())
    result.loss.backward()
    if decoder != "language_model":
        read = [p.grad for p in task.model.text_encoder.parameters()]
        assert all(gradient is not None and gradient.abs().max() > 1e-8 for gradient in read)


@pytest.mark.parametrize("source_features", ["outputs", "state"])
def test_both_ways_and_backwards(source_features):
    task = make(source_features=source_features, text_encoder={"bidirectional": True})
    found = task.model.features(torch.tensor(SOURCES))
    expected = torch.stack([read_by_hand(task, source, True) for source in SOURCES])
    torch.testing.assert_close(found, expected)
    assert found.shape == ((3, L, 10) if source_features == "outputs" else (3, 1, 20))
    plain, back = make(source_features="state"), make(source_features="state", text_encoder={"reverse": True})
    torch.testing.assert_close(
        back.model.features(torch.tensor(SOURCES)), plain.model.features(torch.tensor(SOURCES).flip(1))
    )


@pytest.mark.parametrize("decoder", sorted(DECODERS))
def test_rows_do_not_depend_on_their_batch(decoder):
    task = make(decoder, text_encoder={"bidirectional": True}).eval()
    whole = task.loss(task.encode(batch()))
    alone = [task.loss(task.encode(batch([row]))) for row in range(3)]
    torch.testing.assert_close(whole.loss * whole.size, sum(one.loss * one.size for one in alone))
    task.update_metrics(task.encode(batch()))
    together, task.generated = task.generated, {}
    for row in reversed(range(3)):
        task.update_metrics(task.encode(batch([row])))
    assert task.generated == together
    assert len(together) == 3


def test_label_smoothing_is_for_training_alone():
    task = make(objective={"name": "cross_entropy", "label_smoothing": 0.3})
    encoded = task.encode(batch())
    rows_MV, wanted_M = stepped_by_hand(task)
    plain = -rows_MV[range(10), wanted_M].mean()
    torch.testing.assert_close(task.eval().loss(encoded).loss, plain)
    torch.testing.assert_close(task.train().loss(encoded).loss, 0.7 * plain - 0.3 * rows_MV.mean())


def test_what_is_written_is_what_the_search_finds():
    task = make(validation_search={"name": "beam", "beam_size": 3, "max_length": 5}).eval()
    encoded = task.encode(batch())
    task.update_metrics(encoded)
    found = Beam(3, max_length=5)(task.model.decoder, encoded.sources)
    for number, hypotheses in enumerate(found):
        words = [WORDS.words[token] for token in hypotheses[0].tokens]
        assert task.generated[number] == Generated(words, not hypotheses[0].finished)


def test_greedy_validation_writes_as_much_as_the_search_of_the_config():
    assert make().search.max_length == 6


def test_figures_of_what_was_written():
    task = make()
    task.targets = ["abc", "de", "a a"]
    task.generated = {
        2: Generated(list("a a"), False),
        0: Generated(list("abd"), True),
        1: Generated([], False),
    }
    assert task.compute_metrics() == {
        "exact": pytest.approx(1 / 3),
        "error_rate": pytest.approx((1 + 2) / 8),
        "cut": pytest.approx(1 / 3),
    }
    assert task.compute_metrics() == {}
    words = make(unit="words")
    words.targets = ["abc  de"]
    words.generated = {0: Generated(["abc", "e"], False)}
    assert words.compute_metrics()["error_rate"] == 0.5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"task": {"name": "translate", "unit": "letters"}}, "unit must be"),
        (
            {"task": {"name": "translate", "source_features": "state", "source_feature": 1}},
            "Did you mean source_features",
        ),
        ({"task": {"name": "translate", "validation_search": {"name": "beem"}}}, "Did you mean beam"),
        ({"data": {"name": "scenes"}}, "There is no pair set 'scenes'"),
        ({"data": {"name": "phrases", "file": "x"}}, "pair set phrases has no option 'file'"),
        (
            {"text_encoder": {"bidirectionel": True}},
            "text_encoder has no option 'bidirectionel'. Did you mean",
        ),
        ({"decoder": {"name": "show_tell", "cell": {"name": "lstn"}}}, "Did you mean lstm"),
        ({"search": {"name": "beam", "beamsize": 3}}, "Did you mean beam_size"),
        ({"encoder": {"name": "vgg"}}, "encoder has no meaning for the task translate"),
        ({"head": {"name": "product"}}, "head has no meaning"),
    ],
)
def test_mistakes_are_refused(change, says):
    made = config()
    for key, value in change.items():
        setattr(made, key, value)
    with pytest.raises(UserError) as error:
        check(made)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("option", "value"), [("max_words", 3), ("captions_per_image", 2), ("augment", True)]
)
def test_options_of_captioning_are_refused(option, value):
    made = config()
    setattr(made.training, option, value)
    with pytest.raises(UserError, match=f"training.{option} has no meaning"):
        check(made)
