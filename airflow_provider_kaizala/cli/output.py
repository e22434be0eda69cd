r"""What commands print: lines, and rows as a table, JSON, YAML or plain columns.

What comes from Kaizala was typed by other people: characters that a terminal would obey are shown as ``\u001b``.
"""

from __future__ import annotations

import json
import logging
import re
import select
import sys
import time
import warnings
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

Row = dict[str, Any]

#: control characters, and those that turn the direction of a text around
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
#: styles of words that are a cell of their own
_STYLES = {
    "ok": "green",
    "active": "green",
    "valid": "green",
    "warning": "yellow",
    "skipped": "dim",
    "failed": "bold red",
    "disabled": "bold red",
    "ended": "bold red",
    "expired": "yellow",
}


def printable(value: object) -> str:
    """Return a value as text that a terminal only shows."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(printable, value))
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", str(value))


def counted(count: int, noun: str) -> str:
    """Return a number of things: ``1 group``, ``2 groups``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


# --- lines ---------------------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Print a line to stdout."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """Print a line to stderr, beside the output."""
    _write(sys.stderr, text)


def complain(text: str) -> None:
    """Print an error to stderr, in one line."""
    note(f"error: {' '.join(text.split())}")


def _write(stream: IO[str] | None, text: str) -> None:
    if stream is not None:  # as when it was closed before the start
        print(printable(text), file=stream, flush=True)


def flush() -> None:
    """Write out what is left."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


# --- rows ----------------------------------------------------------------------------------------------------------------


def show(rows: Sequence[Row], output: str, columns: Mapping[str, str], nothing: str) -> None:
    """Print rows.

    :param output: ``table``, ``json``, ``yaml`` or ``plain``
    :param columns: key to heading, of what a table shows; JSON and YAML contain all keys
    :param nothing: what to say in place of a table without rows; empty if an error has said why there are none
    """
    match output:
        case "json":
            say(json.dumps(rows, indent=2, ensure_ascii=False))
        case "yaml":
            say(_yaml(list(rows)))
        case _ if not rows:
            if nothing:
                note(nothing)
        case _:
            cells = [list(columns.values()), *([_cell(row[key]) for key in columns] for row in rows)]
            if output == "plain" or not is_terminal(sys.stdout):
                _print_aligned(cells)
            else:
                _print_table(cells)


def show_one(row: Row, output: str, columns: Mapping[str, str]) -> None:
    """Print one thing: a JSON object, a YAML mapping, or a table with one row."""
    match output:
        case "json":
            say(json.dumps(row, indent=2, ensure_ascii=False))
        case "yaml":
            say(_yaml(row))
        case _:
            show([row], output, columns, "")


def show_item(row: Row, output: str, line: str) -> None:
    """Print one of many things as soon as it is known: a line, or a line of JSON, or a YAML document.

    :param line: it as text
    """
    match output:
        case "json":
            say(json.dumps(row, ensure_ascii=False))
        case "yaml":
            say("---\n" + _yaml(row))
        case _:
            say(line)


def _yaml(value: Any) -> str:
    import yaml  # few want it

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True)).rstrip("\n")


def _cell(value: object) -> str:
    return " ".join(printable(value).split())


def _print_aligned(cells: Sequence[Sequence[str]]) -> None:
    """Print columns that are aligned and never cut, for programs."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        line = "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        )
        say(line.rstrip())


def _print_table(cells: Sequence[Sequence[str]]) -> None:
    """Print a table that fits the terminal; where its words are too wide for that, each row as a block of lines."""
    from rich.cells import cell_len
    from rich.table import Table

    screen = console()
    heads, *rows = cells
    columns = list(zip(*cells, strict=True))
    words = [max(cell_len(word) for cell in column for word in (cell.split() or [""])) for column in columns]
    if sum(words) + 2 * (len(words) - 1) <= screen.width:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column, word in zip(columns, words, strict=True):
            table.add_column(column[0], min_width=word, no_wrap=max(map(cell_len, column)) == word)
        for row in rows:
            table.add_row(*map(_styled, row))
        screen.print(table)
        return
    for at, row in enumerate(rows):
        block = Table.grid(padding=(0, 2, 0, 0))
        block.add_column(style="bold", no_wrap=True)
        block.add_column(overflow="fold")
        for head, cell in zip(heads, row, strict=True):
            block.add_row(head, _styled(cell))
        if at:
            screen.print()
        screen.print(block)


def _styled(cell: str) -> Any:
    from rich.text import Text

    return Text(cell, style=_STYLES.get(cell, ""))


# --- the terminal ----------------------------------------------------------------------------------------------------------


def is_terminal(stream: IO[str] | None) -> bool:
    """Tell whether a person reads this stream."""
    return stream is not None and stream.isatty()


def console(*, err: bool = False) -> Console:
    """Return the terminal behind stdout, or behind stderr."""
    from rich.console import Console

    # with a file that it asks for anew each time, since tests replace it
    return Console(stderr=err, highlight=False, markup=False, emoji=False)


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show a person that something takes time."""
    shown: Any = nullcontext()
    if is_terminal(sys.stderr):
        from rich.text import Text

        shown = console(err=True).status(Text(printable(text)))
    with shown:
        yield


def pause(seconds: float) -> None:
    """Sleep; end at once when the program that reads the output has ended.

    :raises BrokenPipeError: if it has
    """
    until = time.monotonic() + seconds
    try:
        reader = select.poll()
        reader.register(sys.stdout.fileno(), 0)
    except (
        AttributeError,
        OSError,
        ValueError,
    ):  # no stdout, no such call on this system, or a stand-in for a stream
        time.sleep(seconds)
        return
    if reader.poll(max(0.0, until - time.monotonic()) * 1000):
        raise BrokenPipeError


@contextmanager
def tame_streams(verbose: bool) -> Iterator[None]:
    """Keep Airflow's log out of the output, which may be JSON, and if not *verbose*, all of it but errors of ours out of sight."""
    # it logs to what is stdout now, such as that it cannot create its log folder
    with redirect_stdout(sys.stderr):
        import airflow  # noqa: F401 - it sets up logging

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    with warnings.catch_warnings():
        if verbose:
            root.setLevel(logging.DEBUG)
            root.handlers[:] = [_on_stderr(handler) for handler in root.handlers]
        else:
            warnings.simplefilter("ignore")
            root.handlers[:] = [_OwnErrors(logging.ERROR)]
        try:
            yield
        finally:
            root.level, root.handlers[:] = before


class _OwnErrors(logging.Handler):
    """Prints errors that this package logs, such as that of a token which cannot be stored, and drops all else."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("airflow_provider_kaizala"):
            note(f"warning: {record.getMessage()}")


def _on_stderr(handler: logging.Handler) -> logging.Handler:
    if getattr(handler, "stream", None) is not sys.stdout:
        return handler
    # that of Airflow 2 cannot be given another stream
    other = logging.StreamHandler(sys.stderr)
    other.setLevel(handler.level)
    other.setFormatter(handler.formatter)
    other.filters = handler.filters  # they mask secrets
    return other
