"""Hard attention: the estimator against the exact gradient, its baselines, and what a model attends to.

L = 3 locations and T = 2 words make nine sequences of locations, all of which are enumerated.
"""

from itertools import product

import pytest
import torch

from captioner.attention.selection import one_hot, with_selection
from captioner.decoders.base import DECODERS
from captioner.errors import UserError
from captioner.search.base import SEARCHES
from captioner.training.objectives.base import OBJECTIVES, SentenceBatch
from captioner.training.objectives.hard_attention import HardAttention, draw, reward_to_go
from captioner.vocabulary import BOS, EOS, PAD

F, V, L, SENTENCE = 4, 7, 3, (5, EOS)
DECODER_NAMES = ["show_attend_tell", "adaptive_attention"]


def make_decoder(name="show_attend_tell", **options):
    torch.manual_seed(3)
    config = {"name": name, "embed_dim": 3, "attention_dim": 2, "dropout": 0.0}
    config |= {"cell": {"name": "lstm", "hidden_dim": 3}, **options}
    decoder = DECODERS.build(config, feature_dim=F, vocab_size=V).double()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.8)
    return decoder


def make_batch(images=1, sentence=SENTENCE, same=True):
    torch.manual_seed(4)
    features_BLF = torch.randn(1 if same else images, L, F, dtype=torch.double).expand(images, -1, -1)
    tokens_BKT = torch.tensor([BOS, *sentence]).expand(images, 1, -1)
    return SentenceBatch(torch.arange(images), features_BLF, tokens_BKT)


def attending_to(locations):
    """A selection that takes the given location at every word; it keeps log alpha of it."""
    log_alphas = []

    def select(alphas_NL):
        location_N = torch.full((len(alphas_NL),), locations[len(log_alphas)])
        log_alphas.append(alphas_NL.gather(1, location_N.unsqueeze(1)).squeeze(1).log())
        return one_hot(location_N, alphas_NL)

    return select, log_alphas


def exact_bound(decoder, batch):
    """sum_s p(s) log p(y|s) over all sequences of locations, for one image and sentence."""
    inputs_BKT, targets_BKT = batch.tokens_BKT[:, :, :-1], batch.tokens_BKT[:, :, 1:]
    T = targets_BKT.shape[2]
    bound, total = 0.0, 0.0
    for locations in product(range(L), repeat=T):
        select, log_alphas = attending_to(locations)
        logits_MV, _ = with_selection(decoder, select)(
            batch.features_BLF, inputs_BKT, torch.ones_like(targets_BKT, dtype=torch.bool)
        )
        log_p = logits_MV.log_softmax(dim=-1).gather(1, targets_BKT.flatten().unsqueeze(1)).sum()
        probability = torch.stack(log_alphas).sum().exp()
        bound = bound + probability * log_p
        total = total + probability
    torch.testing.assert_close(total, torch.ones_like(total))
    return bound


def flat_gradient(loss, decoder):
    gradients = torch.autograd.grad(loss, list(decoder.parameters()), materialize_grads=True)
    return torch.cat([gradient.flatten() for gradient in gradients])


def draws_of(objective, decoder, passes, images):
    """Gradients of the objective in that many passes over so many copies of an image."""
    batch, words = make_batch(images), len(SENTENCE)
    torch.manual_seed(5)
    return torch.stack(
        [-flat_gradient(objective(decoder, batch, 0.0).loss * words, decoder) for _ in range(passes)]
    )


@pytest.mark.parametrize("name", DECODER_NAMES)
@pytest.mark.parametrize("baseline", ["leave_one_out", "moving_average"])
def test_the_mean_gradient_is_the_exact_one(name, baseline):
    """20,000 draws; every weight is within four and a half standard errors."""
    decoder = make_decoder(name)
    wanted = flat_gradient(exact_bound(decoder, make_batch()), decoder)
    objective = HardAttention(baseline=baseline, entropy=0.0, soft=0.0)
    objective.running_log_prob.fill_(-1.3)
    found = draws_of(objective, decoder, passes=80, images=50)
    error = (found.mean(dim=0) - wanted).abs()
    standard_error = found.std(dim=0) / len(found) ** 0.5
    assert (error <= 4.5 * standard_error + 1e-12).all()
    assert standard_error.norm() < 0.05 * wanted.norm()  # so that a wrong gradient would be seen


