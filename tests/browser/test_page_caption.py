"""The Caption tab in a browser: words with their attention, the best captions, settings, mistakes."""

from browser.maps import pointed_word, two_unlike_words
from browser.visitor import (
    NO_MOTION,
    address,
    api_caption,
    best_captions,
    caption_words,
    expect,
    shown_caption,
    wait_for_state,
)

NOTE_COMING_WORDS = """
window.comingWords = 0;
new MutationObserver(() => { window.comingWords += document.querySelectorAll(".word.coming").length; })
    .observe(document, {subtree: true, childList: true, attributeFilter: ["class"]});
"""


def open_settings(page, label):
    """Return the field of a setting, after the panel was opened."""
    page.get_by_role("tabpanel").locator("summary").click()
    return page.get_by_role("tabpanel").get_by_label(label)


def test_words_come_one_by_one(open_page):
    page = open_page(None)
    page.add_init_script(NOTE_COMING_WORDS)
    page.goto("/")
    shown_caption(page)
    assert page.evaluate("comingWords") > 0


def test_who_wants_no_motion_gets_the_whole_caption_at_once(open_page):
    page = open_page(None, **NO_MOTION)
    page.add_init_script(NOTE_COMING_WORDS)
    page.goto("/")
    assert shown_caption(page)
    assert page.evaluate("comingWords") == 0


def test_pointing_at_a_word_shows_where_the_model_looks(open_page):
    page = open_page(address(picture="horses"))
    shown_caption(page)
    answer = api_caption(page, picture="horses")
    for place in two_unlike_words(answer["captions"][0]):
        caption_words(page).nth(place).hover()
        assert pointed_word(page, answer) == place


def test_arrow_keys_move_the_attention_from_word_to_word(open_page):
    page = open_page(address(picture="gull"), **NO_MOTION)
    words = shown_caption(page)
    answer = api_caption(page, picture="gull")
    caption_words(page).first.focus()
    assert pointed_word(page, answer) == 0
    for place in range(1, len(words)):
        page.keyboard.press("ArrowRight")
        expect(caption_words(page).nth(place)).to_be_focused()
        assert pointed_word(page, answer) == place
    page.keyboard.press("Home")
    assert pointed_word(page, answer) == 0


def test_another_of_the_best_captions_is_chosen(open_page):
    page = open_page(**NO_MOTION)
    first = shown_caption(page)
    captions = api_caption(page, picture="gull")["captions"]
    expect(best_captions(page)).to_have_count(len(captions))
    best_captions(page).nth(1).click()
    expect(caption_words(page)).to_have_text(captions[1]["words"])
    wait_for_state(page, caption="1")
    assert captions[1]["words"] != first


def test_a_setting_captions_anew(open_page):
    page = open_page(**NO_MOTION)
    assert shown_caption(page)[:2] != ["two", "dogs"]
    open_settings(page, "Starts with").fill("two dogs")
    expect(caption_words(page).nth(1)).to_have_text("dogs")
    wait_for_state(page, prefix="two dogs")
    answer = api_caption(page, picture="gull", prefix="two dogs")
    expect(caption_words(page)).to_have_text(answer["captions"][0]["words"])


def test_another_search_has_its_own_settings(open_page):
    page = open_page(**NO_MOTION)
    shown_caption(page)
    open_settings(page, "Method of search").select_option("greedy")
    wait_for_state(page, search="greedy")
    expect(best_captions(page)).to_have_count(1)
    expect(page.get_by_role("tabpanel").get_by_label("Beam size")).to_have_count(0)


def test_a_mistake_is_shown_in_the_sentence_of_the_server(open_page, watch):
    watch.expect("the server responded with a status of 400")
    page = open_page(**NO_MOTION)
    before = shown_caption(page)
    open_settings(page, "Beam size").fill("1000")
    expect(page.get_by_role("alert")).to_have_text(
        "beam_size is 50 at most on the page, not 1000; the command line takes more."
    )
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert shown_caption(page) == before
