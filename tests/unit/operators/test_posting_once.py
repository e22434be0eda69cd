"""Posting once: what a task does when nobody knows whether it has posted, and what it remembers. Against the real server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_kaizala import operators as ops
from airflow_provider_kaizala.client.errors import KaizalaBadRequestError
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from tests.unit.task_instance import task_instance

ASHA, RAVI = "+910000000001", "+910000000002"
GROUP = "11111111-1111-4111-8111-111111111111@1"
STARTS = (datetime.now(tz=UTC) + timedelta(days=2)).replace(microsecond=0)

POLL = (ops.KaizalaSendPollOperator, {"question": "Tea?", "options": ["Yes", "No"]})
SURVEY = (
    ops.KaizalaSendSurveyOperator,
    {"title": "Daily", "questions": [{"title": "How many?", "type": "Numeric"}]},
)
JOB = (ops.KaizalaSendJobOperator, {"title": "Check pump", "assigned_to": [RAVI]})
MEETING = (ops.KaizalaSendMeetingOperator, {"title": "Stand-up", "starts_at": STARTS})
TEXT = (ops.KaizalaSendMessageOperator, {"text": "Hello"})
NOTICE = (ops.KaizalaSendAnnouncementOperator, {"text": "Hello"})
CARD = (ops.KaizalaSendActionOperator, {"package_id": "com.example.card.2", "title": "Card"})
LISTED, NOT_LISTED = [POLL, SURVEY, JOB, MEETING], [TEXT, NOTICE, CARD]


def named(case):
    return case[0].__name__


@pytest.fixture
def server(kaizala_server, kaizala_conn, variables):
    """The real server, with the connection ``kaizala_default`` to it."""
    return kaizala_server


@pytest.fixture
def a_try(server, run_task):
    """One try of a task: ``a_try(POLL, store, on_unknown_outcome="resend")``."""

    def run(case, store=None, max_tries=0, **changes):
        operator, given = case
        ti = task_instance(max_tries=max_tries)
        task = operator(task_id="post", **{**given, **changes})
        return run_task(task, ti=ti, task_state_store=store)

    return run


def posts(server):
    """What stands in the group."""
    return server.feed(GROUP)


def drop(server, when, count=1, *operations):
    """Let calls that post go wrong: nothing is answered, *after* it was posted or *before*."""
    for operation in operations or ("postAction", "sendMessage"):
        server.fault(operation, drop=when, count=count)


def sendings(server):
    """How often something was sent that went wrong."""
    return sum(
        each["fired"] for each in server.faults() if each["operation"] in ("postAction", "sendMessage")
    )


# --- nobody knows whether it was posted ----------------------------------------------------------------------------------


@pytest.mark.parametrize("on_unknown_outcome", ["fail", "resend"])
@pytest.mark.parametrize("case", LISTED, ids=named)
def test_what_was_posted_after_all_is_found(server, a_try, logs, case, on_unknown_outcome):
    drop(server, "after")
    result = a_try(case, on_unknown_outcome=on_unknown_outcome)
    (item,) = posts(server)
    assert result == {"group_id": GROUP, "reference_id": item["referenceId"], "action_id": item["actionId"]}
    assert f"succeeded: group_id {GROUP}, reference_id {item['referenceId']}" in logs.text
    assert logs.of("warning") == []


@pytest.mark.parametrize("case", LISTED + NOT_LISTED, ids=named)
def test_what_was_not_posted_fails_without_a_retry(server, a_try, case):
    drop(server, "before")
    with pytest.raises(AirflowFailException, match="was sent, but no readable answer came back"):
        a_try(case)
    assert posts(server) == []


@pytest.mark.parametrize("case", NOT_LISTED, ids=named)
def test_what_cannot_be_looked_up_fails(server, a_try, case):
    drop(server, "after")
    with pytest.raises(AirflowFailException, match="was sent, but no readable answer came back"):
        a_try(case)
    assert len(posts(server)) == 1
    assert server.journal(operation="listActions") == []


@pytest.mark.parametrize("case", NOT_LISTED, ids=named)
def test_what_cannot_be_looked_up_is_sent_again_if_wanted(server, a_try, logs, case):
    drop(server, "after")
    result = a_try(case, on_unknown_outcome="resend")
    first, second = posts(server)
    assert result["reference_id"] == second["referenceId"] != first["referenceId"]
    (line,) = logs.of("warning")
    assert "Sending it once more, as on_unknown_outcome says: people may see it twice" in line


@pytest.mark.parametrize("case", LISTED, ids=named)
def test_what_is_not_found_is_sent_again_if_wanted(server, a_try, logs, case):
    drop(server, "before")
    result = a_try(case, on_unknown_outcome="resend")
    (item,) = posts(server)
    assert result["action_id"] == item["actionId"]
    assert len(logs.of("warning")) == 1


@pytest.mark.parametrize("case", [POLL, TEXT], ids=named)
def test_a_post_is_sent_twice_at_most(server, a_try, case):
    drop(server, "before", 9)
    with pytest.raises(AirflowFailException, match="was sent, but no readable answer came back"):
        a_try(case, on_unknown_outcome="resend")
    assert sendings(server) == 2


def test_what_the_second_sending_posted_is_found_too(server, a_try):
    drop(server, "before")
    drop(server, "after")
    result = a_try(POLL, on_unknown_outcome="resend")
    (item,) = posts(server)
    assert result["action_id"] == item["actionId"]


def test_media_are_uploaded_once_however_often_they_are_posted(server, a_try, tmp_path):
    (tmp_path / "notes.pdf").write_bytes(b"%PDF-1.4 notes")
    drop(server, "after")
    case = (ops.KaizalaSendMediaOperator, {"files": str(tmp_path / "notes.pdf")})
    a_try(case, on_unknown_outcome="resend")
    assert len(posts(server)) == 2
    assert len(server.journal(operation="uploadMedia")) == 1


# --- whose it is ---------------------------------------------------------------------------------------------------------


def as_ravi(server, monkeypatch, a_try, case):
    """Ravi posts it, by a grant of his own."""
    connection = server.connection()
    grant = {"kind": "user", "person": RAVI, "refreshToken": "refresh-token-of-ravi"}
    server.seed({"grants": [{"connector": connection["login"], **grant}]})
    connection["extra"] = {
        "refresh_token": grant["refreshToken"],
        "default_group": GROUP,
        "calls_per_minute": 0,
    }
    monkeypatch.setenv("AIRFLOW_CONN_RAVIS", json.dumps(connection))
    a_try(case, kaizala_conn_id="ravis")


def test_what_somebody_else_posted_is_not_taken(server, a_try, monkeypatch):
    as_ravi(server, monkeypatch, a_try, POLL)
    drop(server, "before")
    with pytest.raises(AirflowFailException, match="no readable answer"):
        a_try(POLL)


def test_senders_are_not_compared_where_one_may_not_know_who_one_is(server, a_try, logs):
    server.fault("getMe", status=403)
    drop(server, "after")
    assert a_try(POLL)["action_id"] == posts(server)[0]["actionId"]
    assert "senders are not compared" in logs.text


@pytest.mark.parametrize(
    ("case", "other"),
    [
        (POLL, {"options": ["Yes", "No", "Later"]}),
        (POLL, {"options": ["No", "Yes"]}),
        (POLL, {"question": "Coffee?"}),
        (MEETING, {"starts_at": STARTS + timedelta(hours=1)}),
        (SURVEY, {"title": "Weekly"}),
    ],
)
def test_what_differs_is_not_taken(server, a_try, case, other):
    a_try(case, **other)
    drop(server, "before")
    with pytest.raises(AirflowFailException, match="no readable answer"):
        a_try(case)


def test_what_was_posted_before_is_not_taken(server, a_try):
    server.freeze(datetime.now(tz=UTC) - timedelta(seconds=40))
    a_try(POLL)
    server.freeze(datetime.now(tz=UTC))
    drop(server, "before")
    with pytest.raises(AirflowFailException, match="no readable answer"):
        a_try(POLL)


def test_what_was_posted_before_is_not_taken_where_the_list_begins_earlier(kaizala, run_task):
    """Whether Kaizala reads ``fromDate`` as seconds is inferred."""
    kaizala.poll(action_id="act-old", title="Tea?", sent_at="2026-03-01T08:00:00+00:00")
    kaizala.script += [(500, {}), lambda request: kaizala._list_actions({"actionType": "Poll"})]
    with pytest.raises(AirflowFailException, match="no readable answer"):
        run_task(ops.KaizalaSendPollOperator(task_id="post", **POLL[1]))
    assert kaizala.script == []


def test_clocks_may_be_apart(server, a_try):
    server.freeze(datetime.now(tz=UTC) - timedelta(seconds=25))
    drop(server, "after")
    assert a_try(POLL)["action_id"] == posts(server)[0]["actionId"]


def test_two_that_look_alike_are_not_guessed_between(server, a_try):
    a_try(POLL)
    drop(server, "after")
    with pytest.raises(
        AirflowFailException, match=r"posting poll to group .* may have succeeded, and 2 things like it"
    ):
        a_try(POLL)


# --- tries ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", LISTED + NOT_LISTED, ids=named)
def test_a_retry_posts_nothing(server, a_try, case, store):
    first = a_try(case, store)
    assert a_try(case, store) == first
    assert len(posts(server)) == 1
    assert "token" not in json.dumps(store)


@pytest.mark.parametrize("case", [POLL, TEXT], ids=named)
def test_without_notes_a_retry_posts(server, a_try, case):
    for _ in range(2):
        a_try(case)
    assert len(posts(server)) == 2


@pytest.mark.parametrize("case", [POLL, TEXT], ids=named)
def test_a_task_that_was_cleared_posts_anew(server, a_try, case, store):
    first = a_try(case, store, max_tries=0)
    second = a_try(case, store, max_tries=1)  # Airflow then allows more tries
    assert a_try(case, store, max_tries=1) == second != first
    assert len(posts(server)) == 2


def test_what_was_posted_before_clearing_is_not_taken_for_what_comes_after(server, a_try, store):
    a_try(POLL, store, max_tries=0)
    drop(server, "before")
    with pytest.raises(AirflowFailException, match="no readable answer"):
        a_try(POLL, store, max_tries=1)
    drop(server, "after")
    second = a_try(POLL, store, max_tries=2)
    assert second["action_id"] == posts(server)[1]["actionId"]


def test_what_did_not_reach_all_is_not_sent_again(kaizala, run_task, store):
    partial = {
        "referenceId": "ref-9",
        "failedResult": [{"subscriber": RAVI, "errorReason": "not on Kaizala"}],
    }
    kaizala.script.append((200, partial))

    def task():
        return ops.KaizalaSendMessageOperator(task_id="t", text="Hi", fail_on_partial=True)

    with pytest.raises(AirflowFailException, match="as ref-9, but not to everyone"):
        run_task(task(), task_state_store=store)
    assert run_task(task(), task_state_store=store)["reference_id"] == "ref-9"
    assert len(kaizala.posts) == 1


# --- the worker died in between ------------------------------------------------------------------------------------------


def dies_after_posting(a_try, case, store):
    """It has posted, but could not note so."""
    result = a_try(case, store)
    del store["kaizala_posted"]
    return result


@pytest.mark.parametrize("case", LISTED, ids=named)
def test_a_retry_finds_what_was_posted(server, a_try, case, store):
    first = dies_after_posting(a_try, case, store)
    assert a_try(case, store) == first
    assert "kaizala_posted" in store
    assert len(posts(server)) == 1


@pytest.mark.parametrize("case", NOT_LISTED, ids=named)
def test_a_retry_fails_if_nothing_tells_whether_it_was_posted(server, a_try, logs, case, store):
    first = dies_after_posting(a_try, case, store)
    with pytest.raises(AirflowFailException, match=r"an earlier try began posting .* clear the task"):
        a_try(case, store)
    assert len(posts(server)) == 1
    second = a_try(case, store, on_unknown_outcome="resend")
    assert second["reference_id"] != first["reference_id"]
    assert "people may see it twice" in logs.of("warning")[0]


def test_a_task_that_is_cleared_then_posts(server, a_try, store):
    dies_after_posting(a_try, TEXT, store)
    a_try(TEXT, store, max_tries=1)
    assert len(posts(server)) == 2


def test_what_another_run_has_posted_since_is_not_taken(server, a_try, store):
    """The intent is of an hour ago, and a call lasts ten minutes at most."""
    then = datetime.now(tz=UTC) - timedelta(hours=1)
    window = {"since": then.isoformat(), "until": (then + timedelta(minutes=10)).isoformat()}
    store.set("kaizala_intent", {"life": "0", "value": window})
    other = a_try(POLL)
    assert a_try(POLL, store)["action_id"] != other["action_id"]


@pytest.mark.parametrize("case", [POLL, TEXT], ids=named)
def test_a_retry_after_a_refusal_posts(server, a_try, case, store):
    for operation in ("postAction", "sendMessage"):
        server.fault(operation, status=400, count=1)
    with pytest.raises(KaizalaBadRequestError):
        a_try(case, store)
    a_try(case, store)
    assert len(posts(server)) == 1


def test_a_second_sending_that_is_refused_leaves_the_first_in_doubt(server, a_try, store):
    drop(server, "after", 1, "sendMessage")
    server.fault("sendMessage", status=400, count=1)
    with pytest.raises(KaizalaBadRequestError):
        a_try(TEXT, store, on_unknown_outcome="resend")
    with pytest.raises(AirflowFailException, match="an earlier try began posting"):
        a_try(TEXT, store)
    assert len(posts(server)) == 1


# --- the group cannot be read --------------------------------------------------------------------------------------------


def test_a_retry_looks_again_before_it_posts(server, a_try, store):
    """Looking may be repeated, sending may not."""
    drop(server, "after")
    server.fault("listActions", status=400, count=2)
    for _ in range(2):
        with pytest.raises(AirflowException, match=r"cannot be looked up: .* A retry looks again") as raised:
            a_try(POLL, store)
        assert not isinstance(raised.value, AirflowFailException)
    assert a_try(POLL, store)["action_id"] == posts(server)[0]["actionId"]
    assert len(posts(server)) == 1


def test_without_notes_there_is_no_second_look(server, a_try, logs):
    drop(server, "after")
    server.fault("listActions", status=400, count=1)
    with pytest.raises(AirflowFailException, match="no readable answer"):
        a_try(POLL)
    assert "cannot be looked up" in logs.of("warning")[0]


def test_a_post_that_cannot_be_looked_up_now_is_sent_again_if_wanted(server, a_try, store):
    drop(server, "after")
    server.fault("listActions", status=400, count=1)
    a_try(POLL, store, on_unknown_outcome="resend")
    assert len(posts(server)) == 2


def test_nothing_is_noted_before_there_is_a_connection(a_try, monkeypatch, store):
    monkeypatch.setattr(KaizalaHook, "get_connection", lambda self, conn_id: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        a_try(TEXT, store)
    assert store == {}
