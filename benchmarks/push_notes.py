"""What the tasks of :mod:`benchmarks.push` note down, and when: lines of JSON in a file."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

PLACE = "KAIZALA_BENCH_NOTES"


def note(what: str, **more: Any) -> None:
    """Write down that something happens now. Processes that write at once do not mix their lines."""
    line = json.dumps({"what": what, "at": time.time(), **more}) + "\n"
    handle = os.open(os.environ[PLACE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def read_notes(path: Path, what: str) -> list[dict[str, Any]]:
    """Return what was noted of one kind, in order. A line that is just being written is left out."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]
    return [found for found in map(json.loads, lines) if found["what"] == what]
