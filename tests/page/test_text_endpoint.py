"""Texts over HTTP: read and written as the predictor does in Python."""

import base64
import json
import threading

import numpy as np
import pytest
from conftest import TEXT
from starlette.testclient import TestClient

from captioner.inference.char_lm import Writer
from captioner.inference.text_reading import read_text
from captioner.insight.interpretable_cells.suggestions import suggest_units
from captioner.page.app import create_app
from captioner.page.model_thread import Stopped
from captioner.page.settings import PageSettings

EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def folder(tiny_model):
    return tiny_model("char_lm")


@pytest.fixture(scope="module")
def writer(folder):
    return Writer(folder)


@pytest.fixture(scope="module")
def client(folder, tmp_path_factory):
    settings = PageSettings(models=(str(folder),), runs=tmp_path_factory.mktemp("runs"))
    app = create_app(settings)
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        yield client


def events(answer):
    """Names and objects of server-sent events."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    pairs = [block.split("\n") for block in answer.text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in pairs]


@pytest.mark.parametrize("text", ["7", "3 times 4", "8 times 11 is 88.\n9 times"])
@pytest.mark.parametrize("layer", [1, 2, None])
def test_a_text_is_read_as_in_python(client, writer, text, layer):
    fields = {"text": text} | ({"layer": layer} if layer else {})
    found = client.post("/api/read", data=fields).json()
    expected = read_text(writer.model, text, layer)
    assert found["symbols"] == list(text)
    assert found["nats"] == pytest.approx(writer.nll(text).tolist(), abs=1e-4)
    assert (found["layer"], found["layers"], found["signal"]) == (layer or 2, [9, 9], "c")
    raw = np.frombuffer(base64.b64decode(found["values"]), np.int8).reshape(len(text), 9)
    np.testing.assert_allclose(raw / 127, expected.values_TH, atol=0.5 / 127 + 1e-5)
    assert np.abs(raw).max() > 20
    for own, guesses in zip(found["guesses"], expected.guesses, strict=True):
        assert [symbol for symbol, _ in own] == [symbol for symbol, _ in guesses]
        assert [p for _, p in own] == pytest.approx([p for _, p in guesses], abs=1e-4)


def test_units_are_suggested_with_what_they_follow(client, writer):
    text = TEXT[:900]
    found = client.post("/api/read", data={"text": text, "layer": 1}).json()
    expected = suggest_units(read_text(writer.model, text, 1).values_TH, text)
    assert [(one["unit"], one["label"]) for one in found["suggestions"]] == [own[:2] for own in expected]
    assert found["suggestions"]
    for one, own in zip(found["suggestions"], expected, strict=True):
        assert one["correlation"] == pytest.approx(own.correlation, abs=1e-3)
        assert one["score"] == abs(one["correlation"])
    assert "second half of the text" in found["measure"]
    assert client.post("/api/read", data={"text": text[:90]}).json()["suggestions"] == []


def test_the_same_text_in_every_kind_of_body(client):
    text = "7 times 8\n"
    found = [
        client.post("/api/read", data={"text": text}).json(),
        client.post("/api/read", json={"text": text}).json(),
        client.post("/api/read", files={"text": (None, text)}).json(),
        client.post("/api/read", files={"text": (None, "7 times 8\r\n")}).json(),  # as browsers send it
    ]
    for one in found:
        assert one | {"seconds": 0} == found[0] | {"seconds": 0}


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"search": "greedy", "max_length": 15}, {"search": {"name": "greedy", "max_length": 15}}),
        (
            {"seed": 3, "temperature": 1.7, "top_k": 6, "max_length": 21},
            {"search": {"seed": 3, "temperature": 1.7, "top_k": 6, "max_length": 21}},
        ),
        (
            {"seed": 3, "max_length": 14, "clamp": ["2.7=0.9", "1.3=-.8"]},
            {"search": {"seed": 3, "max_length": 14}, "clamped": {(2, 7): 0.9, (1, 3): -0.8}},
        ),
        (
            {"search": "beam", "beam_size": 4, "n_best": 3, "max_length": 8, "banned_words": "is 4"},
            {
                "search": {"name": "beam", "beam_size": 4, "max_length": 8, "banned_words": ["is", "4"]},
                "n_best": 3,
            },
        ),
    ],
)
def test_texts_are_written_as_in_python(client, folder, fields, options):
    found = client.post("/api/sample", data={"prompt": "5 times "} | fields).json()
    expected = Writer(folder, **options).write("5 times ")
    assert [one["text"] for one in found["texts"]] == [one.text for one in expected]
    for one, own in zip(found["texts"], expected, strict=True):
        assert one["symbols"] == own.words
        assert one["log_prob"] == pytest.approx(own.log_prob, rel=1e-5)
        assert one["nats"] == pytest.approx([-p for p in own.word_log_probs], abs=1e-4)
    assert found["prompt"] == "5 times "
    assert found["settings"]["search"] == options["search"].get("name", "sample")
    assert found["settings"]["max_length"] == options["search"]["max_length"]


def test_the_nats_of_a_text_are_those_of_reading_it(client):
    (one,) = client.post("/api/sample", data={"prompt": "5 ", "seed": 2, "max_length": 30}).json()["texts"]
    read = client.post("/api/read", data={"text": one["text"]}).json()
    assert read["nats"] == pytest.approx(one["nats"], abs=1e-3)


@pytest.mark.parametrize(
    "fields", [{"search": "greedy"}, {"seed": 8, "temperature": 2.5}, {"seed": 9, "prompt": ""}]
)
def test_the_pieces_of_a_stream_are_the_text(client, fields):
    fields = {"prompt": "4 times ", "max_length": 40} | fields
    whole = client.post("/api/sample", data=fields).json()
    *pieces, (last, result) = events(client.post("/api/sample", data=fields, headers=EVENTS))
    assert {name for name, _ in pieces} == {"text"}
    assert len(pieces) > 1
    assert "".join(one["text"] for _, one in pieces) == whole["texts"][0]["text"]
    assert last == "result"
    assert result | {"seconds": 0} == whole | {"seconds": 0}


def test_a_search_that_grows_no_single_text_streams_its_result_alone(client):
    fields = {"search": "beam", "beam_size": 3, "n_best": 2, "max_length": 5}
    ((name, found),) = events(client.post("/api/sample", data=fields, headers=EVENTS))
    assert name == "result"
    assert found["texts"] == client.post("/api/sample", data=fields).json()["texts"]


def test_a_draw_without_a_seed_gets_one_that_draws_it_again(client):
    first, other = (client.post("/api/sample", data={"max_length": 40}).json() for _ in range(2))
    assert first["texts"] != other["texts"]
    seed = first["settings"]["seed"]
    again = client.post("/api/sample", data={"max_length": 40, "seed": seed}).json()
    assert again["texts"] == first["texts"]


def test_the_search_ends_when_the_client_goes(client, monkeypatch):
    """Closed after the first piece, long before the text is whole."""
    ended, gone = [], threading.Event()
    own = Writer.write

    def write(self, prompt, on_text):
        def one_piece(text):
            on_text(text)
            gone.wait(60)

        try:
            found = own(self, prompt, one_piece)
        except Exception as error:
            ended.append(type(error))
            raise
        ended.append(None)
        return found

    monkeypatch.setattr(Writer, "write", write)
    monkeypatch.setattr(client.app.state.page.thread, "_max_seconds", 600)  # its time is not what ends it
    run_until_disconnect(client.app, {"search": "greedy", "max_length": 2000}, ended, gone)
    assert ended == [Stopped]
    assert client.post("/api/read", data={"text": "7"}).status_code == 200


def run_until_disconnect(app, fields, ended, let_go):
    """Call the application as a server does, go away at the first piece, wait for the search to end."""
    import asyncio
    from urllib.parse import urlencode

    body = urlencode(fields).encode()
    headers = [
        (b"host", b"127.0.0.1:8000"),
        (b"accept", b"text/event-stream"),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {
        "type": "http", "method": "POST", "path": "/api/sample", "raw_path": b"/api/sample",
        "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
        "headers": headers, "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8000),
        "asgi": {"version": "3.0", "spec_version": "2.3"},
    }  # fmt: skip

    async def call():
        gone, sent = asyncio.Event(), []

        async def receive():
            if not sent:
                sent.append(body)
                return {"type": "http.request", "body": body, "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if b"event: text" in message.get("body", b""):
                gone.set()
                await asyncio.sleep(0)

        await app(scope, receive, send)
        for _ in range(3):  # the turns of the loop that a task takes to end once it is cancelled
            await asyncio.sleep(0)
        let_go.set()
        async with asyncio.timeout(60):
            while not ended:
                await asyncio.sleep(0.01)

    asyncio.run(call())


def test_a_text_that_takes_too_long_is_stopped(folder, tmp_path):
    settings = PageSettings(models=(str(folder),), runs=tmp_path, max_seconds=0.02)
    fields = {"search": "greedy", "max_length": 2000}
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        client.get("/api/models/" + client.get("/api/models").json()["default"]["text"])
        answer = client.post("/api/sample", data=fields)
        assert answer.status_code == 504
        *_, (name, found) = events(client.post("/api/sample", data=fields, headers=EVENTS))
        assert name == "error"
        assert "too long" in answer.json()["error"] == found["error"]


@pytest.mark.parametrize(
    ("path", "fields", "status", "says"),
    [
        ("read", {"text": ""}, 400, "The text is empty"),
        ("read", {"text": "7" * 2001}, 400, "The text has 2,001 symbols: the page takes 2,000 at most"),
        ("read", {"text": "7?"}, 400, "never seen '?' (U+003F, character 2"),
        ("read", {"text": "7", "layer": "3"}, 400, "no layer 3: the layers are 1 to 2"),
        ("read", {"text": "7", "layer": "0"}, 400, "layer must be at least 1"),
        ("read", {"text": "7", "layer": "top"}, 400, "layer"),
        ("read", {"text": "7", "model": "../model"}, 404, "no model '../model'"),
        ("read", {"text": "7", "unit": "4"}, 400, "There is no field 'unit' here"),
        ("sample", {"prompt": "7" * 2001}, 400, "The prompt has 2,001 symbols"),
        ("sample", {"prompt": "7?"}, 400, "never seen '?'"),
        ("sample", {"max_length": "2001"}, 400, "max_length is 2000 at most"),
        ("sample", {"n_best": "21"}, 400, "n_best is 20 at most"),
        ("sample", {"search": "beam", "beam_size": "21"}, 400, "beam_size is 20 at most"),
        ("sample", {"search": "exact"}, 400, "Exact search has no meaning for a text"),
        ("sample", {"required_words": "9"}, 400, "no meaning for a text: strings can be forbidden"),
        ("sample", {"banned_words": "ti", "prompt": "7 times"}, 400, "forbidden"),
        ("sample", {"temperature": "nan"}, 400, "temperature"),
        ("sample", {"clamp": "1.4"}, 400, "clamp takes LAYER.UNIT=VALUE, such as 1.37=0.9, not '1.4'"),
        ("sample", {"clamp": "1.4=1e400"}, 400, "clamp takes LAYER.UNIT=VALUE"),
        ("sample", {"clamp": "3.4=1"}, 400, "There is no unit 3.4"),
        ("sample", {"temprature": "1"}, 400, "Did you mean temperature"),
        ("sample", {"search": "sample", "beam_size": "3"}, 400, "search sample has no option 'beam_size'"),
    ],
)  # fmt: skip
def test_text_mistakes_are_answered_in_one_sentence(client, path, fields, status, says):
    for headers in ({}, EVENTS):
        answer = client.post(f"/api/{path}", data=fields, headers=headers)
        assert answer.status_code == status, answer.text
        assert says in answer.json()["error"]
