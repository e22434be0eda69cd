"""Checks each link within the built site: its page, file or picture must exist, and so must the place on the page."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urlsplit

from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx

log = logging.getLogger(__name__)


class Page(HTMLParser):
    """Where a page leads, and which places it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note links and ids."""
        given = dict(attrs)
        self.places.update(filter(None, (given.get("id"), given.get("name") if tag == "a" else None)))
        self.links.update(filter(None, (given.get("href"), given.get("src"))))


def check(app: Sphinx, error: Exception | None) -> None:
    """Warn of each link that leads nowhere."""
    if error or app.builder.format != "html":
        return
    root = Path(app.outdir).resolve()
    pages = {path: Page(path) for path in root.rglob("*.html")}
    for path, page in pages.items():
        for link in sorted(page.links):
            where, place = urldefrag(link)
            parts = urlsplit(where)
            if parts.scheme or parts.netloc or (not where and not place):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                log.warning("%s: %s leads to no file", path.relative_to(root), link)
            elif place and target in pages and unquote(place) not in pages[target].places:
                log.warning("%s: %s leads to no place on that page", path.relative_to(root), link)


def setup(app: Sphinx) -> dict[str, bool]:
    """Extend Sphinx."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True}
