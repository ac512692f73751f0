"""The model folder holds the best epoch, not the last; a figure of an epoch weighs batches by their sizes."""

import pytest
import torch
from runs import newest, rows, stop_after
from safetensors.torch import load_file

from captioner.models.card import read_card
from captioner.training import train as training
from captioner.training.caption import CaptionTask
from captioner.training.char_lm import CharLMTask
from captioner.training.logs.running_mean import RunningMean


@pytest.fixture
def known_figures(monkeypatch):
    """Replace the figure of each validation by the next of some numbers; returns the weights at each."""

    def replace(name, figures):
        left, weights = list(figures), []

        def compute_metrics(self):
            weights.append({key: tensor.clone() for key, tensor in self.model.state_dict().items()})
            self.generated = {}
            return {name: left.pop(0)}

        monkeypatch.setattr(CaptionTask, "compute_metrics", compute_metrics)
        monkeypatch.setattr(CaptionTask, "check", lambda config: None)  # it knows the task's own figures
        return weights

    return replace


@pytest.mark.parametrize(
    ("name", "figures", "best"),
    [
        ("bleu4", [0.2, 0.5, 0.3], 1),
        ("bleu4", [0.5, 0.2, 0.5], 0),
        ("error_rate", [0.5, 0.2, 0.3], 1),
        ("error_rate", [0.2, 0.5, 0.1], 2),
    ],
)
def test_the_model_folder_holds_the_best_epoch(tiny, tmp_path, known_figures, name, figures, best):
    """A figure is the better the larger it is, an error the smaller; of equal ones the first is kept."""
    tiny.trainer["max_epochs"] = 3
    tiny.training.monitor = f"val/{name}"
    weights = known_figures(name, figures)
    result = training.train(tiny, tmp_path / "run")
    assert result.best == pytest.approx(figures[best])
    saved = load_file(result.model / "model.safetensors")
    assert all(torch.equal(saved[key], tensor) for key, tensor in weights[best].items())
    for other in {0, 1, 2} - {best}:
        assert not all(torch.equal(saved[key], tensor) for key, tensor in weights[other].items())
    card = read_card(result.model)
    assert card["epoch"] == best + 1
    assert card["validation"][f"val/{name}"] == pytest.approx(figures[best])


def test_a_resumed_run_remembers_the_best_epoch(tiny, tmp_path, known_figures, monkeypatch):
    """Stopped after the first of three epochs, which stays the best."""
    tiny.trainer["max_epochs"] = 3
    weights = known_figures("bleu4", [0.5, 0.2, 0.3])
    with monkeypatch.context() as patch:
        stop_after(patch, 6)
        assert training.train(tiny, tmp_path / "run").interrupted
    assert newest(tmp_path / "run")["callbacks"]["KeepBest"]["best"] == 0.5
    result = training.train(tiny, tmp_path / "run", resume=True)
    assert len(weights) == 3
    assert result.best == 0.5
    saved = load_file(result.model / "model.safetensors")
    assert all(torch.equal(saved[key], tensor) for key, tensor in weights[0].items())


def test_a_mean_is_weighted_by_the_sizes_and_starts_again():
    random = torch.Generator().manual_seed(3)
    values, sizes = torch.rand(7, generator=random), [5, 1, 40, 3, 17, 2, 9]
    mean = RunningMean()
    for value, size in zip(values[:4], sizes, strict=False):
        mean.add({"loss": value}, size)
    resumed = RunningMean()
    resumed.load_state_dict(mean.state_dict())
    for value, size in zip(values[4:], sizes[4:], strict=True):
        resumed.add({"loss": value}, size)
    expected = sum(float(value) * size for value, size in zip(values, sizes, strict=True)) / sum(sizes)
    assert resumed.compute_and_reset()["loss"].item() == pytest.approx(expected)
    assert expected != pytest.approx(float(values.mean()), rel=1e-2)
    assert resumed.compute_and_reset() == {}


def test_the_loss_of_an_epoch_is_the_mean_over_words_not_over_batches(tiny, tmp_path, monkeypatch):
    """26 images in batches of 5: the last batch has one, and captions differ in length."""
    sizes, losses = [], []
    loss = CaptionTask.loss

    def keep(self, batch):
        result = loss(self, batch)
        if self.training:
            sizes.append(result.size)
            losses.append(float(result.loss.detach()))
        return result

    monkeypatch.setattr(CaptionTask, "loss", keep)
    training.train(tiny, tmp_path / "run")
    assert len(sizes) == 12
    found = [float(row["train/loss_epoch"]) for row in rows(tmp_path / "run") if row["train/loss_epoch"]]
    for number, epoch in enumerate(found):
        own = slice(6 * number, 6 * number + 6)
        total = sum(value * size for value, size in zip(losses[own], sizes[own], strict=True))
        assert epoch == pytest.approx(total / sum(sizes[own]), rel=1e-5)
        assert epoch != pytest.approx(sum(losses[own]) / 6, rel=1e-4)


def test_the_loss_of_validation_is_the_mean_over_characters(tiny_text, tmp_path, monkeypatch):
    """The last chunk is shorter than the others."""
    found = []
    loss = CharLMTask.loss

    def keep(self, batch):
        result = loss(self, batch)
        if not self.training:
            found.append((float(result.loss), result.size))
        return result

    monkeypatch.setattr(CharLMTask, "loss", keep)
    tiny_text.trainer["max_epochs"] = 1
    training.train(tiny_text, tmp_path / "run")
    (logged,) = (float(row["val/loss"]) for row in rows(tmp_path / "run") if row["val/loss"])
    assert len({size for _, size in found}) > 1
    expected = sum(value * size for value, size in found) / sum(size for _, size in found)
    assert logged == pytest.approx(expected, rel=1e-5)
    assert logged != pytest.approx(sum(value for value, _ in found) / len(found), rel=1e-4)


def test_a_figure_that_some_batches_lack_is_the_mean_of_the_others():
    mean = RunningMean()
    mean.add({"loss": torch.tensor(3.0), "entropy": torch.tensor(2.0)}, 10)
    mean.add({"loss": torch.tensor(1.0)}, 30)
    mean.add({"loss": torch.tensor(1.0), "entropy": torch.tensor(5.0)}, 20)
    found = mean.compute_and_reset()
    assert found["loss"].item() == pytest.approx((30 + 30 + 20) / 60)
    assert found["entropy"].item() == pytest.approx((20 + 100) / 30)
