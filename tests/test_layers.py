"""Arrows point down: a layer imports from layers below it, and from its own; no cycle; no long chain."""

import ast
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "captioner"
LAYERS = [
    {
        "errors",
        "registry",
        "config",
        "paths",
        "option_types",
        "ranges",
        "files",
        "progress",
        "processes",
        "precision",
    },
    {"cells", "attention"}
    | {"vocabulary", "images", "preprocessing", "image_reader", "tree", "device"}
    | {"image_formats", "packed_image", "pillow", "scenes", "pairs", "regions"},
    {"decoders", "encoders", "heads"},
    {"metrics"},
    {"data", "search"},
    {"models"},
    {"insight"},
    {"inference"},
    {"training"},
    {"evaluation"},
    {"page"},
    {"commands"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
APART = [("training", "inference"), ("training", "insight"), ("data", "search"), ("search", "data")]
"""Pairs whose first part does not import the second one, though its layer would allow it."""
FILES = sorted(file for file in PACKAGE.rglob("*.py") if file != PACKAGE / "__init__.py")
DEPTH = 9


def name_of(file: Path) -> str:
    parts = (PACKAGE.name, *file.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


MODULES = {name_of(file): file for file in FILES}


def imported(tree: ast.AST) -> set[str]:
    """Modules of the package that are imported anywhere in a tree."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: write imports in full"
            names = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
        else:
            continue
        found |= {name for name in names if name in MODULES}
    return found


@cache
def everywhere(module: str) -> frozenset[str]:
    """What a module imports, inside functions and for type checking too."""
    return frozenset(imported(ast.parse(MODULES[module].read_text(encoding="utf-8"))) - {module})


@cache
def at_the_top(module: str) -> frozenset[str]:
    """What a module imports when it is imported, or for type checking."""
    body = ast.parse(MODULES[module].read_text(encoding="utf-8")).body
    blocks = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom | ast.If)]
    return frozenset(set().union(*map(imported, blocks)) - {module})


def part(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    above = {name for name in everywhere(module) if LEVEL[part(name)] > LEVEL[part(module)]}
    assert not above, f"{part(module)} is below {above}"
    for one, other in APART:
        if part(module) == one:
            assert other not in map(part, everywhere(module))


def test_every_part_of_the_package_has_a_layer():
    no_code = ("__init__", "__pycache__", "configs", "shipped")
    parts = {path.stem for path in PACKAGE.iterdir() if path.stem not in no_code}
    assert parts == set(LEVEL)


@pytest.mark.parametrize("parts", LAYERS, ids=lambda parts: "-".join(sorted(parts)))
def test_parts_of_one_layer_do_not_import_each_other_in_a_circle(parts):
    arrows = {
        one: {part(name) for m in MODULES if part(m) == one for name in everywhere(m)} & parts - {one}
        for one in parts
    }
    while free := {one for one, others in arrows.items() if not others}:
        arrows = {one: others - free for one, others in arrows.items() if one not in free}
    assert not arrows


def longest_chains(arrows) -> dict[str, tuple[str, ...]]:
    """The longest chain of imports from each module; fails at a cycle."""
    chains: dict[str, tuple[str, ...]] = {}

    def visit(name: str, path: tuple[str, ...]) -> tuple[str, ...]:
        assert name not in path, "a cycle: " + " -> ".join((*path[path.index(name) :], name))
        if name not in chains:
            below = [visit(other, (*path, name)) for other in sorted(arrows(name))]
            chains[name] = (name, *max(below, key=len, default=()))
        return chains[name]

    for name in MODULES:
        visit(name, ())
    return chains


def test_no_cycle_between_modules():
    """Not inside functions either, nor for type checking."""
    assert longest_chains(everywhere)


def test_no_chain_of_imports_is_long():
    longest = max(longest_chains(at_the_top).values(), key=len)
    assert len(longest) <= DEPTH, " -> ".join(longest)
