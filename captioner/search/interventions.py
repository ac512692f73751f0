"""Words to force or ban in one step of a search."""

from typing import NamedTuple


class Force(NamedTuple):
    """Continue sentence `beam` of `image` with `token`, and drop the others of this image.

    Of diverse beam search, the others of its group. Where sentences do not compete, as independent samples,
    all of them continue this one instead.
    """

    image: int
    beam: int
    token: int


class Ban(NamedTuple):
    """Do not continue sentence `beam` of `image` with `token`."""

    image: int
    beam: int
    token: int


Intervention = Force | Ban
