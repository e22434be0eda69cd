"""The table of commands, and what only a terminal or a sick webhook shows."""

from __future__ import annotations

import argparse
import io
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_2_PLUS

from airflow_provider_kaizala.cli import commands, webhooks
from airflow_provider_kaizala.cli.commands import WEBHOOKS, main
from airflow_provider_kaizala.push.ensure import Owner
from airflow_provider_kaizala.push.subscriptions import Subscription

BASE = "https://airflow.example.com"
IN_A_YEAR = datetime.now(tz=UTC) + timedelta(days=365)


def webhook(webhook_id="w1", url=None, *, group, active=True, expires_at=IN_A_YEAR):
    return {
        "id": webhook_id,
        "objectId": group,
        "objectType": "Group",
        "events": ["JobResponse"],
        "callbackUrl": url or Subscription("kaizala_default", "Group", group).callback_url(BASE),
        "validity": int(expires_at.timestamp() * 1000),
        "active": active,
    }


class Terminal(io.StringIO):
    """What a person types."""

    def isatty(self):
        return True


def options(parser):
    return {
        option: (action.required, action.nargs, action.default, tuple(action.choices or ()))
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    }


def of(parser, *names):
    """The parser of a command below another one."""
    for name in names:
        (below,) = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
        parser = below.choices[name]
    return parser


@pytest.mark.parametrize("command", WEBHOOKS, ids=lambda each: each.name)
def test_every_command_has_a_function_and_a_help(command, capsys):
    assert callable(getattr(webhooks, f"{command.name}_webhooks"))
    with pytest.raises(SystemExit) as exits:
        main(["webhooks", command.name, "--help"])
    assert exits.value.code == 0
    shown = capsys.readouterr().out
    assert command.help in " ".join(shown.split())
    assert all(one.flag in shown for one in command.options)


@pytest.mark.skipif(not AIRFLOW_V_3_2_PLUS, reason="Airflow has commands of providers since 3.2")
@pytest.mark.parametrize("name", [each.name for each in WEBHOOKS])
def test_airflow_gets_the_same_options(name):
    from airflow.cli.cli_parser import _add_command

    (group,) = commands.get_cli_commands()
    parser = argparse.ArgumentParser()
    _add_command(parser.add_subparsers(), group)
    theirs = of(parser, "kaizala", "webhooks", name)
    assert options(theirs) == options(of(commands.parser(), "webhooks", name))
    assert options(theirs)["--conn-id"] == (False, None, "kaizala_default", ())


def test_the_table_loads_neither_airflow_nor_the_commands():
    code = (
        "import sys; import airflow_provider_kaizala.cli.commands; "
        "print([name for name in sys.modules if name.startswith(('airflow.', 'requests', 'httpx', 'argparse', "
        "'airflow_provider_kaizala.hooks', 'airflow_provider_kaizala.client'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("typed", "code", "removed"), [("y\n", 0, True), ("YES\n", 0, True), ("\n", 1, False), ("no\n", 1, False)]
)
def test_a_person_is_asked_before_webhooks_are_removed(
    kaizala, group, monkeypatch, capsys, typed, code, removed
):
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    kaizala.script = [
        (
            200,
            {
                "webhooks": [
                    webhook(group=group),
                    webhook("foreign", "https://other.example/?key=1", group=group),
                ]
            },
        ),
        (200, {}),
    ]
    assert main(["webhooks", "remove"]) == code
    assert [call.path for call in kaizala.calls() if call.method == "DELETE"] == ["/webhook/w1"] * removed
    shown = capsys.readouterr().out
    assert f"webhook w1 of group {group}, which calls {BASE}/kaizala/kaizala_default" in shown
    assert ("1 removed" if removed else "nothing was removed") in shown


def test_nobody_is_asked_if_there_is_nothing_to_remove(kaizala, monkeypatch, capsys):
    kaizala.script = [(200, {"webhooks": []})]
    assert main(["webhooks", "remove"]) == 0
    assert capsys.readouterr().out == "0 removed\n"