def test_baselines_lower_the_variance_and_leave_the_mean():
    decoder = make_decoder()
    variance, mean = {}, {}
    kinds = [("none", "moving_average"), ("mean", "moving_average"), ("others", "leave_one_out")]
    for name, baseline in kinds:
        objective = HardAttention(baseline=baseline, entropy=0.0, soft=0.0)
        if name == "none":  # a moving average that stays 0
            objective.running_log_prob = HeldAtZero()
        found = draws_of(objective, decoder, passes=150, images=4)
        variance[name], mean[name] = found.var(dim=0).sum(), found.mean(dim=0)
    assert variance["others"] < 0.8 * variance["none"]
    assert variance["mean"] < 0.8 * variance["none"]
    wanted = flat_gradient(exact_bound(decoder, make_batch()), decoder)
    for name in mean:
        distance = (mean[name] - wanted).square().sum()
        assert distance < 3 * variance[name] / 150


class HeldAtZero(torch.Tensor):
    """A zero that does not move."""

    def __new__(cls):
        return torch.zeros(()).as_subclass(cls)

    def lerp_(self, *_):
        return self


def test_the_entropy_is_that_of_the_attention():
    """Its gradient beside that of the bound, with the same draws."""
    decoder, batch = make_decoder(), make_batch(2)
    gradients = []
    for entropy in (0.0, 0.7):
        torch.manual_seed(6)
        objective = HardAttention(entropy=entropy, soft=0.0)
        gradients.append(flat_gradient(objective(decoder, batch, 0.0).loss, decoder))
    entropies = []

    def observe(alphas_NL):
        entropies.append(-(alphas_NL * alphas_NL.log()).sum(dim=1))
        drawn = torch.multinomial(alphas_NL.detach().float(), 1).squeeze(1)
        return one_hot(drawn, alphas_NL)

    torch.manual_seed(6)
    torch.rand(2)  # the coins
    tokens_BNT = batch.tokens_BKT.repeat_interleave(5, dim=1)
    with_selection(decoder, observe)(batch.features_BLF, tokens_BNT[:, :, :-1], tokens_BNT[:, :, 1:] != PAD)
    wanted = flat_gradient(-0.7 * torch.stack(entropies).mean(), decoder)
    torch.testing.assert_close(gradients[1] - gradients[0], wanted, atol=1e-12, rtol=0)


def test_the_released_rule_word_by_word():
    """d loss / d log alpha_t(s_t) = -(mean log p - b) / 10 * N / M, the same for every word; then b moves."""
    decoder, batch = make_decoder(), make_batch(4, sentence=(5, 6, EOS), same=False)
    objective = HardAttention(estimator="xu2015", entropy=0.0, soft=0.0)
    objective.running_log_prob.fill_(-0.9)
    torch.manual_seed(7)
    loss = objective(decoder, batch, 0.0).loss
    torch.manual_seed(7)
    torch.rand(1)  # the coin
    drawn = draw(decoder, batch.features_BLF, batch.tokens_BKT, 1)
    mean_N1 = drawn.log_prob_NT.mean(dim=1, keepdim=True).detach()
    wanted = -(drawn.log_prob_NT.sum() + 4 * ((mean_N1 + 0.9) / 10 * drawn.log_alpha_NT).sum()) / 12
    torch.testing.assert_close(loss, wanted)
    moved = -0.9 * 0.9 + 0.1 * drawn.log_prob_NT.mean().item()
    assert objective.running_log_prob.item() == pytest.approx(moved, rel=1e-5)


@pytest.mark.parametrize("name", DECODER_NAMES)
def test_teacher_forcing_under_fixed_draws_equals_stepping(name):
    decoder, batch = make_decoder(name), make_batch(2, sentence=(5, 6, 4, EOS), same=False)
    locations = [2, 0, 1, 1]
    select, _ = attending_to(locations)
    inputs_BKT = batch.tokens_BKT[:, :, :-1]
    forced, alphas_NTL = with_selection(decoder, select)(
        batch.features_BLF, inputs_BKT, torch.ones_like(inputs_BKT, dtype=torch.bool)
    )
    memory, state = decoder.start(batch.features_BLF)
    select, _ = attending_to(locations)
    stepping, logits = with_selection(decoder, select), []
    for tokens_N in inputs_BKT[:, 0].unbind(dim=1):
        logits_NV, state, alphas_NL = stepping.step(tokens_N, state, memory)
        logits.append(logits_NV)
    torch.testing.assert_close(forced.view(2, 4, V), torch.stack(logits, dim=1))
    assert alphas_NTL.argmax(dim=2).tolist() == [locations] * 2
    assert alphas_NL.tolist() == [[0.0, 1.0, 0.0]] * 2
    soft, _ = decoder(batch.features_BLF, inputs_BKT, torch.ones_like(inputs_BKT, dtype=torch.bool))
    assert (forced - soft).abs().max() > 0.01  # the copy attends otherwise, the decoder as before


