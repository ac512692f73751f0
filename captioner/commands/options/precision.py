"""The precision that a model computes in, on the command line."""

import argparse

from captioner.precision import PRECISIONS


def add_precision_argument(parser: argparse.ArgumentParser, default: str | None = "auto") -> None:
    """Add the option to a parser.

    Args:
        parser: of a verb.
        default: its value where it is not given; None: the verb tells the two apart.
    """
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=default,
        help="that images' models compute in (default: auto, what the device computes natively)",
    )
