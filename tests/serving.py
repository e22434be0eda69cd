"""How tests start ``kaizala-server serve`` as a real process."""

from __future__ import annotations

import sys

UNLIMITED = ("--connector-limit", "0", "--tenant-limit", "0", "--anonymous-limit", "0")


def serve_command(*options: str) -> list[str]:
    """Return the command of a server on a free port; it prints ``ready URL``."""
    return [sys.executable, "-m", "airflow_provider_kaizala.server", "serve", "--port", "0", *options]
