"""The key of a component in a config is the name of the file where it is written."""

import importlib
import inspect
from pathlib import Path

import pytest

from captioner.registry import Registry

PACKAGE = Path(__file__).resolve().parents[1] / "captioner"


def registries() -> dict[str, Registry]:
    """Every registry whose components have a folder, by kind; not those of one module, as optimizers."""
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        if " = Registry(" in file.read_text(encoding="utf-8"):
            name = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
            values = vars(importlib.import_module(name)).values()
            found |= {value.kind: value for value in values if isinstance(value, Registry)}
    return {
        kind: one for kind, one in found.items() if (PACKAGE.parent / one.package.replace(".", "/")).is_dir()
    }


REGISTRIES = registries()


def test_the_registries_are_found():
    assert {"cell", "decoder", "head", "encoder", "search"} <= set(REGISTRIES)


@pytest.mark.parametrize("kind", sorted(REGISTRIES))
def test_keys_are_file_stems(kind):
    registry = REGISTRIES[kind]
    files = {name: inspect.unwrap(registry[name]).__module__ for name in registry}
    assert files
    assert files == {name: f"{registry.package}.{name}" for name in registry}
