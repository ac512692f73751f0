"""Operations of a search step for whose result a program waits: on a GPU, until all before them are done."""

from typing import Any

import pytest
import torch
from referees import VOCABULARY, make, pictures
from torch.utils._python_dispatch import TorchDispatchMode

from captioner.search.base import SEARCHES

CONSTRAINTS = {"no_repeat_ngram": 2, "allow_repeat": False, "min_length": 2, "banned_words": ["a"]}


READ = ("tolist", "cpu", "numpy", "item", "__bool__", "__int__", "__float__", "__index__", "new_tensor")


class Waits(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes numbers read from tensors, tensors made of numbers, and sizes that depend on values."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[str] = []
        for name in READ:
            monkeypatch.setattr(torch.Tensor, name, self._noted(name, getattr(torch.Tensor, name)))
        monkeypatch.setattr(torch, "tensor", self._noted("tensor", torch.tensor))

    def _noted(self, name: str, method: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.found.append(name)
            return method(*args, **kwargs)

        return call

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = op.overloadpacket.__name__
        by_mask = name in ("index", "index_put_") and any(
            place is not None and place.dtype == torch.bool for place in args[1]
        )
        if by_mask or name in ("nonzero", "masked_select", "repeat_interleave"):
            self.found.append(name)
        return op(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("method", "options", "drawing"),
    [
        ("greedy", {}, 0),
        ("beam", {"beam_size": 3}, 0),
        ("beam", {"beam_size": 3, "length_rule": "wu", **CONSTRAINTS}, 0),
        ("beam", {"beam_size": 3, "prefix": ["b"]}, 0),
        ("diverse", {"beam_size": 4, "groups": 2}, 0),
        ("beam_mbr", {"beam_size": 3}, 0),
        ("sample", {"seed": 3, "top_p": 0.9}, 1),
        ("sample", {"seed": 3, "replacement": False}, 1),
    ],
)
def test_a_step_waits_for_the_check_of_its_scores_and_for_whether_all_is_done(
    method, options, drawing, monkeypatch
):
    """And where it draws, for the numbers of the images, whose random states are the CPU's."""
    search = SEARCHES.build({"name": method, "max_length": 6, **options}, vocabulary=VOCABULARY)
    state = search.advance(search.start(make(seed=1), pictures(2)))  # words have been copied to the device
    assert not state.done
    with Waits(monkeypatch) as waits:
        after = search.advance(state)
    assert len(after.beams.images_B) == 2
    assert waits.found == ["tolist"] * drawing + ["__bool__"] * 2
