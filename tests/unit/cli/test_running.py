"""Whatever happens in a command, it is one line and an exit code."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_kaizala.cli import exit_codes, running
from airflow_provider_kaizala.client.errors import (
    KaizalaCertificateError,
    KaizalaError,
    KaizalaGrantError,
    KaizalaInputError,
    KaizalaNoReplyError,
    KaizalaUnknownOutcomeError,
    KaizalaUnreachableError,
    error_for,
)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a function as a command; return the exit code, stdout and stderr."""

    def call(function, *, verbose=False):
        monkeypatch.setattr(running, "_function", lambda path: lambda args: function())
        capsys.readouterr()
        code = running.run("module:function", SimpleNamespace(verbose=verbose))
        return (code, *capsys.readouterr())

    return call


def raising(error):
    def function():
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (KaizalaInputError("--group: which?"), 2, "--group: which?"),
        (KaizalaGrantError("no token"), 2, "no token"),
        (KaizalaUnreachableError("no\nnetwork"), 3, "no network"),
        (KaizalaCertificateError("untrusted"), 1, "untrusted"),
        (KaizalaNoReplyError("no reply"), 3, "no reply"),
        (KaizalaError("odd"), 1, "odd"),
        (
            KaizalaUnknownOutcomeError("sendMessage", "g", "cut"),
            5,
            "sendMessage to group g was sent, but no readable answer came back (cut)",
        ),
        (error_for("getGroup", 401), 1, "getGroup failed (401)"),
        (error_for("getGroup", 403), 1, "getGroup failed (403)"),
        (error_for("getGroup", 429), 3, "getGroup failed (429)"),
        (error_for("getGroup", 503), 3, "getGroup failed (503)"),
        (AirflowException("no database"), 1, "no database"),
        (EOFError(), 2, "stdin has ended"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (
            ZeroDivisionError("division\nby zero"),
            1,
            "unexpected ZeroDivisionError: division by zero; --verbose shows where",
        ),
        (RuntimeError(), 1, "unexpected RuntimeError; --verbose shows where"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_an_error_is_one_line_and_a_code(run, error, code, says):
    found, out, err = run(raising(error))
    assert (found, out) == (code, "")
    assert err.startswith(f"error: {says}")
    assert err.count("\n") == 1
    assert code in exit_codes.MEANINGS


def test_a_traceback_is_shown_only_if_it_is_asked_for(run):
    code, _, err = run(raising(ZeroDivisionError("no")), verbose=True)
    assert code == 1
    assert "Traceback" in err
    assert err.endswith("error: unexpected ZeroDivisionError: no\n")


@pytest.fixture
def handler():
    """Set a handler of a signal, for one test."""
    before = {}

    def put(number, function):
        before[number] = signal.signal(number, function)

    yield put
    for number, function in before.items():
        signal.signal(number, function)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_sigterm_and_sighup_are_like_ctrl_c(run, handler, number):
    def function():
        os.kill(os.getpid(), number)
        return 0

    def mine(*_):
        pass

    handler(number, mine)
    assert run(function) == (143, "", "error: terminated\n")
    assert signal.getsignal(number) is mine


def test_a_command_that_nohup_started_does_not_end_with_its_terminal(run, handler):
    def function():
        os.kill(os.getpid(), signal.SIGHUP)
        return 0

    handler(signal.SIGHUP, signal.SIG_IGN)
    assert run(function) == (0, "", "")


def test_a_closed_pipe_is_no_error(run):
    assert run(raising(BrokenPipeError())) == (141, "", "")


def test_what_airflow_logs_and_warns_of_is_not_shown(run):
    def function():
        logging.getLogger("airflow.models.variable").error("no such table")
        logging.getLogger("airflow_provider_kaizala.hooks.token_store").warning("asking for a token")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.getLogger("airflow_provider_kaizala.hooks.token_store").error("a token is lost")
        return 0

    root = logging.getLogger()
    before = root.level, root.handlers[:]
    assert run(function) == (0, "", "warning: a token is lost\n")
    assert (root.level, root.handlers) == before


def test_what_airflow_prints_while_it_is_imported_does_not_mix_with_the_output(tmp_path):
    config = tmp_path / "config"
    config.mkdir()
    (config / "airflow_local_settings.py").write_text("print('printed')\n")
    words = ["check", "--conn-id", "nowhere", "--output", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_kaizala.cli", *words],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert [each["step"] for each in json.loads(done.stdout)] == ["connection"]
    assert "printed" in done.stderr


class LikeAirflow2(logging.StreamHandler):
    """Writes to what stdout is at that moment, and takes no other stream."""

    @property
    def stream(self):
        return sys.stdout

    @stream.setter
    def stream(self, value):
        if value is not sys.stdout:
            raise AttributeError("no setter")


@pytest.mark.parametrize("kind", [logging.StreamHandler, LikeAirflow2])
def test_what_is_logged_does_not_mix_with_the_output(run, monkeypatch, kind):
    def function():
        print("output")
        logging.getLogger("airflow.x").error("went wrong")
        logging.getLogger("airflow.x").error("masked")
        return 0

    root = logging.getLogger()
    handler = kind(sys.stdout)
    handler.addFilter(lambda record: "masked" not in record.getMessage())
    monkeypatch.setattr(root, "handlers", [handler])
    code, out, err = run(function, verbose=True)
    assert (code, out) == (0, "output\n")
    assert "went wrong" in err
    assert "masked" not in err
