"""Visual7W: choices scored by stepping word by word, whatever their order; boxes by the formula."""

import itertools
import math
from random import Random

import numpy as np
import pytest
import torch
from conftest import ROOT

from captioner.config import load
from captioner.data.questions.multiple_choice import MultipleChoiceQuestion
from captioner.errors import UserError
from captioner.metrics.answers.choice_accuracy import Truth
from captioner.models.multiple_choice import best_choice
from captioner.regions import box_weights
from captioner.training.train import check
from captioner.training.visual7w import Visual7WTask
from captioner.training.visual7w_pointing import Visual7WPointingTask
from captioner.vocabulary import BOS, EOS, SPECIAL, Vocabulary

WORDS = Vocabulary([*SPECIAL, "what", "is", "it", "red", "a", "dog", "there", "two"])
SIZES = [(100, 80), (100, 80)]
SMALL = [
    *("encoder.width=0.04", "decoder.cell.hidden_dim=6", "decoder.embed_dim=5", "decoder.context_dim=4"),
    *("decoder.attention_dim=7", "decoder.dropout=0.0"),
]
ASKED = [
    [
        MultipleChoiceQuestion(7, "What is it?", ["A dog.", "Red.", "There is a red dog."], [], 0),
        MultipleChoiceQuestion(3, "What?", ["Dog.", "Two."], [], 1),
    ],
    [MultipleChoiceQuestion(5, "Is it there?", ["A.", "It is a cat.", "Red.", "Two."], [], 2)],
]


def make(kind=Visual7WTask, config="visual7w", changes=SMALL, **options):
    torch.manual_seed(11)
    loaded = load(ROOT / f"configs/{config}.yaml", changes)
    loaded.task |= options
    task = kind.from_config(loaded, WORDS).eval()
    for parameter in (
        *task.model.decoder.parameters(),
        *getattr(task.model, "pointer", task.model.decoder).parameters(),
    ):
        torch.nn.init.normal_(parameter, std=0.5)
    return task


def features_for(task, asked=ASKED):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(
        len(asked), math.prod(task.model.encoder.grid), task.model.encoder.feature_dim, generator=generator
    )


def encoded(task, features_BLF, questions, sizes=SIZES):
    return task.encode(task.model.make_batch(features_BLF, sizes, questions))


def stepped(task, features_LF, question, answer):
    """-log p of each word of the answer and of its end, by `start` and `step` alone."""
    memory, state = task.model.decoder.start(features_LF[None])
    numbers = [WORDS.encode(text.lower().strip("?.").split()) for text in (question, answer)]
    read = [BOS, *numbers[0], BOS, *numbers[1]]
    said = [*numbers[1], EOS]
    nats = []
    for place, word in enumerate(read):
        step = task.model.decoder.step(torch.tensor([word]), state, memory)
        state = step.state
        if place > len(numbers[0]):
            target = said[place - len(numbers[0]) - 1]
            nats.append(-step.logits_NV[0].double().log_softmax(-1)[target].item())
    assert len(nats) == len(said)
    return nats


@pytest.mark.parametrize("attention", ["additive", "located"])
@torch.inference_mode()
def test_a_choice_is_scored_by_its_words_as_they_are_stepped_through(attention):
    changes = ["decoder.attention=located", "decoder.attention_dim=null", "decoder.score_gain=null"]
    task = make(changes=[*SMALL, *(changes if attention == "located" else [])])
    features_BLF = features_for(task)
    found = task.model.score(features_BLF, SIZES, ASKED)
    assert found.keys() == {7, 3, 5}
    for features_LF, own in zip(features_BLF, ASKED, strict=True):
        for one in own:
            by_hand = [np.mean(stepped(task, features_LF, one.question, text)) for text in one.choices]
            assert found[one.question_id] == pytest.approx([-nats for nats in by_hand], rel=1e-5)


