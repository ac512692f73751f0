"""Hold the settings of the server."""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from captioner.precision import Precision


@dataclass(frozen=True)
class PageSettings:
    """The settings of the server, with its limits.

    Attributes:
        host: the address that it listens on.
        port: 0 for any that is free.
        token: required of every request, where others than this machine can reach the server.
        models: names or folders of models beside those that are found; the first of a task is its default.
        precision: that models of images compute in.
        runs: the folder whose trained models are offered.
        max_body: bytes of a request.
        max_bodies: bytes of all requests that are under way.
        body_seconds: in which the body of a request must arrive.
        max_pixels: of a picture.
        max_seconds: that one search, or one text, may take.
        max_waiting: requests that wait for the model; more are refused for now.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    models: tuple[str, ...] = ()
    precision: Precision = "auto"
    runs: Path = Path("runs")
    max_body: int = 20_000_000
    max_bodies: int = 400_000_000
    body_seconds: float = 30.0
    max_pixels: int = 50_000_000
    max_seconds: float = 20.0
    max_waiting: int = 128

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is of this machine alone."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
