"""Parse multipart/form-data, the form in which browsers send files."""

import logging
from typing import Any

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from captioner.errors import UserError

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of each broken body
BROKEN = "The request is not well-formed multipart/form-data."
Parsed = tuple[list[tuple[str, str]], dict[str, bytes]]


class MultipartReader:
    """Collect fields and a file while a parser goes through a body.

    Args:
        max_fields: fields at most.
        max_value: bytes of a field at most.
    """

    def __init__(self, max_fields: int, max_value: int) -> None:
        self.fields: list[tuple[str, str]] = []
        self.files: dict[str, bytes] = {}
        self._max_fields = max_fields
        self._max_value = max_value
        self._headers: dict[bytes, bytes] = {}
        self._header = [bytearray(), bytearray()]
        self._data = bytearray()
        self._name = ""
        self._is_file = False
        self.ended = False

    def _on_part_begin(self) -> None:
        """Start a part."""
        self._headers, self._data = {}, bytearray()

    def _on_header_begin(self) -> None:
        """Start a header."""
        self._header = [bytearray(), bytearray()]

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        """Add to the name of a header."""
        self._header[0] += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        """Add to the value of a header."""
        self._header[1] += data[start:end]

    def _on_header_end(self) -> None:
        """End a header."""
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)

    def _on_headers_finished(self) -> None:
        """Find the name of a part, and whether it is a file."""
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise UserError(BROKEN)
        self._name = _decoded(options[b"name"])
        self._is_file = b"filename" in options
        if len(self.fields) + len(self.files) >= self._max_fields:
            raise UserError(f"The request has more than {self._max_fields} fields.")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Add to the value of a part."""
        self._data += memoryview(data)[start:end]
        if not self._is_file and len(self._data) > self._max_value:
            raise UserError(f"{self._name} is longer than {self._max_value:,} bytes.")

    def _on_part_end(self) -> None:
        """Keep a part."""
        if not self._is_file:
            self.fields.append((self._name, _decoded(self._data)))
        elif self.files:
            raise UserError("The request has two files, and one is taken.")
        else:
            self.files[self._name] = bytes(self._data)

    def _on_end(self) -> None:
        """Note that the last boundary was there: without it the body is cut."""
        self.ended = True


def parse_multipart(content_type: str, body: bytes, max_fields: int, max_value: int) -> Parsed:
    """Parse a body.

    Args:
        content_type: the header, with the boundary of the parts.
        body: the whole of it.
        max_fields: fields and files at most.
        max_value: bytes of a field at most; a file may fill the rest of the body.

    Returns:
        Fields, and a file by the name of its field.

    Raises:
        UserError: the body is cut or broken, or exceeds the limits.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # RFC 2046, 5.1.1
        raise UserError("The request has no boundary of 1 to 70 characters, as multipart/form-data needs.")
    reader = MultipartReader(max_fields, max_value)
    callbacks: Any = {name[1:]: getattr(reader, name) for name in dir(reader) if name.startswith("_on_")}
    try:
        parser = MultipartParser(boundary, callbacks)
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise UserError(BROKEN) from None
    if not reader.ended:
        raise UserError("The request ends in the middle of its fields.")
    return reader.fields, reader.files


def _decoded(data: bytes | bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise UserError("The fields of the request are not text in UTF-8.") from None
