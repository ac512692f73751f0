"""State as a value: nested tuples of tensors, batch first in every leaf."""

from collections.abc import Callable
from typing import Any, TypeAlias

from torch import Tensor

Tree: TypeAlias = Any
"""A tensor, or a tuple or NamedTuple of trees (an empty tuple too)."""


def map_tree(function: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    """Apply `function` to every tensor of a tree."""
    if isinstance(tree, Tensor):
        return function(tree)
    leaves = [map_tree(function, branch) for branch in tree]
    return type(tree)(*leaves) if hasattr(tree, "_fields") else tuple(leaves)


def select_rows(tree: Tree, rows: Tensor) -> Tree:
    """Select rows by number, in that order, also repeatedly: how search forks, reorders and drops."""
    return map_tree(lambda leaf: leaf.index_select(0, rows), tree)


def first_rows(tree: Tree, count: int) -> Tree:
    """Return the first `count` rows, as views."""
    return map_tree(lambda leaf: leaf[:count], tree)


def repeat_rows(tree: Tree, times: int) -> Tree:
    """Repeat every row `times` times, the copies next to each other."""
    return map_tree(lambda leaf: leaf.repeat_interleave(times, dim=0), tree)


def first_leaf(tree: Tree) -> Tensor:
    """Return the first tensor of a tree."""
    while not isinstance(tree, Tensor):
        tree = tree[0]
    return tree
