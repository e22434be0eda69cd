"""What tests of commands share: running one, and a Kaizala with groups."""

from __future__ import annotations

import io

import pytest

from airflow_provider_kaizala.cli import output
from airflow_provider_kaizala.cli.commands import main

G1, G2, G3 = (f"{digit * 8}-{digit * 4}-4{digit * 3}-8{digit * 3}-{digit * 12}@1" for digit in "234")


class Typed(io.StringIO):
    """What stands in stdin; a terminal if a person types it."""

    is_a_terminal = False

    def isatty(self):
        return self.is_a_terminal


@pytest.fixture
def typed(monkeypatch):
    """Put lines into stdin: ``typed("secret", "1234", terminal=False)``."""

    def put(*lines, terminal=False):
        stdin = Typed("".join(f"{line}\n" for line in lines))
        stdin.is_a_terminal = terminal
        monkeypatch.setattr("sys.stdin", stdin)
        monkeypatch.setattr("getpass.getpass", lambda prompt, stream: stdin.readline().rstrip("\n"))

    put()
    return put


@pytest.fixture
def command(kaizala, typed, capsys, monkeypatch, secrets_of_the_connection):
    """Run a command; return the exit code, stdout and stderr, which hold neither a secret nor a traceback."""
    monkeypatch.setattr(output, "pause", kaizala.sleeps.append)

    def run(*words):
        capsys.readouterr()
        code = main([*words])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert not [secret for secret in secrets_of_the_connection if secret in out + err]
        return code, out, err

    return run


@pytest.fixture
def groups(kaizala, connect):
    """Let the user reach groups, by name, without a default group: ``groups({"id": "name"})``."""

    def put(names):
        connect(extra={"group_refresh_tokens": None, "default_group": None})
        listed = [
            {"groupId": group_id, "groupName": name, "groupType": "Group"} for group_id, name in names.items()
        ]
        default = kaizala.default

        def answer(request):
            if request.method == "GET" and request.path == "/groups":
                return 200, {"groups": listed}
            return default(request)

        kaizala.otherwise = answer

    return put
