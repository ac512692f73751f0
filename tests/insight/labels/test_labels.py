"""Labels of texts, each against marks written under the text by hand."""

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.insight.labels.base import LABELS, Label, choose_labels, pattern_label
from captioner.insight.labels.syntax import LANGUAGES, SourceText, guess_language


def values(label, language, text):
    return LABELS[label](SourceText(text, language))


def marks(line):
    return np.array([np.nan if mark == "-" else int(mark) for mark in line], np.float32)


CASES = [
    ("quote", "prose", 'say "a b" and c', "000011110000000"),
    ("quote", "prose", 'a "b\nc" d', "001111000"),  # over a line feed
    ("quote", "prose", 'a "b\n\nc" d', "00--000---"),  # not over a blank line
    ("quote", "prose", "\u201cno\u201d \u201cyes", "11100----"),
    ("quote", "prose", '""', "10"),
    ("comment", "c", "a/*b*/c//d\ne", "001110001100"),
    ("comment", "c", '"/*"a', "00000"),  # in a string
    ("comment", "c", "/*a\nb", "01111"),  # never closed
    ("comment", "c", "/*/ a", "01111"),
    ("comment", "python", "a # b\nc", "0011100"),
    ("comment", "python", "'#' #", "00001"),
    ("comment", "latex", r"a\% %b", "000011"),
    ("string", "c", r'f("a\"b")', "001111100"),
    ("string", "c", "'a' \"b\nc", "11000000"),  # not over a line feed
    ("string", "c", '/* "a" */', "000000000"),
    ("string", "python", '"""a\n"b""" c', "001111111000"),
    ("string", "python", "'''a", "0011"),
    ("string", "python", "r'a' '", "011000"),
    ("parenthesis", "c", "(a(b)c)d", "11221100"),
    ("parenthesis", "c", "')'(a)", "000110"),
    ("parenthesis", "prose", "a)b(c\n\nd", "00011100"),  # a blank line closes
    ("bracket", "python", "[a[0]]", "112210"),
    ("brace", "c", "{a{b}c\n}\nd{", "11221110001"),
    ("line", "c", "ab\nc\n\n", "120100"),
    ("line_end", "c", "ab\nc\n\nd", "1010010"),
    ("indentation", "python", "a\n  b c\n\n", "0---222--"),
    ("if_condition", "c", "if (a(b)) c", "00011111000"),
    ("if_condition", "c", "gif(a) if", "000000000"),
    ("if_condition", "c", "// if (a)", "000000000"),
    ("if_condition", "python", "if a[1:2]: b", "011111111000"),
    ("if_condition", "python", "elif a:\n# if b:", "000111000000000"),
    ("url", "prose", "at http://a.b/c, d", "000000011111111000"),
    ("math", "latex", r"a $b$ c\$d$ e", "0011000000000"),
    ("math", "latex", r"\[a\]b", "111100"),
    ("environment", "latex", r"\begin{a}b\end{a}c", "000000001111111100"),
    ("word", "prose", "ab c_1, d", "120123001"),
    ("capitals", "prose", "AbCDe FGH I", "00010001100"),
    ("speaker", "prose", "ROMEO:\nAy: me\n", "11111000000000"),
    ("newline", "prose", "a\n\nb", "0110"),
]


@pytest.mark.parametrize(("label", "language", "text", "expected"), CASES)
def test_a_label_is_what_a_reader_marks(label, language, text, expected):
    np.testing.assert_array_equal(values(label, language, text), marks(expected), err_msg=f"{text!r}")


def test_every_label_is_marked_by_hand_and_has_a_language_of_its_cases():
    assert {label for label, *_ in CASES} == set(LABELS)
    assert all(language in LABELS[label].languages for label, language, *_ in CASES)


@pytest.mark.parametrize("name", sorted(LABELS))
@pytest.mark.parametrize("language", LANGUAGES)
def test_any_text_has_a_value_for_each_character(name, language):
    """Unbalanced, empty and random texts."""
    rng = np.random.default_rng(5)
    for length in (0, 1, 2, 400):
        text = "".join(rng.choice(list("ab \n\"'(){}[]/*#$\\:%ifIF{begn}A\u00e9"), length))
        found = values(name, language, text)
        assert found.shape == (length,)
        assert found.dtype == np.float32
        assert (found[~np.isnan(found)] >= 0).all()


@pytest.mark.parametrize(("opening", "closing"), ["()", "[]"])
def test_depth_is_counted_as_with_a_stack(opening, closing):
    rng = np.random.default_rng(2)
    text = "".join(rng.choice([opening, closing, "a", "\n"], 500))
    expected, depth = [], 0
    for at, character in enumerate(text):
        if character == opening:
            depth += 1
        elif character == closing:
            depth = max(0, depth - 1)
        # A run of blank lines closes all at its end.
        if text[at - 1 : at + 1] == "\n\n" and text[at + 1 : at + 2] != "\n":
            depth = 0
        expected.append(depth)
    np.testing.assert_array_equal(SourceText(text, "prose").depth(opening, closing), expected)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("It was the best of times,\nit was the worst; (of) times.\n", "prose"),
        ("#include <a.h>\nint main(void)\n{\n\treturn 0;\n}\n", "c"),
        ("import os\n\n\ndef f(x):\n    return x\n", "python"),
        ("\\section{A}\nLet $x$ be.\n\\begin{b}\n\\end{b}\n", "latex"),
    ],
)
def test_the_language_is_guessed(text, language):
    assert guess_language(text) == language


def test_a_label_of_ones_own_is_a_pattern():
    name, label = pattern_label("digits=[0-9]+")
    assert name == "digits"
    assert isinstance(label, Label)
    np.testing.assert_array_equal(label(SourceText("a12 3", "prose")), [0, 1, 1, 0, 1])


@pytest.mark.parametrize("definition", ["digits", "=a", "a=", "a b=c", "x=("])
def test_a_definition_that_is_none_is_refused(definition):
    with pytest.raises(UserError, match="--label"):
        pattern_label(definition)


def test_labels_are_chosen_by_language_or_by_name():
    assert "speaker" in choose_labels(None, "prose")
    assert "speaker" not in choose_labels(None, "c")
    assert list(choose_labels(["speaker", "brace"], "c")) == ["speaker", "brace"]
    with pytest.raises(UserError, match=r"There is no label 'quotes'\. .*quote"):
        choose_labels(["quotes"], "c")
