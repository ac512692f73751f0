"""Parse JSON of clients: strict, and bounded in size and depth."""

import json
import math
from typing import Any, NoReturn

from starlette.requests import Request

from captioner.errors import UserError, quotation
from captioner.page.refusals import Refused

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_DIGITS = 16
"""Of a whole number: more than those that JavaScript keeps exact."""


async def read_json(request: Request, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Return the JSON object of a request.

    Args:
        request: with a body of application/json.
        max_bytes: of the body.

    Returns:
        The object. Its texts have no NUL character and can be encoded; its numbers are finite.

    Raises:
        UserError: the body is no such object.
        Refused: it is of another type, or too large.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, f"The body must be application/json, not {content_type!r}.")
    body = await request.body()
    if len(body) > max_bytes:
        raise Refused(413, f"The JSON of the request is larger than {max_bytes / 1e6:g} MB.")
    return parse_json(body)


def parse_json(body: bytes) -> dict[str, Any]:
    """Parse a JSON object.

    Args:
        body: in UTF-8.

    Returns:
        The object.

    Raises:
        UserError: it is none, is too deep, names a key twice, or has a value that JSON or a text cannot have.
    """
    try:
        value = json.loads(
            body.decode(),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_refuse_number,
        )
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        at = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        raise UserError(f"The body of the request is not JSON{at}.") from None
    if not isinstance(value, dict):
        raise UserError(f"The body of the request must be a JSON object, not {quotation(value)}.")
    _check(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise UserError(f"The JSON of the request gives {key!r} twice.")
        found[key] = value
    return found


def _integer(text: str) -> int:
    return int(text) if len(text) <= MAX_DIGITS else _refuse_number(text)


def _float(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_number(text)


def _refuse_number(text: str) -> NoReturn:
    raise UserError(
        f"The JSON of the request holds a number that cannot be computed with: {quotation(text)}."
    )


def _check(value: dict[str, Any]) -> None:
    """Refuse what is nested too deeply, and texts that are none."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner += [*one.keys(), *one.values()]
            elif isinstance(one, list):
                inner += one
            elif isinstance(one, str):
                _check_text(one)
        if not inner:
            return
        level = inner
    raise _too_deep()


def _check_text(text: str) -> None:
    if "\0" in text:
        raise UserError("The JSON of the request holds a NUL character, which is no text.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError("The JSON of the request holds half a surrogate pair, which is no text.") from None


def _too_deep() -> UserError:
    return UserError(f"The JSON of the request is nested more than {MAX_DEPTH} deep.")
