"""Answers: losses against their formulas, question by question, what is observed, and the best answers."""

import json
import math

import pytest
import torch
from conftest import ROOT

from captioner.config import load
from captioner.data.questions.answers import UNLISTED
from captioner.data.questions.batches import QuestionBatch
from captioner.errors import UserError
from captioner.heads.base import HEADS
from captioner.metrics.answers.measures import MEASURES
from captioner.metrics.answers.vqa_accuracy import HumanAnswers
from captioner.training.train import check
from captioner.training.vqa import VQATask
from captioner.vocabulary import SPECIAL, UNK, Vocabulary

WORDS = Vocabulary([*SPECIAL, "what", "is", "it", "red", "cat"])
ANSWERS = ["yes", "no", "red", "two", "a cat"]
SMALL = [
    "encoder.width=0.04",
    "text_encoder.cell.hidden_dim=6",
    "text_encoder.embed_dim=5",
    "training.max_words=4",
]
TOKENS = [[5], [7], [4, 5, 6], [8, 6, 4], [6, 5, 4]]  # by length
IMAGES = [1, 0, 2, 1, 1]
LEARNT = [2, UNLISTED, 0, 4, 2]
IDS = [70, 30, 50, 10, 20]


def make(head="attention", changes=(), **options):
    torch.manual_seed(11)
    config = {"name": head, "hidden_dim": 7, "dropout": 0.0} | (
        {"attention_dim": 3} if head == "attention" else {}
    )
    loaded = load(ROOT / "configs/vqa.yaml", [*SMALL, *changes])
    loaded.head = config
    loaded.task |= options
    task = VQATask.from_config(loaded, WORDS, {"answers": ANSWERS}).eval()
    for parameter in (
        *task.model.head.parameters(),
        *(task.model.text_encoder.parameters() if task.model.text_encoder else ()),
    ):
        torch.nn.init.normal_(parameter, std=0.6)
    return task


def batch_for(task, learnt=LEARNT):
    random = torch.Generator().manual_seed(2)
    places = math.prod(task.model.encoder.grid) if task.model.encoder else 0
    features_BLF = torch.randn(
        3, places, task.model.encoder.feature_dim if task.model.encoder else 0, generator=random
    )
    soft_scores_NV = torch.rand(len(TOKENS), len(ANSWERS), generator=random)
    tokens = (torch.tensor(TOKENS[:2]), torch.tensor(TOKENS[2:]))
    return QuestionBatch(
        features_BLF, tokens, torch.tensor(IMAGES), torch.tensor(IDS), torch.tensor(learnt), soft_scores_NV
    )


def alone(task, batch, n):
    """The scores of one question, asked by itself about its own picture."""
    features_LF = batch.pictures[IMAGES[n]]
    tokens = torch.tensor([TOKENS[n]])
    state_NS = task.model.text_encoder(tokens).state_NS if task.model.text_encoder else torch.zeros(1, 0)
    return task.model.head(features_LF[None], torch.tensor([0]), state_NS).logits_NV[0].double().tolist()


@pytest.mark.parametrize("head", list(HEADS))
def test_cross_entropy_is_the_mean_over_questions_with_a_listed_answer(head):
    task = make(head)
    batch = batch_for(task)
    nats = []
    for n, answer in enumerate(LEARNT):
        if answer != UNLISTED:
            scores = alone(task, batch, n)
            nats.append(math.log(sum(map(math.exp, scores))) - scores[answer])
    loss = task.loss(task.encode(batch))
    assert loss.size == len(nats) == 4
    assert loss.loss.item() == pytest.approx(sum(nats) / 4, rel=1e-5)


@pytest.mark.parametrize("head", list(HEADS))
def test_soft_targets_are_a_yes_or_no_for_every_answer(head):
    task = make(head, soft_targets=True)
    batch = batch_for(task)
    nats = []
    for n, soft_scores in enumerate(batch.soft_scores_NV.double().tolist()):
        if LEARNT[n] != UNLISTED:
            probabilities = [1 / (1 + math.exp(-score)) for score in alone(task, batch, n)]
            pairs = zip(soft_scores, probabilities, strict=True)
            nats.append(-sum(w * math.log(p) + (1 - w) * math.log(1 - p) for w, p in pairs))
    loss = task.loss(task.encode(batch))
    assert loss.size == 4
    assert loss.loss.item() == pytest.approx(sum(nats) / 4, rel=1e-5)


def test_nothing_is_learnt_without_a_listed_answer_or_a_picture():
    task = make()
    assert task.loss(task.encode(batch_for(task, [UNLISTED] * 5))) is None
    unread = batch_for(task)._replace(pictures=torch.zeros(0), tokens=(), answers_N=torch.zeros(0).long())
    assert task.loss(task.encode(unread)) is None
    task.update_metrics(task.encode(unread))
    assert task.compute_metrics() == {}


