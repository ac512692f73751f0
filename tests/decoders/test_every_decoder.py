"""Properties of every registered decoder, with every registered cell if it has one."""

import pytest
import torch
from transformer import EVERY, RECURRENT, Transformer, options

from captioner.decoders.base import DECODERS, Decoder
from captioner.tree import map_tree, repeat_rows, select_rows

B, K, T, L, F, V = 3, 2, 6, 4, 5, 11


@pytest.fixture(autouse=True)
def with_transformer(monkeypatch):
    monkeypatch.setitem(DECODERS._makers, "transformer", Transformer)


def make(name: str, cell: str | None) -> Decoder:
    torch.manual_seed(2)
    config = {"name": name, **options(cell, hidden_dim=7), "embed_dim": 6}
    return build(config).double().eval()


def build(config: dict[str, object], vocab_size: int = V) -> Decoder:
    return DECODERS.build(config, feature_dim=F, num_locations=L, vocab_size=vocab_size)


def captions() -> tuple[torch.Tensor, torch.Tensor]:
    """Captions of different lengths, the longest not in the first image."""
    lengths_BK = torch.tensor([[3, 1], [6, 2], [4, 5]])
    return torch.randint(4, V, (B, K, T)), torch.arange(T) < lengths_BK.unsqueeze(-1)


@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize(("name", "cell"), EVERY)
def test_teacher_forcing_equals_stepping(name, cell, first):
    """Also where what comes before the word `first` is only read."""
    decoder = make(name, cell)
    features_BLF = torch.randn(B, L, F, dtype=torch.double)
    tokens_BKT, mask_BKT = captions()
    mask_BKT[:, :, :first] = False
    forced = decoder(features_BLF, tokens_BKT, mask_BKT)
    memory, state = decoder.start(features_BLF)
    state = repeat_rows(state, K)
    logits, alphas = [], []
    for tokens_N in tokens_BKT.flatten(0, 1).unbind(dim=1):
        step = decoder.step(tokens_N, state, memory)
        state = step.state
        logits.append(step.logits_NV)
        alphas.append(step.alphas_NL)
    mask_NT = mask_BKT.flatten(0, 1)
    torch.testing.assert_close(forced.logits_MV, torch.stack(logits, dim=1)[mask_NT])
    if decoder.has_attention:
        stepped = torch.stack(alphas, dim=1) * mask_NT.unsqueeze(-1)
        torch.testing.assert_close(forced.alphas_NTL, stepped)
        torch.testing.assert_close(forced.alphas_NTL.sum(-1), mask_NT.double())
    else:
        assert forced.alphas_NTL is None


@pytest.mark.parametrize(("name", "cell"), EVERY)
def test_images_and_rows_do_not_mix(name, cell):
    decoder = make(name, cell)
    features_BLF = torch.randn(B, L, F, dtype=torch.double)
    tokens_BKT, mask_BKT = captions()
    together = decoder(features_BLF, tokens_BKT, mask_BKT).logits_MV
    alone = [
        decoder(
            features_BLF[b : b + 1], tokens_BKT[b : b + 1, k : k + 1], mask_BKT[b : b + 1, k : k + 1]
        ).logits_MV
        for b in range(B)
        for k in range(K)
    ]
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize(("name", "cell"), EVERY)
def test_a_state_that_search_reorders_goes_on_from_where_it_was(name, cell):
    decoder = make(name, cell)
    memory, state = decoder.start(torch.randn(B, L, F, dtype=torch.double))
    tokens_B = torch.randint(4, V, (B,))
    straight = decoder.step(tokens_B, state, memory).logits_NV
    order = torch.tensor([2, 0, 1])
    turned = decoder.step(tokens_B[order], select_rows(state, order), select_rows(memory, order)).logits_NV
    torch.testing.assert_close(turned, straight[order])


@pytest.mark.parametrize(("name", "cell"), EVERY)
def test_step_keeps_nothing_and_changes_nothing(name, cell):
    decoder = make(name, cell)
    memory, state = decoder.start(torch.randn(B, L, F, dtype=torch.double))
    before = map_tree(torch.clone, (memory, state))
    tokens_B = torch.randint(4, V, (B,))
    first = decoder.step(tokens_B, state, memory).logits_NV
    torch.testing.assert_close((memory, state), before, rtol=0, atol=0)
    torch.testing.assert_close(decoder.step(tokens_B, state, memory).logits_NV, first, rtol=0, atol=0)


@pytest.mark.parametrize(("name", "cell"), EVERY)
def test_every_parameter_learns(name, cell):
    decoder = make(name, cell)
    tokens_BKT, mask_BKT = captions()
    forced = decoder(torch.randn(B, L, F, dtype=torch.double), tokens_BKT, mask_BKT)
    forced.logits_MV.square().sum().backward()
    assert [n for n, p in decoder.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(("name", "cell"), EVERY)
def test_eight_captions_are_learnt_by_heart(name, cell):
    torch.manual_seed(3)
    config = {"name": name, **options(cell, hidden_dim=32), "embed_dim": 16}
    if name in RECURRENT:
        config["dropout"] = 0.0
    decoder = build(config)
    features_BLF, tokens_BKT = torch.randn(8, L, F), torch.randint(4, V, (8, 1, 5))
    if name == "language_model":  # it does not look: the first word must tell which caption it is
        decoder = build(config, 12)
        tokens_BKT[:, 0, 0] = torch.arange(4, 12)
    mask_BKT = torch.ones(8, 1, 4, dtype=torch.bool)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=0.02, fused=True)
    for _ in range(200):
        logits_MV = decoder(features_BLF, tokens_BKT[:, :, :-1], mask_BKT).logits_MV
        loss = torch.nn.functional.cross_entropy(logits_MV, tokens_BKT[:, :, 1:].flatten())
        if loss.item() < 0.05:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


@pytest.mark.parametrize("name", RECURRENT)
def test_rows_keep_their_dropout_masks_through_a_caption(name):
    """A stack's variational masks travel in the decoder's state, also where rows end and leave."""
    torch.manual_seed(4)
    cell = {"name": "stacked", "hidden_dim": 7, "dropout": 0.5, "variational": True}
    config = {"name": name, "cell": cell, "embed_dim": 6, "dropout": 0.0}
    decoder = build(config)
    tokens_BKT, mask_BKT = captions()
    mask_BKT[2, :, 2:] = False
    forced = decoder(torch.randn(B, L, F), tokens_BKT, mask_BKT)
    forced.logits_MV.square().sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in decoder.parameters())
    memory, state = decoder.start(torch.randn(B, L, F))
    first = decoder.step(tokens_BKT[:, 0, 0], state, memory).state
    second = decoder.step(tokens_BKT[:, 0, 1], first, memory).state
    torch.testing.assert_close(second[decoder.cell.num_states :], first[decoder.cell.num_states :])
    assert len(second) == decoder.cell.num_states + 1
