"""Find the parts of the page as a visitor does: by their roles, labels and texts."""

import base64
import json
import re
from io import BytesIO
from urllib.parse import urlencode

import pytest
from PIL import Image

MISSING = "playwright is missing: pip install 'captioner[dev]'"
expect = pytest.importorskip("playwright.sync_api", reason=MISSING).expect
NO_MOTION = {"reduced_motion": "reduce"}  # of a context whose test is about something else than motion


def address(**fields):
    """Return the address of a state of the page, after the server's."""
    return f"#{urlencode(fields)}"


def caption_words(page):
    """Return the buttons of the words of the caption."""
    return page.get_by_role("group", name="The caption, word by word").get_by_role("button")


def shown_caption(page):
    """Return the words of the caption, once all of them have appeared."""
    words = caption_words(page)
    expect(words.first).to_be_visible()
    expect(page.locator("[aria-busy]")).to_have_count(0)
    expect(page.locator(".word.coming")).to_have_count(0)
    return words.all_inner_texts()


def best_captions(page):
    """Return the buttons of the captions that were found, the best first."""
    return page.get_by_role("tabpanel").get_by_role("listitem").filter(has_text="log p").get_by_role("button")


def api_caption(page, image=None, **fields):
    """Return what the server answers a program that asks for captions."""
    file = {} if image is None else {"image": {"name": "a.png", "mimeType": "image/png", "buffer": image}}
    answer = page.request.post("/api/caption", multipart={"n_best": "3", **fields, **file})
    assert answer.ok, answer.text()
    return answer.json()


def png(colour, size=(60, 40)):
    """Return the bytes of a picture: two halves, so that it has an edge to see."""
    image = Image.new("RGB", size, colour)
    image.paste("white", (0, 0, size[0] // 2, size[1]))
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def file_transfer(page, data, name, kind):
    """Return a `DataTransfer` of the browser that holds a file."""
    code = """([text, name, type]) => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(atob(text), character => character.charCodeAt(0));
        transfer.items.add(new File([bytes], name, {type}));
        return transfer;
    }"""
    return page.evaluate_handle(code, [base64.b64encode(data).decode(), name, kind])


def drop(page, data, name="dropped.png", kind="image/png"):
    """Drop a file on the page."""
    transfer = file_transfer(page, data, name, kind)
    page.get_by_role("main").dispatch_event("drop", {"dataTransfer": transfer})


def state(page):
    """Return the fields of the address, once it has been written."""
    fields = "Object.fromEntries(new URLSearchParams(location.hash.slice(1)))"
    return json.loads(page.evaluate(f"JSON.stringify({fields})"))


def wait_for_state(page, **wanted):
    """Wait until the address has these fields; an empty one must not be there."""
    page.wait_for_function(
        """wanted => {
            const fields = new URLSearchParams(location.hash.slice(1));
            return Object.entries(wanted).every(([name, value]) => (fields.get(name) ?? "") === value);
        }""",
        arg=wanted,
    )


def press_until_focused(page, locator, key="Tab", most=60):
    """Press a key until an element has the focus."""
    for _ in range(most):
        page.keyboard.press(key)
        if locator.count() == 1 and locator.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"{most} times {key} do not reach {locator}")


def percentages(texts):
    """Return the numbers of texts such as `12 %` and `< 0.001 %`."""
    return [float(re.search(r"[\d.]+", text)[0]) for text in texts]
