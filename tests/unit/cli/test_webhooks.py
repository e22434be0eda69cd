"""``airflow-kaizala webhooks``: what only a terminal or a sick webhook shows."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_kaizala.cli.commands import main
from airflow_provider_kaizala.push.ensure import Owner
from airflow_provider_kaizala.push.subscriptions import Subscription

BASE = "https://airflow.example.com"
G1, G2 = "22222222-2222-4222-8222-222222222222@1", "33333333-3333-4333-8333-333333333333@1"
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
        "airflow_provider_kaizala.push.check_echo", lambda settings, url, *owner: asked.append(url)
    )
    below = Subscription("kaizala_default", "Group", group).callback_url("https://x.example/kaizala/airflow")
    kaizala.script = [(200, {"webhooks": [webhook(group=group), webhook("w2", below, group=group)]})]
    main(["webhooks", "test"])
    assert asked == [BASE, "https://x.example/kaizala/airflow"]


def test_a_group_that_cannot_be_listed_is_an_error_beside_the_others(kaizala, group, capsys):
    kaizala.script = [kaizala.error(403), (200, {"webhooks": [webhook(group=group)]})]
    assert main(["webhooks", "list", "--group", G1, "--group", group]) == 1
    out, err = capsys.readouterr()
    assert f"error: group {G1}: listWebhooks failed" in err
    assert [line.split()[:2] for line in out.splitlines()] == [["GROUP", "ID"], [group, "w1"]]


@pytest.mark.parametrize("groups", [[G1], [G1, G2]], ids=["all fail", "one fails"])
def test_groups_that_cannot_be_read_are_not_said_to_have_no_webhooks(kaizala, capsys, groups):
    kaizala.script = [kaizala.error(403), (200, {"webhooks": []})]
    assert main(["webhooks", "list", "--group", *groups]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"error: group {G1}: listWebhooks failed")


def test_groups_without_webhooks_are_said_to_have_none(kaizala, capsys):
    kaizala.script = [(200, {"webhooks": []})]
    assert main(["webhooks", "list"]) == 0
    assert capsys.readouterr() == ("", "the groups have no webhooks\n")


def test_an_id_in_a_group_that_cannot_be_read_is_not_said_to_be_wrong(kaizala, capsys):
    kaizala.script = [kaizala.error(403), (200, {"webhooks": []})]
    assert main(["webhooks", "remove", "--group", G1, G2, "--id", "w1", "--yes"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"error: group {G1}: listWebhooks failed")


def test_what_ensure_did_is_shown_even_if_a_group_fails(kaizala, connect, monkeypatch, capsys):
    monkeypatch.setattr("airflow_provider_kaizala.push.check_echo", lambda *args: None)
    connect(extra={"webhook_secret": "the secret"})
    kaizala.script = [kaizala.error(403), (200, {"webhooks": []}), (200, {"webhookId": "w2"})]
    assert main(["webhooks", "ensure", "--public-url", BASE, "--group", G1, G2]) == 1
    out, err = capsys.readouterr()
    assert f"created: webhook w2 of group {G2}, the group has none" in out
    assert out.endswith("1 created\n")
    assert "1 of the groups could not be dealt with" in err
    shown = out + err
    assert not [
        each for each in ("the secret", Owner("kaizala_default", "the secret").token(G2)) if each in shown
    ]
