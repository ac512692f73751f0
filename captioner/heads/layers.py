"""Layers that heads share.      B images, L locations, F feature, H hidden, V answers."""

import torch.nn.functional as F
from torch import Tensor, nn


def mean_pool(features_BLF: Tensor, normalise: bool) -> Tensor:
    """Average over the locations: features_BF, of length one if `normalise` (norm I, Antol et al., 2015)."""
    features_BF = features_BLF.mean(dim=1)
    return F.normalize(features_BF, dim=-1) if normalise else features_BF


class Embedding(nn.Sequential):
    """tanh(W dropout(x) + b), the embedding of an image or a question.

    Args:
        input_dim: size of x.
        hidden_dim: H.
        dropout: on x.
        batch_norm: tanh(BN(W dropout(x) + b)).
    """

    def __init__(self, input_dim: int, hidden_dim: int, dropout: float, batch_norm: bool = False) -> None:
        super().__init__(nn.Dropout(dropout), projection(input_dim, hidden_dim, batch_norm), nn.Tanh())


def projection(input_dim: int, hidden_dim: int, batch_norm: bool) -> nn.Module:
    """Make the layer W x + b, or BN(W x + b).

    Args:
        input_dim: size of x.
        hidden_dim: H.
        batch_norm: whether it is normalised.

    Returns:
        The layer.
    """
    linear = nn.Linear(input_dim, hidden_dim)
    return nn.Sequential(linear, BatchNorm(hidden_dim)) if batch_norm else linear


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation without scale and shift (Ioffe and Szegedy, 2015).

    Features of photographs have most of their length in what all photographs have in common; this takes it
    away. In evaluation, and for a batch of one, running mean and variance are used.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim, affine=False)

    def forward(self, x_BH: Tensor) -> Tensor:
        """Normalise x_BH."""
        if len(x_BH) > 1:
            return super().forward(x_BH)
        return F.batch_norm(x_BH, self.running_mean, self.running_var, eps=self.eps)


class Scores(nn.Sequential):
    """The last layers of a head: hidden layers of tanh, then a linear one to V scores; dropout before each.

    Args:
        input_dim: size of the input.
        hidden_dim: H.
        num_answers: V.
        num_layers: number of hidden layers.
        dropout: before every layer.
    """

    def __init__(
        self, input_dim: int, hidden_dim: int, num_answers: int, num_layers: int, dropout: float
    ) -> None:
        sizes = [input_dim, *[hidden_dim] * num_layers]
        hidden = (Embedding(before, hidden_dim, dropout) for before in sizes[:-1])
        super().__init__(*hidden, nn.Dropout(dropout), nn.Linear(sizes[-1], num_answers))
