"""Show and Tell against torch's own LSTM."""

import torch

from captioner.decoders.show_tell import ShowTell

L, F, H, E, V = 3, 4, 6, 5, 9


def test_the_image_is_the_first_word_of_a_torch_lstm():
    """Vinyals et al. (2015), eq. 10-12, with torch's own LSTM run over [image, words]."""
    torch.manual_seed(0)
    decoder = ShowTell(F, V, {"name": "lstm", "hidden_dim": H}, E).eval()
    lstm = torch.nn.LSTM(E, H, batch_first=True)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(decoder.cell.input.weight)
        lstm.weight_hh_l0.copy_(decoder.cell.recurrent.weight)
        lstm.bias_ih_l0.copy_(decoder.cell.input.bias)
        lstm.bias_hh_l0.zero_()
    features_BLF, words = torch.randn(1, L, F), torch.tensor([1, 5, 8, 4])
    image_1E = decoder.image(features_BLF.mean(dim=1))
    inputs_1TE = torch.cat([image_1E, decoder.words(words)])[None]
    expected = decoder.output(lstm(inputs_1TE)[0][0, 1:])
    found = decoder(features_BLF, words[None, None], torch.ones(1, 1, 4, dtype=torch.bool)).logits_MV
    torch.testing.assert_close(found, expected)


def test_the_embedded_image_can_be_normalised_over_the_batch():
    torch.manual_seed(1)
    decoder = ShowTell(F, V, {"name": "lstm", "hidden_dim": H}, E, dropout=0.0, image_norm=True)
    features_BLF = torch.rand(7, L, F) + 3
    embedded_BE = decoder.image(features_BLF.mean(dim=1))
    mean_E, var_E = embedded_BE.mean(dim=0), embedded_BE.var(dim=0, unbiased=False)
    x_BE = (embedded_BE - mean_E) / (var_E + 1e-5).sqrt()
    zeros_BH = torch.zeros(7, H)
    expected = decoder.cell.step(decoder.cell.project(x_BE), (zeros_BH, zeros_BH))
    torch.testing.assert_close(decoder.start(features_BLF).state, expected)
    one = decoder.eval().start(features_BLF[:1]).state[0]
    # By running figures, not the batch's.
    torch.testing.assert_close(one, decoder.start(features_BLF).state[0][:1])
