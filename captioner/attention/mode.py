"""Name the ways in which attention weights make a context."""

from typing import Literal

AttentionMode = Literal["mean", "argmax", "sample"]
"""Soft attention; or hard attention to the location of the greatest weight, or to one drawn."""
