"""A picture comes into the page from everywhere, and its caption is what a program gets."""

import pytest

from browser.visitor import (
    NO_MOTION,
    address,
    api_caption,
    caption_words,
    drop,
    expect,
    file_transfer,
    png,
    shown_caption,
    wait_for_state,
)

LOAD_FAILED = "Failed to load resource: the server responded with a status of 4"


def expect_own_picture(page, image):
    """The page shows the visitor's picture, and the caption that the API gives of it."""
    answer = api_caption(page, image)
    wait_for_state(page, picture=answer["picture"])
    expect(page.get_by_role("img", name="your picture")).to_be_visible()
    expect(caption_words(page)).to_have_text(answer["captions"][0]["words"])


def test_a_picture_is_there_and_captioned_from_the_start(page):
    words = shown_caption(page)
    answer = api_caption(page, picture="gull")
    assert words == answer["captions"][0]["words"]
    expect(page.get_by_role("img", name="example photograph: gull")).to_be_visible()


def test_a_dropped_picture(page):
    shown_caption(page)
    image = png("red")
    drop(page, image)
    expect_own_picture(page, image)


def test_a_pasted_picture(page):
    shown_caption(page)
    image = png("blue")
    transfer = file_transfer(page, image, "pasted.png", "image/png")
    page.evaluate(
        """clipboardData => document.body.dispatchEvent(
            new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}))""",
        transfer,
    )
    expect_own_picture(page, image)


def test_a_chosen_file(page):
    shown_caption(page)
    image = png("green")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Your picture…").click()
    chooser.value.set_files({"name": "chosen.png", "mimeType": "image/png", "buffer": image})
    expect_own_picture(page, image)


def test_a_picture_of_the_camera(page):
    shown_caption(page)
    page.get_by_role("button", name="Webcam…").click()
    camera = page.get_by_role("dialog", name="Webcam")
    page.wait_for_function("() => document.querySelector('dialog video')?.videoWidth > 0")
    with page.expect_response("**/api/caption") as answer:
        camera.get_by_role("button", name="Take the picture").click()
    expect(camera).to_have_count(0)
    expect(page.get_by_role("img", name="your picture")).to_be_visible()
    assert answer.value.json()["width"] >= 320
    expect(caption_words(page)).to_have_text(answer.value.json()["captions"][0]["words"])


def test_an_example(open_page):
    page = open_page(**NO_MOTION)
    shown_caption(page)
    page.get_by_role("button", name="example photograph: horses").click()
    wait_for_state(page, picture="horses")
    expect(page.get_by_role("img", name="example photograph: horses")).to_be_visible()
    expect(caption_words(page)).to_have_text(api_caption(page, picture="horses")["captions"][0]["words"])


@pytest.mark.parametrize(
    ("data", "name", "kind", "sentence"),
    [
        (b"a text", "notes.txt", "text/plain", "notes.txt is no picture."),
        (b"\x89PNG\r\n\x1a\n and then nothing", "broken.png", "image/png", None),
    ],
    ids=["a text", "a damaged picture"],
)
def test_what_is_no_picture_is_refused_in_a_sentence(open_page, watch, data, name, kind, sentence):
    page = open_page(**NO_MOTION)
    before = shown_caption(page)
    if sentence is None:
        watch.expect(LOAD_FAILED)
        file = {"name": name, "mimeType": kind, "buffer": data}
        sentence = page.request.post("/api/pictures", multipart={"image": file}).json()["error"]
    drop(page, data, name, kind)
    expect(page.get_by_role("alert")).to_have_text(sentence)
    assert shown_caption(page) == before


def test_a_picture_that_the_server_forgot_is_replaced_by_an_example(open_page, watch):
    watch.expect(LOAD_FAILED)
    page = open_page(address(picture="0123456789abcdef"), **NO_MOTION)
    expect(page.get_by_role("alert")).to_contain_text("no longer on the server")
    assert shown_caption(page) == api_caption(page, picture="gull")["captions"][0]["words"]
