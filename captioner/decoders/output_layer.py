"""The output layer of a decoder.      M rows, H input, V vocabulary."""

import torch
from torch import Tensor, nn

WORDS_AT_ONCE = 1000
"""Words of a block: one product of few rows with many more words leaves a second core of a CPU idle."""


class OutputLayer(nn.Linear):
    """The logits of all words, W x + b.

    Without a gradient, on a CPU, they are computed by blocks of words, each written to its place.
    """

    def forward(self, x_MH: Tensor) -> Tensor:
        """Compute logits_MV."""
        if torch.is_grad_enabled() or x_MH.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
            return super().forward(x_MH)
        logits_MV = x_MH.new_empty(len(x_MH), self.out_features)
        blocks = (torch.split(tensor, WORDS_AT_ONCE) for tensor in (self.bias, self.weight, logits_MV.T))
        for bias_W, weight_WH, logits_WM in zip(*blocks, strict=True):
            torch.addmm(bias_W, x_MH, weight_WH.T, out=logits_WM.T)
        return logits_MV
