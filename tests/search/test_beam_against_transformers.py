"""Beam and greedy search against those of Hugging Face transformers, on the same logits.

Theirs keeps the finished sentences apart, so that they take no place in the beam; ours lets them stay in it.
Both are the same where no sentence can end before the last word, and where the beam holds everything.
"""

import warnings

import pytest
import torch
from referees import V, make, pictures, said

from captioner.search.beam import Beam
from captioner.search.greedy import Greedy
from captioner.vocabulary import BOS, EOS, PAD

transformers = pytest.importorskip("transformers")
T, B = 5, 3


class Asked(transformers.PreTrainedModel, transformers.GenerationMixin):
    """A decoder that answers transformers by teacher forcing over all words so far."""

    config_class = transformers.PretrainedConfig
    main_input_name = "input_ids"

    def __init__(self, decoder):
        config = transformers.PretrainedConfig(
            vocab_size=V, pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS, num_hidden_layers=1
        )
        super().__init__(config)
        self.decoder = decoder
        self.post_init()

    def _init_weights(self, module):
        pass

    def prepare_inputs_for_generation(self, input_ids, features, **_):
        return {"input_ids": input_ids, "features": features}

    def forward(self, input_ids, features, **_):
        counts = torch.ones_like(input_ids, dtype=torch.bool).unsqueeze(1)
        logits_MV = self.decoder(features, input_ids.unsqueeze(1), counts).logits_MV
        return transformers.modeling_outputs.CausalLMOutput(logits=logits_MV.view(*input_ids.shape, V))


def theirs(decoder, features_BLF, beam_size, power, **options):
    """(sentence, score) of every picture, the best first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        generated = Asked(decoder).generate(
            torch.full((len(features_BLF), 1), BOS),
            features=features_BLF,
            num_beams=beam_size,
            num_return_sequences=beam_size,
            length_penalty=power,
            early_stopping="never",
            max_new_tokens=T,
            suppress_tokens=[PAD, BOS],
            do_sample=False,
            use_cache=False,
            output_scores=True,
            return_dict_in_generate=True,
            **options,
        )
    scores = generated.sequences_scores.tolist() if beam_size > 1 else [None] * len(generated.sequences)
    sentences = [tuple(s[: s.index(EOS) + 1] if EOS in s else s) for s in generated.sequences[:, 1:].tolist()]
    pairs = list(zip(sentences, scores, strict=True))
    return [pairs[i : i + beam_size] for i in range(0, len(pairs), beam_size)]


@pytest.mark.parametrize("name", ["show_attend_tell", "show_tell"])
@pytest.mark.parametrize(("rule", "power"), [("none", 0.0), ("mean", 1.0)])
@pytest.mark.parametrize("beam_size", [2, 3, 6])
def test_narrow_beams_agree_where_sentences_end_together(name, rule, power, beam_size):
    for seed in range(3):
        decoder, features_BLF = make(name, seed=seed), pictures(B, seed)
        search = Beam(beam_size, rule, max_length=T, min_length=T - 1)
        ours = search(decoder, features_BLF, n_best=beam_size)
        expected = theirs(decoder, features_BLF, beam_size, power, min_new_tokens=T - 1)
        for found, wanted in zip(ours, expected, strict=True):
            finished = [h for h in found if h.finished]
            ended = [pair for pair in wanted if pair[0][-1] == EOS]
            by_score = sorted(found, key=lambda h: -h.score)
            assert [said(h) for h in by_score] == [sentence for sentence, _ in wanted]
            assert [h.score for h in by_score] == pytest.approx([score for _, score in wanted], abs=1e-5)
            assert [said(h) for h in finished] == [sentence for sentence, _ in ended]


@pytest.mark.parametrize(("rule", "power"), [("none", 0.0), ("mean", 1.0)])
@pytest.mark.parametrize(
    ("ours_says", "they_say"), [({}, {}), ({"no_repeat_ngram": 1}, {"no_repeat_ngram_size": 1})]
)
def test_beams_that_hold_everything_agree_on_what_is_finished(rule, power, ours_says, they_say):
    size = 2000  # more than there are sentences
    decoder, features_BLF = make(seed=4), pictures(B, 4)
    ours = Beam(size, rule, max_length=T, **ours_says)(decoder, features_BLF, n_best=20)
    expected = theirs(decoder, features_BLF, size, power, **they_say)
    for found, wanted in zip(ours, expected, strict=True):
        ended = [pair for pair in wanted if pair[0][-1] == EOS][:20]
        assert [said(h) for h in found] == [sentence for sentence, _ in ended]
        assert [h.score for h in found] == pytest.approx([score for _, score in ended], abs=1e-5)


def test_greedy_agrees():
    for seed in range(5):
        decoder, features_BLF = make(seed=seed, gain=0.7), pictures(B, seed)
        ours = [said(h) for (h,) in Greedy(max_length=T)(decoder, features_BLF)]
        assert ours == [pair[0][0] for pair in theirs(decoder, features_BLF, 1, 1.0)]
