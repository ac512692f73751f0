"""The decoder of the well-known PyTorch tutorial on image captioning, for comparisons of speed.

B captions, an image each, T words, L locations, F feature, E embedding, H hidden, A attention, V vocabulary.

Source:
    Written from the description in "a PyTorch Tutorial to Image Captioning" (Vinodababu, 2018): a loop over
    words in which everything is computed, over captions that are sorted by length.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence


class TutorialOutput(NamedTuple):
    """What the loss is computed from: all sorted by length, zero where a caption has ended."""

    logits_BTV: Tensor
    captions_BT: Tensor  # <bos> the first, so one longer than the logits
    lengths: list[int]  # of the captions without <bos>
    alphas_BTL: Tensor


class TutorialAttention(nn.Module):
    """Additive attention with relu; the images' part is computed again at every word."""

    def __init__(self, feature_dim: int, hidden_dim: int, attention_dim: int) -> None:
        super().__init__()
        self.encoder_layer = nn.Linear(feature_dim, attention_dim)
        self.decoder_layer = nn.Linear(hidden_dim, attention_dim)
        self.full_layer = nn.Linear(attention_dim, 1)

    def forward(self, features_BLF: Tensor, h_BH: Tensor) -> tuple[Tensor, Tensor]:
        """Compute context_BF and alphas_BL."""
        mixed_BLA = F.relu(self.encoder_layer(features_BLF) + self.decoder_layer(h_BH).unsqueeze(1))
        alphas_BL = self.full_layer(mixed_BLA).squeeze(2).softmax(dim=1)
        return (features_BLF * alphas_BL.unsqueeze(2)).sum(dim=1), alphas_BL


class TutorialDecoder(nn.Module):
    """LSTM with attention, a gate for each feature of the context, and the output from h alone.

    Args:
        feature_dim: F.
        vocab_size: V.
        embed_dim: E.
        hidden_dim: H.
        attention_dim: A.
        dropout: before the output layer.
    """

    def __init__(
        self,
        feature_dim: int,
        vocab_size: int,
        embed_dim: int,
        hidden_dim: int,
        attention_dim: int,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.attention = TutorialAttention(feature_dim, hidden_dim, attention_dim)
        self.embedding = nn.Embedding(vocab_size, embed_dim)
        self.cell = nn.LSTMCell(embed_dim + feature_dim, hidden_dim)
        self.init_h = nn.Linear(feature_dim, hidden_dim)
        self.init_c = nn.Linear(feature_dim, hidden_dim)
        self.f_beta = nn.Linear(hidden_dim, feature_dim)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_dim, vocab_size)

    def forward(self, features_BLF: Tensor, captions_BT: Tensor, lengths_B: Tensor) -> TutorialOutput:
        """Compute logits under teacher forcing.

        Args:
            features_BLF: encoded images.
            captions_BT: word numbers, <bos> the first.
            lengths_B: words of each caption without <bos>.

        Returns:
            Logits and attention weights, longest caption first.
        """
        lengths_B, order_B = lengths_B.sort(dim=0, descending=True)
        features_BLF, captions_BT = features_BLF[order_B], captions_BT[order_B]
        lengths: list[int] = lengths_B.tolist()
        words_BTE = self.embedding(captions_BT)
        mean_BF = features_BLF.mean(dim=1)
        h_BH, c_BH = self.init_h(mean_BF), self.init_c(mean_BF)
        B, L, _ = features_BLF.shape
        logits_BTV = features_BLF.new_zeros(B, lengths[0], self.output.out_features)
        alphas_BTL = features_BLF.new_zeros(B, lengths[0], L)
        for t in range(lengths[0]):
            b = sum(length > t for length in lengths)  # captions that have not ended
            context_bF, alphas_bL = self.attention(features_BLF[:b], h_BH[:b])
            context_bF = self.f_beta(h_BH[:b]).sigmoid() * context_bF
            inputs_bI = torch.cat([words_BTE[:b, t], context_bF], dim=1)
            h_BH, c_BH = self.cell(inputs_bI, (h_BH[:b], c_BH[:b]))
            logits_BTV[:b, t] = self.output(self.dropout(h_BH))
            alphas_BTL[:b, t] = alphas_bL
        return TutorialOutput(logits_BTV, captions_BT, lengths, alphas_BTL)


def tutorial_loss(
    decoder: TutorialDecoder,
    features_BLF: Tensor,
    captions_BT: Tensor,
    lengths_B: Tensor,
    doubly_stochastic: float = 1.0,
) -> Tensor:
    """Compute cross-entropy of the packed words, and the doubly stochastic term.

    Args:
        decoder: the decoder.
        features_BLF: encoded images.
        captions_BT: word numbers, <bos> the first.
        lengths_B: words of each caption without <bos>.
        doubly_stochastic: weight of (1 - sum_t alpha_tl)^2, its mean over images and locations.

    Returns:
        The loss, a scalar.
    """
    logits_BTV, captions_BT, lengths, alphas_BTL = decoder(features_BLF, captions_BT, lengths_B)
    logits_MV = pack_padded_sequence(logits_BTV, lengths, batch_first=True).data
    targets_M = pack_padded_sequence(captions_BT[:, 1:], lengths, batch_first=True).data
    penalty = (1 - alphas_BTL.sum(dim=1)).square().mean()
    loss: Tensor = F.cross_entropy(logits_MV, targets_M) + doubly_stochastic * penalty
    return loss
