"""Recurrent vision-and-language models: captioning, question answering, character models and translation."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captioner.inference.base import load as load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """Import what is public when it is first used: `import captioner` alone imports no torch."""
    if name == "load":
        from captioner.inference.base import load

        return load
    raise AttributeError(f"module 'captioner' has no attribute {name!r}")
