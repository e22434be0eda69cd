"""URLs of uploaded files for programs: unguessable, signed, and good for some weeks.

A reply or an event names a file by an absolute URL with ``until`` (epoch seconds) and ``key``, a signature by this server. Whoever
has the URL may read the file until then. Each reply and each delivery signs anew, so a program that needs a file later asks again.
The end is rounded up to a whole day, so that caches see the same URL all day.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass

from airflow_provider_kaizala.server.clock import DAY, SECOND
from airflow_provider_kaizala.server.store import media_links
from airflow_provider_kaizala.server.store.media_links import MediaLink


def signature(key: bytes, file_id: str, until: int) -> str:
    """Return what proves that this server allowed reading a file until a time."""
    return hmac.new(key, f"{file_id} {until}".encode(), hashlib.sha256).hexdigest()[:40]


def is_signed(key: bytes, file_id: str, until: str, given: str, now_ms: int) -> bool:
    """Tell whether a URL with these parts is good now."""
    if not (until.isascii() and until.isdigit() and len(until) < 16) or int(until) * SECOND <= now_ms:
        return False
    return hmac.compare_digest(signature(key, file_id, int(until)).encode(), given.encode())


@dataclass(frozen=True)
class MediaUrls:
    """Renders the links of one reply or delivery.

    :param base_url: the server's address, without a trailing slash
    """

    base_url: str
    key: bytes
    now_ms: int
    days: int

    def url(self, link: MediaLink) -> str:
        """Return the URL of a file."""
        until = (self.now_ms // DAY + 1 + self.days) * DAY // SECOND
        return f"{self.base_url}{link}?until={until}&key={signature(self.key, link.id, until)}"

    def dump(self, body: object) -> str:
        """Write a reply as JSON."""
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=self._render)

    def fill(self, stored: str) -> str:
        """Render the links of a stored event."""
        loaded = media_links.load(stored)
        return json.dumps(loaded, ensure_ascii=False, default=self._render)

    def _render(self, value: object) -> str:
        if not isinstance(value, MediaLink):
            raise TypeError(f"{type(value).__name__} is not JSON")
        return self.url(value)
