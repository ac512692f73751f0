"""Take pictures in, and show them."""

from io import BytesIO

from anyio import to_thread
from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from captioner.page.forms import read_form
from captioner.page.page import page_of

LONGER_SIDE = 1024  # pixels of a picture that is shown
JPEG_QUALITY = 88


async def add_picture(request: Request) -> JSONResponse:
    """Keep a picture, for requests that name it by its id."""
    form = await read_form(request)
    form.refuse_unknown(("image",))
    return JSONResponse((await page_of(request).read_picture(form)).to_json(), 201)


async def show_picture(request: Request) -> Response:
    """Send a picture upright, as JPEG, at most 1024 pixels wide and high."""
    page = page_of(request)
    image = await page.decode(page.pictures.get(request.path_params["picture"]).data)
    return Response(await to_thread.run_sync(as_jpeg, image), media_type="image/jpeg")


def as_jpeg(image: Image.Image) -> bytes:
    """Return the bytes of a JPEG file, made smaller where the image is large."""
    small = image.copy()
    small.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
    file = BytesIO()
    small.save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()
