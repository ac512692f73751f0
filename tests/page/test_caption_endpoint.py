"""Captions over HTTP are those of the Python interface."""

import asyncio
import io
import threading

import httpx2
import numpy as np
import pytest
from page_events import random_png
from PIL import Image

import captioner
from captioner.images import load_image
from captioner.inference.caption import Captioner


@pytest.fixture
def picture():
    return random_png()


def post(client, files=None, **fields):
    return client.post("/api/caption", data=fields, files=files or {})


def test_a_picture_gets_the_captions_of_the_captioner(page_client, tiny_model, picture):
    folder = tiny_model("caption")
    search = {"name": "beam", "beam_size": 4, "max_length": 9}
    expected = captioner.load(folder, search=search, n_best=3, precision="fp32").caption(picture)
    answer = post(
        page_client, {"image": ("a.png", picture)}, search="beam", beam_size="4", max_length="9", n_best="3"
    )
    assert answer.status_code == 200
    found = answer.json()
    assert [one["words"] for one in found["captions"]] == [one.words for one in expected.captions]
    for one, other in zip(found["captions"], expected.captions, strict=True):
        assert one["text"] == other.text
        assert one["log_prob"] == pytest.approx(other.log_prob, abs=1e-5)
        assert one["word_log_probs"] == pytest.approx(other.word_log_probs, abs=1e-5)
        np.testing.assert_allclose(one["attention"], other.alphas_TL, atol=1e-5)
    assert (found["width"], found["height"]) == (37, 23)
    assert found["settings"]["beam_size"] == 4
    assert np.prod(found["grid"]) == expected.captions[0].alphas_TL.shape[1]


def test_the_view_box_is_the_part_that_the_encoder_sees(page_client, tiny_model):
    """What is outside of the box changes nothing, what is inside does."""
    model = captioner.load(tiny_model("caption"), precision="fp32").model
    wide = np.random.default_rng(1).integers(0, 256, (40, 100, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(wide).save(file, "PNG")
    left, top, right, bottom = post(page_client, {"image": ("a.png", file.getvalue())}).json()["view_box"]
    preprocessing = model.encoder.preprocessing
    seen = preprocessing(load_image(wide))
    inside = wide.copy()
    box = np.s_[round(top * 40) : round(bottom * 40), round(left * 100) : round(right * 100)]
    inside[box] = 0
    assert not seen.equal(preprocessing(load_image(inside)))
    outside = np.zeros_like(wide)
    outside[box] = wide[box]
    assert seen.equal(preprocessing(load_image(outside)))


def test_a_picture_that_was_sent_is_named_by_its_id(page_client, picture):
    sent = page_client.post("/api/pictures", files={"image": ("a.png", picture)})
    assert sent.status_code == 201
    by_id = post(page_client, picture=sent.json()["picture"]).json()
    by_file = post(page_client, {"image": ("other name.png", picture)}).json()
    assert by_id["captions"] == by_file["captions"]
    assert by_id["picture"] == by_file["picture"]


def test_an_example_is_shown_and_captioned(page_client):
    (first, *_) = page_client.get("/api/models").json()["examples"]
    shown = page_client.get(first["url"])
    assert shown.headers["content-type"] == "image/jpeg"
    found = post(page_client, picture=first["id"]).json()
    assert Image.open(io.BytesIO(shown.content)).size == (found["width"], found["height"])


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({}, 400, "Send one picture"),
        ({"picture": "nope"}, 404, "not here any more"),
        ({"picture": "gull", "model": "nope"}, 404, "There is no model 'nope'"),
        ({"picture": "gull", "beam": "3"}, 400, "Did you mean beam_size"),
        ({"picture": "gull", "search": "beem"}, 400, "Did you mean beam"),
        ({"picture": "gull", "search": "greedy", "beam_size": "3"}, 400, "has no option"),
        ({"picture": "gull", "n_best": "0"}, 400, "n_best"),
        ({"picture": "gull", "n_best": "21"}, 400, "n_best is 20 at most"),
        ({"picture": "gull", "search": "beam", "beam_size": "51"}, 400, "beam_size is 50 at most"),
        ({"picture": "gull", "max_length": "61"}, 400, "max_length is 60 at most"),
        ({"picture": "gull", "required_words": "xyzzy"}, 400, "xyzzy"),
    ],
)
def test_a_mistake_is_answered_with_one_sentence(page_client, fields, status, text):
    answer = post(page_client, **fields)
    assert answer.status_code == status
    assert text in answer.json()["error"]


def test_what_is_no_picture_is_refused(page_client):
    answer = post(page_client, {"image": ("a.png", b"no picture")})
    assert answer.status_code == 400
    assert "cannot be read" in answer.json()["error"]


def test_pixels_are_counted_before_they_are_decoded(page_client, monkeypatch):
    """A PNG of 70 million pixels whose data are missing: its header alone is read."""
    file = io.BytesIO()
    Image.new("1", (10_000, 7_000)).save(file, "PNG")
    answer = post(page_client, {"image": ("a.png", file.getvalue()[:200])})
    assert answer.status_code == 400
    assert "10000 x 7000 pixels" in answer.json()["error"]


def test_requests_at_once_get_the_answers_of_requests_one_by_one(page_app, page_client):
    names = [one["id"] for one in page_client.get("/api/models").json()["examples"]]
    alone = {name: post(page_client, picture=name).json()["captions"] for name in names}

    async def ask():
        transport = httpx2.ASGITransport(page_app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as many:
            asked = [many.post("/api/caption", data={"picture": name}) for name in names * 3]
            return await asyncio.gather(*asked)

    for name, answer in zip(names * 3, asyncio.run(ask()), strict=True):
        found = answer.json()["captions"]
        assert [one["words"] for one in found] == [one["words"] for one in alone[name]]
        assert found[0]["log_prob"] == pytest.approx(alone[name][0]["log_prob"], abs=1e-4)


def test_a_client_that_goes_away_is_not_captioned(page_app, page_client, monkeypatch):
    """Its request waits behind another job when it goes."""
    captioned = []
    real = Captioner.caption_batch

    def noted(captioner, batch, trace=None):
        captioned.append(len(batch))
        return real(captioner, batch, trace)

    monkeypatch.setattr(Captioner, "caption_batch", noted)
    thread = page_app.state.page.thread
    gone = asyncio.Event()
    messages = [{"type": "http.request", "body": b"picture=gull"}]

    async def receive():
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    headers = [(b"host", b"localhost"), (b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "method": "POST", "path": "/api/caption", "headers": headers}
    scope |= {"scheme": "http", "query_string": b"", "root_path": ""}

    async def ask():
        held, release = threading.Event(), threading.Event()
        first = asyncio.ensure_future(thread.call(lambda: held.set() or release.wait()))
        await asyncio.to_thread(held.wait)
        asked = asyncio.ensure_future(page_app(scope, receive, send))
        try:
            while not thread._waiting:
                await asyncio.sleep(0.001)
            gone.set()
            await asyncio.wait_for(asked, 60)
        finally:
            release.set()
        await first
        await thread.call(int)

    asyncio.run(ask())
    assert captioned == []
