"""``kaizala-server`` on the database of a server that runs."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from airflow_provider_kaizala.server.cli import cli

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kaizala.server.run import RunningServer


class Shell:
    """Runs commands as an administrator does."""

    def __init__(self, database: str) -> None:
        self.database = database

    def run(self, *words: str, stdin: str | None = None) -> Any:
        os.environ["KAIZALA_SERVER_DATABASE"] = self.database
        try:
            done = CliRunner().invoke(cli, list(words), input=stdin)
        finally:
            del os.environ["KAIZALA_SERVER_DATABASE"]
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    def table(self, *words: str, stdin: str | None = None) -> str:
        done = self.run(*words, stdin=stdin)
        assert done.exit_code == 0, done.output
        return done.stdout

    def json(self, *words: str, stdin: str | None = None) -> Any:
        return json.loads(self.table(*words, "--json", stdin=stdin))

    def refused(self, *words: str, stdin: str | None = None) -> str:
        done = self.run(*words, stdin=stdin)
        assert (done.exit_code, done.stdout) == (2, ""), done.output
        assert "Traceback" not in done.stderr
        return done.stderr


@pytest.fixture
def shell(server: RunningServer) -> Shell:
    return Shell(server.config.database)


@pytest.fixture
def shell_on() -> Callable[[str], Shell]:
    return Shell
