"""Everyone can use the page: on a narrow screen, by keyboard alone, with a screen reader."""

import pytest

from browser.maps import pointed_word
from browser.visitor import (
    NO_MOTION,
    address,
    api_caption,
    best_captions,
    caption_words,
    expect,
    press_until_focused,
    shown_caption,
)

CONTENT = {
    "caption": {},
    "search": {},
    "ask": {"question": "What is it?"},
    "text": {"text": "2 times 3 is 6."},
}
ANSWERED = {"caption": "log p", "search": "log p", "ask": "%", "text": "bits a character"}
CONTROLS = {"button", "textbox", "combobox", "slider", "spinbutton", "checkbox", "link", "tab", "image"}


def open_tab(open_page, tab, **options):
    """Open a tab with its settings unfolded, once the model has answered."""
    fields = (
        {"question": "What is it?"} if tab == "ask" else {"text": "2 times 3 is 6."} if tab == "text" else {}
    )
    page = open_page(address(tab=tab, **fields), **NO_MOTION, **options)
    answered = {"caption": "log p", "search": "log p", "ask": "%", "text": "bits a character"}[tab]
    expect(page.get_by_role("tabpanel").get_by_text(answered).first).to_be_visible()
    for settings in page.get_by_role("tabpanel").locator("summary").all():
        settings.click()
    return page


@pytest.mark.parametrize("tab", list(CONTENT))
def test_nothing_is_wider_than_a_telephone(open_page, tab):
    page = open_tab(open_page, tab, viewport={"width": 375, "height": 700})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 375
    assert page.evaluate("innerWidth") == 375


@pytest.mark.parametrize("tab", list(CONTENT))
def test_controls_and_pictures_have_names(open_page, tab):
    page = open_tab(open_page, tab)
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    nodes = [one for one in tree if not one["ignored"] and one["role"]["value"] in CONTROLS]
    assert len(nodes) > 8
    nameless = [one["role"]["value"] for one in nodes if not one.get("name", {}).get("value", "").strip()]
    assert nameless == []
    assert page.locator("img:not([alt])").count() == 0


def test_the_keyboard_reaches_every_tab(open_page, watch):
    watch.expect("/api/(read|sample)")  # the tiny model knows no T, with which the Text tab begins
    page = open_page(**NO_MOTION)
    shown_caption(page)
    press_until_focused(page, page.get_by_role("tab", name="Caption"))
    for name in ("Search", "Ask", "Text"):
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name=name)).to_be_focused()
        expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
    page.keyboard.press("Home")
    expect(page.get_by_role("tabpanel", name="Caption")).to_be_visible()


def test_the_keyboard_chooses_an_example_and_keeps_a_word(open_page):
    page = open_page(**NO_MOTION)
    shown_caption(page)
    press_until_focused(page, page.get_by_role("button", name="example photograph: gull"))
    press_until_focused(page, page.get_by_role("button", name="example photograph: horses"), "ArrowRight")
    page.keyboard.press("Enter")
    answer = api_caption(page, picture="horses")
    expect(caption_words(page)).to_have_text(answer["captions"][0]["words"])
    press_until_focused(page, caption_words(page).first)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    press_until_focused(page, best_captions(page).first)
    assert pointed_word(page, answer) == 1


def test_the_keyboard_forces_and_bans_a_word(open_page):
    page = open_page(address(tab="search", search="beam", beam_size="3", max_length="5"), **NO_MOTION)
    expect(page.get_by_text("word 5 of 5")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("word 4 of 5")).to_be_visible()
    tree = page.get_by_role("group", name="The tree of the search")
    press_until_focused(page, tree.locator("[tabindex='0']"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="forced at word 4")).to_be_visible()
    expect(page.get_by_text("word 5 of 5")).to_be_visible()
    press_until_focused(page, tree.locator("[tabindex='0']"))
    page.keyboard.press("b")
    expect(page.get_by_role("button", name="banned at word 5")).to_be_visible()


def test_the_first_press_of_tab_offers_to_skip_the_head(open_page):
    page = open_page(**NO_MOTION)
    shown_caption(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
