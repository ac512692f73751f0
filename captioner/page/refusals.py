"""Refuse a request, with a status and one sentence."""

from collections.abc import Collection, Iterable, Mapping

from starlette.responses import JSONResponse, Response

from captioner.errors import UserError, nearest

BUSY = "The server is busy: too many requests wait for the model. Try again in a moment."
TOO_LONG = "The computation took too long and was stopped: ask for less."
RETRY_SECONDS = 2


class Refused(UserError):  # noqa: N818 (an answer to the client, and no mistake of the program)
    """A request that is not served.

    Args:
        status: of the response.
        sentence: says why.
        headers: of the response.
    """

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Return the refusal as a client gets it."""
        return JSONResponse({"error": str(self)}, self.status, self.headers)


def refuse_unknown(names: Iterable[str], known: Collection[str]) -> None:
    """Refuse fields that nobody reads.

    Args:
        names: of the fields that were sent.
        known: names of the fields that are read.

    Raises:
        UserError: names the nearest right name.
    """
    for name in names:
        if name not in known:
            raise UserError(f"There is no field {name!r} here. {nearest(name, known)}")
