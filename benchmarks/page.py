"""The page under load, against the same model without a server.

    python benchmarks/page.py
    python benchmarks/page.py --pictures 512 --seconds 60

Both sides run in turns on this machine, the server in a process of its own, on crops of the example
photographs that all differ, each a JPEG file of about 640 pixels. Prints, with what is wanted:

- the captions a second of 64 clients at once, over those of `Captioner.stream` on the same pictures (.8);
- the median time of one client alone, over that of `Captioner.caption` on the same pictures (1.15);
- what 200 clients at once get in a minute: statuses (200 and 503 alone), captions a second, the server's
  memory in each quarter.
"""

import asyncio
import io
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx2
from PIL import Image
from report import Report, benchmark_parser

from captioner.inference.caption import Captioner
from captioner.paths import model_folder

ROOT = Path(__file__).resolve().parents[1]
CLIENTS, CROWD, ALONE = 64, 200, 24
TIMEOUT = 600.0


def jpegs(count: int) -> list[bytes]:
    """Return files of pictures that all differ: random crops of the example photographs."""
    rng = random.Random(1)
    photos = [Image.open(file).convert("RGB") for file in sorted((ROOT / "examples/photos").glob("*.jpg"))]
    files = []
    for number in range(count):
        photo = photos[number % len(photos)]
        width, height = (round(side * rng.uniform(0.7, 1)) for side in photo.size)
        left, top = rng.randint(0, photo.width - width), rng.randint(0, photo.height - height)
        crop = photo.crop((left, top, left + width, top + height))
        file = io.BytesIO()
        crop.resize((640, round(640 * height / width))).save(file, "JPEG", quality=90)
        files.append(file.getvalue())
    return files


class Server:
    """`captioner serve` in a process of its own, with the model loaded."""

    def __init__(self, model: Path) -> None:
        command = [sys.executable, str(ROOT / "scripts/serve.py"), "--port", "0", "--model", str(model)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[0].rstrip("/")

    def memory(self) -> float:
        """Return the resident memory in MB; 0 where there is no /proc."""
        status = Path(f"/proc/{self.process.pid}/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait()


def connections(address: str, count: int) -> httpx2.AsyncClient:
    """Return a client that holds a connection for each of many users: one of its own costs each 20 ms."""
    limits = httpx2.Limits(max_connections=count, max_keepalive_connections=count)
    return httpx2.AsyncClient(base_url=address, timeout=TIMEOUT, limits=limits)


async def post(client: httpx2.AsyncClient, picture: bytes) -> int:
    """Caption a picture, and return the status."""
    answer = await client.post("/api/caption", files={"image": ("a.jpg", picture)})
    return answer.status_code


async def at_once(address: str, pictures: Sequence[bytes], clients: int) -> float:
    """Return the seconds in which that many clients get captions of all pictures, each one at a time."""
    waiting = list(pictures)

    async def work(client: httpx2.AsyncClient) -> None:
        while waiting:
            assert await post(client, waiting.pop()) == 200

    async with connections(address, clients) as client:
        started = time.perf_counter()
        await asyncio.gather(*(work(client) for _ in range(clients)))
        return time.perf_counter() - started


async def crowd(
    server: Server, pictures: Sequence[bytes], seconds: float
) -> tuple[Counter[str], list[float]]:
    """Return how many requests of 200 clients ended how, and the memory in each quarter of the time."""
    ends: Counter[str] = Counter()
    memory: list[float] = []
    started = time.perf_counter()

    async def work(client: httpx2.AsyncClient, number: int) -> None:
        while time.perf_counter() - started < seconds:
            try:
                status = await post(client, pictures[number % len(pictures)])
            except httpx2.HTTPError as error:
                ends[type(error).__name__] += 1
                continue
            ends[str(status)] += 1
            number += CROWD
            if status == 503:
                await asyncio.sleep(2)  # as Retry-After says

    async def watch() -> None:
        for _ in range(4):
            await asyncio.sleep(seconds / 4)
            memory.append(server.memory())

    async with connections(server.address, CROWD) as client:
        await asyncio.gather(watch(), *(work(client, number) for number in range(CROWD)))
    return ends, memory


def offline(captioner: Captioner, pictures: Sequence[bytes]) -> float:
    """Return the seconds of all pictures in batches."""
    started = time.perf_counter()
    for _ in captioner.stream([(str(number), one) for number, one in enumerate(pictures)]):
        pass
    return time.perf_counter() - started


def alone(captioner: Captioner, address: str, pictures: Sequence[bytes]) -> tuple[list[float], list[float]]:
    """Return the times of pictures one by one, without the server and with it, in turns."""
    without, with_it = [], []
    with httpx2.Client(base_url=address, timeout=TIMEOUT) as client:
        for picture in pictures:
            started = time.perf_counter()
            captioner.caption(picture)
            without.append(time.perf_counter() - started)
            started = time.perf_counter()
            client.post("/api/caption", files={"image": ("a.jpg", picture)}).raise_for_status()
            with_it.append(time.perf_counter() - started)
    return without, with_it


def main() -> None:
    """Measure and print."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="photos")
    options = parser.parse_args()
    figures = Report("page", options.json)
    pictures = jpegs(options.pictures)
    folder = model_folder(options.model, "caption")
    captioner, server = Captioner(folder), Server(folder)
    try:
        alone(captioner, server.address, pictures[:3])  # both are warm
        rates: list[tuple[float, float]] = []
        for _ in range(options.rounds):
            without = len(pictures) / offline(captioner, pictures)
            rates.append((len(pictures) / asyncio.run(at_once(server.address, pictures, CLIENTS)), without))
            print(f"{CLIENTS} clients {rates[-1][0]:.2f} captions/s, offline {without:.2f}", flush=True)
        ratio = statistics.median(one / other for one, other in rates)
        figures.add(
            f"{CLIENTS} clients at once", ratio, "of the offline rate, .8 wanted", higher_is_better=True
        )
        without_s, with_s = map(statistics.median, alone(captioner, server.address, pictures[:ALONE]))
        figures.add("one client", 1000 * with_s, "ms", higher_is_better=False)
        figures.add("without the server", 1000 * without_s, "ms", higher_is_better=False)
        figures.add(
            "with the server over without", with_s / without_s, "x, 1.15 wanted", higher_is_better=False
        )
        before = server.memory()
        ends, memory = asyncio.run(crowd(server, pictures, options.seconds))
        each = ", ".join(f"{number:.0f}" for number in (before, *memory))
        print(f"{CROWD} clients for {options.seconds:.0f} s: {dict(ends)}; memory in MB {each}")
        figures.record(f"{CROWD} clients", ends["200"] / options.seconds, "captions/s", higher_is_better=True)
        figures.record(f"{CROWD} clients, memory", max(memory), "MB", higher_is_better=False)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
