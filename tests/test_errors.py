"""Messages repeat little of what the user gave, and nothing that a terminal would obey."""

import pytest

from captioner.commands import main
from captioner.errors import LONGEST_QUOTATION, UserError, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no 'caf\u00e9' at a/b.png", "no 'caf\u00e9' at a/b.png"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\r\nb\tc\x7f", "a\\r\\nb\\tc\\x7f"),
        ("\u202egnp.jpg", "\\u202egnp.jpg"),  # turns the text that follows round
        ("\udcff", "\\udcff"),  # of a file's name that is no UTF-8
    ],
)
def test_control_characters_are_escaped(text, shown):
    assert printable(text) == str(UserError(text)) == shown


def test_long_quotations_are_cut():
    value = "".join(f"{number} " for number in range(50_000))
    for quoted in (f"'{value}'", f'"{value}"', "x" * 300_000):
        found = str(UserError(f"data.path must be a file, not {quoted}."))
        assert len(found) < 2 * LONGEST_QUOTATION
        assert found.startswith("data.path must be a file, not ")
    path = "/".join(["a folder"] * 30)
    assert str(UserError(f"There is no {path}.")) == f"There is no {path}."
    possessive = "The model's " + "vocabulary differs, " * 6 + "and so does the text's alphabet."
    assert printable(possessive) == possessive
    assert printable("'" + "y" * LONGEST_QUOTATION + "'") == "'" + "y" * LONGEST_QUOTATION + "'"


def test_a_command_prints_such_a_message(capsys):
    with pytest.raises(SystemExit):
        main("evaluate", ["--task", "\x1b]0;owned\x07" + 100_000 * "z"])
    (line,) = capsys.readouterr().err.splitlines()
    assert "\x1b" not in line
    assert len(line) < 500
