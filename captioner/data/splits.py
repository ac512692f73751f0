"""Who is held out: decided by a hash of names alone, so that order, platform and Python do not matter."""

import hashlib
from collections.abc import Iterable, Mapping


def hold_out(names: Iterable[str], counts: Mapping[str, int], salt: str = "") -> dict[str, str]:
    """The split of each name: `counts[split]` of them in the order of their hashes, the others in train.

    Another `salt` holds out others. There must be more names than are held out.
    """
    by_hash = sorted(set(names), key=lambda name: hashlib.sha256(f"{salt}{name}".encode()).digest())
    held = [split for split, count in counts.items() for _ in range(count)]
    return dict(zip(by_hash, [*held, *["train"] * (len(by_hash) - len(held))], strict=True))
