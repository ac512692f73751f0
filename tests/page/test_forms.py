"""Fields of requests are read, or refused with a sentence, in each form in which they are sent."""

import asyncio
import json
from typing import Annotated
from urllib.parse import quote, urlencode

import pytest
from annotated_types import Ge, Le
from starlette.requests import Request

from captioner.errors import UserError
from captioner.page.forms import Form, read_form, read_number
from captioner.page.json_bodies import MAX_DEPTH, parse_json, read_json
from captioner.page.refusals import Refused, refuse_unknown

URLENCODED = "application/x-www-form-urlencoded"
BOUNDARY = "multipart/form-data; boundary=b"


def request(content_type, body) -> Request:
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", content_type.encode())] if content_type else []
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


def form(content_type, body) -> Form:
    return asyncio.run(read_form(request(content_type, body)))


def multipart(*parts) -> bytes:
    """The body of parts: (the rest of Content-Disposition, the content)."""
    head = "--b\r\nContent-Disposition: form-data; "
    return b"".join((head + of).encode() + b"\r\n\r\n" + data + b"\r\n" for of, data in parts) + b"--b--\r\n"


def as_multipart(fields) -> Form:
    return form(BOUNDARY, multipart(*((f'name="{name}"', value.encode()) for name, value in fields)))


def as_urlencoded(fields) -> Form:
    return form(URLENCODED, urlencode(fields).encode())


def as_json(fields) -> Form:
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    return form("application/json", json.dumps(values).encode())


KINDS = pytest.mark.parametrize("sent", [as_multipart, as_urlencoded, as_json])


@KINDS
def test_fields_are_texts_and_may_come_several_times(sent):
    found = sent([("prompt", "un été, 猫 & 1+1=2"), ("clamp", "1.3=0.5"), ("clamp", "1.4=1"), ("empty", "")])
    assert found.text("prompt") == "un été, 猫 & 1+1=2"
    assert found.texts("clamp") == ["1.3=0.5", "1.4=1"]
    assert found.texts("nothing") == []
    assert found.text("empty", "else") == "else"
    assert found.text("nothing") == ""
    assert found.file("image") is None
    assert found.fields == {"prompt": ["un été, 猫 & 1+1=2"], "clamp": ["1.3=0.5", "1.4=1"]}


@KINDS
def test_a_field_that_is_taken_once_is_not_given_twice(sent):
    found = sent([("model", "a"), ("model", "b")])
    with pytest.raises(UserError, match=r"^model was given 2 times, and is taken once\.$"):
        found.text("model")


@KINDS
def test_a_field_that_nobody_reads_is_refused(sent):
    found = sent([("model", "a"), ("baem_size", "3")])
    with pytest.raises(UserError, match=r"no field 'baem_size' here\. Did you mean beam_size"):
        found.refuse_unknown(["model", "beam_size"])
    found.refuse_unknown(["model", "baem_size"])


@KINDS
def test_an_empty_field_that_nobody_reads_is_refused_too(sent):
    with pytest.raises(UserError, match="There is no field 'modle'"):
        sent([("modle", "")]).refuse_unknown(["model"])


def test_a_file_that_nobody_reads_is_refused():
    found = form(BOUNDARY, multipart(('name="picture"; filename="a.png"', b"\x89PNG")))
    with pytest.raises(UserError, match="There is no field 'picture' here"):
        found.refuse_unknown(["image"])


@KINDS
def test_fields_are_counted(sent):
    assert len(sent([("a", "1")] * 100).texts("a")) == 100
    with pytest.raises(UserError, match="more than 100 fields"):
        sent([("a", "1")] * 101)


@KINDS
def test_names_and_values_are_bounded(sent):
    assert len(sent([("n" * 100, "v" * 100_000)]).text("n" * 100)) == 100_000
    with pytest.raises(UserError, match="1 to 100 characters, not 101"):
        sent([("n" * 101, "v")])
    with pytest.raises(UserError, match="1 to 100 characters, not 0"):
        sent([("", "v")])
    with pytest.raises(UserError, match=r"^name .*100,000"):
        sent([("name", "v" * 100_001)])


@KINDS
@pytest.mark.parametrize("field", [("a", "x\0y"), ("a\0b", "x")])
def test_a_nul_is_no_text(sent, field):
    with pytest.raises(UserError, match="NUL"):
        sent([field])


