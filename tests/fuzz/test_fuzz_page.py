"""Hostile requests are refused in a sentence; the server never fails, never hangs, and works on."""

import json
import logging
import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException, HTTPResponse
from io import BytesIO
from random import randrange
from urllib.parse import urlencode

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from captioner.page.app import create_app
from captioner.page.request_guard import SECURITY_HEADERS
from captioner.page.settings import PageSettings
from fuzz.damage import JSON_VALUES, LONG, ODD_TEXT, damaged_bytes, damaged_json
from fuzz.hostile_bodies import NAMES, POSTS, TYPES, head, multipart, post
from fuzz.hostile_requests import MAX_BODY, ODD_IDS, hostile_requests

REQUESTS = 2000
CLIENTS = 8
SECONDS = 120  # after which a request hangs
FORM = "multipart/form-data; boundary=b"


@pytest.fixture(scope="module")
def app(tiny_model, tmp_path_factory):
    models = tuple(str(tiny_model(task)) for task in ("caption", "vqa", "char_lm"))
    runs = tmp_path_factory.mktemp("runs")
    return create_app(
        PageSettings(models=models, runs=runs, max_body=MAX_BODY, body_seconds=0.3, max_seconds=2)
    )


@pytest.fixture(scope="module")
def client(app):
    with TestClient(app, base_url="http://localhost:8000") as running:
        yield running


@pytest.fixture(scope="module")
def small():
    file = BytesIO()
    Image.new("RGB", (40, 30), "orange").save(file, "PNG")
    return file.getvalue()


def check_answer(status, headers, body):
    """An answer, or a refusal in one sentence; never a failure of the server."""
    assert status < 500 or status in (503, 504), body
    assert (status == 503) <= ("Retry-After" in headers)
    for name, value in SECURITY_HEADERS.items():
        assert headers[name] == value
    if status >= 400 and body:
        (key, sentence) = json.loads(body).popitem()
        assert key == "error"
        assert "\n" not in sentence
        assert len(sentence) < 4000


def check_client(client, method, path, content=b"", content_type=""):
    for short, long in LONG.items():
        content = content.replace(short, long)
    given = {"Content-Type": content_type} if content_type else {}
    answer = client.request(method, path, content=content, headers=given)
    check_answer(answer.status_code, answer.headers, answer.content)
    return answer


INTERVENTION = {"time": 2, "kind": "force", "beam": 0, "word": "red"}
SHOWN = {"title": "t", "view": "caption", "picture": "scene-1", "data": {"captions": [{"text": "a"}]}}
FIELDS = st.lists(
    st.tuples(st.sampled_from(NAMES) | st.text(max_size=4), st.sampled_from(ODD_TEXT)), max_size=4
)


@given(path=st.sampled_from(POSTS), content=damaged_json(SHOWN), content_type=st.sampled_from(TYPES[:4]))
def test_any_json(client, path, content, content_type):
    check_client(client, "POST", path, content, content_type)


@given(content=damaged_json({"interventions": [INTERVENTION]}))
def test_any_intervention(client, content):
    started = client.post("/api/search", data={"picture": "scene-1", "beam_size": "2"})
    check_client(client, "POST", f"/api/search/{started.json()['session']}/run", content, "application/json")


@given(path=st.sampled_from(POSTS), fields=FIELDS)
def test_any_fields(client, path, fields):
    encoded = [(name.encode("utf-8", "replace"), value.encode("utf-8", "replace")) for name, value in fields]
    check_client(client, "POST", path, urlencode(encoded).encode(), "application/x-www-form-urlencoded")


@given(path=st.sampled_from(POSTS), data=st.data())
def test_any_multipart(client, small, path, data):
    whole = multipart([("model", ""), ("n_best", "2"), ("prompt", "1"), ("question", "what")], small)
    check_client(client, "POST", path, data.draw(damaged_bytes(data.draw(damaged_bytes(whole)))), FORM)


@given(
    name=st.sampled_from(ODD_IDS) | st.text(max_size=5),
    method=st.sampled_from(["GET", "HEAD", "DELETE", "PUT"]),
)
@pytest.mark.parametrize("before", ["/api/models/", "/api/pictures/", "/api/search/", "/"])
def test_any_path(client, before, name, method):
    printable = "".join(one for one in name if "!" <= one <= "~" and one not in "?#[]")
    answer = check_client(client, method, before + printable)
    assert b"root:" not in answer.content


@given(value=JSON_VALUES)
def test_any_value_of_a_saved_page(client, value):
    try:
        body = json.dumps({**SHOWN, "data": {"captions": value}}).encode()
    except ValueError:
        return
    check_client(client, "POST", "/api/save", body, "application/json")


class Errors(logging.Handler):
    """Collects what the server could not handle."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.found = []

    def emit(self, record):
        self.found.append(record.getMessage() + str(record.exc_info and record.exc_info[1]))


@pytest.fixture
def port(app):
    """A server on a socket; what it logs as an error fails the test."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", server_header=False, ws="none", lifespan="off")
    )
    errors = Errors()
    logging.getLogger("uvicorn.error").addHandler(errors)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(SECONDS)
    logging.getLogger("uvicorn.error").removeHandler(errors)
    assert not thread.is_alive()
    assert errors.found == []


def exchange(port, sent, waits=True):
    """Send bytes, and return status, headers and body of the first answer; None where there is none."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        try:
            connection.sendall(sent)
            if b"\r\n\r\n" not in sent:  # the server would wait for the rest of the head
                connection.shutdown(socket.SHUT_WR)
            if not waits:
                return None
            response = HTTPResponse(connection, method=sent[:4].decode("latin-1").strip())
            response.begin()
            return response.status, response.headers, response.read()
        except TimeoutError:
            raise AssertionError(f"no answer to {sent[:1500]!r}") from None
        except (HTTPException, ConnectionError):
            return None


def test_2000_hostile_requests(client, port, small):
    started = exchange(port, post("/api/search", FORM, multipart([("beam_size", "2")], small)))
    session = json.loads(started[2])["session"]
    seed = 5 if settings().derandomize else randrange(10**9)
    hostile = hostile_requests(seed, REQUESTS, session)
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda one: exchange(port, one.sent, one.kind != "gone"), hostile))
    counted = Counter()
    for one, answer in zip(hostile, answers, strict=True):
        counted[one.kind, answer and answer[0]] += 1
        assert answer is not None or not one.is_http, one
        if answer is not None and b"Invalid HTTP request" not in answer[2]:
            try:
                check_answer(*answer)
            except Exception as error:
                raise AssertionError(f"seed {seed}: {one.kind} {one.sent[:1500]!r}: {answer}") from error
    assert {200, 201, 400, 403, 404, 405, 408, 413, 415} <= {status for _, status in counted}
    captioned = exchange(port, post("/api/caption", FORM, multipart([("n_best", "2")], small)))
    assert captioned[0] == 200
    assert len(json.loads(captioned[2])["captions"]) == 2
    assert exchange(port, head("GET", "/api/models"))[0] == 200
