"""``airflow-kaizala server``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def server(args: argparse.Namespace) -> int:
    """Become ``kaizala-server``: its process has nothing of Airflow in it, and signals reach it."""
    given = args.arguments[1:] if args.arguments[:1] == ["--"] else args.arguments
    command = [sys.executable, "-m", "airflow_provider_kaizala.server", *given]
    os.execv(sys.executable, command)  # noqa: S606 - it is this Python
