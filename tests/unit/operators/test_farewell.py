"""What the group is told when a task that asked is stopped; tests/unit/test_every_mode.py has the other ways to end."""

from __future__ import annotations

import asyncio
import threading

import pytest
from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred

from airflow_provider_kaizala import compat
from airflow_provider_kaizala import operators as ops
from airflow_provider_kaizala.operators import question
from airflow_provider_kaizala.tasks import farewell
from tests.unit.task_instance import task_instance

RAVI = "+910000000002"


class Killed(BaseException):
    """The worker is told to stop, in the midst of its first look."""


@pytest.fixture
def asked(kaizala):
    """A group in which a poll can be asked, and nobody answers."""

    def answer(request):
        if request.method == "POST" and request.path.endswith("/actions"):
            kaizala.poll(action_id="act-1")
            return 200, {"referenceId": "ref-1", "actionId": "act-1"}
        return kaizala.default(request)

    kaizala.otherwise = answer
    return kaizala


def texts(kaizala):
    return [post.json for post in kaizala.posts if post.path.endswith("/messages")]


STOPPED = {"message": farewell.STOPPED, "replyToReferenceId": "ref-1"}


@pytest.fixture
def stopped(asked, run_task, monkeypatch):
    """Stop a task that waits in a worker: ``stopped(state, try_number, store)``; returns the task."""

    def stop(state="failed", try_number=1, store=None, **given):
        task = ops.KaizalaAskPollOperator(
            task_id="ask", question="Tea?", options=["Yes", "No"], until="any", **given
        )

        def kill(wait, *_):
            task.on_kill()
            raise Killed

        monkeypatch.setattr(task, "pause", kill)
        monkeypatch.setattr(compat, "state_of_task", lambda ti: state)
        ti = task_instance(try_number=try_number, max_tries=2)
        with pytest.raises(Killed):
            run_task(task, ti=ti, task_state_store=store)
        return task

    return stop


@pytest.mark.parametrize(
    ("state", "try_number", "told"),
    [
        ("failed", 1, True),
        ("success", 1, True),
        ("skipped", 1, True),
        ("running", 1, False),  # the worker shuts down, and a retry continues
        ("running", 3, True),  # and there is none left
        (None, 1, False),  # cleared
        ("restarting", 3, False),
    ],
)
def test_a_worker_that_is_told_to_stop(stopped, asked, store, state, try_number, told):
    stopped(state, try_number, store)
    assert texts(asked) == ([STOPPED] if told else [])


def test_before_airflow_3_3_no_other_try_continues_so_nobody_is_asked(stopped, asked, monkeypatch):
    stopped("running")
    assert texts(asked) == [STOPPED]


def test_a_state_that_cannot_be_read_says_nothing(stopped, asked, store, monkeypatch, logs):
    def fail(task):
        raise RuntimeError("the API server is gone")

    monkeypatch.setattr(farewell, "kill_ends_question", lambda context, state: fail(context))
    stopped(store=store)
    assert texts(asked) == []
    assert (
        "It is unknown whether another try continues with the question: the API server is gone" in logs.text
    )


def test_those_who_were_asked_are_told(stopped, asked):
    stopped(subscribers=[RAVI])
    assert texts(asked) == [{**STOPPED, "subscribers": [RAVI]}]


def test_nobody_is_told_if_that_is_not_wanted(stopped, asked):
    stopped(tell_group=False)
    assert texts(asked) == []


def test_a_task_that_is_over_has_nothing_to_say(stopped, asked, run_task):
    """Airflow also stops tasks that have ended, if their process lives on for too long."""
    task = ops.KaizalaAskPollOperator(task_id="ask", question="Tea?", options=["Yes", "No"], until="any")
    asked.script = [asked.otherwise, lambda request: (asked.poll({RAVI: "Yes"}), asked.default(request))[1]]
    run_task(task)
    task.on_kill()
    assert texts(asked) == []


def test_a_task_that_has_not_asked_has_nothing_to_say(asked):
    ops.KaizalaAskPollOperator(task_id="ask", question="Tea?", options=["Yes", "No"]).on_kill()
    assert asked.requests == []


