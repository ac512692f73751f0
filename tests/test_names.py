"""Names are found by searching: one class for one name, one sentence for what a thing does."""

import ast
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "captioner"
FILES = sorted(PACKAGE.rglob("*.py"))
Definition = ast.ClassDef | ast.FunctionDef
ENOUGH = 3  # arguments that one sentence can no longer explain


def public(file: Path) -> list[Definition]:
    """Definitions whose names do not start with an underscore, methods among them."""
    found = (node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    return [node for node in found if isinstance(node, Definition) and node.name[0] != "_"]


def arguments(node: Definition) -> list[str]:
    """What a function, or a class when it is made, takes."""
    if isinstance(node, ast.ClassDef):
        made = [
            inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"
        ]
        return arguments(made[0]) if made else []
    listed = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return [one.arg for one in listed if one.arg not in ("self", "cls")]


def test_no_class_name_is_used_twice():
    where = defaultdict(list)
    for file in FILES:
        for node in public(file):
            if isinstance(node, ast.ClassDef):
                where[node.name].append(str(file.relative_to(PACKAGE)))
    assert {name: files for name, files in where.items() if len(files) > 1} == {}


@pytest.mark.parametrize("folder", sorted({file.parent for file in FILES}), ids=lambda f: f.name)
def test_no_two_files_of_a_folder_differ_by_an_ending(folder):
    stems = sorted(file.stem for file in folder.glob("*.py") if file.stem != "__init__")
    alike = [(one, other) for one, other in pairwise(stems) if other.startswith(one)]
    assert [pair for pair in alike if len(pair[1]) - len(pair[0]) <= 3] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_docstrings_have_one_form(file):
    for node in public(file):
        text = ast.get_docstring(node)
        if text is None:
            continue
        where = f"{file}:{node.lineno} {node.name}"
        assert not text.startswith("What "), f"{where}: the first line says what it does, verb first"
        if len(arguments(node)) >= ENOUGH:
            made = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
            inner = "".join(ast.get_docstring(one) or "" for one in made)
            assert "Args:" in text + inner, f"{where}: {ENOUGH} arguments or more are listed"
