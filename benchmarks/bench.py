"""What a bench is.

A module of this package with ``NAME``, ``OWNS`` (how its keys begin) and ``run(setting) -> Figures``; name it in ``__main__``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: a key's samples, one per run, of which the median is written with the least and the most; or one plain fact
Figures = dict[str, list[float] | float | int | str]


@dataclass(frozen=True)
class Setting:
    """What a bench runs with.

    :param folder: an empty folder on a real disk, removed afterwards
    :param runs: how often each figure is taken
    :param seconds: how long one measurement lasts
    :param begin: tells the number of steps of the progress bar
    :param advance: tells that a step is done, with a line about it
    :param keep: writes down figures of a long bench, in case a later step fails
    """

    folder: Path
    runs: int
    seconds: float
    begin: Callable[[int], None]
    advance: Callable[[str], None]
    keep: Callable[[Figures], None]


class Bench(Protocol):
    """A module that measures something."""

    NAME: str
    OWNS: tuple[str, ...]

    def run(self, setting: Setting) -> Figures:
        """Measure, and return flat keys."""
