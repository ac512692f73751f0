"""Arrows point down: a layer imports from layers below it, and from its own."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "captioner"
LAYERS = [
    {"errors", "registry", "config"},
    {
        "cells",
        "attention",
        "attention_kernels",
        "vocabulary",
        "images",
        "tree",
        "device",
        "scenes",
        "pairs",
        "regions",
    },
    {"decoders", "encoders", "heads"},
    {"data", "search", "metrics", "insight"},
    {"tasks"},
    {"app"},
    {"commands"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FILES = sorted(file for file in PACKAGE.rglob("*.py") if file.parent != PACKAGE or file.stem != "__init__")


def part(module: str) -> str:
    return module.split(".")[1]


def imported(file: Path) -> set[str]:
    """Parts of the package that a file imports anywhere, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("captioner."):
            found.add(part(node.module))
        elif isinstance(node, ast.ImportFrom) and node.module == "captioner":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {part(alias.name) for alias in node.names if alias.name.startswith("captioner.")}
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{file}: write imports in full"
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_down(file):
    own = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    above = {name for name in imported(file) if LEVEL[name] > LEVEL[own]}
    assert not above, f"{own} is below {above}"


def test_every_part_of_the_package_has_a_layer():
    parts = {
        path.stem for path in PACKAGE.iterdir() if path.stem not in ("__init__", "__pycache__", "configs")
    }
    assert parts == set(LEVEL)


def test_no_cycles_between_modules():
    modules = {
        ".".join(("captioner", *file.relative_to(PACKAGE).with_suffix("").parts)): file for file in FILES
    }
    arrows = {
        name: {
            node.module
            for node in ast.parse(file.read_text()).body
            if isinstance(node, ast.ImportFrom) and node.module in modules
        }
        for name, file in modules.items()
    }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for below in arrows[name]:
                visit(below, (*path, name))
            done.add(name)

    for name in modules:
        visit(name, ())
