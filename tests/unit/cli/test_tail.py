"""``tail``: what is new in a group, once, and in order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_kaizala.cli import tail
from airflow_provider_kaizala.client.models.people import Person
from airflow_provider_kaizala.push.pages import Page

NOW = datetime.now(tz=UTC).replace(microsecond=0)


def at(minutes):
    return (NOW + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def listed(reference, kind="Poll", *, minutes, title="Tea?", sender="+910000000002", count=0, **body):
    action_id = {} if kind in ("Image", "Document") else {"actionId": f"act-{reference}"}
    return {
        "referenceId": reference,
        "actionType": kind,
        "sender": sender,
        "sentAt": at(minutes),
        "actionBody": {**action_id, "title": title, "responseCount": count, **body},
    }


@pytest.fixture
def group_has(kaizala, monkeypatch):
    """Put what a group has at each look: ``group_has([...], [...])``; then Ctrl-C."""

    def put(*looks):
        rounds = list(looks)
        default = kaizala.default

        def answer(request):
            if request.method == "GET" and request.path.endswith("/actions"):
                found = [each for each in rounds[0] if each["actionType"] == request.query["actionType"]]
                since = (
                    datetime.fromtimestamp(int(request.query["fromDate"]), tz=UTC)
                    .isoformat()
                    .replace("+00:00", "Z")
                )
                return 200, {"actions": [each for each in found if each["sentAt"] >= since], "hasMore": False}
            return default(request)

        kaizala.otherwise = answer

        def pause(seconds):
            kaizala.sleeps.append(seconds)
            rounds.pop(0)
            if not rounds:
                raise KeyboardInterrupt
            if callable(rounds[0]):
                rounds[0] = rounds[0]()

        monkeypatch.setattr(tail, "pause", pause)

    return put


def vote(kaizala, reference, votes, minutes, title="Tea?"):
    """Let people have voted, all at one time."""
    kaizala.poll(votes, action_id=f"act-{reference}", title=title)
    for response in kaizala.actions[f"act-{reference}"]["actionDetails"]["responses"]:
        response["responseTime"] = at(minutes)
    return [listed(reference, minutes=-30, count=len(votes))]


def lines(out):
    """The lines without their time."""
    return [line.split("  ", 1)[1] for line in out.splitlines()]


def test_what_was_there_is_not_shown_and_what_comes_is_shown_once(command, kaizala, group_has):
    old = listed("1", minutes=-10)
    new = listed("2", "Image", minutes=1, title="", sender="+919999999999")
    other = listed("3", "Job", minutes=2, title="Open up")
    group_has([old], [old, new], [old, new, other])
    code, out, err = command("tail")
    assert code == 130
    assert lines(out) == ["+919999999999  Image  ", "Name of 2  Job  Open up"]
    assert err.splitlines()[-1] == "error: interrupted"
    assert kaizala.sleeps[:2] == [30, 30]


def test_an_action_that_a_slow_clock_dates_into_the_past_is_new_too(command, group_has):
    group_has([], [listed("1", minutes=-5)])
    assert len(command("tail")[1].splitlines()) == 1


def test_since_shows_what_came_before_in_order(command, kaizala, group_has):
    kaizala.poll({"+910000000002": "Yes"}, action_id="act-1", title="Tea?")
    kaizala.actions["act-1"]["actionDetails"]["responses"][0]["responseTime"] = at(-5)
    group_has(
        [
            listed("1", minutes=-10, count=1, choices=[{"title": "Yes"}, {"title": "No"}]),
            listed("2", "Document", minutes=-7, title="Plan"),
        ]
    )
    code, out, err = command("tail", "--since", "15m", "--no-follow")
    assert (code, "interrupted" in err) == (0, False)
    assert lines(out) == [
        "Name of 2  Poll  Tea? [Yes, No]",
        "Name of 2  Document  Plan",
        "Name of 2  Poll answer  Tea?: Yes",
    ]


def test_since_leaves_out_what_is_older(command, group_has):
    group_has([listed("1", minutes=-20), listed("2", minutes=-10)])
    code, out, _ = command("tail", "--since", "15m", "--no-follow", "-o", "json")
    assert code == 0
    (row,) = map(json.loads, out.splitlines())
    assert row == {
        "at": at(-10).replace("Z", "+00:00") if "+" in row["at"] else at(-10), "kind": "Poll", "person": "Name of 2",
        "mobile_number": "+910000000002", "title": "Tea?", "text": None, "options": [], "action_id": "act-2", "reference_id": "2",
    }  # fmt: skip


def test_new_answers_to_old_actions_are_shown_once(command, kaizala, group_has, people):
    asha, ravi, meera = people
    group_has(
        vote(kaizala, "1", {asha: "Yes"}, -20),
        lambda: vote(kaizala, "1", {asha: "Yes", ravi: "No"}, 1),
        lambda: vote(kaizala, "1", {asha: "Yes", ravi: "No", meera: "No"}, 1),
    )
    _, out, _ = command("tail")
    shown = lines(out)
    assert shown[-1] == "Name of 3  Poll answer  Tea?: No"
    assert "Name of 2  Poll answer  Tea?: No" in shown
    assert len(shown) == len(set(shown))


def test_a_vote_that_was_changed_is_shown_though_the_count_is_the_same(command, kaizala, group_has, people):
    group_has(vote(kaizala, "1", {people[1]: "Yes"}, -20), lambda: vote(kaizala, "1", {people[1]: "No"}, 1))
    assert lines(command("tail")[1]) == ["Name of 2  Poll answer  Tea?: No"]


def test_details_are_read_of_what_has_moved_and_of_one_more(command, kaizala, group_has):
    old = [listed(str(number), minutes=-10) for number in range(5)]
    for number in range(5):
        kaizala.poll(action_id=f"act-{number}")
    group_has(old, old, old)
    command("tail", "--type", "Poll")
    read = [call.path.rpartition("/")[2] for call in kaizala.calls() if "/actions/" in call.path]
    assert read == ["act-0", "act-1", "act-2"]


def test_only_some_types_cost_only_some_calls(command, kaizala, group_has):
    group_has([])
    assert command("tail", "--type", "poll", "Job", "--no-follow")[0] == 0
    assert [call.query["actionType"] for call in kaizala.calls("/actions")] == ["Poll", "Job"]


def test_an_action_that_is_deleted_meanwhile_is_left_out(command, group_has):
    group_has([listed("gone", minutes=-1, count=3)])
    assert command("tail", "--no-follow", "--since", "5m")[0] == 0


def test_kaizala_may_be_away_for_a_while_and_nothing_is_lost(command, kaizala, group_has):
    new = [listed("1", "Image", minutes=1, title="first"), listed("2", minutes=1, title="second")]

    def away():
        # the list of images is read, the next call fails
        kaizala.script = [
            lambda request: (200, {"actions": new[:1], "hasMore": False}),
            *[ConnectionRefusedError("away")] * 2,
        ]
        return new

    group_has([], away, new, new)
    _, out, err = command("tail")
    assert lines(out) == ["Name of 2  Image  first", "Name of 2  Poll  second"]
    assert len([line for line in err.splitlines() if line.startswith("warning: ")]) == 1


def test_what_waiting_cannot_fix_ends_it(command, kaizala, group_has):
    group_has([], [])
    kaizala.script = [kaizala.error(403)]
    code, _, err = command("tail")
    assert code == 1
    assert "listActions failed" in err


def test_without_following_an_error_that_may_pass_ends_it(command, kaizala):
    kaizala.script = [ConnectionRefusedError("away")] * 2
    assert command("tail", "--no-follow")[0] == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--since", "yesterday"), "--since: 'yesterday' is not a time"),
        (("--interval", "0"), "--interval: '0' is not a time"),
        (("--type", "Message"), "--type must be one of"),
    ],
)
def test_wrong_arguments(command, kaizala, words, says):
    code, _, err = command("tail", *words)
    assert code == 2
    assert says in err
    assert kaizala.requests == []


def test_messages_come_from_airflows_receiver(command, group_has, group, monkeypatch):
    asked = []

    def read(feed, after, group_id, types):
        asked.append((after, group_id, types))
        new = after not in (7, 8)
        event = SimpleNamespace(
            at=NOW + timedelta(hours=1),
            received_at=NOW + timedelta(hours=1),
            text="Hello\nall",
            person=Person("+1", "Ravi"),
        )
        old = SimpleNamespace(at=NOW, received_at=NOW - timedelta(hours=1), text="old", person=Person())
        return Page((old, event) if new else (), 7 if new else 8)

    monkeypatch.setenv("AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS", "kaizala_default")
    monkeypatch.setattr("airflow_provider_kaizala.push.feed.EventFeed.read", read)
    group_has([], [])
    code, out, err = command("tail")
    assert code == 130
    assert lines(out) == ["Ravi  Message  Hello all"]
    assert "messages are not shown" not in err
    assert [each[0] for each in asked[1:]] == [7, 8]
    assert {each[1:] for each in asked} == {(group, ("TextMessageCreated",))}


def test_without_a_receiver_it_says_so(command, group_has):
    group_has([])
    _, _, err = command("tail", "--no-follow")
    assert err == (
        "messages are not shown: Airflow does not receive webhooks of this connection; to receive them, add the connection to "
        "[kaizala] webhook_connections, set its extra webhook_secret, and run `airflow-kaizala webhooks ensure`\n"
    )


@pytest.mark.parametrize(
    ("answers", "completed", "words"),
    [
        ({"Open up": "Completed"}, True, "completed"),
        ({"Tea?": ["Yes", "No"]}, None, "Yes, No"),
        ({"How many?": 3, "Why?": None, "Where?": "here"}, None, "How many?: 3; Where?: here"),
        ({}, None, ""),
    ],
)
def test_answers_in_words(answers, completed, words):
    assert tail._words(SimpleNamespace(answers=answers, completed=completed)) == words
