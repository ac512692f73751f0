"""The key of a component in a config is the name of the file where it is written."""

import importlib
from pathlib import Path

import pytest

from captioner.registry import Registry

PACKAGE = Path(__file__).resolve().parents[1] / "captioner"


def registries() -> dict[str, Registry]:
    """Every registry whose components have a folder, by its package; optimizers have none."""
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        if " = Registry(" in file.read_text(encoding="utf-8"):
            name = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
            values = vars(importlib.import_module(name)).values()
            found |= {value.package: value for value in values if isinstance(value, Registry)}
    return {
        package: one
        for package, one in found.items()
        if (PACKAGE.parent / one.package.replace(".", "/")).is_dir()
    }


REGISTRIES = registries()


def test_the_registries_are_found():
    assert {
        f"captioner.{name}" for name in ("cells", "decoders", "heads", "search", "models", "training")
    } <= set(REGISTRIES)


@pytest.mark.parametrize("package", sorted(REGISTRIES))
def test_keys_are_file_stems(package):
    """A key is registered in the file of its name, which may import the component from another file."""
    registry = REGISTRIES[package]
    assert list(registry)
    for name in registry:
        module = importlib.import_module(f"{registry.package}.{name}")
        assert registry[name] in vars(module).values()
        assert module.__file__
        assert f'.register("{name}")' in Path(module.__file__).read_text(encoding="utf-8")
