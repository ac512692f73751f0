"""The Text tab in a browser: colours of what is typed, likely next characters, units, and writing on."""

import pytest

from browser.visitor import NO_MOTION, address, expect, percentages, wait_for_state

OPENING = "3 times 4 is "
NOTE_LENGTHS = """() => {
    const area = document.querySelector("textarea"), text = document.querySelector("pre.coloured");
    window.lengths = [];
    new MutationObserver(() => lengths.push(area.value.length)).observe(text, {childList: true});
}"""


@pytest.fixture
def text(open_page):
    """The Text tab with a text, once the model has read it."""
    page = open_page(address(tab="text", search="greedy", max_length="30", text=OPENING), **NO_MOTION)
    expect(page.get_by_text("bits a character")).to_be_visible()
    return page


def area(page):
    """Return the field in which one types."""
    return page.get_by_role("textbox", name="The text")


def colours(page):
    """Return the colour of each character; empty where it has none yet."""
    return page.locator("pre.coloured span").evaluate_all("all => all.map(one => one.style.backgroundColor)")


def point_at(page, place):
    """Move the mouse to a character."""
    box = page.locator("pre.coloured span").nth(place).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_what_is_typed_is_coloured_by_its_surprise(text):
    area(text).press("End")
    with text.expect_response("**/api/read") as answer:
        area(text).press_sequentially("12sm")
    expect(area(text)).to_have_value(f"{OPENING}12sm")
    written = text.wait_for_function(
        """wanted => {
            const all = [...document.querySelectorAll("pre.coloured span")];
            const colours = all.map(one => one.style.backgroundColor);
            return all.length === wanted && colours.every(Boolean) && colours;
        }""",
        arg=len(OPENING) + 4,
    ).json_value()
    assert len(set(written)) > 3
    assert answer.value.ok


def test_pointing_at_a_character_shows_what_is_likely_after_it(text):
    answer = text.request.post("/api/read", form={"text": OPENING}).json()
    detail = text.get_by_role("complementary", name="The character that is pointed at")
    for place in (2, 8):
        point_at(text, place)
        expect(detail.locator(".glyph").first).to_have_text(OPENING[place])
        guesses = answer["guesses"][place]
        shown = [symbol.replace(" ", "␣").replace("\n", "⏎") for symbol, _ in guesses]
        expect(detail.locator("li .glyph")).to_have_text(shown)
        shares = percentages(detail.locator("li .share").all_inner_texts())
        assert shares == pytest.approx([100 * probability for _, probability in guesses], abs=0.5)


def test_a_unit_colours_the_text(text):
    surprise = colours(text)
    point_at(text, 5)
    text.locator("svg.units rect").nth(3).click()
    expect(text.get_by_role("combobox", name="Colour by")).to_have_value("unit")
    wait_for_state(text, by="unit", unit="2.3")
    first_unit = colours(text)
    text.get_by_role("spinbutton", name="Number of the unit").fill("4")
    wait_for_state(text, unit="2.4")
    second_unit = colours(text)
    assert len({tuple(surprise), tuple(first_unit), tuple(second_unit)}) == 3


def test_the_model_writes_on_piece_by_piece(text):
    text.evaluate(NOTE_LENGTHS)
    options = {"search": "greedy", "max_length": "30"}
    answer = text.request.post("/api/sample", form={"prompt": OPENING, **options})
    (written,) = answer.json()["texts"]
    text.get_by_role("button", name="Continue writing").click()
    expect(area(text)).to_have_value(written["text"])
    expect(text.get_by_role("button", name="Continue writing")).to_be_visible()
    assert written["text"].startswith(OPENING)
    lengths = text.evaluate("lengths")
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 3


def test_a_held_unit_changes_what_is_written(text):
    text.get_by_role("spinbutton", name="Number of the unit").fill("3")
    text.get_by_role("slider", name="Value at which the unit is held").fill("-1")
    wait_for_state(text, hold="-1", unit="2.3")
    form = {"prompt": OPENING, "search": "greedy", "max_length": "30", "clamp": "2.3=-1"}
    (written,) = text.request.post("/api/sample", form=form).json()["texts"]
    text.get_by_role("button", name="Continue writing").click()
    expect(area(text)).to_have_value(written["text"])
