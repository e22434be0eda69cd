"""Calls against waits, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.bench import Figures


def write(path: Path, figures: Figures) -> None:
    """Draw."""
