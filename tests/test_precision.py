"""Weights in bf16 and fp16: chosen by the device, cast once, and every component computes in them."""

import copy

import pytest
import torch
from torch import nn
from transformer import EVERY, Transformer, options

from captioner.cells.base import CELLS
from captioner.decoders.base import DECODERS
from captioner.encoders.base import ENCODERS
from captioner.errors import UserError
from captioner.heads.base import HEADS
from captioner.precision import (
    BF16_INSTRUCTIONS,
    cast_weights,
    chosen_precision,
    cpu_has_half_kernels,
    decoder_products,
    in_single_precision,
    weights_dtype,
)
from captioner.search.base import SEARCHES
from captioner.vocabulary import BOS, EOS, SPECIAL, Vocabulary

B, K, T, L, F, V = 3, 2, 5, 4, 6, 13
CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
TOLERANCE = 0.03
"""Of the relative error of a few layers, each of which rounds to 8 digits (binary)."""
TINY_VGG = {"name": "vgg", "depth": 11, "layer": "conv5_2", "width": 0.05, "image_size": 32, "weights": None}
SHORT = {"bf16": torch.bfloat16, "fp16": torch.half}


@pytest.fixture(autouse=True)
def with_transformer(monkeypatch):
    monkeypatch.setitem(DECODERS._makers, "transformer", Transformer)


def cast(module: nn.Module, precision: str = "bf16") -> nn.Module:
    """A copy of a module."""
    short = copy.deepcopy(module)
    cast_weights(short, precision)
    return short


def assert_near(found: torch.Tensor, expected: torch.Tensor) -> None:
    error = (found.float() - expected).norm() / expected.norm()
    assert error < TOLERANCE, f"relative error {error:.3f}"


@pytest.mark.parametrize(
    ("capability", "amx", "avx512", "expected"),
    [
        (None, False, False, "fp32"),
        (None, True, False, "bf16"),
        (None, False, True, "bf16"),
        ((7, 5), True, True, "fp16"),
        ((8, 0), False, False, "bf16"),
        ((10, 0), False, False, "bf16"),
    ],
)
def test_auto_is_what_the_device_computes_natively(capability, amx, avx512, expected, monkeypatch):
    for name, found in zip(BF16_INSTRUCTIONS, (amx, avx512), strict=True):
        assert hasattr(torch.cpu, name)
        monkeypatch.setattr(torch.cpu, name, lambda found=found: found)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert chosen_precision("auto", GPU if capability else CPU) == expected
    assert chosen_precision("auto", torch.device("mps")) == "fp32"
    for asked in ("fp32", "bf16"):
        assert chosen_precision(asked, CPU) == chosen_precision(asked, GPU) == asked


def test_what_cannot_be_computed_is_refused(monkeypatch):
    with pytest.raises(UserError, match=r"^precision must be auto, fp32, bf16 or fp16, not 'bf61'\.$"):
        chosen_precision("bf61", CPU)
    assert chosen_precision("fp16", CPU) == "fp16"
    missing = RuntimeError("\"slow_conv2d_cpu\" not implemented for 'Half'")
    monkeypatch.setattr(torch, "conv2d", lambda *given: (_ for _ in ()).throw(missing))
    assert not cpu_has_half_kernels()
    with pytest.raises(UserError, match="no kernels for fp16 on this CPU: choose"):
        chosen_precision("fp16", CPU)
    assert chosen_precision("fp16", GPU) == "fp16"


def test_all_weights_are_cast_but_those_of_batch_normalisation():
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Linear(4, 2), nn.LayerNorm(2))
    module.register_buffer("shift", torch.tensor([1.0]))
    module.register_buffer("index", torch.tensor([1]))
    names = {name: tensor.dtype for name, tensor in cast(module).state_dict().items()}
    exact = {"1.weight", "1.bias", "1.running_mean", "1.running_var"}
    assert {name for name, dtype in names.items() if dtype == torch.float} == exact
    assert {name for name, dtype in names.items() if dtype == torch.long} == {
        "1.num_batches_tracked",
        "index",
    }
    assert weights_dtype(module) == torch.float
    assert weights_dtype(cast(module[1:])) == torch.bfloat16, "whatever comes first"
    whole = cast(module, "fp32").state_dict()
    assert all(torch.equal(tensor, whole[name]) for name, tensor in module.state_dict().items())


