"""List the models, the searches with their options, and the example pictures."""

from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse

from captioner.page.examples import examples
from captioner.page.limits import LIMITS, N_BEST, TEXT
from captioner.page.model_catalog import TABS, ModelEntry
from captioner.page.page import page_of
from captioner.page.search_fields import describe_options, describe_searches
from captioner.page.settings import PageSettings


async def list_models(request: Request) -> JSONResponse:
    """List all that can be chosen."""
    page = page_of(request)
    entries = await to_thread.run_sync(page.catalog.entries)
    default: dict[str, str | None] = dict.fromkeys(TABS.values())
    for one in reversed(entries.values()):
        default[one.tab] = one.id
    return JSONResponse(
        {
            "models": [_entry_to_json(one) for one in entries.values()],
            "default": default,
            "searches": describe_searches(),
            "options": describe_options(),
            "examples": [
                {
                    "id": one.id,
                    "title": one.title,
                    "url": f"/api/pictures/{one.id}",
                    "kind": one.kind,
                    "questions": one.questions,
                }
                for one in examples().values()
            ],
            "limits": _limits(page.settings),
        }
    )


async def show_model(request: Request) -> JSONResponse:
    """Describe one model; it is loaded."""
    page = page_of(request)
    entry = await to_thread.run_sync(page.catalog.entry, request.path_params["model"])
    predictor = await page.predictor(entry)
    about = await page.thread.call(_describe, predictor, entry)
    return JSONResponse(_entry_to_json(entry) | about)


def _describe(predictor: Any, entry: ModelEntry) -> dict[str, Any]:
    from captioner.models.card import card_text, read_card

    about: dict[str, Any] = {"card": card_text(read_card(entry.folder))}
    model = predictor.model
    if entry.tab != "ask":
        from captioner.search.override import search_settings

        about["search"] = search_settings(predictor.search, predictor.search_config["name"])
        about["words"] = len(model.vocabulary)
    if entry.tab == "caption":
        about |= {"has_attention": model.decoder.has_attention, "grid": predictor.grid}
    if entry.tab == "text":
        from captioner.insight.interpretable_cells.units import layers_of

        about["layers"] = [model.decoder.cell.hidden_dim for _ in layers_of(model.decoder.cell)]
    return about


def _entry_to_json(one: ModelEntry) -> dict[str, Any]:
    return {"id": one.id, "task": one.task, "summary": one.summary, "tab": one.tab}


def _limits(settings: PageSettings) -> dict[str, Any]:
    return {
        "bytes": settings.max_body,
        "pixels": settings.max_pixels,
        "seconds": settings.max_seconds,
        "n_best": N_BEST,
        "text": TEXT,
        "options": LIMITS,
    }
