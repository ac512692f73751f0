"""Self-critical training: its gradient is that of the expected reward, written out over all captions."""

import itertools
import math

import pytest
import torch

from captioner.decoders.show_tell import ShowTell
from captioner.errors import UserError
from captioner.metrics.cider_d import cider_d
from captioner.metrics.document_frequencies import DocumentFrequencies
from captioner.search.hypothesis import Hypothesis
from captioner.training.objectives.base import OBJECTIVES, SentenceBatch
from captioner.training.objectives.self_critical import END, SelfCritical
from captioner.vocabulary import BOS, EOS, PAD, SPECIAL, UNK, Vocabulary

WORDS = ["a", "dog", "red", "runs"]
VOCABULARY = Vocabulary([*SPECIAL, *WORDS])
REFERENCES = {
    3: [["a", "dog", "runs"], ["a", "red", "dog"]],
    8: [["a", "red"], ["red", "red", "a"]],
    9: [["runs", "a", "dog"]],
}
T, F, H = 3, 2, 5
NEVER = [PAD, BOS, UNK]


def make(seed=0):
    torch.manual_seed(seed)
    decoder = ShowTell(
        F, len(VOCABULARY), {"name": "lstm", "hidden_dim": H}, embed_dim=4, dropout=0.0
    ).double()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return decoder


def objective(**options):
    found = SelfCritical(max_length=T, **options)
    found.set_references(REFERENCES, VOCABULARY)
    return found


def batch(ids, features_BLF):
    return SentenceBatch(torch.tensor(ids), features_BLF, torch.zeros(len(ids), 1, 2, dtype=torch.long))


def all_captions():
    """Every caption of at most T words, the end among them: token ids, and whether it ended."""
    ids = range(len(SPECIAL), len(VOCABULARY))
    ended = [(list(words), True) for n in range(T) for words in itertools.product(ids, repeat=n)]
    return ended + [(list(words), False) for words in itertools.product(ids, repeat=T)]


def expected_reward(decoder, features_1LF, image_id):
    """Sum of probability times CIDEr-D over all captions, each word's probability from a step of its own."""
    frequencies = DocumentFrequencies.count([[[*r, END] for r in own] for own in REFERENCES.values()])
    references = [[*reference, END] for reference in REFERENCES[image_id]]
    total = torch.zeros((), dtype=torch.double)
    mass = 0.0
    for tokens, ended in all_captions():
        memory, state = decoder.start(features_1LF)
        log_p = torch.zeros((), dtype=torch.double)
        before = BOS
        for token in [*tokens, EOS] if ended else tokens:
            step = decoder.step(torch.tensor([before]), state, memory)
            state, before = step.state, token
            log_p = (
                log_p + step.logits_NV[0].index_fill(0, torch.tensor(NEVER), -math.inf).log_softmax(0)[token]
            )
        candidate = [*VOCABULARY.decode(tokens), *[END] * ended]
        total = total + log_p.exp() * cider_d([candidate], [references], frequencies).score
        mass += float(log_p.exp())
    assert math.isclose(mass, 1, rel_tol=1e-9)
    return total


@pytest.mark.parametrize("baseline", ["leave_one_out", "greedy"])
def test_the_mean_gradient_is_that_of_the_expected_reward(baseline):
    decoder = make()
    parameters = list(decoder.parameters())
    features_1LF = torch.randn(1, 3, F, dtype=torch.double)
    direction = [torch.randn_like(parameter) for parameter in parameters]

    def moved(step):
        with torch.no_grad():
            for parameter, along in zip(parameters, direction, strict=True):
                parameter += step * along
            value = float(expected_reward(decoder, features_1LF, 3))
            for parameter, along in zip(parameters, direction, strict=True):
                parameter -= step * along
        return value

    slope = (moved(1e-4) - moved(-1e-4)) / 2e-4
    scst, images, slopes = objective(samples=4, baseline=baseline), 50, []
    for _ in range(40):
        found = scst(decoder, batch([3] * images, features_1LF.expand(images, -1, -1)), 0.0)
        gradients = torch.autograd.grad(found.loss * found.size / (4 * images), parameters, allow_unused=True)
        slopes.append(
            -sum(float((g * d).sum()) for g, d in zip(gradients, direction, strict=True) if g is not None)
        )
    measured = torch.tensor(slopes)
    error = float(measured.std() / math.sqrt(len(slopes)))
    assert abs(float(measured.mean()) - slope) < 4 * error
    assert error < abs(slope) / 4, "the comparison tells something"


