"""What a server is started with: the one table of its settings, from which flags, environment and file are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MEBIBYTE = 1024 * 1024
DEFAULT_DATABASE = "sqlite:///kaizala.db"
#: before the name of a setting, in the environment
PREFIX = "KAIZALA_SERVER_"


def _setting(default: Any, text: str, **more: Any) -> Any:
    """Define a setting.

    :param text: its help
    :param more: ``least``, ``most`` of a number; ``choices`` of a text; ``host`` if it is the address to listen on; ``base_url`` if it is
        the base of addresses; ``networks`` or ``origins`` if it is a list of them; ``secret`` if messages must not show it; ``flag`` if
        it is not named as the setting, which for a list is given once for each
    """
    return field(default=default, metadata={"help": text, **more})


@dataclass(frozen=True)
class ServerConfig:
    """Settings of one server process; those with a help are flags, environment variables and keys of the file too."""

    host: str = _setting("127.0.0.1", "Address to listen on.", host=True)
    port: int = _setting(8787, "Port to listen on; 0 takes a free one.", least=0, most=65535)
    database: str = _setting(DEFAULT_DATABASE, "sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.")
    seed: str | None = _setting(None, "Built-in seed (demo) or seed file; applied only to an empty database.")
    test_mode: bool = _setting(False, "Open the control plane under /_test/. Never in production.")
    insecure: bool = _setting(
        False, "Serve test mode or the demo seed on an address that others reach, under any Host."
    )
    public_url: str | None = _setting(
        None,
        "The server's address as others see it, without a path. Without it, replies use the address of their request, "
        "and webhooks the one that the server listens on.",
        base_url=True,
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Address or network of a proxy whose X-Forwarded-For and X-Forwarded-Proto are believed, once for each.",
        flag="--trusted-proxy",
        networks=True,
    )
    media_dir: str | None = _setting(None, "Where uploads are kept; by default beside the SQLite file.")
    media_url_days: int = _setting(
        30, "Days for which URLs of files in replies and webhooks are good.", least=1, most=3650
    )
    media_quota: int = _setting(
        2048 * MEBIBYTE, "Bytes that a person may upload in 24 hours; 0 for no limit.", least=0
    )
    connector_limit: int = _setting(100, "Calls a minute per connector; 0 for no limit.", least=0)
    tenant_limit: int = _setting(300, "Calls a minute per tenant; 0 for no limit.", least=0)
    anonymous_limit: int = _setting(
        6_000,
        "Requests a minute from one address without a valid token or session; 0 for no limit. None in test mode.",
        least=0,
    )
    cors_origins: tuple[str, ...] = _setting(
        ("*",),
        "Site whose scripts may call the API, such as https://app.example, once for each; * for all, none for none.",
        flag="--cors-origin",
        origins=True,
    )
    accept_bearer: bool = _setting(False, "Also take Authorization: Bearer as the access token.")
    allow_private_callbacks: bool = _setting(
        False, "Let webhooks, and uploads by URL, call private addresses; --test-mode implies it."
    )
    webhook_first_retry_seconds: float = _setting(
        2742.0, "Gap before the first of 6 retries; each next one is twice as long.", least=0.001, most=86400
    )
    log_level: str = _setting("info", "What is logged.", choices=("debug", "info", "warning", "error"))
    log_format: str = _setting(
        "text", "Lines for people, or one JSON object a line.", choices=("text", "json")
    )
    access_log: bool = _setting(True, "Log each request.")
    metrics: bool = _setting(True, "Serve /metrics for Prometheus, to callers on this machine.")
    metrics_token: str | None = _setting(
        None,
        "Serve /metrics to callers elsewhere too, with this token as Authorization: Bearer.",
        secret=True,
    )
    max_body: int = 1 * MEBIBYTE
    max_media: int = 100 * MEBIBYTE
