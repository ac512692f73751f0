"""A server in a process of its own, the system's Chromium, and pages of it that are watched for mistakes."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from browser.watched import PATIENCE, Watch

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
TASKS = ("vqa", "visual7w", "char_lm")  # with random weights, beside `photos`, which comes with the package


# Of the package, not of the session: where other tests run after these, no event loop is left to them.
@pytest.fixture(scope="package")
def browser():
    """Chromium, driven by playwright."""
    from playwright.sync_api import expect, sync_playwright

    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def server(browser, tiny_model, tmp_path_factory):
    """The address of `captioner serve`, without the slash at its end."""
    models = [word for task in TASKS for word in ("--model", str(tiny_model(task)))]
    code = "from captioner.commands import main; main('serve')"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--port", "0", *models],
        cwd=tmp_path_factory.mktemp("server"),
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    yield re.search(r"http://\S+", process.stdout.readline())[0].rstrip("/")
    process.terminate()
    process.communicate(timeout=60)


@pytest.fixture
def watch(server):
    """What went wrong in the pages of a test: nothing, or the test fails."""
    watched = Watch(server)
    yield watched
    assert watched.unexpected() == []


@pytest.fixture
def open_page(browser, server, watch):
    """Open an address of the page in a browser context of its own; options are those of the context."""
    contexts = []

    def opened(address="", **options):
        context = browser.new_context(base_url=server, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        watch.follow(page)
        if address is not None:
            page.goto(f"/{address}")
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page):
    """The page as a visitor finds it."""
    return open_page()
