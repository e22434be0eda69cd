"""The page's own style and script: served from here, named by their content so that a browser may keep them."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Asset(NamedTuple):
    """A file of the page."""

    content: bytes
    #: the same content for browsers on slow lines; pages are not packed, since they hold a secret beside what people write
    packed: bytes
    mime_type: str
    version: str


@cache
def assets() -> dict[str, Asset]:
    """Return all of them by name."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            version = hashlib.sha256(content).hexdigest()[:12]
            found[path.name] = Asset(content, gzip.compress(content, mtime=0), _TYPES[path.suffix], version)
    return found


def asset_url(name: str) -> str:
    """Return where a file is, with its version."""
    return f"/static/{name}?v={assets()[name].version}"
