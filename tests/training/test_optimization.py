"""Optimisers and schedules by name, against torch's own or a closed form; what Lightning does with them."""

import copy
import math

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau, StepLR

from captioner.data.captions.batches import CaptionData
from captioner.data.captions.scenes import Scenes
from captioner.training.caption import CaptionTask
from captioner.training.data_module import DataModule
from captioner.training.optimization.optimizers import OPTIMIZERS, build_optimizer
from captioner.training.optimization.schedules import SCHEDULES, better_mode
from captioner.vocabulary import PAD

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:.*{text}")
    for text in ("does not have many workers", "isinstance.treespec, LeafSpec", "in eval mode")
]


def parameters():
    return [nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2))]


def sgd(rate=0.4, second=0.1):
    one, other = parameters()
    return torch.optim.SGD([{"params": [one]}, {"params": [other], "lr": second}], lr=rate)


def rates(made, count, optimizer, figures=None):
    """The rates of both groups at each update or epoch."""
    found = []
    for number in range(count):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        made["scheduler"].step(*([figures[number]] if figures else []))
    return found


def schedule(config, optimizer, total_updates=10, monitor="val/bleu4"):
    return SCHEDULES.build(config, optimizer=optimizer, total_updates=total_updates, monitor=monitor)


@pytest.mark.parametrize(
    ("config", "kind", "option"),
    [
        ({"name": "adam", "lr": 3e-3, "betas": [0.8, 0.99]}, torch.optim.Adam, ("betas", (0.8, 0.99))),
        ({"name": "adamw", "lr": 3e-3, "weight_decay": 0.2}, torch.optim.AdamW, ("weight_decay", 0.2)),
        ({"name": "rmsprop", "lr": 3e-3, "alpha": 0.9}, torch.optim.RMSprop, ("alpha", 0.9)),
        ({"name": "sgd", "lr": 3e-3, "momentum": 0.7}, torch.optim.SGD, ("momentum", 0.7)),
    ],
)
def test_an_optimizer_is_torchs_own_with_its_options(config, kind, option):
    made = OPTIMIZERS.build(config, params=parameters())
    assert type(made) is kind
    assert made.defaults["lr"] == 3e-3
    found = made.defaults[option[0]]  # a list in some versions of torch
    assert (tuple(found) if isinstance(found, list) else found) == option[1]


def some_updates(made, weights):
    torch.manual_seed(4)
    for _ in range(5):
        for weight in weights:
            weight.grad = torch.randn_like(weight)
        made.step()
    return [weight.detach().clone() for weight in weights]


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"name": "adam", "betas": [0.8, 0.99]}, torch.optim.Adam),
        ({"name": "adamw", "weight_decay": 0.2}, torch.optim.AdamW),
        ({"name": "sgd", "momentum": 0.7}, torch.optim.SGD),
    ],
)
def test_a_fused_optimizer_updates_as_torchs_plain_one_at_the_rate_of_each_group(options, kind):
    (one, other), plain = parameters(), parameters()
    made = build_optimizer({**options, "lr": 0.03}, [{"params": [one]}, {"params": [other], "lr": 0.2}])
    assert made.defaults["fused"]
    own = {key: value for key, value in options.items() if key != "name"}
    groups = [{"params": plain[:1]}, {"params": plain[1:], "lr": 0.2}]
    expected = some_updates(kind(groups, lr=0.03, fused=False, **own), plain)
    torch.testing.assert_close(some_updates(made, [one, other]), expected)


@pytest.mark.parametrize("choice", [{"fused": False}, {"foreach": True}, {"differentiable": False}])
def test_a_choice_among_torchs_ways_is_the_users(choice):
    made = build_optimizer({"name": "adam", "lr": 0.03, **choice}, [{"params": parameters()}])
    assert not made.defaults["fused"]
    assert {key: made.defaults[key] for key in choice} == choice


def test_an_optimizer_is_not_fused_where_gradients_are_scaled_or_torch_has_none():
    groups = [{"params": parameters()}]
    assert not build_optimizer({"name": "adam", "lr": 0.03}, groups, mixed_precision=True).defaults["fused"]
    assert "fused" not in build_optimizer({"name": "rmsprop", "lr": 0.03}, groups).defaults


@pytest.mark.parametrize("warmup", [0, 4])
def test_constant_rises_in_a_line_and_stays(warmup):
    optimizer = sgd()
    made = schedule({"name": "constant", "warmup": warmup}, optimizer)
    assert made["interval"] == "step"
    for update, (rate, second) in enumerate(rates(made, 9, optimizer)):
        share = min(1.0, (update + 1) / 4) if warmup else 1.0
        assert (rate, second) == pytest.approx((0.4 * share, 0.1 * share))


def test_step_is_torchs():
    ours, theirs = sgd(), sgd()
    made = schedule({"name": "step", "epochs": 3, "factor": 0.7}, ours)
    assert made["interval"] == "epoch"
    assert rates(made, 10, ours) == rates({"scheduler": StepLR(theirs, 3, 0.7)}, 10, theirs)


@pytest.mark.parametrize(("monitor", "mode"), [("val/bleu4", "max"), ("val/loss", "min")])
def test_plateau_is_torchs_in_the_right_direction(monitor, mode):
    ours, theirs = sgd(), sgd()
    figures = [1.0, 2.0, 3.0, 2.5, 2.4, 2.3, 2.2, 2.1, 0.5, 4.0, 4.0]
    made = schedule({"name": "plateau", "factor": 0.5, "patience": 2}, ours, monitor=monitor)
    assert made["monitor"] == monitor
    assert made["interval"] == "epoch"
    found = rates(made, 11, ours, figures)
    torchs = {"scheduler": ReduceLROnPlateau(theirs, mode, factor=0.5, patience=2)}
    assert found == rates(torchs, 11, theirs, figures)
    assert found[-1] != found[0]


