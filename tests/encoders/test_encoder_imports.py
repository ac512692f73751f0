"""Encoders import the libraries of others only when they need them: each takes seconds."""

import subprocess
import sys

PROGRAM = """
import sys
from captioner.encoders.base import ENCODERS
for action in sys.argv[1:]:
    eval(action)
    print(action, *(name for name in ("torchvision", "timm") if name in sys.modules))
"""
VGG = {"name": "vgg", "depth": 11, "width": 0.125, "layer": "pool1", "image_size": 32}


NEED_NOTHING = [
    f"ENCODERS.build({VGG | {'weights': None}})",
    f"ENCODERS.check({VGG})",
    'ENCODERS.check({"name": "timm", "model": "resnet18", "layer": "layer2"})',
    "list(ENCODERS)",
]
NEEDS_TIMM = 'ENCODERS.build({"name": "timm", "model": "test_vit", "layer": "blocks.0"})'


def test_other_libraries_are_imported_only_where_they_are_needed():
    """One process for all: the first action that imports one is named, and so are those after it."""
    program = [sys.executable, "-c", PROGRAM, *NEED_NOTHING, NEEDS_TIMM]
    printed = subprocess.check_output(program, text=True).splitlines()
    assert printed == [*NEED_NOTHING, f"{NEEDS_TIMM} torchvision timm"]
