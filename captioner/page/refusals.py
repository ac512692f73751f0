"""Refuse a request, with a status and one sentence."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from captioner.errors import UserError


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
