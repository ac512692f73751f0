"""Name the ranges of options: a constructor's `dropout: Fraction` is what a config is checked against.

Every number is finite. Bounds above, where a formula has none, are far beyond what is in use: they keep a
mistake in typing, or a model folder of unknown origin, from asking for more memory or time than there is.
"""

import os
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt, MinLen, Predicate

LARGEST = 1_000_000
LARGEST_COUNT = 1_000_000_000

Dimension = Annotated[int, Ge(1), Le(16_384)]
"""Units of a layer."""
NumLayers = Annotated[int, Ge(1), Le(100)]
"""Layers, one or more."""
NumHiddenLayers = Annotated[int, Ge(0), Le(100)]
"""Layers before the last one, perhaps none."""
BeamSize = Annotated[int, Ge(1), Le(10_000)]
"""Sentences of an image that are kept, drawn or returned."""
PerImage = Annotated[int, Ge(1), Le(1000)]
"""Captions or views of an image."""
Count = Annotated[int, Ge(1), Le(LARGEST_COUNT)]
"""A number of things, one or more."""
CountOrZero = Annotated[int, Ge(0), Le(LARGEST_COUNT)]
"""A number of things, perhaps none."""
ImageSize = Annotated[int, Ge(1), Le(4096)]
"""The side of a picture in pixels."""
NumScenes = Annotated[int, Ge(1), Le(LARGEST)]
"""Drawn pictures of a split: numbers of images and questions have room for so many."""
NumWorkers = Annotated[int, Ge(0), Le(256)]
"""Processes that load data; 0 loads them in the one that trains."""
Port = Annotated[int, Ge(0), Le(65_535)]
"""A port of the network; 0 stands for any that is free."""
Seed = Annotated[int, Ge(0), Le(2**32 - 1)]
"""A seed that numpy takes too."""

Finite = Annotated[float, Ge(-LARGEST), Le(LARGEST)]
"""Any number that single precision computes with."""
Positive = Annotated[float, Gt(0), Le(LARGEST)]
"""A scale or a rate."""
NonNegative = Annotated[float, Ge(0), Le(LARGEST)]
"""A weight or a penalty."""
Probability = Annotated[float, Ge(0), Le(1)]
"""A probability, or a share of something, perhaps all of it."""
Fraction = Annotated[float, Ge(0), Lt(1)]
"""A part of something that is never all of it: units that are dropped, data held out, what a mean keeps."""

NonEmpty = Annotated[str, MinLen(1)]
"""A name."""


def is_path(text: str) -> bool:
    """Whether a text can be the path of a file or folder: not empty, and `~name` is somebody's home."""
    known_home = not os.path.expanduser(text).startswith("~")
    return bool(text) and "\0" not in text and known_home


PathName = Annotated[str, Predicate(is_path)]
"""The path of a file or folder, or a pattern of paths."""
