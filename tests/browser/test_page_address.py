"""The address holds what is shown: a reload, or the same address in another browser, shows the same."""

import pytest

from browser.visitor import (
    NO_MOTION,
    address,
    best_captions,
    caption_words,
    drop,
    expect,
    png,
    shown_caption,
    state,
    wait_for_state,
)


def visible_state(page):
    """Return what a visitor sees of the state of the Caption tab."""
    words = shown_caption(page)
    pressed = page.get_by_role("button", pressed=True).evaluate_all("all => all.map(one => one.innerText)")
    return words, pressed, page.get_by_role("tab", selected=True).inner_text()


def test_a_caption_comes_back(open_page):
    page = open_page(**NO_MOTION)
    shown_caption(page)
    image = png("orange")
    with page.expect_response("**/api/caption"):
        drop(page, image)
    shown_caption(page)
    page.get_by_role("tabpanel").locator("summary").click()
    with page.expect_response("**/api/caption"):
        page.get_by_role("tabpanel").get_by_label("Beam size").fill("7")
    shown_caption(page)
    best_captions(page).nth(1).click()
    caption_words(page).nth(2).click()
    wait_for_state(page, caption="1", word="2", beam_size="7")
    before, fields = visible_state(page), state(page)
    page.reload()
    assert visible_state(page) == before
    other = open_page(address(**fields), **NO_MOTION)
    assert visible_state(other) == before
    expect(other.get_by_role("img", name="your picture")).to_be_visible()
    expect(other.get_by_text("probability of")).to_be_visible()


@pytest.mark.parametrize(
    ("tab", "fields", "role", "name", "value"),
    [
        ("Ask", {"question": "Why?", "picture": "tennis"}, "textbox", "A question about the picture", "Why?"),
        (
            "Text",
            {"text": "1 times", "by": "unit", "unit": "1.4"},
            "spinbutton",
            "Number of the unit",
            "4",
        ),
        ("Search", {"search": "greedy", "max_length": "4"}, "combobox", "Dropped words", "few"),
    ],
)
def test_other_tabs_come_back(open_page, tab, fields, role, name, value):
    page = open_page(address(tab=tab.lower(), **fields), **NO_MOTION)
    for _ in range(2):
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        expect(page.get_by_role(role, name=name)).to_have_value(value)
        wait_for_state(page, tab=tab.lower(), **fields)
        page.reload()


def test_another_address_is_shown_without_a_reload(open_page):
    page = open_page(**NO_MOTION)
    shown_caption(page)
    page.evaluate("location.hash = 'tab=caption&picture=tennis&prefix=two+men'")
    expect(page.get_by_role("img", name="example photograph: tennis")).to_be_visible()
    expect(caption_words(page).nth(1)).to_have_text("men")