def caption(size, first):
    tokens = [len(SPECIAL) + (first + n) % len(WORDS) for n in range(size)]
    return Hypothesis(tokens, 0.0, [], finished=size < T, alphas_TL=None, score=0.0)


def test_the_loss_is_the_weighted_log_probability_of_the_samples():
    """Against a sum over words, with every sample scored by itself."""
    decoder, features_BLF = make(), torch.randn(2, 3, F, dtype=torch.double)
    scst = objective(samples=3, reward={"cider_d": 0.7, "bleu4": 2.0})
    lengths = [(0, 1, 1), (1, 3, 2)]  # the longest ones come last, and are scored first
    drawn = [
        [
            Hypothesis([4 + (n + k) % 4 for n in range(size)], 0.0, [], size < T, None, 0.0)
            for k, size in enumerate(own)
        ]
        for own in lengths
    ]
    scst.sampling = lambda *_: drawn  # the same samples again
    found = scst(decoder, batch([8, 3], features_BLF), 0.0)
    total, words = 0.0, 0
    for b, image_id in enumerate([8, 3]):
        captions = [[*VOCABULARY.decode(one.tokens), *[END] * one.finished] for one in drawn[b]]
        rewards = scst.reward([image_id] * 3, captions)
        for k, one in enumerate(drawn[b]):
            advantage = rewards[k] - (rewards.sum() - rewards[k]) / 2
            tokens = torch.tensor([[[BOS, *one.tokens, *[EOS] * one.finished]]])
            inputs, targets = tokens[:, :, :-1], tokens[0, 0, 1:]
            logits = decoder(features_BLF[b : b + 1], inputs, torch.ones_like(inputs, dtype=torch.bool))[0]
            logits[:, NEVER] = -math.inf
            log_p = logits.log_softmax(1).gather(1, targets.unsqueeze(1)).sum()
            total, words = total - advantage * float(log_p.detach()), words + len(targets)
    assert found.size == words
    torch.testing.assert_close(float(found.loss.detach()), total / words)


def test_cross_entropy_is_added_with_its_weight():
    """Against the words of the references one by one."""
    decoder, features_BLF = make(), torch.randn(2, 3, F, dtype=torch.double)
    sentences = [[[4, 5, 7], [4]], [[6, 4], [5]]]
    tokens_BKT = torch.full((2, 2, 5), PAD)
    for b, own in enumerate(sentences):
        for k, words in enumerate(own):
            tokens_BKT[b, k, : len(words) + 2] = torch.tensor([BOS, *words, EOS])
    drawn = [[caption(2, 0), caption(1, 3)], [caption(1, 1), caption(2, 2)]]
    losses = []
    for weight in (0.0, 0.3):
        scst = objective(samples=2, cross_entropy=weight)
        scst.sampling = lambda *_: drawn
        losses.append(scst(decoder, SentenceBatch(torch.tensor([8, 3]), features_BLF, tokens_BKT), 0.0).loss)
    total, count = 0.0, 0
    for b, own in enumerate(sentences):
        for words in own:
            memory, state = decoder.start(features_BLF[b : b + 1])
            for before, word in itertools.pairwise([BOS, *words, EOS]):
                step = decoder.step(torch.tensor([before]), state, memory)
                state, count = step.state, count + 1
                total -= float(step.logits_NV.detach().log_softmax(1)[0, word])
    torch.testing.assert_close(float((losses[1] - losses[0]).detach()), 0.3 * total / count)


def test_the_greedy_baseline_is_written_without_dropout():
    decoder, features_BLF = make(), torch.randn(7, 3, F, dtype=torch.double)
    expected = [one[0].tokens for one in objective(baseline="greedy").greedy(decoder, features_BLF)]
    decoder.dropout.p = 0.9
    decoder.train()
    scst, seen = objective(baseline="greedy"), []
    rewards = scst._rewards
    scst._rewards = lambda batch, found: (seen.append(found), rewards(batch, found))[1]
    scst(decoder, batch([3] * 7, features_BLF), 0.0)
    assert decoder.training
    assert [one[0].tokens for one in seen[1]] == expected


def test_a_caption_that_stops_in_the_middle_is_rewarded_less():
    reward = objective().reward
    whole, cut = reward([3, 3], [["a", "dog", "runs", END], ["a", "dog", "runs"]])
    assert whole > cut


def test_a_mistake_is_answered_in_one_sentence():
    with pytest.raises(UserError, match="leave_one_out needs 2 samples or more, not 1"):
        OBJECTIVES.build({"name": "self_critical", "samples": 1})
    with pytest.raises(UserError, match=r"no reward 'cider'.*cider_d"):
        OBJECTIVES.build({"name": "self_critical", "reward": {"cider": 1.0}})
