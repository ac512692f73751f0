"""A run in one typed value: read from YAML, changed by key=value, refused with a clear sentence.

Nothing here imports torch: a typo answers at once. What stands inside a component (a mapping with a
`name`) is checked by the registry that builds it, before data is read or a model is made.
"""

import functools
import json
import operator
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Literal, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from yaml import YAMLError

from captioner.errors import UserError, nearest
from captioner.option_types import wanted
from captioner.precision import Precision
from captioner.ranges import Count, CountOrZero, NonEmpty, NumWorkers, PathName, PerImage, Positive, Seed

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
Component = dict[str, Any]
"""`name`, and the options of what the registry has under that name."""


@dataclass(config=STRICT)
class VocabularyConfig:
    """Which words the vocabulary has: those seen at least `min_count` times, at most `max_size` of them.

    With `extend`, the words of the model that training starts from come first.
    """

    min_count: Count = 5
    max_size: Count | None = None
    extend: bool = False


@dataclass(config=STRICT)
class TrainingConfig:
    """How batches are made and when to stop.

    A batch holds `batch_size` images with `captions_per_image` captions each, cut at `max_words`. `init_from`
    is the folder of a trained model to start from. With `augment`, every epoch takes new random crops of the
    training images, also mirrored ones with `flip`. With `views`, features of so many versions of each
    training image are stored, the whole image and random crops, and every epoch takes one of them. Stored
    features have 16 bits a number, or 8 with `feature_dtype` int8 or float8; `feature_precision` is that of
    the encoder that computes them. What training resumes from is saved after the first update, every
    `save_every_minutes`, and after each epoch.
    """

    batch_size: Count = 16
    captions_per_image: PerImage = 5
    max_words: Count = 30
    augment: bool = False
    flip: bool = False
    views: PerImage | None = None
    feature_dtype: Literal["float16", "float8", "int8"] = "float16"
    feature_precision: Precision = "fp32"
    num_workers: NumWorkers = 0
    monitor: NonEmpty = "val/bleu4"
    patience: CountOrZero | None = None
    save_every_minutes: Positive = 10.0
    init_from: PathName | None = None


