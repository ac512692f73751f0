"""Each head against its equation, question by question in numpy."""

import numpy as np
import pytest
import torch

from captioner.heads.base import HEADS

B, N, L, F, S, V, H, A = 3, 7, 5, 6, 4, 8, 9, 10
IMAGES = [2, 0, 2, 1, 1, 2, 0]
SIZES = {"feature_dim": F, "state_dim": S, "num_answers": V}


@pytest.fixture
def given():
    random = torch.Generator().manual_seed(3)
    features_BLF = torch.randn(B, L, F, generator=random, dtype=torch.float64)
    question_NS = torch.randn(N, S, generator=random, dtype=torch.float64)
    return features_BLF, torch.tensor(IMAGES), question_NS


def build(name, **options):
    torch.manual_seed(7)
    head = HEADS.build({"name": name, "hidden_dim": H, **options}, **SIZES).double().eval()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return head


def linear(module, x):
    y = module.weight.detach().numpy() @ x
    return y if module.bias is None else y + module.bias.detach().numpy()


def layer(embedding, x):
    (module,) = [one for one in embedding if isinstance(one, torch.nn.Linear)]
    return np.tanh(linear(module, x))


def scores(module, z):
    *hidden, last = [one for one in module if not isinstance(one, torch.nn.Dropout)]
    for one in hidden:
        z = layer(one, z)
    return linear(last, z)


def image(head, features_LF):
    f = features_LF.mean(axis=0)
    return layer(head.image, f / np.sqrt((f**2).sum()) if head.normalise else f)


def product(head, features_LF, s):
    return scores(head.scores, image(head, features_LF) * layer(head.question, s))


def concatenation(head, features_LF, s):
    return scores(head.scores, np.concatenate([image(head, features_LF), layer(head.question, s)]))


def question_only(head, features_LF, s):
    return scores(head.scores, layer(head.question, s))


def image_only(head, features_LF, s):
    return scores(head.scores, image(head, features_LF))


def attention(head, features_LF, s):
    u = layer(head.question, s)
    for glimpse in head.glimpses:
        mlp = glimpse.attention
        e = [linear(mlp.score, np.tanh(linear(mlp.keys, a) + linear(mlp.query, u)))[0] for a in features_LF]
        alpha = np.exp(e) / np.exp(e).sum()
        z = sum(alpha[k] * features_LF[k] for k in range(L))
        u = u + (
            linear(glimpse.seen, z) * layer(glimpse.asked, s)
            if glimpse.asked
            else np.tanh(linear(glimpse.seen, z))
        )
    return scores(head.scores, u)


@pytest.mark.parametrize(
    ("name", "naive", "options"),
    [
        ("product", product, {"normalise": True}),
        ("product", product, {"normalise": False, "num_layers": 2}),
        ("concatenation", concatenation, {"normalise": True}),
        ("concatenation", concatenation, {"normalise": False, "num_layers": 0}),
        ("question_only", question_only, {"num_layers": 1}),
        ("image_only", image_only, {"normalise": True, "num_layers": 1}),
        ("attention", attention, {"attention_dim": A}),
        ("attention", attention, {"attention_dim": A, "num_glimpses": 3, "num_layers": 1}),
        ("attention", attention, {"attention_dim": A, "num_glimpses": 2, "fusion": "sum"}),
    ],
)
def test_a_head_is_its_equation(given, name, naive, options):
    head = build(name, **options)
    features_BLF, images_N, question_NS = given
    logits_NV = head(features_BLF, images_N, question_NS).logits_NV
    expected = [
        naive(head, features_BLF[image].numpy(), question_NS[n].numpy()) for n, image in enumerate(IMAGES)
    ]
    np.testing.assert_allclose(logits_NV.detach().numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("name", ["product", "concatenation", "image_only"])
def test_batch_norm_takes_away_what_images_have_in_common(given, name):
    """In training the image's part does not depend on a term or factor common to all W_v f."""
    head = build(name, dropout=0.0, batch_norm=True, normalise=False).train()
    features_BLF, images_N, question_NS = given
    f_BF = features_BLF.numpy().mean(axis=1)
    seen_BH = np.stack([linear(head.image[1][0], f) for f in f_BF])
    mean_H, variance_H = seen_BH.mean(axis=0), seen_BH.var(axis=0)
    expected_BH = np.tanh((seen_BH - mean_H) / np.sqrt(variance_H + 1e-5))
    found = []
    head.image.register_forward_hook(lambda _module, _inputs, output: found.append(output.detach().numpy()))
    head(*given)
    np.testing.assert_allclose(found[0], expected_BH, rtol=1e-9)
    # In evaluation running figures are used: a tenth of the batch's after one batch.
    mean_H, variance_H = 0.1 * mean_H, 0.9 + 0.1 * seen_BH.var(axis=0, ddof=1)
    head.eval()
    head(*given)
    head.train()(features_BLF[1:2], torch.zeros_like(images_N), question_NS)
    expected_BH = np.tanh((seen_BH - mean_H) / np.sqrt(variance_H + 1e-5))
    np.testing.assert_allclose(found[1], expected_BH, rtol=1e-9)
    np.testing.assert_allclose(found[2], expected_BH[1:2], rtol=1e-9)


@pytest.mark.parametrize("fusion", ["product", "sum"])
def test_with_batch_norm_a_glimpse_is_normalised_over_the_questions(given, fusion):
    head = build("attention", dropout=0.0, batch_norm=True, attention_dim=A, fusion=fusion).train()
    features_BLF, _, question_NS = given
    answered = head(*given)
    (glimpse,) = head.glimpses
    alphas_NL = answered.alphas_NGL[:, 0].detach().numpy()
    contexts = [alphas_NL[n] @ features_BLF[image].numpy() for n, image in enumerate(IMAGES)]
    seen_NH = np.stack([linear(glimpse.seen[0], z) for z in contexts])
    seen_NH = (seen_NH - seen_NH.mean(axis=0)) / np.sqrt(seen_NH.var(axis=0) + 1e-5)
    states = question_NS.numpy()
    for n, s in enumerate(states):
        part = np.tanh(seen_NH[n]) if fusion == "sum" else seen_NH[n] * layer(glimpse.asked, s)
        expected = scores(head.scores, layer(head.question, s) + part)
        np.testing.assert_allclose(answered.logits_NV[n].detach().numpy(), expected, rtol=1e-8)


def test_features_of_length_zero_give_finite_scores(given):
    features_BLF, images_N, question_NS = given
    logits_NV = build("product")(torch.zeros_like(features_BLF), images_N, question_NS).logits_NV
    assert logits_NV.isfinite().all()


@pytest.mark.parametrize("name", ["product", "attention"])
def test_dropout_acts_in_training_alone(given, name):
    head = build(name, dropout=0.5)
    once, again = head(*given).logits_NV, head(*given).logits_NV
    torch.testing.assert_close(once, again)
    head.train()
    assert not torch.allclose(head(*given).logits_NV, head(*given).logits_NV)
    head = build(name, dropout=0.0).train()
    torch.testing.assert_close(head(*given).logits_NV, head(*given).logits_NV)