def test_a_lock_that_the_task_holds_does_not_stop_it_from_ending(stopped, asked, monkeypatch):
    """Airflow interrupts the task wherever it is, so it may hold a lock that is needed to speak."""
    lock, waiting = threading.Lock(), threading.Event()

    def needs_the_lock(context, state):
        waiting.set()
        with lock:
            return False

    monkeypatch.setattr(question, "LAST_WORDS", 0.2)
    monkeypatch.setattr(farewell, "kill_ends_question", needs_the_lock)
    with lock:
        stopped()
        assert waiting.is_set()
        assert texts(asked) == []


def test_a_failure_that_a_retry_may_fix_leaves_the_question_open(asked, run_task, store):
    asked.script = [asked.otherwise]
    task = ops.KaizalaAskPollOperator(task_id="ask", question="Tea?", options=["Yes", "No"], until="any")

    def fail(*_):
        raise AirflowException("something else")

    task.pause = fail
    ti = task_instance(try_number=1, max_tries=2)
    with pytest.raises(AirflowException, match="something else"):
        run_task(task, ti=ti, task_state_store=store)
    assert texts(asked) == []


# --- deferred ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def trigger(asked, run_task):
    """The trigger of a task that waits in the triggerer."""

    def make(**given):
        task = ops.KaizalaAskPollOperator(
            task_id="ask", question="Tea?", options=["Yes", "No"], until="any", deferrable=True, **given
        )
        with pytest.raises(TaskDeferred) as deferred:
            run_task(task)
        return deferred.value.trigger

    return make


@pytest.mark.parametrize(
    ("state", "told"), [("failed", True), ("success", True), ("deferred", False), (None, False)]
)
def test_a_deferred_task_that_a_person_ends(trigger, asked, monkeypatch, state, told):
    """Airflow also calls on_kill() if another triggerer has taken over, and then the task is deferred still."""
    monkeypatch.setattr(compat, "state_of_task", lambda ti: state)
    asyncio.run(trigger().on_kill())
    assert texts(asked) == ([STOPPED] if told else [])


def test_a_trigger_does_not_say_of_an_answered_question_that_it_was_stopped(trigger, asked, monkeypatch):
    """Airflow also calls on_kill() late, of a trigger whose task has gone on without it, and has ended by now."""
    monkeypatch.setattr(compat, "state_of_task", lambda ti: "success")
    one = trigger()
    asked.poll({RAVI: "Yes"})
    asyncio.run(one.on_kill())
    assert texts(asked) == []


def test_a_trigger_speaks_although_airflow_goes_on_cancelling_it(trigger, asked, monkeypatch):
    """Airflow 3.3 asks for the trigger's end with every look of the triggerer, and each time cancels what runs of on_kill()."""
    monkeypatch.setattr(compat, "state_of_task", lambda ti: "failed")

    async def kill():
        ending = asyncio.create_task(trigger().on_kill())
        await asyncio.sleep(0)
        while not ending.done():
            ending.cancel()
            await asyncio.sleep(0)

    asyncio.run(kill())
    assert texts(asked) == [STOPPED]


def test_a_trigger_says_nothing_if_that_is_not_wanted(trigger, asked, monkeypatch):
    monkeypatch.setattr(compat, "state_of_task", lambda ti: "failed")
    asyncio.run(trigger(tell_group=False).on_kill())
    assert texts(asked) == []


def test_what_goes_wrong_is_logged(trigger, asked, monkeypatch, logs):
    monkeypatch.setattr(compat, "state_of_task", lambda ti: "failed")
    one = trigger()
    asked.otherwise = lambda request: asked.error(403)
    asyncio.run(one.on_kill())
    assert "The group may not know that the task was stopped" in logs.text


def test_the_farewell_of_a_trigger_is_plain_and_holds_no_secret(trigger, secrets_of_the_connection):
    carry = trigger(subscribers=[RAVI]).carry
    assert carry["farewell"]["audience"] == {
        "subscribers": [RAVI],
        "send_to_all_subscribers": False,
        "reply_to_reference_id": "ref-1",
    }
    assert not [secret for secret in secrets_of_the_connection if secret in str(carry)]
