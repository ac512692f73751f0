"""Requests that other sites, or others in the network, can cause do not reach the application."""

import socket

import pytest
from guarded_app import EVERY_METHOD, assert_refused, client, exchange, guarded, part, status
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from captioner.page.request_guard import METHODS, SECURITY_HEADERS, RequestGuard
from captioner.page.settings import PageSettings

TOKEN = "a-secret-of-32-characters-or-more"
LOCAL = ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "127.8.9.1", "[::1]:8000", "page.localhost:80"]
FOREIGN = [
    *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1:8000", "[2001:db8::1]"),
    *("localhost:8000:9000", "localhost/", "user@localhost", "local host", "[::1", "::1", "0.0.0.0", "127.1"),
    *("localhost:port", "[localhost]x", "", ":8000", "localhost:123456", "evil.example#.localhost"),
]


@pytest.mark.parametrize("host", LOCAL)
def test_this_machine_is_a_host(host):
    assert status(exchange(guarded(), [("host", host)], [part()])) == 200


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_host_that_is_not_this_machine_is_refused(host, method):
    sent = exchange(guarded(), [("host", host)], [part()], method=method)
    assert status(sent) == 403
    assert b'"error"' in sent[1]["body"]


@pytest.mark.parametrize("hosts", [[], ["localhost", "localhost"], ["evil.example", "localhost"]])
def test_one_host_is_needed(hosts):
    assert status(exchange(guarded(), [("host", host) for host in hosts], [part()])) == 403


def test_a_refused_host_is_told_what_to_open():
    assert_refused(client("evil.example").get("/"), 403, "'evil.example' is not this server's")


@pytest.mark.parametrize(
    ("bound", "host", "code"),
    [
        ("0.0.0.0", "192.168.1.7:8000", 200),
        ("::", "[2001:db8::1]:8000", 200),
        ("0.0.0.0", "localhost", 200),
        ("0.0.0.0", socket.gethostname(), 200),
        ("box.lan", "BOX.lan:8000", 200),
        ("0.0.0.0", "evil.example", 403),
        ("box.lan", "other.lan", 403),
    ],
)
def test_hosts_of_a_server_for_the_network(bound, host, code):
    headers = [("host", host), ("authorization", f"Bearer {TOKEN}")]
    assert status(exchange(guarded(host=bound, token=TOKEN), headers, [part()])) == code


def test_the_hostname_of_the_machine_is_known_under_its_mdns_name(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "Box.lan")
    monkeypatch.setattr(socket, "getfqdn", lambda: "box.uni.example")
    app = guarded(host="0.0.0.0", token=TOKEN)
    for host in ("box", "box.lan", "box.local", "box.uni.example"):
        headers = [("host", host), ("authorization", f"Bearer {TOKEN}")]
        assert status(exchange(app, headers, [part()])) == 200


@pytest.mark.parametrize("method", EVERY_METHOD)
def test_methods(method):
    response = client().request(method, "/api/models")
    if method in METHODS:
        assert response.status_code == 200
    else:
        assert_refused(response, 405, "GET, HEAD, POST, DELETE")
        assert response.headers["allow"] == "GET, HEAD, POST, DELETE"


def test_methods_are_capital_letters():
    assert status(exchange(guarded(), [("host", "localhost")], [part()], method="get")) == 405