def test_a_webhook_that_cannot_be_removed_does_not_keep_the_others(kaizala, group, capsys):
    kaizala.script = [
        (200, {"webhooks": [webhook(group=group), webhook("w2", group=group)]}),
        kaizala.error(403),
        (200, {}),
    ]
    assert main(["webhooks", "remove", "--yes"]) == 1
    out, err = capsys.readouterr()
    assert "error: webhook w1: deleteWebhook failed" in err
    assert out.endswith("1 removed\n")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "active"),
        ({"active": False}, "disabled"),
        ({"active": False, "expires_at": datetime(2026, 1, 1, tzinfo=UTC)}, "ended"),
    ],
)
def test_the_state_of_a_webhook(kaizala, group, monkeypatch, capsys, changes, state):
    monkeypatch.setattr("airflow_provider_kaizala.push.check_echo", lambda *args: "plain http")
    kaizala.script = [(200, {"webhooks": [webhook(group=group, **changes)]})] * 2
    assert main(["webhooks", "list"]) == 0
    assert f" {state} " in capsys.readouterr().out
    assert main(["webhooks", "test"]) == (0 if state == "active" else 1)
    out, err = capsys.readouterr()
    assert f"webhook w1 of group {group}: {state}, until" in out
    assert "warning: plain http" in err


def test_the_receiver_is_looked_for_where_the_webhooks_call(kaizala, group, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(
        "airflow_provider_kaizala.push.check_echo", lambda settings, url, conn_id: asked.append(url)
    )
    below = Subscription("kaizala_default", "Group", group).callback_url("https://x.example/kaizala/airflow")
    kaizala.script = [(200, {"webhooks": [webhook(group=group), webhook("w2", below, group=group)]})]
    main(["webhooks", "test"])
    assert asked == [BASE, "https://x.example/kaizala/airflow"]


def test_a_group_that_cannot_be_listed_is_an_error_beside_the_others(kaizala, group, capsys):
    kaizala.script = [kaizala.error(403), (200, {"webhooks": [webhook(group=group)]})]
    assert main(["webhooks", "list", "--group", "g1", "--group", group]) == 1
    out, err = capsys.readouterr()
    assert "error: group g1: listWebhooks failed" in err
    assert [line.split()[:2] for line in out.splitlines()] == [["GROUP", "ID"], [group, "w1"]]


def test_what_ensure_did_is_shown_even_if_a_group_fails(kaizala, connect, monkeypatch, capsys):
    monkeypatch.setattr("airflow_provider_kaizala.push.check_echo", lambda *args: None)
    connect(extra={"webhook_secret": "the secret"})
    kaizala.script = [kaizala.error(403), (200, {"webhooks": []}), (200, {"webhookId": "w2"})]
    assert main(["webhooks", "ensure", "--public-url", BASE, "--group", "g1", "g2"]) == 1
    out, err = capsys.readouterr()
    assert "created: webhook w2 of group g2, the group has none" in out
    assert out.endswith("1 created\n")
    assert "1 of the groups could not be dealt with" in err
    shown = out + err
    assert not [
        each for each in ("the secret", Owner("kaizala_default", "the secret").token("g2")) if each in shown
    ]


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
def test_what_is_logged_does_not_mix_with_the_output(kaizala, group, capsys, kind):
    root = logging.getLogger()
    before, handler = root.handlers[:], kind(sys.stdout)
    handler.addFilter(lambda record: "masked" not in record.getMessage())
    root.addHandler(handler)
    try:
        kaizala.script = [
            lambda request: logging.getLogger("airflow.x").error("went wrong") or (200, {"webhooks": []})
        ]
        assert main(["webhooks", "list", "--output", "json"]) == 0
        logging.getLogger("airflow.x").error("masked")
    finally:
        root.handlers[:] = before
    out, err = capsys.readouterr()
    assert out == "[]\n"
    assert "went wrong" in err
    assert "masked" not in err
