"""The tutorial's decoder that a benchmark compares ours with, against ours with the same weights."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from training_step import CaptionBatch, our_loss
from tutorial_decoder import TutorialDecoder, tutorial_loss

from captioner.decoders.show_attend_tell import ShowAttendTell

N, T, L, F, E, H, A, V = 4, 6, 5, 7, 8, 9, 10, 11


@pytest.fixture
def batch():
    lengths_N = torch.tensor([6, 6, 3, 2])
    tokens_NT = torch.randint(V, (N, T + 1))
    mask_NT = torch.arange(T) < lengths_N.unsqueeze(1)
    return CaptionBatch(
        torch.randn(N, L, F), tokens_NT[:, None, :-1], tokens_NT[:, None, 1:], mask_NT.unsqueeze(1)
    )


def test_loss_and_gradients_are_those_of_ours_with_its_options(batch):
    cell = {"name": "lstm", "hidden_dim": H}
    options = {"gate": "vector", "output": "hidden", "activation": "relu", "dropout": 0.0}
    ours = ShowAttendTell(F, V, cell, embed_dim=E, attention_dim=A, **options)
    tutorial = TutorialDecoder(F, V, E, H, A, dropout=0.0)
    copy_weights(tutorial, ours)
    theirs = tutorial_loss_of(tutorial, batch, order=[2, 0, 3, 1])
    loss = our_loss(ours, batch, doubly_stochastic=1.0)
    assert_close(theirs, loss)
    torch.autograd.backward([theirs, loss])
    for other, own in (
        (tutorial.embedding, ours.words),
        (tutorial.f_beta, ours.gate),
        (tutorial.output, ours.output),
        (tutorial.attention.encoder_layer, ours.attention.keys),
        (tutorial.attention.full_layer, ours.attention.score),
    ):
        assert_close(other.weight.grad, own.weight.grad)


def test_captions_of_one_image_are_each_its_own(batch):
    shared = CaptionBatch(batch.features_BLF[:2], *(leaf.view(2, 2, T) for leaf in batch[1:]))
    flat = shared.flat()
    assert_close(flat.features_BLF, batch.features_BLF[[0, 0, 1, 1]])
    assert_close(flat.targets_BKT, batch.targets_BKT)


def tutorial_loss_of(tutorial, batch, order):
    """Their loss of the captions in another order, which they sort themselves."""
    captions_NT = torch.cat([batch.inputs_BKT[:, 0, :1], batch.targets_BKT[:, 0]], dim=1)
    lengths_N = batch.mask_BKT[:, 0].sum(dim=1)
    return tutorial_loss(tutorial, batch.features_BLF[order], captions_NT[order], lengths_N[order])


@torch.no_grad()
def copy_weights(tutorial, ours):
    """Give the tutorial's decoder our weights, and both one initial state, which they make differently."""
    copied = {
        tutorial.embedding: ours.words,
        tutorial.f_beta: ours.gate,
        tutorial.output: ours.output,
        tutorial.attention.encoder_layer: ours.attention.keys,
    }
    for other, own in copied.items():
        other.load_state_dict(own.state_dict())
    nn.init.zeros_(tutorial.attention.decoder_layer.bias)
    tutorial.attention.decoder_layer.weight.copy_(ours.attention.query.weight)
    tutorial.attention.full_layer.weight.copy_(ours.attention.score.weight)
    tutorial.cell.weight_ih.copy_(torch.cat([ours.cell.input.weight, ours.context_to_cell.weight], dim=1))
    tutorial.cell.weight_hh.copy_(ours.cell.recurrent.weight)
    tutorial.cell.bias_ih.copy_(ours.cell.input.bias)
    nn.init.zeros_(tutorial.cell.bias_hh)
    nn.init.normal_(ours.init.bias)
    nn.init.zeros_(ours.init.weight)
    for layer, bias_H in zip((tutorial.init_h, tutorial.init_c), ours.init.bias.tanh().chunk(2), strict=True):
        nn.init.zeros_(layer.weight)
        layer.bias.copy_(bias_H)
