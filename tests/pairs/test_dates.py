"""Dates in every form, read back by the standard library."""

import re
from datetime import date, datetime, timedelta

import pytest

from captioner.pairs.dates import FIRST, FORMS, LAST, format_date
from captioner.pairs.numbers import PLAIN, NumberStyle, ordinal_in_words, year_in_words

READ = {
    "day": "%d", "day0": "%d", "nth": "%d", "number": "%m", "number0": "%m", "month": "%B", "mon": "%b",
    "weekday": "%A", "wkd": "%a", "year": "%Y",
}  # fmt: skip
IN_FIGURES = [form for form in FORMS if "_words" not in form]
DAYS = [FIRST + timedelta(days=n) for n in range(0, (LAST - FIRST).days, 61)] + [LAST, date(2000, 2, 29)]


@pytest.mark.parametrize("form", IN_FIGURES)
def test_a_date_in_figures_is_read_back(form):
    pattern = form.format(**READ)
    for day in DAYS:
        text = format_date(day, form)
        bare = re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", text)
        assert datetime.strptime(bare, pattern).date() == day
        if "wkd" in form or "weekday" in form:
            assert day.strftime("%a") in text


@pytest.mark.parametrize("form", [form for form in FORMS if form not in IN_FIGURES])
def test_a_date_in_words_says_day_month_and_year(form):
    for style in (PLAIN, NumberStyle(has_and=False, has_hyphens=False)):
        for day in DAYS:
            parts = {
                "day_words": ordinal_in_words(day.day, style),
                "year_words": year_in_words(day.year, style),
            }
            expected = form.format(month=day.strftime("%B"), weekday=day.strftime("%A"), **parts)
            assert format_date(day, form, style) == expected


def test_ordinals_in_figures():
    shown = [format_date(date(2001, 1, day), "{nth}") for day in range(1, 32)]
    assert shown[:4] == ["1st", "2nd", "3rd", "4th"]
    assert shown[9:14] == ["10th", "11th", "12th", "13th", "14th"]
    assert shown[19:24] == ["20th", "21st", "22nd", "23rd", "24th"]
    assert shown[29:] == ["30th", "31st"]


def test_no_two_dates_are_written_alike():
    seen = {}
    for form in FORMS:
        for n in range(0, (LAST - FIRST).days, 37):
            day = FIRST + timedelta(days=n)
            assert seen.setdefault(format_date(day, form), day) == day
