"""Asking and waiting in one task: what is refused, what is asked again and what never is, reminders, decisions."""

from __future__ import annotations

import functools
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_kaizala import operators as ops
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.tasks import wait_for_people
from airflow_provider_kaizala.waiting.rules import AtLeast, People, Quorum
from airflow_provider_kaizala.waiting.wait import Wait
from tests.unit.task_instance import task_instance

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
POLL = {"task_id": "ask", "question": "Tea?", "options": ["Yes", "No"], "until": "any"}


class Store(dict):
    """What a task remembers, on Airflow 3.3; plain JSON goes in and comes out."""

    def get(self, key, default=None):
        return json.loads(super().get(key, "null"))

    def set(self, key, value):
        self[key] = json.dumps(value)


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self, monkeypatch):
        self.now, self.then = datetime.now(tz=UTC), []
        monkeypatch.setattr(Wait, "now", staticmethod(lambda: self.now))
        monkeypatch.setattr(wait_for_people.time, "sleep", self.sleep)

    def sleep(self, seconds):
        self.now += timedelta(seconds=seconds)
        for function in self.then:
            function(self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def asked(kaizala):
    """A Kaizala where a poll that is posted stands in the group; returns the posts."""
    posts = []

    def answer(request):
        if request.method == "POST" and request.path.endswith("/actions"):
            posts.append(request.json)
            name, body = f"act-{len(posts)}", request.json["actionBody"]
            title = body.get("question") or body["title"]
            choices = [each["title"] for each in body.get("choices", [])]
            now = datetime.now(tz=UTC).isoformat()
            kaizala.poll(options=choices, action_id=name, title=title, sent_at=now)
            return 200, {"referenceId": f"ref-{len(posts)}", "actionId": name}
        if request.path.endswith("/reminder"):
            return 200, {"referenceId": "ref-r"}
        return kaizala.default(request)

    kaizala.otherwise = answer
    return posts


def votes(kaizala, choice="Yes", action_id="act-1", number=RAVI):
    details = kaizala.actions[action_id]["actionDetails"]
    choices = [each["title"] for each in details["choices"]]
    kaizala.poll({number: choice}, choices, action_id, details["title"], kaizala.actions[action_id]["sentAt"])


# --- arguments -----------------------------------------------------------------------------------------------------------

BAD = [
    (ops.KaizalaAskPollOperator, {"until": "most"}, "until: 'most' is not a rule"),
    (ops.KaizalaAskPollOperator, {"until": lambda seen: True}, "until: a function cannot travel"),
    (
        ops.KaizalaAskPollOperator,
        {"until": {"kind": "all_of", "rules": ["any", {"kind": "any_of", "rules": [lambda seen: True]}]}},
        "until: a function cannot travel",
    ),
    (
        ops.KaizalaAskPollOperator,
        {"until": {"kind": "quorum", "option": "Maybe", "count": 1}},
        "option 'Maybe' is not offered; the options are 'Yes', 'No'",
    ),
    (ops.KaizalaAskPollOperator, {"timeout": 0}, "timeout must be"),
    (
        ops.KaizalaAskPollOperator,
        {"timeout": 30, "poke_interval": 60},
        "poke_interval: 60 s is longer than timeout, 30 s",
    ),
    (ops.KaizalaAskPollOperator, {"remind_every": timedelta(0)}, "remind_every must be"),
    (
        ops.KaizalaAskPollOperator,
        {"on_timeout": "ignore"},
        "on_timeout must be one of fail, skip, return, not 'ignore'",
    ),
    (
        ops.KaizalaAskPollOperator,
        {"when_cleared": "?"},
        "when_cleared must be one of resume, ask_again, not '[?]'",
    ),
    (
        ops.KaizalaAskPollOperator,
        {"timeout": timedelta(days=100_000)},
        "timeout: 100000 days, 0:00:00 from now is later than Kaizala accepts; give a time within 20 years",
    ),
    (ops.KaizalaAskPollOperator, {"deferrable": "False"}, "deferrable must be True or False, not 'False'"),
    (ops.KaizalaApprovalOperator, {"deferrable": None}, "deferrable must be True or False, not None"),
    (
        ops.KaizalaApprovalOperator,
        {"ignore_downstream_trigger_rules": "x"},
        "ignore_downstream_trigger_rules must be True or False, not 'x'",
    ),
    (ops.KaizalaAskPollOperator, {"options": ["Yes"]}, "options"),
    (ops.KaizalaApprovalOperator, {"quorum": 0}, "quorum must be a whole number of at least 1"),
    (
        ops.KaizalaApprovalOperator,
        {"quorum": 3, "approvers": [ASHA, RAVI]},
        "quorum: 3 approvals can never come from 2",
    ),
    (ops.KaizalaApprovalOperator, {"approvers": ["x"]}, "approvers: 'x' is not a phone number"),
    (
        ops.KaizalaApprovalOperator,
        {"until": "all"},
        "until: KaizalaApprovalOperator does not take it; an approval has its own",
    ),
    (ops.KaizalaApprovalOperator, {"reject": "Approve"}, "'Approve'"),
    (ops.KaizalaBranchOperator, {"options": ["a", "b"]}, "options: a dict of option to task id"),
    (ops.KaizalaBranchOperator, {"options": {"A": "a", "B": []}}, "options: 'B' needs a task id"),
    (ops.KaizalaBranchOperator, {"defaults": "C"}, "defaults: 'C' is not offered; the options are 'A', 'B'"),
]
RIGHT = {
    ops.KaizalaAskPollOperator: POLL,
    ops.KaizalaApprovalOperator: {"task_id": "ask", "question": "Pay?"},
    ops.KaizalaBranchOperator: {
        "task_id": "ask",
        "question": "Ship?",
        "options": {"A": "a", "B": ["b", "c"]},
    },
}


@pytest.mark.parametrize(("operator", "change", "says"), BAD)
def test_what_is_refused_when_the_dag_is_parsed(operator, change, says):
    with pytest.raises(KaizalaInputError, match=says):
        operator(**{**RIGHT[operator], **change})


@pytest.mark.parametrize(
    "until", ["all", [RAVI], {"kind": "quorum", "option": "Y", "count": 1, "people": [RAVI]}]
)
def test_an_anonymous_survey_knows_no_names(until):
    questions = [{"title": "Ok?", "type": "SingleOption", "options": ["Y", "N"]}]
    with pytest.raises(KaizalaInputError, match="the survey is anonymous"):
        ops.KaizalaAskSurveyOperator(
            task_id="ask", title="t", questions=questions, until=until, anonymous=True
        )


@pytest.mark.parametrize(
    ("quorum", "says"),
    [
        (
            Quorum("z", 1, question="Third?"),
            "question 'Third[?]' is not asked; the questions are 'First[?]', 'Second[?]'",
        ),
        (
            AtLeast(1) | Quorum("z", 1, question="First?"),
            "'First[?]' does not offer option 'z'; its options are 'x', 'y'",
        ),
        (Quorum("q", 1), "option 'q' is not offered; the options are 'x', 'y', 'z', 'w'"),
    ],
)
def test_a_quorum_in_one_question_of_a_survey(quorum, says):
    questions = [
        {"title": "First?", "type": "SingleOption", "options": ["x", "y"]},
        {"title": "Second?", "type": "SingleOption", "options": ["z", "w"]},
    ]
    given = {"task_id": "ask", "title": "t", "questions": questions}
    with pytest.raises(KaizalaInputError, match=says):
        ops.KaizalaAskSurveyOperator(until=quorum, **given)
    ops.KaizalaAskSurveyOperator(until=Quorum("Z", 1, question="Second?"), **given)
    with pytest.raises(KaizalaInputError, match="option 'x' is not offered; no question has options"):
        ops.KaizalaAskSurveyOperator(
            task_id="t", title="t", questions=[{"title": "Why?", "type": "Text"}], until=Quorum("x", 1)
        )


@pytest.mark.parametrize("until", [[MEERA], 3])
def test_a_job_waits_for_its_assignees_only(until):
    with pytest.raises(KaizalaInputError, match="until: "):
        ops.KaizalaAskJobOperator(task_id="ask", title="t", assigned_to=[ASHA, RAVI], until=until)


# --- asked once ------------------------------------------------------------------------------------------------------------


def a_try(run_task, store, operator=None, **changes):
    """One try of the task: what it returns, or the trigger it waits with."""
    task = operator or ops.KaizalaAskPollOperator(**{**POLL, "deferrable": True, **changes})
    try:
        return run_task(task, task_state_store=store)
    except TaskDeferred as deferred:
        return deferred.trigger


def waiting_of(trigger):
    """The wait that a trigger carries on."""
    return Wait.from_wire(json.loads(json.dumps(trigger.wait)))


def action_of(trigger):
    return waiting_of(trigger).subject.action_id


def intends_to_post(store, life="None"):
    """What a try notes before it posts."""
    now = datetime.now(tz=UTC)
    window = {"since": now.isoformat(), "until": (now + timedelta(minutes=10)).isoformat()}
    store.set("kaizala_intent", {"life": life, "value": window})


class TestRetries:
    def test_a_retry_waits_on_with_the_same_deadline(self, kaizala, asked, run_task):
        store = Store()
        first = a_try(run_task, store)
        second = a_try(run_task, store)
        assert len(asked) == 1
        assert second.serialize() == first.serialize()
        votes(kaizala)
        result = a_try(run_task, store)
        assert (result["winner"], result["action_id"], result["reference_id"]) == ("Yes", "act-1", "ref-1")

    @pytest.mark.parametrize("subscribers", [[RAVI], "{{ [params.number] }}"])
    def test_all_are_the_chosen_subscribers(self, kaizala, asked, run_task, dag, subscribers):
        """Nobody else of a hub group sees the question."""
        dag.render_template_as_native_obj = True
        given = {**POLL, "until": "all", "deferrable": True, "subscribers": subscribers, "dag": dag}
        with pytest.raises(TaskDeferred) as deferred:
            run_task(ops.KaizalaAskPollOperator(**given), params={"number": RAVI})
        assert waiting_of(deferred.value.trigger).rule.to_wire()["people"] == [RAVI]
        assert waiting_of(deferred.value.trigger).rule.to_wire()["names"] == {RAVI: "Name of 2"}

    def test_without_a_memory_a_retry_asks_again(self, asked, run_task):
        for _ in range(2):
            a_try(run_task, None)
        assert len(asked) == 2

    def test_a_worker_that_died_right_after_posting(self, kaizala, asked, run_task):
        store = Store()
        a_try(run_task, store)
        del store["kaizala_posted"], store["kaizala_wait"]
        assert action_of(a_try(run_task, store)) == "act-1"
        assert len(asked) == 1, "found in the group, and adopted"

    def test_a_worker_that_died_before_posting(self, asked, run_task):
        store = Store()
        intends_to_post(store)
        assert action_of(a_try(run_task, store)) == "act-1"
        assert len(asked) == 1

    def test_two_that_look_alike_are_not_guessed_between(self, asked, run_task):
        store = Store()
        for _ in range(2):
            a_try(run_task, None)
        intends_to_post(store)
        with pytest.raises(AirflowFailException, match="2 things like it appeared"):
            a_try(run_task, store)
        assert len(asked) == 2

    def test_an_unknown_outcome_is_looked_up(self, kaizala, asked, run_task):
        post = kaizala.otherwise

        def drop(request):
            reply = post(request)
            return (500, {}) if request.method == "POST" and request.path.endswith("/actions") else reply

        kaizala.otherwise = drop
        assert action_of(a_try(run_task, None)) == "act-1"
        assert len(asked) == 1

    def test_an_unknown_outcome_that_is_not_there_fails_without_a_retry(self, kaizala, asked, run_task):
        kaizala.otherwise = lambda request: (
            (500, {}) if request.method == "POST" else kaizala.default(request)
        )
        with pytest.raises(AirflowFailException, match="no readable answer"):
            a_try(run_task, Store())

    @pytest.mark.parametrize(("when_cleared", "posts"), [("resume", 1), ("ask_again", 2)])
    def test_a_task_that_was_cleared(self, kaizala, asked, run_task, when_cleared, posts, monkeypatch):
        store, given = Store(), {"when_cleared": when_cleared, "timeout": 3600}
        first = a_try(run_task, store, **given)
        kept = {name: json.loads(value) for name, value in store.items()}
        for name, note in kept.items():  # what Airflow does: another max_tries
            store.set(name, {**note, "life": "before"})
        second = a_try(run_task, store, **given)
        assert len(asked) == posts
        assert action_of(second) == f"act-{posts}"
        assert waiting_of(second).deadline > waiting_of(first).deadline, "clearing begins a new wait"
        assert [each for each in kaizala.calls("/actions") if each.method == "GET"] == [], "it is remembered"

    @pytest.mark.parametrize(("when_cleared", "posts"), [("resume", 1), ("ask_again", 2)])
    def test_a_task_that_was_cleared_since_nobody_knew_whether_it_has_asked(
        self, asked, run_task, when_cleared, posts
    ):
        store = Store()
        intends_to_post(store, life="before")
        a_try(run_task, None)
        assert action_of(a_try(run_task, store, when_cleared=when_cleared)) == f"act-{posts}"
        assert len(asked) == posts

    def test_it_is_asked_once_more_if_wanted(self, kaizala, asked, run_task):
        kaizala.script += [lambda request: (500, {})]
        assert action_of(a_try(run_task, Store(), on_unknown_outcome="resend")) == "act-1"
        assert len(kaizala.posts) == 2

    def test_what_is_remembered_holds_no_secret(self, asked, run_task):
        store = Store()
        trigger = a_try(run_task, store)
        text = json.dumps([dict(store), trigger.serialize()], default=str)
        assert "secret" not in text
        assert "refresh" not in text
        assert "token" not in text.replace("kaizala_default", "")


class TestForgotten:
    """Airflow 3.4 discards what a task has kept when somebody clears it."""

    @pytest.fixture
    def another_try(self, run_task):
        began = datetime.now(tz=UTC) - timedelta(minutes=5)

        def run(store, number=2, run_after=began, **changes):
            context = {
                "ti": task_instance(max_tries=0 if number == 1 else 2, try_number=number),
                "dag_run": SimpleNamespace(run_after=run_after),
            }
            return a_try(functools.partial(run_task, **context), store, **changes)

        return run

    @pytest.mark.parametrize(("when_cleared", "posts"), [("resume", 1), ("ask_again", 2)])
    def test_the_question_is_found_in_the_group(self, asked, another_try, when_cleared, posts):
        store = Store()
        another_try(store, 1, when_cleared=when_cleared)
        store.clear()
        assert action_of(another_try(store, 2, when_cleared=when_cleared)) == f"act-{posts}"
        assert action_of(another_try(store, 3, when_cleared=when_cleared)) == f"act-{posts}"
        assert len(asked) == posts

    def test_a_question_that_is_not_there_is_asked(self, asked, another_try):
        assert action_of(another_try(Store())) == "act-1"
        assert len(asked) == 1

    def test_two_that_look_alike_are_not_guessed_between(self, asked, another_try):
        for _ in range(2):
            another_try(Store(), 1)
        with pytest.raises(AirflowFailException, match="2 things like it appeared"):
            another_try(Store())
        assert len(asked) == 2

    def test_what_was_asked_before_this_run_is_not_its_question(self, asked, another_try):
        another_try(Store(), 1)
        assert (
            action_of(another_try(Store(), run_after=datetime.now(tz=UTC) + timedelta(minutes=5))) == "act-2"
        )
        assert len(asked) == 2

    def test_a_retry_that_forgot_nothing_takes_no_question_of_others(
        self, kaizala, asked, another_try, monkeypatch
    ):
        """The first try ended before it could ask; meanwhile another run has asked the same."""
        store = Store()
        with monkeypatch.context() as patched:
            patched.setattr(ops.KaizalaAskPollOperator, "group", lambda self: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                another_try(store, 1)
        another_try(Store(), 1)
        assert action_of(another_try(store)) == "act-2"
        assert [each for each in kaizala.calls("/actions") if each.method == "GET"] == []

    def test_a_group_that_cannot_be_read_is_looked_at_again(self, kaizala, asked, another_try):
        another_try(Store(), 1)
        store, kaizala.script = Store(), [(400, {})]
        with pytest.raises(AirflowException, match="A retry looks again") as raised:
            another_try(store)
        assert not isinstance(raised.value, AirflowFailException)
        assert action_of(another_try(store, 3)) == "act-1"
        assert len(asked) == 1


class TestVoters:
    """Bystanders may vote, but only voters count."""

    def votes_of_all(self, kaizala):
        details = kaizala.actions["act-1"]["actionDetails"]
        sent_at = kaizala.actions["act-1"]["sentAt"]
        kaizala.poll(
            {ASHA: "Go", RAVI: "Go", MEERA: "Stop"}, ["Go", "Stop"], "act-1", details["title"], sent_at
        )

    def test_only_voters_decide_which_branch_goes_on(self, kaizala, asked, run_task, clock, monkeypatch):
        monkeypatch.setattr(ops.KaizalaBranchOperator, "branch_below", lambda task, context, branch: None)
        task = ops.KaizalaBranchOperator(
            task_id="ask",
            question="Now?",
            options={"Go": "go", "Stop": "stop"},
            voters=[MEERA],
            timeout=100,
            poke_interval=10,
            do_xcom_push=False,
        )
        assert task.rule() == People((MEERA,)), "the wait is for them by default"
        monkeypatch.setattr(task, "_check_branches", lambda: None)
        clock.then.append(lambda now: self.votes_of_all(kaizala))
        result = run_task(task)
        assert (result["branch"], result["winner"], result["tally"]) == (
            ["stop"],
            "Stop",
            {"Go": 0, "Stop": 1},
        )
        assert result["chosen_by"] == {"Go": [], "Stop": ["Name of 3"]}
        assert len(result["answers"]) == 3, "the answers of bystanders are listed all the same"

    def test_a_bystanders_vote_does_not_end_the_wait_for_any_voter(self, kaizala, asked, run_task, clock):
        given = {**POLL, "voters": [MEERA], "timeout": 100, "poke_interval": 10, "on_timeout": "return"}
        clock.then.append(lambda now: votes(kaizala, number=RAVI))
        result = run_task(ops.KaizalaAskPollOperator(**given))
        assert (result["complete"], result["winner"]) == (False, None)

    def test_a_quorum_of_people_counts_only_them_in_the_winner(self, kaizala, asked, run_task, clock):
        given = {**POLL, "options": ["Go", "Stop"], "until": Quorum("Stop", 1, (MEERA,)), "timeout": 100}
        clock.then.append(lambda now: self.votes_of_all(kaizala))
        result = run_task(ops.KaizalaAskPollOperator(**given, poke_interval=10))
        assert (result["met"], result["winner"], result["tally"]) == (True, "Stop", {"Go": 0, "Stop": 1})

    def test_a_count_that_the_voters_can_never_reach_is_refused_when_the_dag_is_parsed(self):
        with pytest.raises(KaizalaInputError, match="cannot wait for 3 people; number of voters: 2"):
            ops.KaizalaAskPollOperator(**{**POLL, "until": 3}, voters=[ASHA, RAVI])


class TestReminders:
    def reminders(self, kaizala):
        return [each for each in kaizala.posts if each.path.endswith("/reminder")]

    def test_in_the_worker(self, kaizala, asked, run_task, clock):
        task = ops.KaizalaAskPollOperator(
            **POLL, timeout=100, poke_interval=10, remind_every=30, on_timeout="return"
        )
        assert run_task(task)["complete"] is False
        assert len(self.reminders(kaizala)) == 3

    def test_no_slot_twice_and_none_made_up_for(self, kaizala, asked, run_task, clock):
        store, given = Store(), {**POLL, "timeout": 1000, "remind_every": 100, "deferrable": True}

        def go_on(trigger):
            task = ops.KaizalaAskPollOperator(**given)
            with pytest.raises(TaskDeferred) as deferred:
                task.execute_complete(
                    {"task_state_store": store},
                    {"status": "wake", "wait": trigger.wait, "carry": trigger.carry},
                )
            return deferred.value.trigger

        first = a_try(run_task, store, ops.KaizalaAskPollOperator(**given))
        begin = datetime.fromisoformat(first.carry["asked"]["at"])
        assert datetime.fromisoformat(first.wake_at) == begin + timedelta(seconds=100)
        clock.now = begin + timedelta(seconds=350)  # the triggerer was away
        second = go_on(first)
        assert len(self.reminders(kaizala)) == 1
        assert datetime.fromisoformat(second.wake_at) == begin + timedelta(seconds=400)
        go_on(first)  # the worker died after the reminder, and the event comes again
        assert len(self.reminders(kaizala)) == 1
        clock.now = begin + timedelta(seconds=950)
        last = go_on(second)
        assert len(self.reminders(kaizala)) == 2
        assert last.wake_at is None, "the next would come after the deadline"

    def test_a_reminder_that_fails_does_not_end_the_wait(self, kaizala, asked, run_task, clock, logs):
        post = kaizala.otherwise
        kaizala.otherwise = lambda request: (
            kaizala.error(403) if "reminder" in request.path else post(request)
        )
        task = ops.KaizalaAskPollOperator(
            **POLL, timeout=100, poke_interval=10, remind_every=60, on_timeout="return"
        )
        assert run_task(task)["complete"] is False
        assert "Reminder 1 may not have been sent" in logs.text


LATE_ENDS = {"fail": "failed", "skip": "skipped", "return": (False, "ref-1")}


def late(store, **changes):
    """How a task ends that Airflow resumes since its deferral has lasted too long."""
    task = ops.KaizalaAskPollOperator(**{**POLL, "deferrable": True, **changes})
    context = {"ti": task_instance()}
    if store:
        context["task_state_store"] = store
    try:
        result = task.resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    except AirflowSensorTimeout:
        return "failed"
    except AirflowSkipException:
        return "skipped"
    return result["complete"], result["reference_id"]


class TestEnds:
    def test_time_is_up(self, kaizala, asked, run_task, clock):
        with pytest.raises(AirflowSensorTimeout, match="Timed out after 100 s: 0 of 1 answered"):
            run_task(ops.KaizalaAskPollOperator(**POLL, timeout=100, poke_interval=10))

    @pytest.mark.parametrize("on_timeout", ["fail", "skip", "return"])
    def test_no_triggerer_ran_when_time_was_up(self, kaizala, asked, run_task, on_timeout):
        """Airflow ends such a wait itself; it ends the same way."""
        store, given = Store(), {"deferrable": True, "on_timeout": on_timeout, "until": 2}
        a_try(run_task, store, **given)
        votes(kaizala)
        assert late(store, **given) == LATE_ENDS[on_timeout]
        assert len(asked) == 1

    def test_what_came_while_no_triggerer_ran_counts(self, kaizala, asked, run_task):
        store = Store()
        a_try(run_task, store)
        votes(kaizala)
        assert late(store) == (True, "ref-1")

    def test_no_triggerer_ran_and_nobody_knows_what_was_asked(self, asked, run_task):
        a_try(run_task, None)
        assert late(None, on_timeout="skip") == "skipped"
        assert late(None, on_timeout="return") == late(None) == "failed"
        assert len(asked) == 1

    def test_another_failure_of_a_trigger_stays_one(self, asked):
        task = ops.KaizalaAskPollOperator(**POLL)
        with pytest.raises(Exception, match="Trigger failure"):
            task.resume_execution("__fail__", {"error": "Trigger failure"}, {})

    def test_an_answer_of_the_last_moment_counts(self, kaizala, asked, run_task, clock):
        task = ops.KaizalaAskPollOperator(**POLL, timeout=100, poke_interval=60)
        end = clock.now + timedelta(seconds=99)
        clock.then.append(lambda now: votes(kaizala) if now > end else None)
        assert run_task(task)["winner"] == "Yes"

    def test_kaizala_fails_for_a_while(self, kaizala, asked, run_task, clock):
        post, down = kaizala.otherwise, []

        def sometimes(request):
            if request.method == "GET" and request.path.endswith("/act-1") and len(down) < 8:
                down.append(request)
                return kaizala.error(503)
            return post(request)

        kaizala.otherwise = sometimes
        clock.then.append(lambda now: votes(kaizala) if len(down) >= 8 else None)
        assert run_task(ops.KaizalaAskPollOperator(**POLL, timeout=1000, poke_interval=10))["winner"] == "Yes"

    def test_the_question_ends_with_the_wait(self, asked, run_task, clock):
        given = {**POLL, "on_timeout": "return", "timeout": timedelta(hours=5), "poke_interval": 3600}
        run_task(ops.KaizalaAskPollOperator(**given))
        run_task(ops.KaizalaAskPollOperator(**given, due=timedelta(hours=2)))
        assert [each["actionBody"]["expiryInHours"] for each in asked] == [5, 2]

    def test_a_rule_that_a_template_brings_is_checked_before_anything_is_sent(self, kaizala, asked, run_task):
        task = ops.KaizalaAskPollOperator(**{**POLL, "until": "{{ params.until }}"})
        with pytest.raises(AirflowFailException, match="ask: until: 'perhaps' is not a rule"):
            run_task(task, params={"until": "perhaps"})
        assert asked == []
