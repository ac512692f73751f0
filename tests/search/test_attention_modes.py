"""Searches that attend to all locations, to the likeliest one, or to one drawn."""

import pytest
import torch
from referees import F, V, assert_alike, make, pictures, said
from test_every_search import METHODS, build, n_best
from transformer import options as cell_options

from captioner.attention.selection import location_at, one_hot, with_selection
from captioner.decoders.base import DECODERS
from captioner.search.stepping.ensemble import Ensemble
from captioner.search.stepping.sampled_attention import SampledAttention
from captioner.vocabulary import BOS

HARD = ["show_attend_tell", "adaptive_attention"]


def decoder_of(name, seed=1):
    decoder = make(name, "lstm", seed=seed)
    with torch.no_grad():
        decoder.attention.score.weight.mul_(3)  # so that locations differ in weight
    return decoder


@pytest.mark.parametrize("mode", ["argmax", "sample"])
@pytest.mark.parametrize(("method", "options"), METHODS)
@pytest.mark.parametrize("name", HARD)
def test_every_search_attends_to_one_location_whatever_is_beside_the_image(name, method, options, mode):
    decoder, features_BLF = decoder_of(name), 2 * pictures(3)
    search = build(method, options, attention=mode)
    together = search(decoder, features_BLF, n_best(method))
    for b in range(3):
        (alone,) = search(decoder, features_BLF[b : b + 1], n_best(method))
        assert_alike(together[b], alone)
    for hypothesis in (h for found in together for h in found if h.tokens):
        assert (hypothesis.alphas_TL.sort(dim=1).values[:, -1] == 1).all()
        assert (hypothesis.alphas_TL.sum(dim=1) == 1).all()


@torch.no_grad()
@pytest.mark.parametrize("mode", ["argmax", "sample"])
@pytest.mark.parametrize("name", HARD)
def test_scores_are_those_of_the_locations_attended_to(name, mode):
    """Stepping the decoder by hand through what was written, at each word to the location that is shown."""
    decoder, features_BLF = decoder_of(name), pictures(2)
    for b, (h, *_) in enumerate(build("beam", {"beam_size": 3}, attention=mode)(decoder, features_BLF)):
        memory, state = decoder.start(features_BLF[b : b + 1])
        scores, tokens = [], [BOS, *said(h)]
        for t, token in enumerate(tokens[:-1]):
            chosen = h.alphas_TL[t].argmax() if t < len(h.alphas_TL) else None
            seen = []

            def select(alphas_NL, chosen=chosen, seen=seen):
                seen.append(alphas_NL)
                return one_hot(alphas_NL.argmax(dim=1) if chosen is None else chosen.view(1), alphas_NL)

            logits_NV, state, _ = with_selection(decoder, select).step(torch.tensor([token]), state, memory)
            if mode == "argmax" and chosen is not None:
                assert seen[0].argmax() == chosen
            scores.append(float(logits_NV.log_softmax(-1)[0, tokens[t + 1]]))
        known = len(h.alphas_TL)
        assert list(h.word_log_probs[:known]) == pytest.approx(scores[:known], abs=1e-5)


def test_mean_is_soft_attention_and_the_decoder_says_what_holds_without():
    decoder, features_BLF = decoder_of("show_attend_tell"), pictures(2)
    soft = build("beam", {})(decoder, features_BLF)
    for a, b in zip(soft, build("beam", {}, attention="mean")(decoder, features_BLF), strict=True):
        assert_alike(a, b)
    hard = build("beam", {}, attention="argmax")(decoder, features_BLF)
    assert [h[0].log_prob for h in hard] != pytest.approx([h[0].log_prob for h in soft], abs=1e-4)
    config = {"name": "show_attend_tell", **cell_options("lstm", hidden_dim=6), "attention": "argmax"}
    told = DECODERS.build(config | {"embed_dim": 5}, feature_dim=F, vocab_size=V).double().eval()
    told.load_state_dict(decoder.state_dict())
    for a, b in zip(hard, build("beam", {})(told, features_BLF), strict=True):
        assert_alike(a, b)
    for a, b in zip(soft, build("beam", {}, attention="mean")(told, features_BLF), strict=True):
        assert_alike(a, b)


def test_members_of_an_ensemble_attend_as_the_search_says():
    decoder, features_BLF = decoder_of("show_attend_tell"), pictures(2)
    search = build("greedy", {}, attention="sample")
    alone = search(decoder, features_BLF)
    for a, b in zip(alone, search(Ensemble([decoder, decoder]), features_BLF), strict=True):
        assert_alike(a, b)


def test_another_seed_draws_other_locations():
    decoder, features_BLF = make("show_attend_tell", "lstm", gain=0.5), pictures(20)
    searches = [build("greedy", {}, attention="sample", attention_seed=seed) for seed in (0, 0, 1)]
    shown = [[h[0].alphas_TL.tolist() for h in search(decoder, features_BLF)] for search in searches]
    assert shown[0] == shown[1] != shown[2]


def test_locations_are_drawn_as_often_as_they_weigh():
    """Over 4,000 images, whose features differ: each share is within four standard errors."""
    decoder = make("show_attend_tell", "lstm", gain=0.5)
    features_BLF = pictures(1).repeat(4000, 1, 1)
    marked_BLF = torch.cat([features_BLF[:, :-1], torch.randn(4000, 1, features_BLF.shape[2])], dim=1)
    drawing = SampledAttention(decoder, seed=0)
    keys_N = drawing.start(marked_BLF).state[1]
    memory, state = decoder.start(features_BLF)  # the same weights everywhere, the keys apart
    tokens_N = torch.full((4000,), BOS)
    alphas_NL = decoder.step(tokens_N, state, memory).alphas_NL
    shares_L = drawing.step(tokens_N, (state, keys_N), memory).alphas_NL.mean(dim=0)
    error_L = (alphas_NL[0] * (1 - alphas_NL[0]) / 4000).sqrt()
    assert error_L.min() > 0.001
    assert ((shares_L - alphas_NL[0]).abs() < 4 * error_L).all()


@pytest.mark.parametrize(("uniform", "location"), [(0.0, 1), (0.2, 1), (0.31, 2), (0.99, 2), (1 - 2**-52, 2)])
def test_a_number_chooses_the_location_up_to_which_the_weights_exceed_it(uniform, location):
    alphas_NL = torch.tensor([[0.0, 0.3, 0.7, 0.0]])
    found = location_at(torch.tensor([uniform], dtype=torch.double))(alphas_NL)
    assert found.tolist() == [[float(place == location) for place in range(4)]]
