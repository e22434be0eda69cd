"""The page for people: how large and how quick a group's first page is, with few posts, with 100,000, and with 30 polls on it.

The time is from the request to the last byte of the reply, over loopback and a kept connection; style and script are counted
beside, since a browser keeps them.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import time
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.load import LoadFailed
from benchmarks.server import GROUP, MANY, Kaizala, add_messages, prepare
from demo.people import PIN, RAVI
from demo.processes import Processes

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.bench import Figures, Setting

NAME = "page"
OWNS = ("page.",)
#: of one figure; their median is one run's
PAGES = 30
_ASSET = re.compile(rb'(?:href|src)="(/static/[^"]+)"')


class Cell(NamedTuple):
    """What the group holds: texts, and whether the newest posts are polls."""

    key: str
    texts: int
    polls: bool


CELLS = (
    Cell("page.first_feed.few", 40, False),
    Cell("page.first_feed", MANY, False),
    Cell("page.first_feed.polls", MANY, True),
)


class Reader:
    """Somebody signed in, as a browser asks."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port)
        body = json.dumps({"mobileNumber": RAVI, "pin": PIN})
        token = json.loads(self._ask("POST", "/people/session", body, "application/json"))["token"]
        self._cookie = {
            "Cookie": f"kaizala_session={token}; kaizala_zone=Asia/Kolkata",
            "Accept": "text/html",
            "Accept-Encoding": "gzip",
        }

    def _ask(self, method: str, path: str, body: str, kind: str) -> bytes:
        self._http.request(method, path, body, {"Content-Type": kind})
        return self._http.getresponse().read()

    def get(self, path: str) -> bytes:
        """Load something of the page."""
        self._http.request("GET", path, headers=self._cookie)
        reply = self._http.getresponse()
        content = reply.read()
        if reply.status != 200:
            raise LoadFailed(f"GET {path}: {reply.status} {content[:300]!r}")
        return content

    def timed(self, path: str) -> float:
        """Load a page; return the milliseconds that took."""
        began = time.perf_counter()
        self.get(path)
        return (time.perf_counter() - began) * 1000

    def close(self) -> None:
        """Hang up."""
        self._http.close()


def make_databases(processes: Processes, folder: Path) -> dict[str, Path]:
    """Make a database for each cell."""
    few, many = prepare(processes, folder)
    made: dict[str, Path] = {}
    for cell in CELLS:
        base = folder / f"{cell.key}.db"
        shutil.copy(many if cell.texts == MANY else few, base)
        if cell.texts != MANY:
            add_messages(base, cell.texts)
        if cell.polls:
            server = Kaizala(processes, base)
            server.post_polls()
            server.stop()
        made[cell.key] = base
    return made


def run(setting: Setting) -> Figures:
    """Measure each cell, on a server started anew each time."""
    samples: dict[str, list[float]] = {}
    with Processes(setting.folder) as processes:
        setting.begin(setting.runs * len(CELLS))
        databases = make_databases(processes, setting.folder)
        for _ in range(setting.runs):
            for cell in CELLS:
                server = Kaizala(processes, databases[cell.key])
                reader = Reader(server.port)
                path = f"/groups/{GROUP}"
                page = reader.get(path)
                assets = sum(len(reader.get(one.decode())) for one in set(_ASSET.findall(page)))
                times = sorted(reader.timed(path) for _ in range(PAGES))
                for name, value in (
                    ("kb", len(page) / 1000),
                    ("with_assets_kb", (len(page) + assets) / 1000),
                    ("ms", times[len(times) // 2]),
                    ("slowest_ms", times[-1]),
                ):
                    samples.setdefault(f"{cell.key}_{name}", []).append(value)
                reader.close()
                server.stop()
                setting.advance(f"{cell.key}: {len(page) / 1000:.0f} kB, {times[len(times) // 2]:.0f} ms")
    return {**samples}
