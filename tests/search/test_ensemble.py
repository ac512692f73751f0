"""Several models as one: probabilities by hand, and what the mean leaves unchanged."""

import math

import pytest
import torch
from referees import BB, BOS, EXAMPLE, A, C, Markov, Traced, make, pictures, said

from captioner.errors import UserError
from captioner.search.beam import Beam
from captioner.search.stepping.ensemble import Ensemble
from captioner.vocabulary import EOS

OTHER = Traced({A: 0.1, BB: 0.2, C: 0.7}, {A: {EOS: 1.0}, BB: {EOS: 1.0}, C: {EOS: 0.5, C: 0.5}})


def test_the_probability_of_a_word_is_the_mean_of_the_members():
    """c .: (.2 + .7) / 2 and then (1 + .5) / 2; each member reads its own features."""
    both = Ensemble([Markov(), Markov()])
    found = Beam(9, max_length=4)(both, (EXAMPLE.table(), OTHER.table()), 3)[0]
    assert found[0].tokens == [C]
    assert found[0].word_log_probs == pytest.approx([math.log(0.45), math.log(0.75)])
    a = next(h for h in found if h.tokens == [A])
    assert a.log_prob == pytest.approx(math.log(0.3 * 0.8))


def test_a_model_with_itself_is_itself():
    decoder, features_BLF = make(seed=3), pictures(3)
    alone = Beam(4, max_length=6)(decoder, features_BLF, 4)
    twice = Beam(4, max_length=6)(Ensemble([decoder, decoder]), features_BLF, 4)
    for one, other in zip(alone, twice, strict=True):
        assert list(map(said, one)) == list(map(said, other))
        assert [h.score for h in one] == pytest.approx([h.score for h in other], abs=1e-5)
        for h, g in zip(one, other, strict=True):
            torch.testing.assert_close(h.alphas_TL, g.alphas_TL)


def test_attention_is_the_mean_and_absent_where_a_member_does_not_look():
    one, other, blind = make(seed=1), make(seed=2), make("show_tell", seed=3)
    features_BLF, tokens_N = pictures(2), torch.full((2,), BOS)
    steps = {}
    for name, model in {"one": one, "other": other, "both": Ensemble([one, other])}.items():
        memory, state = model.start(features_BLF)
        steps[name] = model.step(tokens_N, state, memory)
    mean_NL = (steps["one"].alphas_NL + steps["other"].alphas_NL) / 2
    torch.testing.assert_close(steps["both"].alphas_NL, mean_NL)
    found = Beam(2, max_length=3)(Ensemble([one, blind]), features_BLF)
    assert all(h.alphas_TL is None for (h,) in found)


def test_nobody_is_no_ensemble():
    with pytest.raises(UserError, match="one model or more"):
        Ensemble([])