@pytest.mark.parametrize("odd", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80"])
def test_bytes_that_are_not_utf8_are_no_text(odd):
    sentence = r"^The fields of the request are not text in UTF-8\.$"
    for body in (odd + b"=1", b"a=" + odd, b"a=" + quote(odd).encode(), quote(odd).encode() + b"=1"):
        with pytest.raises(UserError, match=sentence):
            form(URLENCODED, body)
    for body in (
        multipart(('name="a"', odd)),
        multipart(('name="a"', b"")).replace(b'"a"', b'"' + odd + b'"'),
    ):
        with pytest.raises(UserError, match=sentence):
            form(BOUNDARY, body)
    with pytest.raises(UserError, match="is not JSON"):
        form("application/json", b'{"a": "' + odd + b'"}')


def test_a_file_has_any_bytes():
    data = bytes(range(256)) * 10 + b"\r\n--\r\n--a\r\n\0"
    found = form(BOUNDARY, multipart(('name="model"', b"photos"), ('name="image"; filename="../x"', data)))
    assert found.file("image") == data
    assert found.text("model") == "photos"
    assert found.text("image") == ""


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; name="image"; filename=""', None),
        ("form-data; name=image; filename=a.png", b"x"),
        ("FORM-DATA; Name=\"image\"; filename*=utf-8''a.png", None),
    ],
)
def test_forms_of_a_file_part(disposition, name):
    data = b"x" if name else b""
    body = b"--b\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + data + b"\r\n--b--"
    assert form(BOUNDARY, body).file("image") == name


def test_a_file_may_fill_the_body_and_a_field_may_not():
    large = b"\r\n--" * 5_000_000
    assert form(BOUNDARY, multipart(('name="image"; filename="a"', large))).file("image") == large
    with pytest.raises(UserError, match=r"^image is longer than 100,000 bytes"):
        form(BOUNDARY, multipart(('name="image"', large)))


def test_one_file_is_taken():
    part = ('name="image"; filename="a"', b"x")
    with pytest.raises(UserError, match="two files"):
        form(BOUNDARY, multipart(part, part))


BROKEN = [
    b"",
    b"--",
    b"--b",
    b"--c\r\n",
    b"hello",
    multipart(('name="a"', b"1"))[:-6],
    multipart(('name="a"', b"1"))[:20],
    multipart(('name="a"', b"1")).replace(b"\r\n", b"\n"),
    multipart(('name="a"', b"1")).replace(b'name="a"', b"id=a"),
    multipart(('name="a"', b"1")).replace(b"Content-Disposition", b"Content-Type"),
    multipart(('name="a"', b"1")).replace(b"form-data", b"attachment"),
    multipart(('name="a"', b"1")).replace(b"Content-Disposition: ", b"\0: "),
    multipart(("x" * 100_000 + '; name="a"', b"1")),
    multipart(('name="a"\r\n' + "A: b\r\n" * 10_000, b"1")),
]


@pytest.mark.parametrize("body", BROKEN, ids=lambda body: repr(body[:30]))
def test_broken_multipart_is_refused(body):
    with pytest.raises(UserError, match=r"not well-formed|ends in the middle"):
        form(BOUNDARY, body)


def test_multipart_may_have_no_fields():
    assert form(BOUNDARY, b"--b--\r\n").fields == form(BOUNDARY, b"\r\n--b--").fields == {}


@pytest.mark.parametrize("after", ["", "; boundary=", "; boundary=" + "b" * 71, "; charset=x", ";;;=;"])
def test_a_boundary_is_needed(after):
    with pytest.raises(UserError, match="boundary"):
        form("multipart/form-data" + after, multipart(('name="a"', b"1")))


@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/mixed; boundary=b", "application/jsonx", "image/png", "/", "é"]
)
def test_other_types_are_refused(content_type):
    with pytest.raises(Refused, match="must be multipart/form-data") as refused:
        form(content_type, b"a=1")
    assert refused.value.status == 415


def test_a_body_needs_a_type():
    assert form("", b"").fields == {}
    with pytest.raises(Refused) as refused:
        form("", b"a=1")
    assert refused.value.status == 415


def test_the_type_may_have_parameters_and_capitals():
    assert form("Application/JSON; charset=utf-8", b'{"a": "1"}').text("a") == "1"
    assert form("APPLICATION/X-WWW-FORM-URLENCODED;charset=UTF-8", b"a=1").text("a") == "1"


@pytest.mark.parametrize("content_type", [URLENCODED, "application/json"])
def test_what_becomes_many_objects_is_bounded(content_type):
    with pytest.raises(Refused, match="larger than 1 MB") as refused:
        form(content_type, b"%" * 1_000_001)
    assert refused.value.status == 413


def test_values_of_json_are_texts():
    body = b'{"n": 5, "x": 0.5, "yes": true, "no": false, "none": null, "words": ["a", 2], "empty": []}'
    found = form("application/json", body)
    assert found.fields == {"n": ["5"], "x": ["0.5"], "yes": ["true"], "no": ["false"], "words": ["a", "2"]}


@pytest.mark.parametrize("value", [b"{}", b"[[1]]", b'[{"a": 1}]'])
def test_fields_are_flat(value):
    with pytest.raises(UserError, match=r"^a must be a text, a number, true or false, or a list of these\.$"):
        form("application/json", b'{"a": ' + value + b"}")


