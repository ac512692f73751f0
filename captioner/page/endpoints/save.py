"""Save what the page shows as one HTML file that works without a network."""

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse

from captioner.errors import UserError
from captioner.insight.saved_page import saved_page
from captioner.page.json_bodies import read_json
from captioner.page.page import page_of
from captioner.page.refusals import refuse_unknown

MAX_BYTES = 5_000_000  # attention maps of many captions
VIEWS = ("caption", "search", "ask", "text")


async def save(request: Request) -> HTMLResponse:
    """Return a page with the data that were sent, and the picture that they are about."""
    page = page_of(request)
    fields = await read_json(request, MAX_BYTES)
    refuse_unknown(fields, ("title", "picture", "view", "data"))
    title, view, data = fields.get("title", ""), fields.get("view"), fields.get("data")
    if view not in VIEWS or not isinstance(data, dict) or not isinstance(title, str):
        raise UserError(f"Send a title, data, and a view: {', '.join(VIEWS)}.")
    image = None
    if name := fields.get("picture"):
        image = await page.decode(page.pictures.get(str(name)).data)
    html = await to_thread.run_sync(saved_page, title, view, data, image)
    return HTMLResponse(html, headers={"Content-Disposition": 'attachment; filename="captioner.html"'})