def test_cosine_is_torchs():
    ours, theirs = sgd(0.4, 0.4), sgd(0.4, 0.4)
    made = schedule({"name": "cosine", "final": 0.25}, ours)
    assert made["interval"] == "step"
    expected = rates({"scheduler": CosineAnnealingLR(theirs, 10, 0.1)}, 11, theirs)
    assert rates(made, 11, ours) == [pytest.approx(pair) for pair in expected]


def test_cosine_after_a_rise_ends_at_the_last_update_and_stays():
    optimizer = sgd()
    found = rates(schedule({"name": "cosine", "warmup": 4, "final": 0.1}, optimizer), 13, optimizer)
    for update, (rate, second) in enumerate(found):
        angle = math.pi * min(max(update - 4, 0), 6) / 6
        share = min(1.0, (update + 1) / 4) * (0.1 + 0.9 * (1 + math.cos(angle)) / 2)
        assert (rate, second) == pytest.approx((0.4 * share, 0.1 * share))
    assert found[12] == found[10] == pytest.approx([0.04, 0.01])


@pytest.mark.parametrize(
    ("monitor", "mode"),
    [("val/loss", "min"), ("val/cider_d", "max"), ("val/distinct", "max")],
)
def test_losses_are_to_become_small_and_scores_large(monitor, mode):
    assert better_mode(monitor) == mode


@pytest.fixture
def run(tiny, tmp_path):
    """A task, its data, and a fit of a few updates."""
    tiny.decoder["dropout"] = 0.0
    tiny.optimizer = {"name": "sgd", "lr": 0.5}
    tiny.schedule = {"name": "constant"}
    tiny.encoder["fine_tune_from"] = "conv4_1"
    tiny.encoder["learning_rate"] = 0.125
    source = Scenes(**{key: value for key, value in tiny.data.items() if key != "name"})
    data = CaptionData(source, source.tables(), tmp_path / "cache")
    vocabulary = data.vocabulary(1, None)
    torch.manual_seed(9)
    tiny.objective = {"name": "cross_entropy"}
    task = CaptionTask.from_config(tiny, vocabulary)
    data.connect(task.model.encoder, vocabulary, tiny.training, seed=2)

    def fit(**options):
        given = {"max_epochs": 1, "limit_val_batches": 0, "accelerator": "cpu"}
        quiet = {
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
        }
        trainer = pl.Trainer(**(quiet | given | options))
        trainer.fit(task, datamodule=DataModule(data))
        return trainer

    return task, data, fit


@pytest.mark.parametrize(
    "clipping",
    [
        {"gradient_clip_val": 1e-3},
        {"gradient_clip_val": 1e-4, "gradient_clip_algorithm": "value"},
    ],
)
def test_one_update_clips_the_gradient_and_logs_it_as_it_was(run, clipping):
    """Parameters move by their group's rate times the clipped gradient of an independent computation."""
    task, data, fit = run
    reference = copy.deepcopy(task)
    data.setup()
    reference.train()
    features_BLF = reference.model.encoder((batch := next(iter(data.training_loader()))).pictures)
    targets_BKT = batch.tokens_BKT[:, :, 1:]
    logits_MV, _ = reference.model.decoder(features_BLF, batch.tokens_BKT[:, :, :-1], targets_BKT != PAD)
    nn.functional.cross_entropy(logits_MV, targets_BKT[targets_BKT != PAD]).backward()
    gradients = {name: p.grad.clone() for name, p in reference.named_parameters() if p.grad is not None}
    norm = math.sqrt(sum(float(g.double().square().sum()) for g in gradients.values()))

    trainer = fit(max_steps=1, **clipping)
    assert trainer.callback_metrics["train/grad_norm"].item() == pytest.approx(norm, rel=1e-3)
    bound = clipping["gradient_clip_val"]
    assert norm > 10 * bound
    for name, parameter in task.named_parameters():
        before = dict(reference.named_parameters())[name].detach()
        if name not in gradients:
            assert torch.equal(parameter, before), "frozen"
            continue
        if "gradient_clip_algorithm" in clipping:
            clipped = gradients[name].clamp(-bound, bound)
        else:
            clipped = gradients[name] * (bound / norm)
        rate = 0.125 if name.startswith("model.encoder") else 0.5
        moved = (before.double() - parameter.detach().double()).norm().item()
        assert moved == pytest.approx(rate * clipped.norm().item(), rel=0.05, abs=1e-6)


def test_the_encoder_learns_at_its_own_rate_and_every_parameter_once(run):
    task, _, fit = run
    (optimizer,) = fit(max_steps=1).optimizers
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.125]
    rest, encoder = ({id(p) for p in group["params"]} for group in optimizer.param_groups)
    trained = {name: id(p) for name, p in task.named_parameters() if p.requires_grad}
    assert {id_ for name, id_ in trained.items() if name.startswith("model.encoder")} == encoder
    assert {id_ for name, id_ in trained.items() if not name.startswith("model.encoder")} == rest
    assert any(name.startswith("model.encoder.layers.conv4_1") for name in trained)
    assert not any(name.startswith("model.encoder.layers.conv3") for name in trained)
