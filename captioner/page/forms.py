"""Read the fields of a request, from each form in which a browser or a program sends them."""

from collections.abc import Collection
from contextlib import suppress
from typing import Any, get_args
from urllib.parse import parse_qsl

from starlette.requests import Request

from captioner.errors import UserError, check_type
from captioner.page.json_bodies import MAX_BYTES, read_json
from captioner.page.multipart_bodies import parse_multipart
from captioner.page.refusals import Refused, refuse_unknown

MAX_FIELDS = 100
MAX_NAME = 100  # characters
MAX_VALUE = 100_000  # characters of a field
MULTIPART, URLENCODED, JSON = "multipart/form-data", "application/x-www-form-urlencoded", "application/json"


class Form:
    """The fields of a request.

    An empty value is as good as none: browsers send each control of a page.

    Args:
        fields: names and values, in the order in which they were sent.
        files: by the names of their fields.
    """

    def __init__(self, fields: Collection[tuple[str, str]], files: dict[str, bytes] | None = None) -> None:
        self._files = files or {}
        self.fields: dict[str, list[str]] = {}
        for name, value in fields:
            _check_field(name, value)
            if value:
                self.fields.setdefault(name, []).append(value)
        self._names = [*dict.fromkeys([*(name for name, _ in fields), *self._files])]

    def text(self, name: str, default: str = "") -> str:
        """Return the value of a field.

        Args:
            name: of the field.
            default: what is returned where it was not given.

        Returns:
            The value.

        Raises:
            UserError: it was given more than once.
        """
        values = self.fields.get(name, [default])
        if len(values) > 1:
            raise UserError(f"{name} was given {len(values)} times, and is taken once.")
        return values[0]

    def texts(self, name: str) -> list[str]:
        """Return the values of a field that may be given several times."""
        return list(self.fields.get(name, []))

    def number(self, name: str, annotation: Any, default: Any) -> Any:
        """Return the value of a field as a number.

        Args:
            name: of the field.
            annotation: the type, `int` or `float`, perhaps with a range.
            default: what is returned where it was not given.

        Returns:
            The number.

        Raises:
            UserError: it is none, or out of its range.
        """
        text = self.text(name)
        return read_number(name, text, annotation) if text else default

    def file(self, name: str) -> bytes | None:
        """Return the bytes of a file; None where none was sent, or an empty one."""
        return self._files.get(name) or None

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Refuse fields that nobody reads.

        Args:
            known: names of the fields that are read.

        Raises:
            UserError: names the nearest right name.
        """
        refuse_unknown(self._names, known)


async def read_form(request: Request) -> Form:
    """Return the fields of a request.

    Args:
        request: with a body of multipart/form-data, application/x-www-form-urlencoded or application/json.

    Returns:
        The fields; an object of JSON has its values as text.

    Raises:
        UserError: the body is not what its type says, or has too many or too long fields.
        Refused: its type is another one.
    """
    content_type = request.headers.get("content-type", "")
    match content_type.partition(";")[0].strip().lower():
        case "application/x-www-form-urlencoded":
            return Form(_urlencoded(await request.body()))
        case "application/json":
            return Form(_json_fields(await read_json(request)))
        case "multipart/form-data":
            return Form(*parse_multipart(content_type, await request.body(), MAX_FIELDS, MAX_VALUE))
        case "" if not await request.body():
            return Form([])
    raise Refused(415, f"The body must be {MULTIPART}, {URLENCODED} or {JSON}, not {content_type!r}.")


def read_number(name: str, text: str, annotation: Any) -> Any:
    """Read a number that was sent as text.

    Args:
        name: of the field.
        text: its value.
        annotation: the type, `int` or `float`, perhaps with a range.

    Returns:
        The number.

    Raises:
        UserError: it is none, or out of its range.
    """
    kind = (*get_args(annotation), annotation)[0]
    value: Any = text
    if text.isascii():  # Python also reads digits of other scripts
        with suppress(ValueError):
            value = kind(text)
    check_type(name, value, annotation)
    return value


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    if len(body) > MAX_BYTES:  # each escape of a long text would become an object in memory
        raise Refused(413, f"The fields of the request are larger than {MAX_BYTES / 1e6:g} MB.")
    try:
        text = body.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise UserError("The fields of the request are not text in UTF-8.") from None
    except ValueError:
        raise UserError(f"The request has more than {MAX_FIELDS} fields.") from None


def _json_fields(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return an object's values as fields; a list gives its field several values."""
    fields = [
        (name, one)
        for name, value in values.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    ]
    if len(fields) > MAX_FIELDS:
        raise UserError(f"The request has more than {MAX_FIELDS} fields.")
    return [(name, _json_text(name, value)) for name, value in fields]


def _json_text(name: str, value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return str(value)
    raise UserError(f"{name} must be a text, a number, true or false, or a list of these.")


def _check_field(name: str, value: str) -> None:
    if not name or len(name) > MAX_NAME:
        raise UserError(f"A field has a name of 1 to {MAX_NAME} characters, not {len(name)}.")
    if len(value) > MAX_VALUE:
        raise UserError(f"{name} has {len(value):,} characters, and may have {MAX_VALUE:,}.")
    if "\0" in name or "\0" in value:
        raise UserError(f"The field {name!r} holds a NUL character, which is no text.")