@pytest.mark.parametrize(
    ("precision", "num_images", "expected"),
    [("bf16", 8, "medium"), ("bf16", 7, "highest"), ("fp32", 9, "highest"), ("fp16", 9, "highest")],
)
def test_products_of_many_images_decoders_may_be_short(precision, num_images, expected):
    assert torch.get_float32_matmul_precision() == "highest"
    with decoder_products(precision, num_images):
        assert torch.get_float32_matmul_precision() == expected
    assert torch.get_float32_matmul_precision() == "highest"


def test_scores_are_widened_and_never_narrowed():
    dtypes = [torch.half, torch.bfloat16, torch.float, torch.double]
    widened = [in_single_precision(torch.ones(1, dtype=dtype)).dtype for dtype in dtypes]
    assert widened == [torch.float, torch.float, torch.float, torch.double]


@pytest.mark.parametrize("precision", SHORT)
@pytest.mark.parametrize("name", sorted(CELLS))
@torch.inference_mode()
def test_every_cell_runs_and_steps(name, precision):
    torch.manual_seed(1)
    cell = CELLS.build({"name": name, "hidden_dim": 8}, input_dim=F).eval()
    x_NTE = torch.randn(B, T, F)
    state = cell.zero_state(x_NTE[:, 0])
    expected = cell(x_NTE, state)
    short, dtype = cast(cell, precision), SHORT[precision]
    narrow = tuple(leaf.to(dtype) for leaf in state)
    found = short(x_NTE.to(dtype), narrow)
    for x_NE in x_NTE.to(dtype).unbind(dim=1):
        narrow = short.step(short.project(x_NE), narrow)
    assert {leaf.dtype for leaf in (found.outputs_NTH, *found.state, *narrow)} == {dtype}
    assert_near(found.outputs_NTH, expected.outputs_NTH)
    assert_near(narrow[0], expected.state[0])


@pytest.mark.parametrize(("name", "cell"), EVERY)
@torch.inference_mode()
def test_every_decoder_runs_and_steps(name, cell):
    torch.manual_seed(2)
    config = {"name": name, **options(cell, hidden_dim=8), "embed_dim": 6}
    decoder = DECODERS.build(config, feature_dim=F, num_locations=L, vocab_size=V).eval()
    features_BLF, tokens_BKT = torch.randn(B, L, F), torch.randint(4, V, (B, K, T))
    mask_BKT = torch.ones(B, K, T, dtype=torch.bool)
    expected = decoder(features_BLF, tokens_BKT, mask_BKT)
    short = cast(decoder)
    found = short(features_BLF.bfloat16(), tokens_BKT, mask_BKT)
    assert_near(found.logits_MV, expected.logits_MV)
    memory, state = short.start(features_BLF.bfloat16())
    logits = []
    for tokens_N in tokens_BKT[:, 0].unbind(dim=1):
        step = short.step(tokens_N, state, memory)
        state = step.state
        logits.append(step.logits_NV)
    assert_near(torch.stack(logits, dim=1), expected.logits_MV.view(B, K, T, V)[:, 0])
    if decoder.has_attention:
        assert_near(found.alphas_NTL, expected.alphas_NTL)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("show_attend_tell", {"activation": "relu", "gate": "vector", "attention": "argmax"}),
        ("show_attend_tell", {"activation": "relu"}),
        ("adaptive_attention", {"attention": "argmax"}),
        ("visual7w", {"attention": "located", "output": "deep"}),
        ("show_tell", {"image_norm": True}),
        ("language_model", {"embed_dim": None}),
    ],
)
@torch.inference_mode()
def test_other_options_of_decoders_run(name, changes):
    torch.manual_seed(2)
    decoder = DECODERS.build({"name": name} | changes, feature_dim=F, num_locations=L, vocab_size=V).eval()
    tokens_BKT, mask_BKT = torch.randint(4, V, (B, K, T)), torch.ones(B, K, T, dtype=torch.bool)
    features_BLF = torch.randn(B, L, F)
    expected = decoder(features_BLF, tokens_BKT, mask_BKT).logits_MV
    assert_near(cast(decoder)(features_BLF.bfloat16(), tokens_BKT, mask_BKT).logits_MV, expected)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", list(HEADS))
