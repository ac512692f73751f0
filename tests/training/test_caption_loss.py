"""The captioning loss against its formula, written out word by word; scheduled sampling; the figures."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from captioner.data.captions.batches import CaptionBatch, pad
from captioner.decoders.show_attend_tell import ShowAttendTell
from captioner.decoders.show_tell import ShowTell
from captioner.training.caption import CaptionTask
from captioner.training.objectives.scheduled_sampling import mix_in_samples
from captioner.training.sentence_task import Generated
from captioner.vocabulary import BOS, EOS, PAD, SPECIAL, Vocabulary

CELL = {"name": "lstm", "hidden_dim": 6}
WORDS = Vocabulary([*SPECIAL, "a", "red", "dog", "runs", "far"])
CAPTIONS = [  # the images' longest captions first, one that was cut
    [[BOS, 4, 5, 6, 7, EOS], [BOS, 6, EOS]],
    [[BOS, 4, 8], [BOS, 7, 8, 5, EOS]],
    [[BOS, EOS], [BOS, 8, EOS]],
]


@pytest.fixture
def make(tiny):
    def task(decoder="show_attend_tell", **options):
        torch.manual_seed(11)
        tiny.decoder = {"name": decoder, "cell": CELL, "embed_dim": 5, "dropout": 0.0}
        if decoder == "show_attend_tell":
            tiny.decoder["attention_dim"] = 7
        tiny.objective = {"name": "cross_entropy"} | options
        made = CaptionTask.from_config(tiny, WORDS)
        made._trainer = SimpleNamespace(max_epochs=1, current_epoch=0)
        for parameter in made.model.decoder.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        return made

    return task


def batch_for(task, captions=CAPTIONS, seed=2):
    features_BLF = torch.randn(
        len(captions), 3, task.model.encoder.feature_dim, generator=torch.Generator().manual_seed(seed)
    )
    return CaptionBatch(torch.arange(len(captions)), features_BLF, pad(captions, len(captions[0])))


def stepped(task, batch):
    """Each caption by `start` and `step` alone: its words' log-probabilities (T, V), targets, and alphas."""
    for features_LF, own in zip(batch.pictures, batch.tokens_BKT.tolist(), strict=True):
        for caption in own:
            words = [w for w in caption if w != PAD]
            memory, state = task.model.decoder.start(features_LF[None])
            rows, alphas = [], []
            for word in words[:-1]:
                step = task.model.decoder.step(torch.tensor([word]), state, memory)
                state = step.state
                rows.append(step.logits_NV[0].double().log_softmax(-1).detach().numpy())
                if step.alphas_NL is not None:
                    alphas.append(step.alphas_NL[0].double().detach().numpy())
            yield np.array(rows), words[1:], np.array(alphas)


def expected(task, batch, penalty, smoothing):
    total, count = 0.0, 0
    for rows, targets, alphas in stepped(task, batch):
        for row, target in zip(rows, targets, strict=True):
            total += -(1 - smoothing) * row[target] - smoothing * row.mean()
        if penalty:
            total += penalty * sum((1 - alphas[:, place].sum()) ** 2 for place in range(alphas.shape[1]))
        count += len(targets)
    return total / count, count


@pytest.mark.parametrize(("penalty", "smoothing"), [(0.0, 0.0), (1.0, 0.0), (0.7, 0.2)])
def test_the_loss_is_its_formula(make, penalty, smoothing):
    task = make(attention_penalty=penalty, label_smoothing=smoothing)
    batch = batch_for(task)
    result = task.train().loss(batch)
    value, count = expected(task, batch, penalty, smoothing)
    assert result.loss.item() == pytest.approx(value, rel=1e-5)
    assert result.size == count == 16
    unpenalised, _ = expected(task, batch, 0.0, smoothing)
    if penalty:
        logged = penalty * result.logs["attention_penalty"].item()
        assert logged == pytest.approx(value - unpenalised, rel=1e-4)


def test_a_decoder_that_does_not_attend_has_no_penalty(make):
    task = make("show_tell", attention_penalty=3.0)
    batch = batch_for(task)
    result = task.train().loss(batch)
    assert result.loss.item() == pytest.approx(expected(task, batch, 0.0, 0.0)[0], rel=1e-5)
    assert result.logs == {}


def test_validation_is_plain_likelihood(make):
    task = make(attention_penalty=1.0, label_smoothing=0.3, scheduled_sampling=1.0).eval()
    batch = batch_for(task)
    assert task.loss(batch).loss.item() == pytest.approx(expected(task, batch, 0.0, 0.0)[0], rel=1e-5)


def test_captions_of_one_picture_count_as_if_it_were_shown_twice(make):
    task = make(attention_penalty=0.5).train()
    grouped = batch_for(task)
    apart = [
        ([caption], features)
        for own, features in zip(CAPTIONS, grouped.pictures, strict=True)
        for caption in own
    ]
    single = CaptionBatch(
        torch.arange(6), torch.stack([features for _, features in apart]), pad([own for own, _ in apart], 1)
    )
    one, other = task.loss(grouped), task.loss(single)
    assert one.size == other.size
    torch.testing.assert_close(one.loss, other.loss)


def test_a_batch_without_a_word_or_without_a_picture_is_passed_over(make):
    task = make()
    empty = CaptionBatch(torch.zeros(0, dtype=torch.long), torch.zeros(0, 3, 1, 1), pad([], 2))
    assert task.train().training_step(empty, 0) is None
    task.eval().validation_step(empty, 0)
    assert task.generated == {}
    assert task.loss(batch_for(task, [[[BOS], [BOS]]])) is None