@torch.inference_mode()
def test_the_loss_is_the_mean_over_all_words_of_right_answers():
    task = make()
    features_BLF = features_for(task)
    nats = [
        nat
        for features_LF, own in zip(features_BLF, ASKED, strict=True)
        for one in own
        for nat in stepped(task, features_LF, one.question, one.choices[one.right])
    ]
    result = task.loss(encoded(task, features_BLF, ASKED))
    assert result.loss.item() == pytest.approx(np.mean(nats), rel=1e-5)
    assert result.size == len(nats) == 3 + 2 + 2


@torch.inference_mode()
def test_questions_are_learnt_to_be_asked_by_their_weight_in_training_alone():
    task = make(question_weight=0.3)
    features_BLF = features_for(task)
    right = [[one._replace(choices=[one.choices[one.right]], right=0) for one in own] for own in ASKED]
    answers, questions, words = 0.0, 0.0, 0
    for features_LF, own in zip(features_BLF, right, strict=True):
        for one in own:
            said = stepped(task, features_LF, one.question, one.choices[0])
            answers, words = answers + sum(said), words + len(said)
            read = [BOS, *WORDS.encode(one.question.lower().strip("?").split()), BOS]
            memory, state = task.model.decoder.start(features_LF[None])
            for word, target in itertools.pairwise(read):
                step = task.model.decoder.step(torch.tensor([word]), state, memory)
                state = step.state
                questions -= step.logits_NV[0].double().log_softmax(-1)[target].item()
    found = task.train().loss(encoded(task, features_BLF, right))
    assert found.loss.item() == pytest.approx((answers + 0.3 * questions) / words, rel=1e-5)
    assert found.logs["answer_loss"].item() == pytest.approx(answers / words, rel=1e-5)
    assert found.size == words
    in_training = task.model.score(features_BLF, SIZES, ASKED)
    batch = encoded(task.eval(), features_BLF, right)
    assert not batch.nll_BKT[~batch.mask_BKT].any(), "questions are not scored outside of training"
    outside = task.loss(batch)
    assert outside.loss.item() == pytest.approx(answers / words)
    assert outside.logs == {}
    for question_id, preferred in task.model.score(features_BLF, SIZES, ASKED).items():
        assert in_training[question_id] == pytest.approx(preferred)  # questions count in the loss alone


@torch.inference_mode()
def test_the_same_answer_whatever_the_order_and_the_company():
    task = make()
    features_BLF = features_for(task)
    expected = {
        one.question_id: dict(zip(one.choices, found, strict=True))
        for own, features_LF in zip(ASKED, features_BLF, strict=True)
        for one in own
        for found in task.model.score(features_LF[None], SIZES[:1], [[one]]).values()
    }
    for seed in range(4):
        shuffled = [
            [one._replace(choices=Random(seed).sample(one.choices, len(one.choices))) for one in own]
            for own in ASKED
        ]
        found = task.model.score(features_BLF, SIZES, shuffled)
        for one in (one for own in shuffled for one in own):
            scores = dict(zip(one.choices, found[one.question_id], strict=True))
            assert scores == pytest.approx(expected[one.question_id], rel=1e-5)


def test_of_equals_the_first_is_chosen():
    assert best_choice([-2.0, -1.0, -3.0, -1.0]) == 1
    assert best_choice([-2.0, -1.0000002, -3.0, -1.0]) == 1
    assert best_choice([-2.0, -1.001, -3.0, -1.0]) == 3


@torch.inference_mode()
def test_long_questions_are_cut_at_max_words():
    task = make(changes=[*SMALL, "training.max_words=2"])
    features_BLF = features_for(task)[:1]
    long, cut, shorter = (
        task.model.score(
            features_BLF, SIZES[:1], [[MultipleChoiceQuestion(1, text, ["Red.", "Two."], [], 0)]]
        )
        for text in ("What is it?", "What is", "What?")
    )
    assert long == cut != shorter


