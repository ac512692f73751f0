"""Damage to files, as hypothesis draws it."""

from hypothesis import strategies as st

KINDS = ("flip", "cut", "empty", "deep", "digits")

byte_damage = st.tuples(st.integers(0, 10**6), st.sampled_from(KINDS), st.integers(1, 255))
"""A place, what is done there, and the bits that are flipped."""


def damaged_bytes(raw: bytes, damage: tuple[int, str, int]) -> bytes:
    """A file's bytes, cut off, with other bits, or none of them."""
    place, kind, flipped = damage
    where = place % max(1, len(raw))
    if kind == "cut":
        return raw[:where]
    if kind == "empty":
        return b""
    if kind == "deep":
        return b"[" * 100_000
    if kind == "digits":
        return b"9" * 5_000
    return raw[:where] + bytes([raw[where] ^ flipped]) + raw[where + 1 :] if raw else b"\xff"
