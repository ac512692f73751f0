"""Count the work that Pillow does, for tests that each picture is decoded and resized once."""

from PIL import Image


def count_pillow_calls(monkeypatch):
    """How often a file is opened and an image resized from here on; the counts go on changing."""
    counts = {"open": 0, "resize": 0}

    def counted(name, real):
        def call(*args, **options):
            counts[name] += 1
            return real(*args, **options)

        return call

    for owner, name in ((Image, "open"), (Image.Image, "resize")):
        monkeypatch.setattr(owner, name, counted(name, getattr(owner, name)))
    return counts
