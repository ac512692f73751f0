"""A small encoder, and feature stores of it."""

import torch

from captioner.encoders.feature_store.builder import open_store as open_views
from captioner.encoders.vgg import VGG
from captioner.encoders.views import View
from captioner.images import load_image


def small_vgg(**options):
    torch.manual_seed(7)
    given = {"depth": 11, "width": 0.125, "layer": "conv3_1", "weights": None, "image_size": 32}
    return VGG(**(given | options))


def open_store(encoder, pictures, *rest, **options):
    return open_views(encoder, [View(*one) for one in pictures], *rest, **options)


def straight(encoder, pictures, keys):
    """Through the encoder, one picture at a time."""
    found = dict(pictures)
    with torch.no_grad():
        return torch.cat(
            [encoder(encoder.preprocessing(load_image(found[key])).unsqueeze(0)) for key in keys]
        )
