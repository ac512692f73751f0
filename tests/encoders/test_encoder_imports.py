"""Encoders import the libraries of others only when they need them: each takes seconds."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
from captioner.encoders.base import ENCODERS
{action}
print(json.dumps([name for name in ("torchvision", "timm") if name in sys.modules]))
"""
VGG = {"name": "vgg", "depth": 11, "width": 0.125, "layer": "pool1", "image_size": 32}


@pytest.mark.parametrize(
    ("action", "imported"),
    [
        (f"ENCODERS.build({VGG | {'weights': None}})", []),
        (f"ENCODERS.check({VGG})", []),
        ('ENCODERS.check({"name": "timm", "model": "resnet18", "layer": "layer2"})', []),
        ("list(ENCODERS)", []),
        (
            'ENCODERS.build({"name": "timm", "model": "test_vit", "layer": "blocks.0"})',
            ["torchvision", "timm"],
        ),
    ],
)
def test_other_libraries_are_imported_only_where_they_are_needed(action, imported):
    program = [sys.executable, "-c", PROGRAM.format(action=action)]
    assert json.loads(subprocess.check_output(program, text=True)) == imported