ORIGINS = [
    ({}, 200),
    ({"Origin": "http://localhost:8000"}, 200),
    ({"Origin": "HTTP://LocalHost:8000"}, 200),
    ({"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}, 200),
    ({"Sec-Fetch-Site": "none"}, 200),
    ({"Origin": "http://localhost:9000"}, 403),
    ({"Origin": "http://localhost"}, 403),
    ({"Origin": "https://localhost:8000"}, 403),
    ({"Origin": "http://127.0.0.1:8000"}, 403),
    ({"Origin": "http://localhost:8000.evil.example"}, 403),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": ""}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Sec-Fetch-Site": ""}, 403),
    ({"Origin": "http://localhost:8000", "Sec-Fetch-Site": "cross-site"}, 403),
    ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(("headers", "code"), ORIGINS)
def test_pages_of_other_sites_change_nothing(method, headers, code):
    response = client().request(method, "/api/caption", headers=headers)
    assert response.status_code == code
    if code == 403:
        assert_refused(response, 403, "another site")


@pytest.mark.parametrize(("origin", "code"), [("https://localhost", 200), ("http://localhost", 403)])
def test_the_origin_has_the_scheme_of_the_server(origin, code):
    headers = [("host", "localhost"), ("origin", origin)]
    assert status(exchange(guarded(), headers, [part()], method="POST", scheme="https")) == code


@pytest.mark.parametrize("name", ["origin", "sec-fetch-site"])
def test_a_header_of_the_browser_is_not_sent_twice(name):
    value = "http://localhost" if name == "origin" else "same-origin"
    for several, code in [(1, 200), (2, 403)]:
        headers = [("host", "localhost"), *[(name, value)] * several]
        assert status(exchange(guarded(), headers, [part()], method="POST")) == code


def test_a_link_from_another_site_opens_the_page():
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client().get("/", headers=headers).status_code == 200


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_no_origin_is_allowed_to_read(method):
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    response = client().request(method, "/api/models", headers=headers)
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/page.css", "/api/models"])
@pytest.mark.parametrize("host", ["localhost:8000", "evil.example"])
def test_headers_of_safety_are_on_every_response(path, host):
    response = client(host).get(path)
    for name, value in SECURITY_HEADERS.items():
        assert response.headers.get_list(name) == [value]
    assert "server" not in response.headers
    assert response.headers.get("cache-control") == (
        "no-store" if path.startswith("/api/") else "max-age=60" if host == "localhost:8000" else None
    )


def test_the_policy_allows_this_server_only():
    policy = dict(rule.split(" ", 1) for rule in SECURITY_HEADERS["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'self'",
        "img-src": "'self' data: blob:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "form-action": "'self'",
    }
    assert SECURITY_HEADERS.keys() > {"X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy"}
    assert SECURITY_HEADERS["Cross-Origin-Resource-Policy"] == "same-origin"
    assert SECURITY_HEADERS["Cross-Origin-Opener-Policy"] == "same-origin"


def test_a_server_for_the_network_needs_a_token():
    for token in (None, ""):
        with pytest.raises(ValueError, match="needs a token"):
            guarded(host="0.0.0.0", token=token)


@pytest.mark.parametrize("path", ["/", "/api/models", "/page.css", "/api/caption"])
@pytest.mark.parametrize("method", METHODS)
def test_everything_needs_the_token(path, method):
    network = client("192.168.1.7:8000", host="0.0.0.0", token=TOKEN)
    response = network.request(method, path)
    assert response.status_code == 403
    if method != "HEAD":
        assert_refused(response, 403, "the whole address that `captioner serve` printed")
    allowed = network.request(method, path, headers={"Authorization": f"Bearer {TOKEN}"})
    assert allowed.status_code == 200


WRONG = [
    {"Authorization": TOKEN},
    {"Authorization": f"Basic {TOKEN}"},
    {"Authorization": f"Bearer {TOKEN}x"},
    {"Authorization": f"Bearer {TOKEN[:-1]}"},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": f"Bearer {TOKEN}é".encode("latin-1")},
    {"Cookie": f"captioner_token_8000={TOKEN[:-1]}"},
    {"Cookie": f"captioner_token_8001={TOKEN}"},
    {"Cookie": "captioner_token_8000="},
]


@pytest.mark.parametrize("headers", WRONG)
def test_another_token_is_refused(headers):
    network = client("192.168.1.7:8000", host="0.0.0.0", token=TOKEN)
    assert network.get("/api/models", headers=headers).status_code == 403


def test_the_address_with_the_token_sets_a_cookie():
    network = client("192.168.1.7:8000", host="0.0.0.0", token=TOKEN)
    response = network.get(f"/?token={TOKEN}")
    assert response.status_code == 303
    assert response.headers["location"] == "/"
    assert response.headers["cache-control"] == "no-store"
    cookie, *rules = response.headers["set-cookie"].split("; ")
    assert cookie == f"captioner_token_8000={TOKEN}"
    assert {rule.lower() for rule in rules} == {"httponly", "samesite=strict", "path=/"}
    assert network.get("/api/models").status_code == 200  # the client has the cookie now


def test_servers_on_two_ports_have_two_cookies():
    """Browsers send the cookies of a host to all of its ports."""
    network = client("192.168.1.7:9000", host="0.0.0.0", port=9000, token=TOKEN)
    network.get(f"/?token={TOKEN}")
    assert [*network.cookies] == ["captioner_token_9000"]
    assert network.get("/api/models").status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        *("/?token=", f"/?token={TOKEN}x", f"/?token={TOKEN}&token={TOKEN}", f"/api/models?token={TOKEN}"),
        *(f"/?Token={TOKEN}", "/?" + "a=1&" * 50 + f"token={TOKEN}", "/?token=%ff%00"),
    ],
)
def test_an_address_without_the_right_token_is_refused(address):
    network = client("192.168.1.7:8000", host="0.0.0.0", token=TOKEN)
    assert network.get(address).status_code == 403


def test_the_cookie_is_sent_over_https_only_where_that_is_used():
    query = f"token={TOKEN}".encode()
    headers = [("host", "192.168.1.7")]
    app = guarded(host="0.0.0.0", token=TOKEN)
    sent = exchange(app, headers, path="/", query_string=query, scheme="https")
    assert b"Secure" in dict(sent[0]["headers"])[b"set-cookie"]


def test_without_a_token_none_is_needed():
    response = client().get("/?token=old")
    assert response.status_code == 200
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("value", ["bytes=0-0", "x", "bytes=0-0," * 1000])
def test_files_are_sent_whole(tmp_path, value):
    (tmp_path / "page.css").write_text("body {}")
    guard = RequestGuard(StaticFiles(directory=tmp_path), PageSettings())
    for name in ("Range", "range"):
        headers = {name: value, "If-Range": "x"}
        response = TestClient(guard, base_url="http://localhost").get("/page.css", headers=headers)
        assert (response.status_code, response.text) == (200, "body {}")


def test_a_websocket_is_closed_and_a_lifespan_passes():
    assert exchange(guarded(), type="websocket") == [{"type": "websocket.close", "code": 1008}]
    with client() as running:
        assert running.get("/").status_code == 200
