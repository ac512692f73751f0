"""Check a data set before training on it, write it as tar shards, or store the features of its pictures.

  python scripts/data.py check --task caption
  python scripts/data.py check --config configs/recipes/flickr8k_show_tell.yaml data.folder=~/flickr8k
  python scripts/data.py check name=folder folder=~/photos
  python scripts/data.py check name=daquar folder=~/daquar
  python scripts/data.py check --task char-lm data.path=my_texts/
  python scripts/data.py check --task translate data.path=pairs.tsv
  python scripts/data.py shard name=folder folder=~/photos --output shards/
  python scripts/data.py features --config configs/recipes/coco_show_attend_tell_vgg19.yaml data.folder=~/coco

Prints for each split the numbers of pictures and captions, how long captions are, how many words the
vocabulary keeps, and every picture that is missing or cannot be read. Of questions also: how many answers are
in the list of the most common, and what can be guessed without the picture. Of a text: characters, the rarest
of them, those that look like a wrong encoding, the updates of an epoch, and files that cannot be read. Of
pairs to translate: lengths, and what must go wrong: symbols not learnt, targets that are too long.

shard writes captioned pictures as WebDataset shards, SPLIT-000000.tar and so on, with an index beside each;
`data.name=shards data.folder=shards/` trains on them. A second run goes on after the last whole shard.

features computes what a frozen encoder gives for the pictures of train and val, and stores it where training
looks for it. Several processes that run the same command divide the work, and a second run goes on.
"""

import argparse
from pathlib import Path

from captioner.commands import FULL
from captioner.commands.options.numbers import in_range
from captioner.config import Component, Config, load, parse_overrides
from captioner.errors import UserError
from captioner.files.outputs import check_folder
from captioner.paths import config_file, expanded
from captioner.ranges import Count

SAMPLES_PER_SHARD = 5000
"""As cc3m-wds has; 250 MB of photographs of 50 kB."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("action", choices=["check", "shard", "features"], help="what to do with the data")
    parser.add_argument(
        "changes",
        nargs="*",
        metavar="key=value",
        help="changes to the config, or the data set: name=..., its options",
    )
    parser.add_argument("--task", help="the data set of this task's config")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the data set of this config")
    parser.add_argument(
        "--min-count", type=in_range(Count), metavar="N", help="how often a word is seen to be kept"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="shard: the folder of the shards")
    parser.add_argument(
        "--samples-per-shard",
        type=in_range(Count),
        default=SAMPLES_PER_SHARD,
        metavar="N",
        help=f"shard: pictures of a file ({SAMPLES_PER_SHARD:,})",
    )


def run(arguments: argparse.Namespace) -> None:
    """Read everything once and print what was found, or written."""
    if arguments.task or arguments.config:
        config = load(arguments.config or config_file(arguments.task), arguments.changes)
    elif arguments.changes:
        data = {str(key): value for key, value in parse_overrides(arguments.changes).items()}
        config = Config(task={"name": _task_for(data)}, data=data, decoder={})
    else:
        raise UserError("Say which data: --task caption, --config FILE, or name=folder folder=PATH.")
    if arguments.min_count is not None:
        if config.task.get("name") == "char_lm":
            raise UserError("--min-count has no meaning for the task char_lm.")
        config.vocabulary.min_count = arguments.min_count
    from captioner.models.base import model_class

    model_class(config).sources.check(config.data)  # a mistake is answered before Lightning is imported
    if arguments.action == "shard":
        _shard(config, arguments.output, arguments.samples_per_shard)
        return
    if arguments.action == "features":
        if not config.encoder:
            raise UserError("Features are those of an encoder: name its config with --task or --config.")
        from captioner.training.train import store_features

        store_features(config)
        return
    from captioner.training.task_class import task_class

    print(task_class(config).check_data(config))


def _shard(config: Config, output: Path | None, samples_per_shard: int) -> None:
    if config.task["name"] != "caption":
        raise UserError(
            f"Only captioned pictures are written as shards, not the data of {config.task['name']}."
        )
    if output is None:
        raise UserError("Say where the shards go: --output DIR.")
    folder = expanded(output)
    check_folder(folder, "--output")
    from captioner.data.captions.base import CAPTION_SOURCES
    from captioner.data.formats.shard_writer import write_shards

    try:
        print(write_shards(CAPTION_SOURCES.build(config.data), folder, samples_per_shard, progress=True))
    except OSError as problem:
        if problem.errno not in FULL:
            raise
        advice = "The shards that are written are whole, and the same command goes on"
        raise UserError(f"{folder}: {problem.strerror}. {advice} where there is room.") from None


def _task_for(data: Component) -> str:
    """Return the first task that has such data, where none is named; captions come first."""
    from captioner.models.base import MODELS, model_class

    tasks = sorted(MODELS, key=lambda task: task != "caption")
    kinds = {task: model_class(Config(task={"name": task}, data={})).sources for task in tasks}
    return next((task for task, sources in kinds.items() if data.get("name") in list(sources)), "caption")
