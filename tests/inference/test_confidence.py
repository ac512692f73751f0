"""How sure a captioner is: by the formula written out, fitted as torch would, kept in the model folder."""

import json
import math
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from captioner.commands import main
from captioner.errors import UserError
from captioner.evaluation.calibration import _logistic_regression, _prototypes, calibrate
from captioner.inference.caption import Captioner
from captioner.inference.confidence import Confidence, familiarity

P, F, L = 3, 5, 4
LOG_PROBS = [-0.5, -2.0, -0.25, -1.25]


def make(**changes):
    torch.manual_seed(2)
    prototypes_PF = torch.nn.functional.normalize(torch.rand(P, F), dim=-1)
    values = {
        "cider_d": 0.5,
        "bias": 1.5,
        "mean_log_prob": 0.75,
        "lowest_log_prob": 0.5,
        "rare": 0.9,
        "strange": 0.6,
        "unsure_below": 0.2,
    }
    return Confidence(**(values | changes), prototypes_PF=prototypes_PF)


def test_the_formula():
    sure = make(rare=-1.0, strange=-2.0)
    assert sure(LOG_PROBS, torch.rand(L, F)) == pytest.approx(
        1 / (1 + math.exp(-(1.5 - 0.75 * 1.0 - 0.5 * 2.0)))
    )
    assert sure([-0.1, -0.2], torch.rand(L, F)) > sure([-0.1, -3.0], torch.rand(L, F))


def test_an_image_unlike_all_prototypes_makes_it_unsure():
    sure = make()
    own_LF = sure.prototypes_PF[1].expand(L, F) * 7
    assert sure.usual(own_LF) == 1
    assert sure.usual(-own_LF) == 0
    between_LF = torch.rand(L, F) - 0.2
    mean_F = between_LF.mean(0).numpy()
    cosine = max(mean_F @ p / np.linalg.norm(mean_F) for p in sure.prototypes_PF.numpy())
    assert sure.usual(between_LF) == pytest.approx(min(1, max(0, (cosine - 0.6) / 0.3)), abs=1e-5)
    assert float(familiarity(between_LF.unsqueeze(0), sure.prototypes_PF)) == pytest.approx(cosine, abs=1e-5)


def test_weights_are_those_of_maximum_likelihood():
    random = np.random.default_rng(3)
    inputs_NX = np.column_stack([np.ones(300), random.normal(size=(300, 2))])
    good_N = random.random(300) < 1 / (1 + np.exp(-inputs_NX @ [0.3, -1.0, 2.0]))
    weights = torch.zeros(3, dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weights], max_iter=200, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )
    inputs, good = torch.from_numpy(inputs_NX), torch.from_numpy(good_N).double()

    def loss():
        optimizer.zero_grad()
        value = torch.nn.functional.binary_cross_entropy_with_logits(inputs @ weights, good, reduction="sum")
        value = value + 0.5e-3 * weights.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    np.testing.assert_allclose(_logistic_regression(inputs_NX, good_N), weights.detach().numpy(), atol=1e-5)


def test_prototypes_lie_among_the_images():
    torch.manual_seed(4)
    centres = torch.nn.functional.normalize(torch.randn(P, F), dim=-1)
    features_NF = centres.repeat_interleave(20, dim=0) * 3 + 0.01 * torch.randn(3 * 20, F)
    found_PF = _prototypes(features_NF, P)
    torch.testing.assert_close((found_PF @ centres.T).amax(dim=1), torch.ones(P), atol=1e-3, rtol=0)
    torch.testing.assert_close(_prototypes(features_NF, 2).norm(dim=1), torch.ones(2))


def test_a_calibrated_model_says_how_sure_it_is(tiny_model, tmp_path, capsys):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model("caption"), folder)
    assert Captioner(folder).confidence is None
    data = json.loads((folder / "card.json").read_text())["data"]
    with pytest.raises(UserError, match="divides no captions"):
        calibrate(folder, data, "train", "train", cider_d=50.0)
    words = [f"--data={key}={value}" for key, value in data.items()]
    figure = tmp_path / "figure.png"
    main("calibrate", [str(folder), *words, "--split", "train", "--cider-d", "1e-4", "--figure", str(figure)])
    printed = capsys.readouterr().out
    assert "calibration error" in printed
    with Image.open(figure) as picture:
        assert picture.width > 300
    captioner = Captioner(folder)
    image = figure
    found = captioner.caption(image)
    (caption,) = found.captions
    with torch.no_grad():
        pixels = captioner.model.encoder.preprocessing(Image.open(image).convert("RGB"))
        features_LF = captioner.model.encode_images([pixels])[0]
    assert caption.confidence == pytest.approx(
        captioner.confidence(caption.word_log_probs, features_LF), abs=1e-5
    )
    main("caption", [str(image), "--model", str(folder), "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert printed["captions"][0]["confidence"] == pytest.approx(caption.confidence, abs=1e-6)
    assert printed["unsure"] is (caption.confidence < captioner.confidence.unsure_below)
    main("export", [str(folder), str(tmp_path / "copy")])
    copied = Captioner(tmp_path / "copy").confidence
    assert torch.equal(copied.prototypes_PF, captioner.confidence.prototypes_PF)
    main("average", [str(folder), str(folder), str(tmp_path / "mean")])
    assert Captioner(tmp_path / "mean").confidence is None, "it was of other weights"
    capsys.readouterr()
    captioner.confidence = captioner.confidence._replace(unsure_below=1.1)
    assert captioner.caption(image).unsure
    card = json.loads((folder / "card.json").read_text())
    card["confidence"]["unsure_below"] = 1.1
    (folder / "card.json").write_text(json.dumps(card))
    main("caption", [str(image), "--model", str(folder)])
    assert capsys.readouterr().out.rstrip().endswith("(unsure)")
