"""A saved page is one file, which shows the same without a network."""

import pytest

from browser.maps import pointed_word
from browser.visitor import (
    NO_MOTION,
    address,
    api_caption,
    best_captions,
    caption_words,
    expect,
    shown_caption,
)


@pytest.fixture
def open_saved(open_page, tmp_path):
    """Save what a page shows, and open the file in a browser that is offline."""

    def opened(page):
        with page.expect_download() as download:
            page.get_by_role("button", name="Save").click()
        file = tmp_path / "saved.html"
        download.value.save_as(file)
        saved = open_page(None, offline=True, **NO_MOTION)
        saved.goto(file.as_uri())
        return saved

    return opened


def test_a_saved_caption_has_its_attention(open_page, open_saved):
    page = open_page(**NO_MOTION)
    words = shown_caption(page)
    saved = open_saved(page)
    answer = api_caption(page, picture="gull")
    expect(caption_words(saved)).to_have_text(words)
    for place in (0, len(words) - 1):
        caption_words(saved).nth(place).hover()
        assert pointed_word(saved, answer) == place
    saved.get_by_role("button", name=answer["captions"][1]["text"]).click()
    expect(caption_words(saved)).to_have_text(answer["captions"][1]["words"])


def test_a_saved_search_is_played(open_page, open_saved):
    page = open_page(address(tab="search", search="beam", beam_size="3", max_length="5"), **NO_MOTION)
    expect(page.get_by_text("word 5 of 5")).to_be_visible()
    captions = best_captions(page).locator(".sentence").all_inner_texts()
    saved = open_saved(page)
    expect(saved.locator(".sentence")).to_have_text(captions)
    nodes = saved.get_by_role("group", name="The tree of the search").get_by_role("button")
    last = nodes.count()
    saved.get_by_role("slider", name="Step of the search").fill("2")
    expect(saved.get_by_text("word 2 of 5")).to_be_visible()
    assert 0 < nodes.count() < last


def test_saved_answers(open_page, open_saved):
    page = open_page(address(tab="ask", question="What is it?"), **NO_MOTION)
    expect(page.locator(".answer").first).to_be_visible()
    answers = page.locator(".answer").all_inner_texts()
    saved = open_saved(page)
    expect(saved.get_by_text("What is it?")).to_be_visible()
    expect(saved.locator(".answer")).to_have_text(answers)


def test_a_saved_text_has_its_colours(open_page, open_saved):
    page = open_page(address(tab="text", text="2 times 3 is 6."), **NO_MOTION)
    expect(page.get_by_text("bits a character")).to_be_visible()
    colours = "all => all.map(one => one.style.backgroundColor)"
    before = page.locator("pre.coloured span").evaluate_all(colours)
    saved = open_saved(page)
    assert saved.locator("pre.coloured").inner_text().startswith("2 times 3 is 6.")
    assert saved.locator("pre.coloured span").evaluate_all(colours) == before
