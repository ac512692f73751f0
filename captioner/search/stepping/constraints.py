"""Constraints on the next word.      N rows, T words so far with <bos>, V vocabulary, M required words."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.errors import UserError
from captioner.vocabulary import EOS, PAD


class Constraints(NamedTuple):
    """The constraints of `Search`, in token ids. They depend on the words so far and on nothing else.

    None of the `forbidden` words may occur; of `strings` (two words or more) not the last one after all the
    others.
    """

    forbidden: list[int]
    strings: list[list[int]]
    prefix: list[int]
    required_words: list[int]
    bad_endings: list[int]
    min_length: int
    max_length: int
    allow_repeat: bool
    no_repeat_ngram: int

    def check(self) -> None:
        """Refuse constraints that contradict each other.

        Raises:
            UserError: says which.
        """
        if clash := set(self.forbidden) & {*self.prefix, *self.required_words}:
            raise UserError(f"{len(clash)} of the required words are forbidden as well.")
        starts = [self.prefix[start:] for start in range(len(self.prefix))]
        if any(start[: len(string)] == string for string in self.strings for start in starts):
            raise UserError("The prefix holds a string that is forbidden.")
        needed = max(self.min_length, len(self.prefix) + len(set(self.required_words) - set(self.prefix)))
        if needed >= self.max_length:
            raise UserError(
                f"The constraints ask for {needed} words; with the end that is more than max_length, "
                f"{self.max_length}."
            )

    def forbid(self, logits_NV: Tensor, tokens_NT: Tensor) -> None:
        """Set the logits of words that may not come next to -inf, in place.

        Args:
            logits_NV: of the next word.
            tokens_NT: the words so far from <bos> on; shorter rows have <pad> before it.
        """
        logits_NV.index_fill_(1, _on(logits_NV, self.forbidden), -torch.inf)
        for *before, last in self.strings:
            if len(before) < tokens_NT.shape[1]:
                same_N = (tokens_NT[:, -len(before) :] == _on(tokens_NT, before)).all(dim=1)
                logits_NV[:, last].masked_fill_(same_N, -torch.inf)
        length_N = None
        if self.min_length or self.required_words or self.prefix:
            length_N = (tokens_NT != PAD).sum(dim=1) - 1
        if self.min_length and length_N is not None:
            logits_NV[:, EOS].masked_fill_(length_N < self.min_length, -torch.inf)
        if self.required_words and length_N is not None:
            self._require_words(logits_NV, tokens_NT, length_N)
        if self.prefix and length_N is not None:
            prefix_P = _on(tokens_NT, self.prefix)
            word_N1 = prefix_P[length_N.clamp_max(len(self.prefix) - 1)].unsqueeze(1)
            self._only(logits_NV, length_N < len(self.prefix), word_N1)
        if not self.allow_repeat or self.no_repeat_ngram or self.bad_endings:
            softly_NV = self._repeats_and_endings(tokens_NT, logits_NV.shape[1])
            something_left_N1 = ((logits_NV > -torch.inf) & ~softly_NV).any(dim=1, keepdim=True)
            logits_NV.masked_fill_(softly_NV & something_left_N1, -torch.inf)

    def required_M(self, like: Tensor) -> Tensor:
        """Return the required words in ascending order, on the device of a tensor."""
        return _on(like, sorted(set(self.required_words)))

    def missing_NM(self, tokens_NT: Tensor) -> Tensor:
        """Return which of the required words, in ascending order, are missing."""
        return ~(tokens_NT.unsqueeze(2) == self.required_M(tokens_NT)).any(dim=1)

    def _require_words(self, logits_NV: Tensor, tokens_NT: Tensor, length_N: Tensor) -> None:
        """Forbid the end before all required words, and any other word where only they have room."""
        missing_NM = self.missing_NM(tokens_NT)
        missing_N = missing_NM.sum(dim=1)
        logits_NV[:, EOS].masked_fill_(missing_N > 0, -torch.inf)
        room_N = self.max_length - 1 - length_N
        words_NM = self.required_M(tokens_NT).expand_as(missing_NM)
        self._only(logits_NV, (missing_N > 0) & (missing_N >= room_N), words_NM, missing_NM)

    @staticmethod
    def _only(logits_NV: Tensor, rows_N: Tensor, words_NM: Tensor, which_NM: Tensor | None = None) -> None:
        """Allow in the chosen rows these words and no other."""
        left_NM = logits_NV.gather(1, words_NM)
        if which_NM is not None:
            left_NM = left_NM.masked_fill(~which_NM, -torch.inf)
        alone_NV = torch.full_like(logits_NV, -torch.inf).scatter_(1, words_NM, left_NM)
        logits_NV.copy_(torch.where(rows_N.unsqueeze(1), alone_NV, logits_NV))

    def _repeats_and_endings(self, tokens_NT: Tensor, V: int) -> Tensor:
        """The words that the rules against repeats and bad endings forbid."""
        forbidden_NV = torch.zeros(len(tokens_NT), V, dtype=torch.bool, device=tokens_NT.device)
        if not self.allow_repeat:
            forbidden_NV.scatter_(1, tokens_NT[:, -1:], True)
        if self.bad_endings:
            bad_N = torch.isin(tokens_NT[:, -1], _on(tokens_NT, self.bad_endings))
            forbidden_NV[:, EOS] |= bad_N
        n, T = self.no_repeat_ngram, tokens_NT.shape[1]
        if n and n <= T:
            following_NW = tokens_NT[:, n - 1 :]
            same_NW = torch.ones_like(following_NW, dtype=torch.bool)
            for back in range(1, n):  # the words before each, against the last words of the row
                same_NW &= tokens_NT[:, n - 1 - back : T - back] == tokens_NT[:, T - back, None]
            # <pad> is never said: it stands for words that may follow. To leave them out needs a count.
            forbidden_NV.scatter_(1, following_NW.masked_fill(~same_NW, PAD), True)
        return forbidden_NV


def _on(like: Tensor, words: Sequence[int]) -> Tensor:
    """The words on the device of a tensor."""
    return _copied(tuple(words), like.device)


@functools.lru_cache(maxsize=64)
def _copied(words: tuple[int, ...], device: torch.device) -> Tensor:
    """The words on a device. A copy waits until a GPU has done all that it was given, so it is kept."""
    with torch.inference_mode(False):
        return torch.tensor(words, dtype=torch.long, device=device)
