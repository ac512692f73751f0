"""Numbers in words, read by rules of their own."""

UNITS = {
    **{"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8},
    **{"nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15},
    **{"sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19},
}
TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80}
VALUES = {"zero": 0, "oh": 0} | UNITS | TENS | {"ninety": 90}


def read(words):
    """The value of a number in words: hundred and thousand multiply what precedes them."""
    total = group = 0
    for word in words.replace("-", " ").replace(",", " ").split():
        if word == "and":
            continue
        if word == "hundred":
            group *= 100
        elif word == "thousand":
            total, group = total + group * 1000, 0
        else:
            group += VALUES[word]
    return total + group