def test_accuracy_counts_every_question_and_each_kind_of_answer():
    task = make("product")
    batch = batch_for(task)
    said = {}
    for n, question_id in enumerate(IDS):
        scores = alone(task, batch, n)
        said[question_id] = ANSWERS[scores.index(max(scores))]
    others = dict(zip(IDS, [3, 10, 0, 1, 10], strict=True))  # how many of ten say the same
    kinds = dict(zip(IDS, ["other", "yes/no", "other", "yes/no", "yes/no"], strict=True))
    task.truth = {
        i: HumanAnswers([said[i]] * others[i] + ["nothing"] * (10 - others[i]), "is", kinds[i]) for i in IDS
    }
    task.update_metrics(task.encode(batch))
    # Each of ten people is left out once: min(1, how many others say so / 3).
    soft_score = {0: 0.0, 1: 0.3, 3: 0.9, 10: 1.0}
    earned = {i: soft_score[others[i]] for i in IDS}
    found = task.compute_metrics()
    assert found.keys() == {"accuracy", "accuracy_other", "accuracy_yes_no"}
    assert found["accuracy"] == pytest.approx(sum(earned.values()) / 5, abs=1e-4)
    for kind, name in (("other", "accuracy_other"), ("yes/no", "accuracy_yes_no")):
        own = [earned[i] for i in IDS if kinds[i] == kind]
        assert found[name] == pytest.approx(sum(own) / len(own), abs=1e-4)
    assert task.compute_metrics() == {}


def test_sets_are_right_or_wrong():
    task = make("question_only")
    batch = batch_for(task)
    best = [max(range(5), key=alone(task, batch, n).__getitem__) for n in range(5)]
    task.measure = MEASURES["set"]
    task.truth = {
        i: HumanAnswers([ANSWERS[best[n]] if n % 2 else "sofa", *(["lamp"] if n == 3 else [])], "", "")
        for n, i in enumerate(IDS)
    }
    task.update_metrics(task.encode(batch))
    assert task.compute_metrics() == {"accuracy": pytest.approx(1 / 5)}


def test_questions_are_asked_in_any_order():
    task = make()
    batch = batch_for(task)
    texts = [" ".join(WORDS.words[t] for t in tokens) for tokens in TOKENS]
    order = [3, 0, 4, 1, 2]
    answered = task.model.ask(batch.pictures, [IMAGES[n] for n in order], [texts[n] for n in order])
    for row, n in enumerate(order):
        assert answered.logits_NV[row].tolist() == pytest.approx(alone(task, batch, n), rel=1e-4, abs=1e-6)
    one = task.model.ask(batch.pictures, [2], ["What is it, what, what?"])
    cut = task.model.ask(batch.pictures, [2], ["what is it what"])
    torch.testing.assert_close(one.logits_NV, cut.logits_NV)
    assert answered.alphas_NGL.shape == (5, 1, math.prod(task.model.encoder.grid))


def test_a_question_without_known_words_is_asked_all_the_same():
    task = make()
    features_BLF = batch_for(task).pictures
    by_numbers = task.model(features_BLF, torch.tensor([1]), (torch.tensor([[UNK]]),))
    torch.testing.assert_close(task.model.ask(features_BLF, [1], ["Xyzzy?"]).logits_NV, by_numbers.logits_NV)


@pytest.mark.parametrize("soft", [False, True])
def test_the_best_answers_and_the_best_of_choices(soft):
    task = make(soft_targets=soft)
    logits_V = torch.tensor([0.3, -1.0, 2.0, 1.1, -0.4])

    def probability(score, among):
        return 1 / (1 + math.exp(-score)) if soft else math.exp(score) / sum(map(math.exp, among))

    found = task.model.predictions(logits_V, 3)
    assert [one.text for one in found] == ["red", "two", "yes"]
    expected = [probability(score, logits_V.tolist()) for score in (2.0, 1.1, 0.3)]
    assert [one.probability for one in found] == pytest.approx(expected)
    found = task.model.predictions(logits_V, 9, ["no", "a dog", "two", "no"])
    assert [one.text for one in found] == ["two", "no", "a dog"]
    expected = [probability(score, [1.1, -1.0]) for score in (1.1, -1.0)]
    assert [one.probability for one in found] == pytest.approx([*expected, 0.0])


def test_all_weights_but_the_encoders_start_in_the_scale_that_is_asked_for():
    config = load(ROOT / "configs/vqa.yaml", SMALL)
    torch.manual_seed(1)
    config.task["init_scale"] = 0.08
    task = VQATask.from_config(config, WORDS, {"answers": ANSWERS})
    for parameter in (*task.model.head.parameters(), *task.model.text_encoder.parameters()):
        assert parameter.abs().max() <= 0.08
        assert parameter.std() > 0.02 or parameter.numel() < 8
    assert max(float(p.detach().abs().max()) for p in task.model.encoder.parameters()) > 0.08


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("head.name=produkt", "Did you mean product"),
        ("head.hiden_dim=3", "Did you mean hidden_dim"),
        ("text_encoder.embed_dims=3", "Did you mean embed_dim"),
        ("text_encoder.cell.name=lstmm", "Did you mean lstm"),
        ("data.num_trian=3", "Did you mean num_train"),
        ("encoder.dept=3", "Did you mean depth"),
        ('decoder={"name": "show_tell"}', "decoder has no meaning for the task vqa"),
    ],
)
def test_mistakes_are_refused_before_data_is_read(change, message):
    with pytest.raises(UserError) as error:
        check(load(ROOT / "configs/vqa.yaml", [change]))
    assert message in str(error.value)


def test_the_card_has_the_answers_and_what_is_done_to_pictures():
    card = json.loads(json.dumps(make().model.to_card()))
    assert card["answers"] == ANSWERS
    assert card["preprocessing"]["size"] == 112
    assert make("question_only").model.to_card() == {"answers": ANSWERS}
