"""Questions over HTTP: what the predictor answers in Python, one by one or many at once."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from captioner.data.questions.base import QUESTION_SOURCES
from captioner.inference.base import load
from captioner.inference.question_predictor import ImageQuestion
from captioner.insight import attention_map
from captioner.page.app import create_app
from captioner.page.settings import PageSettings

QUESTIONS = ("How many circles are there?", "What color is the square?", "Is it small?", "Zyx?")
ANSWERS = {
    "vqa": [],
    "visual7w": ["Above the circle.", "To the left.", "Red.", "Three."],
    "visual7w_pointing": ["3,4,20,20", "50,60,30,31", "1,50,25,12"],
}
TASKS = list(ANSWERS)


@pytest.fixture(scope="module", params=TASKS)
def asked(request, tiny_model, tmp_path_factory):
    """A client, the task, the same model in Python, and pictures of different sizes."""
    folder = tiny_model(request.param)
    settings = PageSettings(models=(str(folder),), runs=tmp_path_factory.mktemp("runs"))
    source = QUESTION_SOURCES.build(load(folder).model.config.data)
    paths = sorted(set(source.tables()["val"]["path"]))[:2]
    app = create_app(settings)
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        yield client, request.param, load(folder), [*map(squeezed, paths)]


def squeezed(path):
    """A picture that is not square, as a file."""
    file = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").resize((96, 80)).save(file, "PNG")
    return file.getvalue()


def post(client, picture, **fields):
    files = {"image": ("a.png", picture)} if isinstance(picture, bytes) else None
    data = fields if files else fields | {"picture": picture}
    return client.post("/api/ask", data=data, files=files)


def test_answers_and_attention_are_those_of_the_predictor(asked, monkeypatch):
    client, task, predictor, pictures = asked
    drawn = []
    monkeypatch.setattr(attention_map, "draw_attention", lambda *given: drawn.append(given))
    for picture in pictures:
        for question in QUESTIONS:
            found = post(client, picture, question=question, choice=ANSWERS[task], top=3).json()
            expected = predictor.changed(3).answer(picture, question, ANSWERS[task])
            assert [one["text"] for one in found["answers"]] == [one.text for one in expected.answers]
            assert len(found["answers"]) == 3
            probabilities = [one.probability for one in expected.answers]
            assert [one["probability"] for one in found["answers"]] == pytest.approx(probabilities, rel=1e-4)
            assert found["note"] == expected.note
            assert (found["question"], found["width"], found["height"]) == (question, 96, 80)
            if task == "visual7w_pointing":
                assert found["attention"] is None
                continue
            predictor.draw(expected)
            _, titles, weights_ML, grid = drawn.pop()
            assert [one["title"] for one in found["attention"]] == titles
            assert tuple(found["grid"]) == grid
            weights = [one["weights"] for one in found["attention"]]
            np.testing.assert_allclose(weights, weights_ML, atol=2e-5)
            np.testing.assert_allclose(np.sum(weights, axis=1), 1, atol=1e-3)


def test_the_attention_lies_over_the_part_that_the_encoder_sees(asked):
    """A cut-out of the picture is what the predictor draws over."""
    client, task, predictor, pictures = asked
    found = post(client, pictures[0], question=QUESTIONS[0], choice=ANSWERS[task]).json()
    left, top, right, bottom = found["view_box"]
    with Image.open(io.BytesIO(pictures[0])) as image:
        view = predictor.prepare(image.convert("RGB")).view
        part = image.convert("RGB").crop((left * 96, top * 80, right * 96, bottom * 80)).resize(view.size)
    assert np.abs(np.asarray(part, float) - np.asarray(view, float)).mean() < 6


def test_many_clients_at_once_get_their_own_answers(asked, monkeypatch):
    client, task, predictor, pictures = asked
    given = [(picture, question, top) for question in QUESTIONS for picture in pictures for top in (1, 4)]
    expected = [predictor.changed(top).answer(p, q, ANSWERS[task]) for p, q, top in given]
    sizes = []
    own = type(predictor).answer_batch
    monkeypatch.setattr(
        type(predictor),
        "answer_batch",
        lambda self, some, images: sizes.append(len(some)) or own(self, some, images),
    )
    with ThreadPoolExecutor(len(given)) as threads:
        calls = [
            threads.submit(post, client, p, question=q, top=top, choice=ANSWERS[task]) for p, q, top in given
        ]
        found = [call.result().json() for call in calls]
    for one, reply in zip(found, expected, strict=True):
        assert [answer["text"] for answer in one["answers"]] == [answer.text for answer in reply.answers]
        probabilities = [answer.probability for answer in reply.answers]
        assert [answer["probability"] for answer in one["answers"]] == pytest.approx(probabilities, rel=1e-3)
    assert sum(sizes) == len(given)
    assert max(sizes) > 1


def test_a_picture_is_named_by_its_id_once_it_was_sent(asked):
    client, task, _, pictures = asked
    first = post(client, pictures[1], question=QUESTIONS[0], choice=ANSWERS[task]).json()
    again = post(client, first["picture"], question=QUESTIONS[0], choice=ANSWERS[task]).json()
    assert again["answers"] == first["answers"]
    assert (again["picture"], again["url"]) == (first["picture"], first["url"])


def test_a_batch_of_read_images_is_answered_as_files_are(asked):
    _, task, predictor, pictures = asked
    questions = [
        ImageQuestion(f"{number}", picture, question, ANSWERS[task])
        for question in QUESTIONS
        for number, picture in enumerate(pictures)
    ]
    images = {
        f"{number}": predictor.prepare(Image.open(io.BytesIO(picture)).convert("RGB"))
        for number, picture in enumerate(pictures)
    }
    for one, other in zip(
        predictor.answer_batch(questions, images), predictor.stream(questions), strict=True
    ):
        assert one.question == other.question
        assert [answer.text for answer in one.answers] == [answer.text for answer in other.answers]
        maps, again = predictor.attention(one, images[one.question.name]), predictor.attention(other)
        assert (maps is None) == (again is None) == (task == "visual7w_pointing")
        if maps is not None:
            assert maps.titles == again.titles
            np.testing.assert_allclose(maps.weights_ML, again.weights_ML, atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"question": ""}, 400, "The question is empty"),
        ({"question": " \n "}, 400, "The question is empty"),
        ({"question": "Who?" * 251}, 400, "1,000 characters at most"),
        ({"choice": ["a"] * 51}, 400, "50 choices at most, not 51"),
        ({"choice": ["a" * 1001, "b"]}, 400, "1,000 characters at most"),
        ({"top": "0"}, 400, "top must be 1 to 20, not 0"),
        ({"top": "21"}, 400, "top must be 1 to 20, not 21"),
        ({"top": "many"}, 400, "top"),
        ({"question": ["Who?", "What?"]}, 400, "question was given 2 times"),
        ({"questoin": "Who?"}, 400, "Did you mean question"),
        ({"model": "gone"}, 404, "no model 'gone'"),
        ({"picture": "0" * 24}, 404, "not here any more"),
        ({"picture": ""}, 400, "Send one picture"),
    ],
)
def test_mistakes_are_answered_in_one_sentence(asked, fields, status, says):
    client, task, _, _ = asked
    whole = {"picture": "gull", "question": "Who?", "choice": ANSWERS[task]} | fields
    answer = client.post("/api/ask", data=whole)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]


def test_choices_are_asked_for_where_the_model_chooses(asked):
    client, task, _, pictures = asked
    for choices in ([], ["3,4,5,6"], ["3,4,5,6", "3,4,5,6"]):
        answer = post(client, pictures[0], question="Where?", choice=choices)
        assert answer.status_code == (200 if task == "vqa" else 400)
        assert task == "vqa" or "two or more" in answer.json()["error"]
    answer = post(client, pictures[0], question="Where?", choice=["1e308,1e308,1e308,1e308", "1,2,3,4"])
    assert answer.status_code == 200, answer.text
    if task == "visual7w_pointing":
        for box in ("1,2,3", "1,nan,3,4", "1,2,3,0", "left"):
            assert "is not a place" in post(client, pictures[0], question="W?", choice=[box, "1,2,3,4"]).text
