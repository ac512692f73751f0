"""Models of timm: construction by name, pretrained weights, preprocessing."""

import difflib
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from types import NoneType
from typing import Any

from torch import nn

from captioner.encoders.weights import downloading
from captioner.errors import UserError, nearest
from captioner.preprocessing import Preprocessing

# A model folder may come from anywhere, and timm has arguments that load files or fetch them
# (checkpoint_path, pretrained_cfg, cache_dir): only those that shape the network are passed on.
ARGUMENTS = frozenset(
    {
        *("img_size", "patch_size", "window_size", "strict_img_size", "dynamic_img_size", "dynamic_img_pad"),
        *("embed_dim", "embed_dims", "depth", "depths", "num_heads", "mlp_ratio", "qkv_bias", "qk_norm"),
        *(
            "drop_rate",
            "drop_path_rate",
            "proj_drop_rate",
            "attn_drop_rate",
            "pos_drop_rate",
            "patch_drop_rate",
        ),
        *("act_layer", "norm_layer", "norm_eps", "bn_eps", "bn_momentum", "init_values", "class_token"),
        *(
            "pad_type",
            "output_stride",
            "global_pool",
            "stem_type",
            "stem_size",
            "width",
            "widths",
            "fix_stem",
        ),
        *("layers", "channels", "kernel_size", "mlp_ratios", "layer_scale_init_value", "zero_init_last"),
    }
)


def create(model: str, pretrained: bool, arguments: dict[str, Any]) -> Any:
    """Create timm's model of a name.

    Args:
        model: the name.
        pretrained: fetch timm's weights.
        arguments: those of `ARGUMENTS`, passed on to `timm.create_model`.

    Returns:
        The model.

    Raises:
        UserError: there is none, an argument is wrong, or its weights cannot be downloaded.
    """
    _check(arguments)
    import timm

    name = model.partition(".")[0]
    if not timm.is_model(name):
        close = difflib.get_close_matches(name, timm.list_models(), n=1)
        raise UserError(
            f"timm has no model {model!r}. {f'Did you mean {close[0]}?' if close else ''}".rstrip()
        )
    try:
        with _announced(model) if pretrained else nullcontext():
            return timm.create_model(model, pretrained=pretrained, **arguments)
    except (TypeError, RuntimeError, ValueError) as error:
        raise UserError(f"timm cannot make {model} with the arguments {arguments}: {error}.") from None


def _check(arguments: Mapping[str, Any]) -> None:
    for name, value in arguments.items():
        if name not in ARGUMENTS:
            raise UserError(f"encoder timm: {name!r} is not passed on. {nearest(name, ARGUMENTS)}")
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, (str, int, float, NoneType)):
                raise UserError(f"encoder timm: {name} must be a number, a word or a list of such.")


def _announced(model: str) -> AbstractContextManager[None]:
    """A context to load pretrained weights in: an announced download, unless they are in the cache."""
    import timm
    from huggingface_hub import try_to_load_from_cache

    known = timm.get_pretrained_cfg(model)
    if known is None or not (known.hf_hub_id or known.url):
        raise UserError(f"timm has no pretrained weights of {model}.")
    if known.hf_hub_id and isinstance(try_to_load_from_cache(known.hf_hub_id, "model.safetensors"), str):
        return nullcontext()
    return downloading(f"https://huggingface.co/{known.hf_hub_id}" if known.hf_hub_id else str(known.url))


def preprocessing_of(
    net: nn.Module, image_size: int | None, resize: Any, resize_size: int | None, mean: Any, std: Any
) -> Preprocessing:
    """Return the preprocessing of a model, which is timm's at test time unless options say otherwise.

    Args:
        net: the model.
        image_size: side of the square; None: the model's own.
        resize: as in `Preprocessing`.
        resize_size: likewise; None: the model's own.
        mean: of each channel; None: the model's own.
        std: likewise.

    Returns:
        The preprocessing.
    """
    from timm.data.config import resolve_model_data_config

    own: dict[str, Any] = resolve_model_data_config(net)  # type: ignore[no-untyped-call, unused-ignore]
    # The argument `img_size` of a model does not change the size in its description.
    built_for = getattr(getattr(net, "patch_embed", None), "img_size", None)
    size = image_size or (built_for or own["input_size"][1:])[0]
    return Preprocessing(
        size=size,
        resize=resize,
        resize_size=resize_size or (math.floor(size / own["crop_pct"]) if resize == "crop" else None),
        mean=tuple(mean or own["mean"]),
        std=tuple(std or own["std"]),
        interpolation="bilinear" if own["interpolation"] == "bilinear" else "bicubic",
    )
