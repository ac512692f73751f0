"""Parts that heads share.      B images, L locations, F feature, H hidden, V answers."""

import torch.nn.functional as F
from torch import Tensor, nn


def mean_pool(features_BLF: Tensor, normalise: bool) -> Tensor:
    """features_BF: the mean over the locations, of length one if `normalise` (norm I, Antol et al., 2015)."""
    features_BF = features_BLF.mean(dim=1)
    return F.normalize(features_BF, dim=-1) if normalise else features_BF


class Embedding(nn.Sequential):
    """tanh(W dropout(x) + b): a picture or a question on its way to the other.

    With `batch_norm` tanh(BN(W dropout(x) + b)).
    """

    def __init__(self, input_dim: int, hidden_dim: int, dropout: float, batch_norm: bool = False) -> None:
        super().__init__(nn.Dropout(dropout), projection(input_dim, hidden_dim, batch_norm), nn.Tanh())


def projection(input_dim: int, hidden_dim: int, batch_norm: bool) -> nn.Module:
    """W x + b, with `batch_norm` BN of it."""
    linear = nn.Linear(input_dim, hidden_dim)
    return nn.Sequential(linear, BatchNorm(hidden_dim)) if batch_norm else linear


class BatchNorm(nn.BatchNorm1d):
    """Each unit with mean 0 and variance 1 over a batch of training (Ioffe and Szegedy, 2015), unscaled.

    Features of photographs have most of their length in what all photographs share; this takes it away. In
    evaluation, and where a batch is a single one, the running mean and variance take the batch's place.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim, affine=False)

    def forward(self, x_BH: Tensor) -> Tensor:
        """x_BH, normalised."""
        if len(x_BH) > 1:
            return super().forward(x_BH)
        return F.batch_norm(x_BH, self.running_mean, self.running_var, eps=self.eps)


class Scores(nn.Sequential):
    """To V scores: `num_layers` hidden layers of tanh and one without, dropout before each."""

    def __init__(
        self, input_dim: int, hidden_dim: int, num_answers: int, num_layers: int, dropout: float
    ) -> None:
        sizes = [input_dim, *[hidden_dim] * num_layers]
        hidden = (Embedding(before, hidden_dim, dropout) for before in sizes[:-1])
        super().__init__(*hidden, nn.Dropout(dropout), nn.Linear(sizes[-1], num_answers))
