"""`captioner serve` in a process of its own: the address, a caption, the end; and what it refuses."""

import re
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import httpx2
import pytest
from conftest import ROOT

from captioner.commands import main

ADDRESS = re.compile(r"http://\S+")
PHOTO = ROOT / "examples/photos/gull.jpg"


@pytest.fixture
def serve(tmp_path):
    """Start the command, and return the process and the address that it printed."""
    started = []

    def start(*words):
        code = "from captioner.commands import main; main('serve')"
        process = subprocess.Popen(
            [sys.executable, "-c", code, "--port", "0", *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, ADDRESS.search(process.stdout.readline())[0]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_it_captions_until_it_is_interrupted(serve, tiny_model):
    process, address = serve("--model", str(tiny_model("caption")))
    with PHOTO.open("rb") as photo:
        answer = httpx2.post(f"{address}api/caption", files={"image": photo}, timeout=100)
    assert answer.json()["model"] == "caption"
    assert answer.json()["captions"][0]["words"]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_others_need_the_token_of_the_printed_address(serve):
    _, address = serve("--host", "0.0.0.0")
    parts = urlsplit(address)
    here = f"http://127.0.0.1:{parts.port}"
    assert httpx2.get(f"{here}/api/models", timeout=60).status_code == 403
    with httpx2.Client(base_url=here, timeout=60) as client:
        opened = client.get(f"/?{parts.query}")
        assert opened.status_code == 303
        assert client.get("/api/models").json()["default"]["caption"] == "photos"


def test_a_port_in_use_is_refused(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as ended:
        main("serve", ["--port", str(taken.getsockname()[1])])
    assert ended.value.code == 2
    assert "Choose another --port" in capsys.readouterr().err


def test_a_model_without_a_tab_is_refused(capsys, tiny_model):
    with pytest.raises(SystemExit) as ended:
        main("serve", ["--port", "0", "--model", str(tiny_model("translate"))])
    assert ended.value.code == 2
    assert "the page has no place for" in capsys.readouterr().err


def test_a_package_that_is_missing_is_named(capsys, monkeypatch):
    monkeypatch.setattr("captioner.commands.serve.NEEDED", ("starlette", "a_package_of_no_name"))
    with pytest.raises(SystemExit) as ended:
        main("serve", [])
    assert ended.value.code == 2
    assert "needs a_package_of_no_name: pip install 'captioner[page]'" in capsys.readouterr().err
