"""What a server is started with."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024
DEFAULT_DATABASE = "sqlite:///kaizala.db"


@dataclass(frozen=True)
class ServerConfig:
    """Settings of one server process.

    :param database: SQLAlchemy URL; SQLite file or PostgreSQL (``postgresql+psycopg://``)
    :param seed: name of a built-in seed, or the path of a seed file; applied only to an empty database
    :param test_mode: opens the control plane under ``/_test/``
    :param insecure: serve test mode or the demo seed on an address that others reach, under any ``Host``
    :param public_url: base of ``endpointUrl`` and of media links behind a proxy; else taken from each request
    :param trusted_proxies: addresses or networks whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed
    :param media_dir: where uploaded files lie; by default a folder beside the SQLite file
    :param connector_limit: calls a minute per connector, 0 for no limit
    :param tenant_limit: calls a minute per tenant, 0 for no limit
    :param accept_bearer: also take ``Authorization: Bearer`` as the access token on the Kaizala API
    :param allow_private_callbacks: let webhooks call private and loopback addresses (test mode implies it); media by URL too
    :param webhook_first_retry_seconds: gap before the first of 6 retries, doubled each time; the default spans 48 h
    """

    host: str = "127.0.0.1"
    port: int = 8787
    database: str = DEFAULT_DATABASE
    seed: str | None = None
    test_mode: bool = False
    insecure: bool = False
    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    media_dir: str | None = None
    connector_limit: int = 100
    tenant_limit: int = 300
    accept_bearer: bool = False
    allow_private_callbacks: bool = False
    max_body: int = 1 * MEBIBYTE
    max_lenient_body: int = 256 * 1024
    max_media: int = 100 * MEBIBYTE
    webhook_first_retry_seconds: float = 2742.0
    log_level: str = "info"
