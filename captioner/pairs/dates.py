"""Format dates as people write them, in figures and in words; no text has two meanings.

With full stops the day comes first (05.03.1998), with slashes the month (3/5/1998), as in the countries that
use them.
"""

from datetime import date

from captioner.pairs.numbers import PLAIN, NumberStyle, ordinal_in_words, year_in_words

FIRST, LAST = date(1900, 1, 1), date(2099, 12, 31)
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

FORMS = (
    "{day} {month} {year}",
    "{month} {day}, {year}",
    "{month} {day} {year}",
    "{nth} {month} {year}",
    "{nth} of {month} {year}",
    "the {nth} of {month}, {year}",
    "{month} {nth}, {year}",
    "{weekday}, {day} {month} {year}",
    "{weekday}, {month} {day}, {year}",
    "{weekday} the {nth} of {month} {year}",
    "{wkd}, {day} {mon} {year}",
    "{day} {mon} {year}",
    "{mon} {day}, {year}",
    "{day}-{mon}-{year}",
    "{day0} {mon}. {year}",
    "{year} {month} {day}",
    "{day}.{number}.{year}",
    "{day0}.{number0}.{year}",
    "{number}/{day}/{year}",
    "{number0}/{day0}/{year}",
    "{year}/{number0}/{day0}",
    "the {day_words} of {month} {year_words}",
    "{month} the {day_words}, {year_words}",
    "{day_words} of {month}, {year_words}",
    "{weekday}, {month} {day_words}, {year_words}",
)
PLAIN_FORM = FORMS[0]
"""The form into which an ISO date is translated."""


def format_date(day: date, form: str = PLAIN_FORM, style: NumberStyle = PLAIN) -> str:
    """Format a date.

    Args:
        day: the date.
        form: one of `FORMS`, or another text with their fields.
        style: of numbers in words.

    Returns:
        The text.

    >>> format_date(date(1998, 3, 5)), format_date(date(1998, 3, 5), "{weekday} the {nth} of {mon}. {year}")
    ('5 March 1998', 'Thursday the 5th of Mar. 1998')
    """
    month, weekday = MONTHS[day.month - 1], WEEKDAYS[day.weekday()]
    if "_words" in form:
        form = form.replace("{day_words}", ordinal_in_words(day.day, style))
        form = form.replace("{year_words}", year_in_words(day.year, style))
    return form.format(
        day=day.day,
        day0=f"{day.day:02}",
        nth=f"{day.day}{_ending(day.day)}",
        number=day.month,
        number0=f"{day.month:02}",
        month=month,
        mon=month[:3],
        weekday=weekday,
        wkd=weekday[:3],
        year=day.year,
    )


def _ending(number: int) -> str:
    if number in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
