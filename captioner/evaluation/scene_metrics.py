"""Metrics of captions of synthetic scenes: whether they are true, and attention on the objects they name.

T words, L locations.
"""

from collections.abc import Mapping

from captioner.data.captions.scenes import Scenes
from captioner.inference.caption_results import Caption
from captioner.insight.attention_map import mass_inside
from captioner.scenes.judge import Verdict, judge
from captioner.scenes.scene import IMAGE_SIZE, Box


def share_true(scenes: Scenes, captions: Mapping[int, str]) -> float:
    """Return the share of captions that describe the whole scene, all of it truly."""
    verdicts = [judge(text, scenes.scene(image_id)) for image_id, text in captions.items()]
    return sum(map(_is_right, verdicts)) / max(1, len(verdicts))


def attention_on_objects(
    scenes: Scenes, captions: Mapping[int, Caption], grid: tuple[int, int]
) -> dict[str, float]:
    """Compute the attention on the objects that right captions name.

    Args:
        scenes: the images.
        captions: of each image by id, with their attention weights.
        grid: rows and columns of the locations.

    Returns:
        `attention_inside`, the attention weight inside the boxes of the named objects, and `box_area`, the
        share of the image that these boxes cover, both means over the nouns of right captions; empty for a
        model without attention.
    """
    inside: list[float] = []
    area: list[float] = []
    for image_id, caption in captions.items():
        verdict = judge(caption.text, scenes.scene(image_id))
        if caption.alphas_TL is None or not _is_right(verdict):
            continue
        size = (IMAGE_SIZE, IMAGE_SIZE)
        for noun in verdict.nouns:
            inside.append(mass_inside(caption.alphas_TL[noun.word_index], grid, noun.boxes, size))
            area.append(sum(map(_area, noun.boxes)) / IMAGE_SIZE**2)
    if not inside:
        return {}
    return {"attention_inside": sum(inside) / len(inside), "box_area": sum(area) / len(area)}


def _is_right(verdict: Verdict) -> bool:
    return verdict.is_true and verdict.is_complete


def _area(box: Box) -> float:
    return (box.x1 - box.x0) * (box.y1 - box.y0)
