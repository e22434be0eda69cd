"""What a running server holds, reachable from each request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from sqlalchemy.engine import make_url
from starlette.requests import Request

from airflow_provider_kaizala.server.clock import Clock
from airflow_provider_kaizala.server.config import ServerConfig
from airflow_provider_kaizala.server.delivery.calls import Outbound
from airflow_provider_kaizala.server.domain.throttle import Throttle
from airflow_provider_kaizala.server.limits import KnownTokens
from airflow_provider_kaizala.server.media_urls import MediaUrls
from airflow_provider_kaizala.server.pin_sign_in import PinHashing
from airflow_provider_kaizala.server.store.database import Database
from airflow_provider_kaizala.server.store.media_files import MediaFiles

# What may stand in the links of a reply: a name or an address, with or without a port.
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")


@dataclass
class ServerState:
    """The open parts of one server.

    :param media_key: signs the URLs of files; the same in all processes on one database
    :param address: the server's own address for what goes out by itself, without a trailing slash
    :param on_delivery: told of each delivery attempt of a webhook, and of each validation; the control plane's journal. What is
        handed over is plain JSON: ``operation`` (deliverEvent or validateCallback), ``webhookId``, ``eventId``, ``eventType``,
        ``callbackUrl``, ``attempt``, ``status`` (None without a reply), ``error``, ``durationMs``, ``body``
    :param rotation_ends_old_token: whether a refresh token stops working as soon as it was rotated, which no source tells; only
        the control plane sets it
    :param known_tokens: tokens that were found good in the last minutes, by the API, the page and the people's JSON
    """

    config: ServerConfig
    clock: Clock
    database: Database
    media: MediaFiles
    outbound: Outbound
    media_key: bytes
    address: str
    pins: PinHashing = field(default_factory=PinHashing)
    on_delivery: Callable[[Mapping[str, object]], None] | None = None
    rotation_ends_old_token: bool = False
    known_tokens: KnownTokens = field(default_factory=KnownTokens)

    def __post_init__(self) -> None:
        """Begin to count calls."""
        self.throttle = Throttle(self.database.submit)

    def media_urls(self, base_url: str) -> MediaUrls:
        """Return what renders links to files now."""
        return MediaUrls(base_url, self.media_key, self.clock.now_ms(), self.config.media_url_days)


def state_of(request: Request) -> ServerState:
    """Return the server that handles a request."""
    return cast(ServerState, request.app.state.kaizala)


def base_url(request: Request) -> str:
    """Return the server's own address without a trailing slash, as the caller sees it."""
    config = state_of(request).config
    if config.public_url:
        return config.public_url.rstrip("/")
    host = request.headers.get("host", "")
    if not _HOST.match(host):
        name, port = request.scope.get("server") or (config.host, config.port)
        host = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    # Not request.url: that reads the host too, and fails on one that is none.
    return f"{request.scope['scheme']}://{host}"


def media_urls(request: Request) -> MediaUrls:
    """Return what renders links to files in the reply to a request."""
    return state_of(request).media_urls(base_url(request))


def media_folder(config: ServerConfig) -> Path:
    """Return where uploads lie: the folder of the settings, or one beside the SQLite file."""
    if config.media_dir:
        return Path(config.media_dir)
    url = make_url(config.database)
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(url.database + ".media")
    return Path("kaizala-media")
