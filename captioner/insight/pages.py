"""Web pages of one file, without network: a template of `templates/` filled with values."""

import base64
import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from jinja2 import Environment

JPEG_QUALITY = 80


def write_page(file: Path, template: str, **values: Any) -> None:
    """Render a template into a file, and make the file's folder.

    Args:
        file: the page to write.
        template: name of a file in `templates/`. Every value in it is escaped, whatever it holds; data for a
            script goes through the filter `tojson`, which also escapes < > & and '.
        **values: the variables of the template. A missing one is an error.
    """
    html = render_page(template, **values)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(html, encoding="utf-8", errors="replace")  # a file's name may be no valid Unicode


def render_page(template: str, **values: Any) -> str:
    """Return a template filled with values, see `write_page`."""
    return _environment().get_template(template).render(values)


def jpeg_data_uri(image: Image.Image, longer_side: int) -> str:
    """Return a picture as a `data:` URI, made smaller to `longer_side` pixels if it is larger."""
    small = image.convert("RGB")
    small.thumbnail((longer_side, longer_side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("captioner.insight"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    return environment
