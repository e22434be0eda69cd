"""Runs a command: whatever happens, one line on stderr and an exit code that says what kind of thing it was."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.cli import output
from airflow_provider_kaizala.cli.errors import exit_code
from airflow_provider_kaizala.cli.exit_codes import CLOSED_PIPE, FAILED, INTERRUPTED, TERMINATED, WRONG
from airflow_provider_kaizala.client.errors import KaizalaError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP has come: a command ends as it does after Ctrl-C."""


def run(function: str, args: argparse.Namespace) -> int:
    """Run ``module:function`` of this package; return the exit code."""
    verbose = getattr(args, "verbose", False)
    code = FAILED
    try:
        with _terminable():
            try:
                with output.tame_streams(verbose):
                    code = int(_function(function)(args))
                output.flush()
            except BrokenPipeError:
                raise
            except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - a person reads one line
                code = _code(error)
                _report(error, verbose)
                output.flush()
    except BrokenPipeError:
        code = CLOSED_PIPE
    except OSError:
        pass  # not even the error can be written; the exit code still says what happened
    _discard_what_cannot_be_written()
    return code


def _function(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(f"airflow_provider_kaizala.cli.{module}"), name)


def _code(error: BaseException) -> int:
    match error:
        case Terminated():
            return TERMINATED
        case KeyboardInterrupt():
            return INTERRUPTED
        case KaizalaError():
            return exit_code(error)
        case EOFError():
            return WRONG
    return FAILED


def _report(error: BaseException, verbose: bool) -> None:
    if isinstance(error, KeyboardInterrupt):
        output.complain("terminated" if isinstance(error, Terminated) else "interrupted")
        return
    if isinstance(error, KaizalaError) or _is_of_airflow(error):
        output.complain(str(error))
        return
    if isinstance(error, EOFError):
        output.complain("stdin has ended where an answer was expected")
        return
    if verbose:
        traceback.print_exception(error)
    if isinstance(error, OSError):  # such as a full disk
        output.complain(error.strerror or str(error))
        return
    text = " ".join(str(error).split())
    hint = "" if verbose else "; --verbose shows where"
    output.complain(f"unexpected {type(error).__name__}{text and f': {text[:300]}'}{hint}")


def _is_of_airflow(error: BaseException) -> bool:
    """Tell whether it is an ``AirflowException``, which may be raised while Airflow is imported."""
    return any(kind.__name__ == "AirflowException" for kind in type(error).__mro__)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does, unless they are ignored, as SIGHUP is by nohup."""

    def terminate(*_: object) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = [
        each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN
    ]
    before = {each: signal.signal(each, terminate) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _discard_what_cannot_be_written() -> None:
    """Let Python not try again, with a message of its own, to write what is left when the process ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