@torch.inference_mode()
def test_every_head_scores(name, batch_norm):
    torch.manual_seed(5)
    own = {"batch_norm": True} if batch_norm and name not in ("question_only", "attention") else {}
    head = HEADS.build(
        {"name": name, "hidden_dim": 9} | own, feature_dim=F, state_dim=4, num_answers=V
    ).eval()
    features_BLF, images_N, question_NS = torch.randn(B, L, F), torch.tensor([2, 0, 0, 1]), torch.randn(4, 4)
    expected = head(features_BLF, images_N, question_NS)
    found = cast(head)(features_BLF.bfloat16(), images_N, question_NS.bfloat16())
    assert_near(found.logits_NV, expected.logits_NV)
    if head.has_attention:
        assert_near(found.alphas_NGL, expected.alphas_NGL)


@pytest.mark.parametrize(
    "config",
    [
        TINY_VGG | {"coordinates": True},
        TINY_VGG | {"batch_norm": True},
        {"name": "timm", "model": "mobilenetv1_100", "layer": "blocks.1", "image_size": 32},
        {"name": "timm", "model": "vit_tiny_patch16_224", "layer": "blocks.0", "arguments": {"img_size": 32}},
        {"name": "timm", "model": "convnext_atto", "layer": "stages.0", "image_size": 32},
    ],
)
@torch.inference_mode()
def test_encoders_encode(config):
    torch.manual_seed(3)
    encoder = ENCODERS.build(config).eval()
    images_BCHW = torch.randn(2, 3, 32, 32)
    short, expected_BLF = cast(encoder), encoder.encode(images_BCHW)
    assert weights_dtype(short) == torch.bfloat16
    found_BLF = short.encode(images_BCHW)
    assert found_BLF.dtype == torch.float
    assert not torch.equal(found_BLF, expected_BLF)
    assert_near(found_BLF, expected_BLF)


@pytest.mark.parametrize("name", list(SEARCHES))
def test_every_search_sums_log_probabilities_in_single_precision(name):
    """Against the softmax, in double precision, of the decoder's own logits."""
    torch.manual_seed(4)
    words = Vocabulary([*SPECIAL, *"abcdefghi"])
    decoder = DECODERS.build(
        {"name": "show_attend_tell", "embed_dim": 6, "cell": {"name": "lstm", "hidden_dim": 8}},
        feature_dim=F,
        num_locations=L,
        vocab_size=len(words),
    )
    short = cast(decoder.eval())
    features_BLF = torch.randn(2, L, F).bfloat16()
    search = SEARCHES.build({"name": name, "max_length": 4}, vocabulary=words)
    with torch.inference_mode():
        found = search(short, features_BLF)
        for image, (best, *_) in enumerate(found):
            memory, state = short.start(features_BLF[image : image + 1])
            expected = []
            said = [*best.tokens, EOS][: len(best.word_log_probs)]
            for token, following in zip([BOS, *best.tokens], said, strict=False):
                step = short.step(torch.tensor([token]), state, memory)
                state = step.state
                expected.append(float(step.logits_NV[0].double().log_softmax(dim=0)[following]))
            assert best.word_log_probs == pytest.approx(expected, abs=1e-5)
            assert best.log_prob == pytest.approx(sum(expected), abs=1e-5)