@dataclass(config=STRICT)
class Config:
    """Everything that a training run depends on. The keys of the YAML files are these names.

    `encoder` encodes images, `text_encoder` questions or sources of a translation, `decoder` generates
    sentences, `head` scores answers, `objective` is what training minimises; a task refuses those it has no
    use for. Where `search` or `objective` is not given, the task has a default.
    """

    task: Component
    data: Component
    decoder: Component = field(default_factory=dict)
    encoder: Component = field(default_factory=dict)
    text_encoder: Component = field(default_factory=dict)
    head: Component = field(default_factory=dict)
    objective: Component = field(default_factory=dict)
    search: Component = field(default_factory=dict)
    vocabulary: VocabularyConfig = field(default_factory=VocabularyConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    optimizer: Component = field(default_factory=lambda: {"name": "adam", "lr": 4e-4})
    schedule: Component = field(default_factory=lambda: {"name": "constant"})
    trainer: dict[str, Any] = field(default_factory=dict)
    logger: list[str] = field(default_factory=lambda: ["csv"])
    seed: Seed = 0

    def to_yaml(self) -> str:
        """Return the YAML text that `load` reads back to an equal value."""
        return str(OmegaConf.to_yaml(OmegaConf.create(TypeAdapter(Config).dump_python(self))))


MODEL_PARTS = ("task", "encoder", "text_encoder", "decoder", "head", "search")
"""What a trained model gives to the config of a run that starts from it."""


def model_options(folder: Path) -> dict[str, Any]:
    """Read the parts of a trained model from its config.

    Args:
        folder: the model folder.

    Returns:
        The options of each part.

    Raises:
        UserError: the folder has no config.
    """
    config = load(folder / "config.yaml")
    return {part: getattr(config, part) for part in MODEL_PARTS if getattr(config, part)}


def load(file: Path, overrides: Sequence[str] = (), parts: Mapping[str, Any] | None = None) -> Config:
    """Read a YAML file and change it by `key=value` pairs (`decoder.cell.hidden_dim=256`).

    Setting a component's `name` to another one drops the options the file gave to the former one.
    The `trainer` mapping goes to Lightning's Trainer as it is.

    Args:
        file: the YAML file.
        overrides: changes, `key=value` each.
        parts: components that take the place of the file's, and keys that are added to its mappings.

    Returns:
        The config.

    Raises:
        UserError: an unknown key, a wrong type, a file that is missing or no YAML.
    """
    if not file.is_file():
        raise UserError(f"There is no config file {file}.")
    try:
        base = OmegaConf.load(file)
    except (
        YAMLError,
        ValueError,
        RecursionError,
        OmegaConfBaseException,
    ) as error:  # too deep
        raise UserError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(base, DictConfig):
        raise UserError(f"{file} must hold keys and values, such as 'seed: 0'.")
    for key, value in (parts or {}).items():
        base[key] = OmegaConf.merge(base.get(key, {}), value) if key == "training" else value
    changes = parse_overrides(overrides)
    _start_afresh(base, changes)
    try:
        merged = OmegaConf.to_container(OmegaConf.merge(base, changes), resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"{file}: {' '.join(str(error).split())}") from None
    assert isinstance(merged, dict)
    return from_mapping({str(key): value for key, value in merged.items()}, str(file))


def _start_afresh(base: DictConfig, changes: DictConfig) -> None:
    """Drop the file's options of a component that is to be another one; a single logger is a list of one."""
    for key, change in changes.items():
        old = base.get(key)
        if isinstance(change, DictConfig) and isinstance(old, DictConfig):
            if change.get("name", old.get("name")) != old.get("name"):
                base[key] = {}
        elif key == "logger" and isinstance(change, str):
            changes[key] = [change]


def parse_overrides(overrides: Sequence[str]) -> DictConfig:
    """Return `["a.b=1"]` as nested values; 1e-3 is a number, and a word without = is refused."""
    for item in overrides:
        key, equals, value = item.partition("=")
        if not equals or not key or key.startswith("-"):
            raise UserError(f"{item!r} is not of the form key=value (such as training.batch_size=8).")
        if not value.strip():
            raise UserError(f"{item} has no value: write {key}=null for none.")
    try:
        return OmegaConf.from_dotlist(list(overrides))
    except (OmegaConfBaseException, YAMLError) as error:
        raise UserError(f"Cannot read {' '.join(overrides)}: {' '.join(str(error).split())}") from None


def from_mapping(values: Mapping[str, Any], origin: str) -> Config:
    """Return nested plain values as a `Config`.

    Args:
        values: as YAML has them.
        origin: where they come from, for messages.

    Returns:
        The config.

    Raises:
        UserError: the first mistake found, with the nearest right name.
    """
    try:
        text = json.dumps(dict(values))
    except TypeError:
        raise UserError(f"{origin} holds something else than texts, numbers, lists and mappings.") from None
    try:
        return TypeAdapter(Config).validate_json(text)
    except ValidationError as error:
        raise UserError(f"{origin}: {_explain(error, values)}") from None


def _explain(error: ValidationError, values: Mapping[str, Any]) -> str:
    problem = error.errors()[0]
    path = [str(part) for part in problem["loc"]]
    where = ".".join(path)
    sections: dict[str, Any] = {"vocabulary": VocabularyConfig, "training": TrainingConfig}
    owner = sections.get(path[0], Config) if len(path) > 1 else Config
    if problem["type"] == "unexpected_keyword_argument":
        return f"there is no option {where!r}. {nearest(path[-1], owner.__dataclass_fields__)}"
    if problem["type"] in ("missing", "missing_argument"):
        return f"{where} is missing."
    option = path[: 1 if owner is Config else 2]
    hint = get_type_hints(owner, include_extras=True)[option[-1]]
    value = functools.reduce(operator.getitem, option, values)
    return f"{'.'.join(option)} must be {wanted(hint, value)}, not {value!r}."
