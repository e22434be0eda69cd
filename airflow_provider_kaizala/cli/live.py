"""The progress of a poll while it is waited for: bars on a terminal that can draw them, lines elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_kaizala.cli.output import console, is_terminal, note, printable
from airflow_provider_kaizala.waiting.rules import Quorum

if TYPE_CHECKING:
    from rich.console import RenderableType

    from airflow_provider_kaizala.waiting.wait import Update, Wait

#: times a second that the time left is drawn anew
REFRESH = 2


class Progress:
    """Shows how far a wait has come, on stderr. A context manager.

    :param question: the question
    """

    def __init__(self, question: str, wait: Wait) -> None:
        self._question, self._wait = question, wait
        self._last: Update | None = None
        self._trouble = ""
        self._live: Any = None

    def __enter__(self) -> Self:
        screen = console(err=True)
        if is_terminal(sys.stderr) and not screen.is_dumb_terminal:
            from rich.live import Live

            self._live = Live(
                get_renderable=self.render, console=screen, refresh_per_second=REFRESH, transient=True
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, update: Update) -> None:
        """Show what a look has found."""
        self._last, self._trouble = update, ""
        if self._live is None and update.news:
            note(update.text)

    def show_trouble(self, text: str) -> None:
        """Show why Kaizala cannot be read now."""
        if self._live is None and text != self._trouble:
            note(f"warning: {text}; trying again")
        self._trouble = text

    def render(self) -> RenderableType:
        """Return what a terminal shows now: a bar for each option, one for the whole, and a line of words."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        head = Text(printable(self._question), style="bold", no_wrap=True, overflow="ellipsis")
        left = self._wait.seconds_left()
        time_left = f"{_clock(left)} left" if left is not None else ""
        if self._last is None or self._last.progress is None:
            return Group(
                head, Text(self._trouble or "waiting for the first answer"), Text(time_left, style="dim")
            )
        progress, tally = self._last.progress, self._last.result["tally"]
        people = max(1, len(progress.answered), progress.needed)
        grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
        grid.add_column(max_width=24, overflow="ellipsis", no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(justify="right")
        for option, count in tally.items():
            grid.add_row(Text(printable(option)), ProgressBar(people, count, style="dim"), str(count))
        done, needed = _bar(self._wait, self._last)
        whole = ProgressBar(needed, done, style="dim", complete_style="green")
        grid.add_row(Text("decided", style="dim"), whole, f"{done}/{needed}")
        words = Text(printable(f"{self._trouble}; trying again" if self._trouble else self._last.text))
        return Group(head, grid, words, Text(time_left, style="dim"))


def _bar(wait: Wait, update: Update) -> tuple[int, int]:
    """Return how many of how many have done what the rule asks for."""
    progress, rule = update.progress, wait.rule
    if progress is None:
        return 0, 1
    count = len(progress.answered)
    if isinstance(rule, Quorum):
        tally: dict[str, int] = update.result["tally"]
        count = next((n for option, n in tally.items() if option.casefold() == rule.option.casefold()), 0)
    return min(count, progress.needed), progress.needed


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
