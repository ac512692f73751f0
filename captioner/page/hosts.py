"""Tell requests of the page itself from those that other sites make a browser send."""

import re
import socket
from ipaddress import ip_address

from starlette.datastructures import Headers

from captioner.page.refusals import Refused
from captioner.page.settings import is_loopback

_HOST = re.compile(r"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9_.-]{1,253})(?::[0-9]{1,5})?")


class HostRules:
    """Check the headers that say at which address a server was asked, and by which page.

    A site of someone else can give its name the address 127.0.0.1, and its scripts then count as of the same
    origin as this server (DNS rebinding). Such a request carries the site's name as its `Host`. The port is
    not compared: it differs where it is forwarded, as by ssh.

    Args:
        host: the address that the server listens on.
    """

    def __init__(self, host: str) -> None:
        self._local = is_loopback(host)
        self._names = frozenset() if self._local else machine_names() | {host.strip("[]").lower()}

    def check_host(self, headers: Headers) -> str:
        """Return the host that was asked for.

        Args:
            headers: of the request.

        Returns:
            The name or address, and the port if it was given.

        Raises:
            Refused: it is not this machine, or not given once.
        """
        host = _single(headers, "host")
        found = _HOST.fullmatch(host or "")
        if host is None or found is None:
            raise Refused(403, "A request needs one Host header with the name or address of this server.")
        if not self._is_own(found[1].strip("[]").lower()):
            raise Refused(
                403,
                f"The host {host!r} is not this server's: open the address that `captioner serve` printed.",
            )
        return host

    def check_origin(self, headers: Headers, scheme: str, host: str) -> None:
        """Refuse a request that changes something and was sent by a page of another site.

        Args:
            headers: of the request. Programs that are no browsers send neither `Origin` nor `Sec-Fetch-Site`.
            scheme: http or https.
            host: what `check_host` returned.

        Raises:
            Refused: the browser says that it comes from elsewhere.
        """
        origin, site = _single(headers, "origin"), _single(headers, "sec-fetch-site")
        elsewhere = origin is not None and origin.lower() != f"{scheme}://{host}".lower()
        if elsewhere or site not in (None, "same-origin", "none"):
            raise Refused(403, "This request was sent by a page of another site, and is not answered.")

    def _is_own(self, name: str) -> bool:
        return is_loopback(name) or name in self._names or (not self._local and _is_address(name))


def machine_names() -> frozenset[str]:
    """Return the names under which others may know this machine."""
    name = socket.gethostname().lower()
    first = name.partition(".")[0]
    return frozenset({name, first, f"{first}.local", socket.getfqdn().lower()})


def _single(headers: Headers, name: str) -> str | None:
    """Return a header; "" where it is given more than once, which nothing equals."""
    values = headers.getlist(name)
    return "" if len(values) > 1 else next(iter(values), None)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