def test_the_rows_of_a_batch_do_not_mix():
    """Each row's log-probabilities are those of its own image under the locations that it drew."""
    decoder, batch = make_decoder(), make_batch(3, sentence=(5, 6, EOS), same=False)
    drawn_locations = []

    def select(alphas_NL):
        location_N = torch.multinomial(alphas_NL.detach().float(), 1).squeeze(1)
        drawn_locations.append(location_N)
        return one_hot(location_N, alphas_NL)

    torch.manual_seed(8)
    drawn = draw(decoder, batch.features_BLF, batch.tokens_BKT, samples=4)
    torch.manual_seed(8)
    inputs = batch.tokens_BKT.repeat_interleave(4, dim=1)
    with_selection(decoder, select)(batch.features_BLF, inputs[:, :, :-1], inputs[:, :, 1:] != PAD)
    for row in range(12):
        image = row // 4
        own, log_alphas = attending_to([int(location_N[row]) for location_N in drawn_locations])
        tokens = batch.tokens_BKT[image : image + 1]
        mask = torch.ones_like(tokens[:, :, 1:], dtype=torch.bool)
        features_1LF = batch.features_BLF[image : image + 1]
        logits, _ = with_selection(decoder, own)(features_1LF, tokens[:, :, :-1], mask)
        log_p = logits.log_softmax(-1).gather(1, tokens[0, 0, 1:, None]).squeeze(1)
        torch.testing.assert_close(drawn.log_prob_NT[row], log_p)
        torch.testing.assert_close(drawn.log_alpha_NT[row], torch.cat(log_alphas))


def test_sentences_of_different_length_have_nothing_after_their_end():
    decoder = make_decoder()
    tokens_BKT = torch.tensor([[[BOS, 5, 6, EOS]], [[BOS, EOS, PAD, PAD]]])
    drawn = draw(decoder, torch.randn(2, L, F, dtype=torch.double), tokens_BKT, samples=2)
    assert (drawn.mask_NT.sum(dim=1) == torch.tensor([3, 3, 1, 1])).all()
    for leaf in drawn[:3]:
        assert not leaf[~drawn.mask_NT].any()
        assert leaf[drawn.mask_NT].all()


def test_rewards_to_go_are_sums_from_each_time_on():
    torch.testing.assert_close(reward_to_go(torch.tensor([[1.0, 2.0, 4.0]])), torch.tensor([[7.0, 6.0, 4.0]]))


def test_the_coin_is_one_for_each_image():
    """With all coins showing soft the loss is that of soft attention; else part of the images are."""
    decoder, batch = make_decoder(), make_batch(400)
    soft = HardAttention(soft=0.999999999)(decoder, batch, 0.0)
    mask_BKT = torch.ones(400, 1, 2, dtype=torch.bool)
    logits_MV, _ = decoder(batch.features_BLF, batch.tokens_BKT[:, :, :-1], mask_BKT)
    wanted = torch.nn.functional.cross_entropy(logits_MV, batch.tokens_BKT[:, :, 1:].flatten())
    torch.testing.assert_close(soft.loss, wanted)
    assert not soft.logs
    shares = [float(HardAttention(soft=0.3)._throw_coins(400).float().mean()) for _ in range(20)]
    assert 0.25 < sum(shares) / 20 < 0.35
    assert all(0 < share < 1 for share in shares)
    assert {float(HardAttention("xu2015")._throw_coins(9).float().mean()) for _ in range(30)} == {0.0, 1.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "xu2015", "samples": 5}, "has 1 sample"),
        ({"estimator": "xu2015", "baseline": "leave_one_out"}, "has 1 sample"),
        ({"samples": 1}, "samples must be at least 2"),
        ({"soft": 1.0}, "soft must be at least 0 and below 1"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(UserError, match=message):
        OBJECTIVES.build({"name": "hard_attention", **options})


def test_a_decoder_without_attention_is_refused():
    decoder = DECODERS.build({"name": "show_tell"}, feature_dim=F, vocab_size=V)
    with pytest.raises(UserError, match="needs a decoder with attention at every word"):
        HardAttention()(decoder, make_batch(), 0.0)
    with pytest.raises(UserError, match="attention=argmax needs a decoder with attention"):
        SEARCHES.build({"name": "greedy", "attention": "argmax"})(decoder, torch.randn(1, L, F))
