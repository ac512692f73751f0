"""Keep pictures in memory by id: the examples, and those that clients have sent."""

import threading
from collections import OrderedDict
from hashlib import sha256
from typing import NamedTuple

from captioner.page.examples import examples
from captioner.page.refusals import Refused

KEPT_BYTES = 128_000_000
ID_LENGTH = 24  # of 64 hexadecimal digits: 96 bits


class StoredPicture(NamedTuple):
    """A picture as it was sent.

    Attributes:
        id: the first digits of the hash of its bytes, or the name of an example.
        data: the bytes of its file.
    """

    id: str
    data: bytes


class PictureStore:
    """The examples, and the pictures that were sent last, up to 128 MB of files.

    A picture's id is a hash of it, so that an address with the id shows it as long as it is kept, and
    nobody has it who has not seen the picture.
    """

    def __init__(self) -> None:
        self._sent: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, data: bytes) -> StoredPicture:
        """Keep a picture, and forget those that were not used for longest.

        Args:
            data: the bytes of its file, which have been read as a picture.

        Returns:
            The picture with its id.
        """
        name = sha256(data).hexdigest()[:ID_LENGTH]
        with self._lock:
            self._sent[name] = data
            self._sent.move_to_end(name)
            while sum(map(len, self._sent.values())) > KEPT_BYTES and len(self._sent) > 1:
                self._sent.popitem(last=False)
        return StoredPicture(name, data)

    def keep(self, picture: StoredPicture) -> StoredPicture:
        """Return a picture with its id; one without is added."""
        return picture if picture.id else self.add(picture.data)

    def get(self, name: str) -> StoredPicture:
        """Return a picture.

        Args:
            name: its id.

        Returns:
            The picture.

        Raises:
            Refused: it is not here, or not any more.
        """
        if (example := examples().get(name)) is not None:
            return StoredPicture(name, example.read())
        with self._lock:
            if name not in self._sent:
                raise Refused(404, "This picture is not here any more: send it again.")
            self._sent.move_to_end(name)
            return StoredPicture(name, self._sent[name])