@torch.inference_mode()
def test_long_answers_are_cut_and_then_end():
    task = make(max_answer_words=2)
    features_BLF = features_for(task)[:1]
    long, cut = (
        task.model.score(features_BLF, SIZES[:1], [[MultipleChoiceQuestion(1, "What?", [text], [], 0)]])
        for text in ("A dog is there.", "A dog")
    )
    assert long == cut


def test_accuracy_of_what_was_chosen_by_type():
    task = make()
    task.choices = {one.question_id: one.choices for own in ASKED for one in own}
    task.truth = {7: Truth("A dog.", "what"), 3: Truth("two.", "what"), 5: Truth("Red.", "where")}
    task.model.choice_log_probs = lambda batch: batch
    task.update_metrics({7: [-1.0, -2.0, -3.0], 3: [-1.0, -2.0]})
    task.update_metrics({5: [-4.0, -3.0, -1.0, -2.0]})
    assert task.compute_metrics() == {"accuracy": 2 / 3, "accuracy_what": 1 / 2, "accuracy_where": 1.0}
    assert task.compute_metrics() == {}, "summed up once"


def test_a_decoder_that_uses_no_image_needs_no_pictures():
    task = make(changes=["decoder={name: language_model, cell: {name: lstm, hidden_dim: 6}, embed_dim: 5}"])
    assert task.model.encoder is None
    found = task.model.score(torch.zeros(2, 0, 0), SIZES, ASKED)
    assert {question_id: len(scores) for question_id, scores in found.items()} == {7: 3, 3: 2, 5: 4}


BOXES = [[3.0, 4.0, 30.0, 20.0], [50.0, 10.0, 20.0, 70.0], [0.0, 0.0, 100.0, 80.0]]
POINTED = [
    [
        MultipleChoiceQuestion(4, "What is it?", ["1", "2", "3"], BOXES, 1),
        MultipleChoiceQuestion(6, "What?", ["1", "2"], BOXES[1:], 0),
    ],
    [MultipleChoiceQuestion(9, "Is it?", ["2", "3"], BOXES[:2], -1)],
]


def pointed():
    task = make(Visual7WPointingTask, "visual7w-pointing")
    sizes = [(100, 80), (200, 80)]
    features_BLF = features_for(task)
    return task, features_BLF, sizes, encoded(task, features_BLF, POINTED, sizes)


@torch.inference_mode()
def test_a_place_is_scored_by_what_is_in_it_and_what_the_question_left_in_the_cell():
    task, features_BLF, sizes, batch = pointed()
    found = task.model.score(features_BLF, sizes, POINTED)
    W = task.model.pointer.region.weight.double()
    losses = []
    for features_LF, size, own in zip(features_BLF, sizes, POINTED, strict=True):
        for one in own:
            memory, state = task.model.decoder.start(features_LF[None])
            for word in [BOS, *WORDS.encode(one.question.lower().strip("?").split()), BOS]:
                state = task.model.decoder.step(torch.tensor([word]), state, memory).state
            scores = []
            for x, y, width, height in one.boxes:
                box = [x, y, x + width, y + height]
                sides = [*size, *size]
                parts = torch.tensor([edge / side for edge, side in zip(box, sides, strict=True)])
                region_F = box_weights(parts, task.model.encoder.grid) @ features_LF
                scores.append((state[0][0].double() @ W @ region_F.double()).item())
            expected = torch.tensor(scores).log_softmax(0)
            assert found[one.question_id] == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-5)
            losses += [-expected[one.right].item()] if one.right >= 0 else []
    result = task.loss(batch)
    assert result.loss.item() == pytest.approx(np.mean(losses), rel=1e-4)
    assert result.size == len(losses) == 2


def test_pictures_are_not_moved_under_their_boxes():
    config = load(ROOT / "configs/visual7w-pointing.yaml", ["training.augment=true"])
    with pytest.raises(UserError, match=r"training.augment has no meaning for the task visual7w_pointing"):
        check(config)
