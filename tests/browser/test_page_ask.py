"""The Ask tab in a browser: a question, its answers as bars, examples, and the choices of Visual7W."""

import re

import pytest

from browser.visitor import NO_MOTION, address, expect, percentages, wait_for_state

QUESTION = "What animal is this?"


@pytest.fixture
def ask(open_page):
    """The Ask tab."""
    return open_page(address(tab="ask"), **NO_MOTION)


def answers(page):
    """Return the list items of the answers."""
    return page.get_by_role("tabpanel", name="Ask").get_by_role("listitem")


def put_question(page, text):
    """Ask, and return what the server answered."""
    page.get_by_role("textbox", name="A question about the picture").fill(text)
    with page.expect_response("**/api/ask") as answer:
        page.get_by_role("button", name="Ask", exact=True).click()
    return answer.value.json()


def expect_answers(page, listed):
    """The page shows these answers, each with its share as a number and as a bar."""
    expect(answers(page).locator(".answer")).to_have_text([one["text"] for one in listed])
    shares = percentages(answers(page).locator(".share").all_inner_texts())
    bars = answers(page).locator(".bar i").evaluate_all("all => all.map(one => parseFloat(one.style.width))")
    for share, bar, one in zip(shares, bars, listed, strict=True):
        assert bar == pytest.approx(100 * one["probability"], abs=0.01)
        assert share == pytest.approx(bar, abs=0.5)
    assert sum(bars) <= 100.01


def test_a_question_has_answers_with_bars(ask):
    answer = put_question(ask, QUESTION)
    assert answer["question"] == QUESTION
    expect_answers(ask, answer["answers"])
    wait_for_state(ask, tab="ask", question=QUESTION)


def test_an_example_question_is_asked_by_a_click(ask):
    with ask.expect_response("**/api/ask") as answer:
        ask.get_by_role("button", name="Is the bird flying?").click()
    expect(ask.get_by_role("textbox", name="A question about the picture")).to_have_value(
        "Is the bird flying?"
    )
    expect_answers(ask, answer.value.json()["answers"])


def test_another_picture_is_asked_about_again(ask):
    put_question(ask, QUESTION)
    with ask.expect_response("**/api/ask") as answer:
        ask.get_by_role("button", name="example photograph: tennis").click()
    assert answer.value.json()["picture"] == "tennis"
    expect_answers(ask, answer.value.json()["answers"])
    expect(ask.get_by_role("button", name="What sport is this?")).to_be_visible()


def test_choices_of_visual7w(ask):
    choices = ["a gull", "a dog", "a car", "a tree"]
    expect(ask.get_by_role("textbox", name="Choice 1")).to_be_hidden()
    ask.get_by_role("combobox", name="Model").select_option("visual7w")
    for number, text in enumerate(choices, 1):
        ask.get_by_role("textbox", name=f"Choice {number}").fill(text)
    answer = put_question(ask, QUESTION)
    expect_answers(ask, answer["answers"])
    assert sorted(answers(ask).locator(".answer").all_inner_texts()) == sorted(choices)
    assert sum(one["probability"] for one in answer["answers"]) == pytest.approx(1, abs=1e-3)
    wait_for_state(ask, model="visual7w", choices="|".join(choices))


def test_a_mistake_is_shown_in_the_sentence_of_the_server(ask, watch):
    watch.expect("the server responded with a status of 400")
    ask.get_by_role("combobox", name="Model").select_option("visual7w")
    ask.get_by_role("textbox", name="Choice 1").fill("a gull")
    mistake = put_question(ask, QUESTION)["error"]
    expect(ask.get_by_role("alert")).to_have_text(re.compile(re.escape(mistake)))
    expect(answers(ask)).to_have_count(0)