WRONG_JSON = [
    (b"", "not JSON at character 1"),
    (b"{", "not JSON at character 2"),
    (b'{"a": 1}}', "not JSON at character 9"),
    (b"{'a': 1}", "not JSON"),
    (b'{"a": "\0"}', "not JSON"),
    (b"\xef\xbb\xbf{}", "not JSON"),
    (b"\xff\xfe{\0}\0", "not JSON"),
    (b"[]", "must be a JSON object, not []"),
    (b"5", "must be a JSON object, not 5"),
    (b"null", "must be a JSON object, not None"),
    (b'{"a": NaN}', "a number that cannot be computed with: 'NaN'"),
    (b'{"a": -Infinity}', "a number that cannot be computed with"),
    (b'{"a": 1e999}', "a number that cannot be computed with"),
    (b'{"a": 12345678901234567}', "a number that cannot be computed with"),
    (b'{"a": ' + b"9" * 100_000 + b"}", "a number that cannot be computed with"),
    (b'{"a": 1, "b": 2, "a": 3}', "gives 'a' twice"),
    (b'{"a": {"b": 2, "b": 2}}', "gives 'b' twice"),
    (b'{"a": "\\u0000"}', "NUL"),
    (b'{"a\\u0000": 1}', "NUL"),
    (b'{"a": ["\\ud800"]}', "surrogate"),
    (b'{"\\udfff": 1}', "surrogate"),
    (b'{"a": ' + b"[" * 400_000 + b"]" * 400_000 + b"}", "nested more than"),
    (b'{"a": ' + b"[" * 400_000, "nested more than"),
    (b'{"a":' * 100_000, "nested more than"),
]


@pytest.mark.parametrize(("body", "says"), WRONG_JSON, ids=[says for _, says in WRONG_JSON])
def test_json_is_strict(body, says):
    with pytest.raises(UserError) as refused:
        parse_json(body)
    assert says in str(refused.value)
    assert len(str(refused.value)) < 200


def test_json_of_some_depth_is_read():
    def nested(depth):
        return b'{"a": ' + b"[" * (depth - 2) + b"7" + b"]" * (depth - 2) + b"}"

    assert parse_json(nested(MAX_DEPTH))
    with pytest.raises(UserError, match=f"nested more than {MAX_DEPTH} deep"):
        parse_json(nested(MAX_DEPTH + 1))
    assert parse_json(b'{"a": [1234567890123456, -1.5e300, true, null, "\\ud83d\\ude00"]}') == {
        "a": [1234567890123456, -1.5e300, True, None, "\U0001f600"]
    }


def test_read_json_takes_json_of_a_size():
    assert asyncio.run(read_json(request("application/json", b'{"a": 1}'), 8)) == {"a": 1}
    for content_type, most, status in [("application/json", 7, 413), (URLENCODED, 8, 415), ("", 8, 415)]:
        with pytest.raises(Refused) as refused:
            asyncio.run(read_json(request(content_type, b'{"a": 1}'), most))
        assert refused.value.status == status


def test_unknown_keys_are_refused():
    refuse_unknown({"title": 1}, ("title", "data"))
    with pytest.raises(UserError, match=r"no field 'titel' here\. Did you mean title"):
        refuse_unknown({"titel": 1}, ("title", "data"))


Share = Annotated[float, Ge(0), Le(1)]
Few = Annotated[int, Ge(1), Le(20)]


def test_numbers_are_read():
    assert read_number("n_best", "20", Few) == 20
    assert read_number("share", "1e-1", Share) == 0.1
    assert read_number("share", "1", Share) == 1
    found = Form([("n", "3"), ("empty", "")])
    assert found.number("n", Few, 1) == 3
    assert found.number("empty", Few, 1) == found.number("other", Few, 1) == 1


@pytest.mark.parametrize("text", ["0", "21", "1.0", "x", "٣", "9" * 5000, "0x3", "nan", "1e1", "--1", "-"])
def test_numbers_out_of_range_are_refused(text):
    with pytest.raises(UserError, match=r"^n_best must be .*1 to 20, not ") as refused:
        read_number("n_best", text, Few)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("text", ["nan", "inf", "-0.1", "1.01", "1e999", "x"])
def test_fractions_out_of_range_are_refused(text):
    with pytest.raises(UserError, match=r"^share must be .*0 to 1, not "):
        read_number("share", text, Share)


def test_a_refusal_is_one_sentence_of_json():
    refused = Refused(413, "Too \x1b[2J large.", {"Retry-After": "2"})
    response = refused.response()
    assert response.status_code == 413
    assert response.headers["retry-after"] == "2"
    assert json.loads(response.body) == {"error": "Too \\x1b[2J large."}
