"""A saved page: one file, with its data escaped and nothing to be fetched."""

import json
import re

import pytest

from captioner.insight.saved_page import MODULES, VIEWS, saved_page

DATA = {"captions": [{"text": "</script><script>alert(1)</script> & 'a'", "words": ["\u2028", "é"]}]}


def test_the_data_come_back_from_the_file():
    html = saved_page("a <b> title", "caption", DATA, None)
    (shown,) = re.findall(r'<script type="application/json" id="shown">(.*?)</script>', html, re.DOTALL)
    assert json.loads(shown) == {"view": "caption", "data": DATA, "picture": ""}
    assert "a &lt;b&gt; title" in html


def test_nothing_is_imported_or_fetched():
    html = saved_page("", "search", {}, None)
    script = html[html.index('<script type="module">') :]
    assert not re.search(r"^\s*import\b", script, re.MULTILINE)
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", html)


def test_each_module_imports_only_modules_before_it():
    for number, name in enumerate(MODULES):
        imported = re.findall(r'from "\./([\w.]+)"', (VIEWS / name).read_text())
        assert set(imported) <= set(MODULES[:number])


def test_the_page_is_sent_as_a_file(page_client):
    answer = page_client.post(
        "/api/save", json={"title": "gull", "view": "caption", "data": DATA, "picture": "gull"}
    )
    assert answer.headers["content-disposition"].startswith("attachment")
    assert '"picture":"data:image/jpeg;base64,' in answer.text


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"view": "nope", "data": {}}, 400),
        ({"view": "caption", "data": []}, 400),
        ({"view": "caption", "data": {}, "picture": "nope"}, 404),
        ({"view": "caption", "data": {}, "datum": 1}, 400),
    ],
)
def test_what_cannot_be_saved_is_refused(page_client, fields, status):
    answer = page_client.post("/api/save", json=fields)
    assert answer.status_code == status
    assert answer.json()["error"]