def test_the_probability_of_sampling_rises_in_proportion_to_the_epochs(make):
    task = make(scheduled_sampling=0.6)
    for epoch, probability in enumerate([0.0, 0.15, 0.3, 0.45, 0.6]):
        task._trainer = SimpleNamespace(max_epochs=5, current_epoch=epoch)
        assert 0.6 * task.progress == pytest.approx(probability)
    task._trainer = SimpleNamespace(max_epochs=-1, current_epoch=7)
    assert task.progress == 0


def test_sampling_changes_what_is_read_and_not_what_is_asked_for(make, monkeypatch):
    """With all words replaced, the loss is the likelihood of the true words after the drawn ones."""
    task = make(attention_penalty=0.0, scheduled_sampling=1.0).train()
    batch = batch_for(task)
    monkeypatch.setattr(CaptionTask, "progress", 1.0)
    torch.manual_seed(8)
    loss = task.loss(batch).loss
    torch.manual_seed(8)
    targets_BKT = batch.tokens_BKT[:, :, 1:]
    read_BKT = mix_in_samples(task.model.decoder, batch.pictures, batch.tokens_BKT[:, :, :-1], 1.0)
    logits_MV, _ = task.model.decoder(batch.pictures, read_BKT, targets_BKT != PAD)
    torch.testing.assert_close(loss, F.cross_entropy(logits_MV, targets_BKT[targets_BKT != PAD]))
    assert not torch.equal(read_BKT, batch.tokens_BKT[:, :, :-1])


def sampler(kind):
    torch.manual_seed(3)
    options = {"attention_dim": 4} if kind is ShowAttendTell else {}
    decoder = kind(feature_dim=4, vocab_size=5, cell=CELL, embed_dim=3, dropout=0.0, **options)
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.8)
    return decoder, torch.randn(2, 3, 4)


def test_probability_zero_changes_nothing():
    decoder, features_BLF = sampler(ShowAttendTell)
    inputs_BKT = pad([[[1, 4, 3, 2], [1, 3]], [[1, 3, 4], [1, 4, 4, 4]]], 2)
    assert torch.equal(mix_in_samples(decoder, features_BLF, inputs_BKT, 0.0), inputs_BKT)


def test_the_first_word_and_padding_stay():
    decoder, features_BLF = sampler(ShowAttendTell)
    inputs_BKT = pad([[[1, 4, 3, 2], [1, 3]], [[1, 3, 4], [1, 4, 4, 4]]], 2).repeat(1, 50, 1)
    mixed_BKT = mix_in_samples(decoder, features_BLF, inputs_BKT, 1.0)
    stays = inputs_BKT == PAD
    stays[:, :, 0] = True
    assert torch.equal(mixed_BKT[stays], inputs_BKT[stays])
    assert set(mixed_BKT[~stays].tolist()) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("kind", [ShowTell, ShowAttendTell])
def test_words_are_drawn_from_the_model_after_the_words_drawn_before(kind):
    """Pairs of drawn words against p(first) p(second | first), by chi-square, for each of two pictures."""
    decoder, features_BLF = sampler(kind)
    draws = 4000
    mixed_BKT = mix_in_samples(decoder, features_BLF, torch.tensor([1, 3, 4]).repeat(2, draws, 1), 1.0)
    for features_LF, mixed_KT in zip(features_BLF, mixed_BKT, strict=True):
        memory, state = decoder.start(features_LF[None])
        first = decoder.step(torch.tensor([1]), state, memory)
        p_V = first.logits_NV[0].softmax(-1)
        p_VV = torch.stack(
            [
                p_V[w] * decoder.step(torch.tensor([w]), first.state, memory).logits_NV[0].softmax(-1)
                for w in range(5)
            ]
        )
        found_VV = torch.bincount(mixed_KT[:, 1] * 5 + mixed_KT[:, 2], minlength=25).view(5, 5)
        chi_square = ((found_VV - draws * p_VV).square() / (draws * p_VV)).sum()
        assert chi_square < 60, "of 24 degrees of freedom: less than 1 in 10,000 goes beyond"


def test_a_word_is_replaced_with_the_probability():
    decoder, features_BLF = sampler(ShowTell)
    inputs_BKT = torch.full((2, 3000, 2), 1)  # <bos> twice, which this model hardly says
    with torch.no_grad():
        decoder.output.bias[1] = -30.0
    replaced = (mix_in_samples(decoder, features_BLF, inputs_BKT, 0.3)[:, :, 1] != 1).float().mean()
    assert replaced.item() == pytest.approx(0.3, abs=0.03)


def summed_up(task, texts, cut=()):
    task.generated = {n: Generated(text.split(), n in cut) for n, text in enumerate(texts)}
    task.references = {n: ["a red dog runs"] for n in range(len(texts))}
    said = []
    task.print = said.append
    return task.compute_metrics(), said


def test_figures_of_what_was_written(make):
    task = make()
    figures, said = summed_up(task, ["a red dog", "a red dog", "<unk> runs", "far <unk> <unk> far a"], {1, 3})
    assert figures["distinct"] == 3 / 4
    assert figures["cut"] == 2 / 4
    assert figures["mean_length"] == 13 / 4
    assert figures["unknown"] == pytest.approx(3 / 13)
    assert {"bleu4", "cider_d", "rouge_l"} <= set(figures)
    assert said == []
    assert task.compute_metrics() == {}, "summed up once"


def test_collapse_is_said_in_words(make):
    task = make()
    assert summed_up(task, ["a dog"] * 19)[1] == []
    (said,) = summed_up(task, ["a dog"] * 20)[1]
    assert "collapsed: 1 different ones for 20 pictures" in said
    assert summed_up(task, ["a dog"] * 19 + ["a red dog"])[1] == []
