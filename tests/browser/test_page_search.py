"""The Search tab in a browser: the tree grows, goes back and forth, and words are forced and banned in it."""

import re

import pytest

from browser.visitor import NO_MOTION, address, best_captions, expect, state, wait_for_state

SHORT = {"search": "beam", "beam_size": "3", "max_length": "6"}


@pytest.fixture
def search(open_page):
    """The Search tab, once its search has ended."""
    page = open_page(address(tab="search", **SHORT), **NO_MOTION)
    wait_for_end(page)
    return page


def wait_for_end(page):
    """Wait until the last step of an ended search is shown."""
    expect(page.get_by_text(re.compile(r"^word (\d+) of \1$"))).to_be_visible()
    expect(page.get_by_text("searching …")).to_have_count(0)


def nodes(page, said=""):
    """Return the words of the tree of which this is said, such as `dropped`."""
    return page.get_by_role("group", name="The tree of the search").get_by_role(
        "button", name=re.compile(f": {said}")
    )


def word_of(node):
    """Return the word of a node."""
    return node.get_attribute("aria-label").split(":")[0]


def found(page):
    """Return the captions that the search found, as lists of words."""
    wait_for_end(page)
    return [one.split() for one in best_captions(page).locator(".sentence").all_inner_texts()]


def step(page, number):
    """Go to a step with the slider."""
    slider = page.get_by_role("slider", name="Step of the search")
    slider.fill(str(number))
    expect(page.get_by_text(re.compile(f"^word {number} of"))).to_be_visible()


def test_the_tree_grows_while_the_search_runs(open_page):
    page = open_page(None)
    page.add_init_script("""window.shownSteps = [];
        new MutationObserver(() => shownSteps.push(document.querySelector("output")?.textContent))
            .observe(document, {subtree: true, childList: true});""")
    page.goto(f"/{address(tab='search', **SHORT)}")
    wait_for_end(page)
    shown = page.evaluate("[...new Set(shownSteps)]")
    numbers = [int(text.split()[1]) for text in shown if text and text.startswith("word")]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 3
    assert found(page)


def test_the_tree_goes_back_and_forth(search):
    last = nodes(search).count()
    length = int(search.get_by_role("slider", name="Step of the search").get_attribute("max"))
    search.get_by_role("heading", name="captioner").click()
    search.keyboard.press("Home")
    expect(nodes(search)).to_have_count(0)
    search.keyboard.press("ArrowRight")
    expect(search.get_by_text(f"word 1 of {length}")).to_be_visible()
    first = nodes(search).count()
    assert 0 < first < last
    step(search, length)
    assert nodes(search).count() == last
    search.keyboard.press("ArrowLeft")
    expect(search.get_by_text(f"word {length - 1} of {length}")).to_be_visible()
    step(search, 1)
    assert nodes(search).count() == first
    wait_for_state(search, step="1")


def test_a_dropped_word_is_forced_and_taken_back(search):
    before = found(search)
    step(search, 2)
    dropped = nodes(search, "dropped").last
    word = word_of(dropped)
    dropped.click()
    taken_back = search.get_by_role("button", name=f"Take back: {word} forced at word 2")
    expect(taken_back).to_be_visible()
    after = found(search)
    assert {sentence[1] for sentence in after} == {word}
    assert after != before
    taken_back.click()
    expect(taken_back).to_have_count(0)
    assert found(search) == before


def test_a_kept_word_is_banned(search):
    before = found(search)
    step(search, 1)
    kept = nodes(search, "kept").first
    word = word_of(kept)
    assert word in {sentence[0] for sentence in before}
    kept.click(modifiers=["Alt"])
    expect(search.get_by_role("button", name=f"Take back: {word} banned at word 1")).to_be_visible()
    after = found(search)
    assert after
    assert word not in {sentence[0] for sentence in after}


def test_pointing_at_a_word_says_what_is_known_of_it(search):
    node = nodes(search, "kept").last
    node.hover()
    tip = search.locator(".tip")
    expect(tip).to_contain_text("log-probability so far")
    expect(tip).to_contain_text(f"{word_of(node)}: ")
    expect(tip).to_contain_text("alt-click: ban")


def test_groups_have_colours_and_a_legend(open_page):
    options = {"search": "diverse", "beam_size": "6", "groups": "3"}
    page = open_page(address(tab="search", **options), **NO_MOTION)
    wait_for_end(page)
    for number in (1, 2, 3):
        expect(page.get_by_text(f"group {number}", exact=True)).to_be_visible()
    step(page, 1)
    colours = nodes(page).evaluate_all("all => all.map(one => one.style.getPropertyValue('--group'))")
    assert len(set(colours)) == 3
    expect(nodes(page).first).to_have_attribute("aria-label", re.compile("probability"))


def test_the_address_brings_forced_words_back(search, open_page):
    step(search, 2)
    nodes(search, "dropped").last.click()
    forced = found(search)
    fields = state(search)
    assert fields["do"].startswith("force:2:")
    search.reload()
    assert found(search) == forced
    other = open_page(address(**fields), **NO_MOTION)
    assert found(other) == forced
    expect(other.get_by_role("button", name=re.compile("Take back"))).to_be_visible()
