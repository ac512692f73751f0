"""Model folders of every task with random weights: nothing is trained."""

from pathlib import Path

import torch
from conftest import ROOT, TEXT, TINY, TINY_TEXT, TINY_VISUAL7W
from safetensors.torch import load_file, save_file

from captioner.config import Config, load
from captioner.models.card import WEIGHTS, read_card
from captioner.models.folder import save_model, write_card
from captioner.vocabulary import EOS

TRAINER = ["trainer.max_epochs=1", "trainer.enable_progress_bar=false", "trainer.accelerator=cpu"]
CHANGES = {
    "caption": TINY,
    "vqa": [
        *("data.num_train=12", "data.num_val=3", "data.num_test=3", "encoder.width=0.04"),
        *("text_encoder.cell.hidden_dim=7", "text_encoder.embed_dim=6", "head.hidden_dim=9"),
        *("training.batch_size=4", "schedule.warmup=2", *TRAINER),
    ],
    "visual7w": TINY_VISUAL7W,
    "visual7w_pointing": TINY_VISUAL7W,
    "char_lm": [*TINY_TEXT, "search.max_length=12", "search.name=sample"],
    "translate": [
        *("data.num_pairs=120", "data.val_fraction=0.15", "text_encoder.cell.hidden_dim=8"),
        *("decoder.cell.hidden_dim=9", "decoder.embed_dim=7", "decoder.attention_dim=6"),
        *("search.max_length=12", "training.batch_size=16", "schedule.warmup=2", *TRAINER),
    ],
    "memory": [
        *("data.length=6", "data.num_train=60", "data.num_val=20", "data.num_test=30"),
        *("task.cell.hidden_dim=9", "training.batch_size=7", "schedule.warmup=2", *TRAINER),
    ],
}
TASK_NAMES = list(CHANGES)


def add_to_weights(folder: Path, name: str, row: int | slice, amount: float) -> None:
    """Change a tensor of a model folder, whose card then has the hash of the changed file."""
    weights = load_file(folder / WEIGHTS)
    weights[name][row] += amount
    save_file(weights, folder / WEIGHTS)
    write_card(folder, read_card(folder))


def tiny_config(task: str, data: Path, *changes: str) -> Config:
    """The shipped config of a task, small; pictures and texts are made in the folder `data`."""
    if task == "char_lm":
        data.mkdir(parents=True, exist_ok=True)
        (data / "text.txt").write_text(TEXT)
        changes = (f"data.path={data / 'text.txt'}", *changes)
    elif task not in ("translate", "memory"):
        changes = (f"data.folder={data}", *changes)
    return load(ROOT / f"configs/{task.replace('_', '-')}.yaml", [*CHANGES[task], *changes])


def save_tiny(config: Config, folder: Path, seed: int = 8) -> Path:
    """Save the model of a config in `folder/model`, with weights so large that its outputs differ."""
    from captioner.training.task_class import task_class

    torch.manual_seed(seed)
    task, _ = task_class(config).prepare(config, folder / "cache")
    for name, parameter in task.named_parameters():
        if "encoder.layers" not in name:
            torch.nn.init.normal_(parameter, std=0.5)
    output = getattr(getattr(task.model, "decoder", None), "output", None)
    if output is not None and config.task["name"] != "char_lm":
        output.bias.data[EOS] -= 3.0  # sentences have words
    save_model(task.model, folder / "model", {"data": config.data, "split": "train"})
    return folder / "model"
