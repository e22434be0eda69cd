"""Standard streams that are closed, full, or read by nobody."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

import click


def open_closed_streams() -> None:
    """Let the null device stand for each standard stream that the process was started without."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def stdout_was_closed() -> bool:
    """Tell whether the process was started without standard output."""
    return sys.__stdout__ is None


def discard(stream: TextIO) -> None:
    """Drop what could not be written to a standard stream; Python would try again, and complain, at its end."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def note(text: str) -> None:
    """Write a line to standard error, if it can be written; the exit status is the same if not."""
    try:
        click.echo(text, err=True)
    except OSError:
        discard(sys.stderr)


def read_line() -> str:
    """Return a line of standard input, or an empty text where there is none that can be read."""
    try:
        return sys.stdin.readline().rstrip("\n")
    except (OSError, ValueError):
        return ""
