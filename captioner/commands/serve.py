"""Open the page in which one captions pictures, follows a search, asks and writes: in a browser.

  python scripts/serve.py
  python scripts/serve.py --port 8123 --model runs/caption/one/model
  python scripts/serve.py --host 0.0.0.0

Prints an address. Offers the models that come with the package and the newest that were trained under runs/.
Only this machine can reach it; with another --host everybody on the network can who has the address that is
printed, which holds a secret.
"""

import argparse
import secrets
import socket
from dataclasses import replace
from importlib.util import find_spec

from captioner.commands.options.numbers import in_range
from captioner.commands.options.precision import add_precision_argument
from captioner.errors import UserError
from captioner.page.settings import PageSettings
from captioner.precision import Precision, chosen_precision
from captioner.ranges import Port

NEEDED = ("starlette", "uvicorn", "python_multipart")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    default = PageSettings()
    parser.add_argument(
        "--host", default=default.host, help=f"the address to listen on (default: {default.host})"
    )
    parser.add_argument(
        "--port",
        type=in_range(Port),
        default=default.port,
        metavar="N",
        help=f"default: {default.port}; 0 for any that is free",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="MODEL",
        help="a model that `captioner models` lists, or a folder; the first of a task is shown first",
    )
    add_precision_argument(parser, default.precision)


def run(arguments: argparse.Namespace) -> None:
    """Listen, print the address, serve until interrupted."""
    if missing := [package for package in NEEDED if find_spec(package) is None]:
        raise UserError(f"The page needs {', '.join(missing)}: pip install 'captioner[page]'.")
    _check_precision(arguments.precision)
    settings = PageSettings(
        host=arguments.host,
        port=arguments.port,
        models=tuple(arguments.model),
        precision=arguments.precision,
    )
    with _listen(settings.host, settings.port) as listener:
        import uvicorn

        from captioner.page.app import create_app

        token = None if settings.is_local else secrets.token_urlsafe(16)
        port = listener.getsockname()[1]
        app = create_app(replace(settings, port=port, token=token))
        print(f"{_address(settings.host, port, token)}   (stop with Ctrl-C)", flush=True)
        config = uvicorn.Config(
            app,
            log_level="warning",
            server_header=False,
            ws="none",
            proxy_headers=False,
            timeout_graceful_shutdown=3,
        )
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:  # the way to end it
            return


def _check_precision(asked: Precision) -> None:
    """Refuse what the device does not compute in before a browser asks for a model."""
    if asked != "auto":
        from captioner.device import best_device

        chosen_precision(asked, best_device())


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=_family(host), backlog=512)
    except OSError as problem:
        raise UserError(
            f"Nothing can listen on {host}, port {port}: {problem.strerror}. Choose another --port."
        ) from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _address(host: str, port: int, token: str | None) -> str:
    """The address to open in a browser."""
    name = host
    if host in ("0.0.0.0", "::"):
        name = socket.gethostname()
    elif ":" in host:
        name = f"[{host}]"
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")
