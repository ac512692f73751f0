"""Properties of every registered head."""

import pytest
import torch

from captioner.errors import UserError
from captioner.heads.base import HEADS

B, N, L, F, S, V = 3, 7, 5, 6, 4, 8
IMAGES_N = torch.tensor([2, 0, 2, 1, 1, 2, 0])
SIZES = {"feature_dim": F, "state_dim": S, "num_answers": V}


@pytest.fixture(params=list(HEADS))
def head(request):
    torch.manual_seed(5)
    return HEADS.build({"name": request.param, "hidden_dim": 9, "dropout": 0.4}, **SIZES).eval()


@pytest.fixture
def given():
    random = torch.Generator().manual_seed(3)
    return torch.randn(B, L, F, generator=random), torch.randn(N, S, generator=random)


def test_a_question_does_not_depend_on_those_beside_it(head, given):
    features_BLF, question_NS = given
    whole = head(features_BLF, IMAGES_N, question_NS)
    assert whole.logits_NV.shape == (N, V)
    for n, image in enumerate(IMAGES_N):
        alone = head(features_BLF[image : image + 1], torch.tensor([0]), question_NS[n : n + 1])
        torch.testing.assert_close(alone.logits_NV[0], whole.logits_NV[n])
        if head.has_attention:
            torch.testing.assert_close(alone.alphas_NGL[0], whole.alphas_NGL[n])


def test_the_scores_depend_on_the_inputs_that_the_head_declares(head, given):
    features_BLF, question_NS = given
    logits_NV = head(features_BLF, IMAGES_N, question_NS).logits_NV
    other_images = head(features_BLF.flip(0), IMAGES_N, question_NS).logits_NV
    other_questions = head(features_BLF, IMAGES_N, question_NS.flip(0)).logits_NV
    assert torch.allclose(logits_NV, other_images, rtol=1e-3) == (not head.uses_image)
    assert torch.allclose(logits_NV, other_questions, rtol=1e-3) == (not head.uses_question)


def test_an_input_that_is_not_used_may_be_empty(head, given):
    features_BLF, question_NS = given
    expected = head(features_BLF, IMAGES_N, question_NS).logits_NV
    features_BLF = features_BLF if head.uses_image else torch.zeros(B, 0, 0)
    question_NS = question_NS if head.uses_question else torch.zeros(N, 0)
    found = head(features_BLF, IMAGES_N, question_NS).logits_NV
    torch.testing.assert_close(found, expected)


def test_attention_weights_are_a_distribution(head, given):
    alphas_NGL = head(given[0], IMAGES_N, given[1]).alphas_NGL
    assert (alphas_NGL is not None) == head.has_attention
    if alphas_NGL is not None:
        assert alphas_NGL.shape[::2] == (N, L)
        torch.testing.assert_close(alphas_NGL.sum(dim=-1), torch.ones(alphas_NGL.shape[:2]))
        assert alphas_NGL.std(dim=-1).min() > 1e-4


def test_every_parameter_has_a_gradient(head, given):
    head.train()
    head(given[0], IMAGES_N, given[1]).logits_NV.square().sum().backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("name", list(HEADS))
@pytest.mark.parametrize("num_layers", [0, 2])
def test_every_tensor_with_one_row_an_answer_is_named(name, num_layers):
    sizes = {"feature_dim": F, "state_dim": S, "num_answers": 23}
    head = HEADS.build({"name": name, "hidden_dim": 9, "num_layers": num_layers}, **sizes)
    tensors = head.state_dict()
    assert set(head.answer_rows()) == {
        key for key, tensor in tensors.items() if tensor.dim() and len(tensor) == 23
    }


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(UserError, match=r"no head 'produkt'\. Did you mean product"):
        HEADS.class_of({"name": "produkt"})


def test_attention_needs_a_glimpse():
    with pytest.raises(UserError, match="num_glimpses must be at least 1, not 0"):
        HEADS.build({"name": "attention", "num_glimpses": 0}, **SIZES)
