"""Write what the page shows as one HTML file that works without a network."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image

from captioner.insight.pages import jpeg_data_uri, render_page

STATIC = Path(__file__).with_name("static")
MODULES = (
    *("dom.js", "attention_view.js", "caption_view.js", "tree_layout.js"),
    *("search_tree.js", "step_player.js", "answers_view.js", "text_view.js", "saved_view.js"),
)
"""Modules that draw what was found; they import from one another alone, those before."""
STYLE = "page.css"
LONGER_SIDE = 800  # pixels of the picture
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./[\w.]+";\n', re.MULTILINE)


def saved_page(title: str, view: str, data: Mapping[str, Any], image: Image.Image | None) -> str:
    """Return the HTML.

    Args:
        title: of the page.
        view: what is shown: caption, search, ask or text.
        data: of the view, as the server sent them.
        image: the picture that they are about.

    Returns:
        The page, with the modules that draw it as one script: their import lines are left out, since all
        names are there.
    """
    modules = (_IMPORT.sub("", (STATIC / name).read_text(encoding="utf-8")) for name in MODULES)
    picture = jpeg_data_uri(image, LONGER_SIDE) if image else ""
    return render_page(
        "saved.html",
        title=title or "captioner",
        style=Markup((STATIC / STYLE).read_text(encoding="utf-8")),
        modules=Markup("\n".join(modules)),
        shown={"view": view, "data": data, "picture": picture},
    )
