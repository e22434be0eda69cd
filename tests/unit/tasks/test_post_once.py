from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import (
    KaizalaBadRequestError,
    KaizalaServerError,
    KaizalaUnknownOutcomeError,
)
from airflow_provider_kaizala.client.models import Message
from airflow_provider_kaizala.tasks.post_once import Intent, PostOnce
from tests.unit.tasks.store import Store, state_of

UNKNOWN = KaizalaUnknownOutcomeError("sendMessage", "g", "HTTP 502")
REFUSED = KaizalaBadRequestError("sendMessage", 400)
DOWN = KaizalaServerError("listActions", 500)
HELLO = calls.send_message("g", Message("Hello"))


class Hook:
    """Answers the calls one after another as a test says, and remembers what the task had noted at each."""

    def __init__(self, store, answers):
        self.store, self.answers, self.noted = store, list(answers), []
        self.connection = SimpleNamespace(
            settings=SimpleNamespace(timeouts=SimpleNamespace(total=600.0)),
        )

    def run(self, call):
        self.noted.append(noted(self.store))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Find:
    """Finds in Kaizala what a test says, one look after another, and remembers the time in which it looked."""

    def __init__(self, *found):
        self.found, self.intents = list(found), []

    def __call__(self, intent):
        self.intents.append(intent)
        found = self.found.pop(0)
        if isinstance(found, Exception):
            raise found
        return [{"reference_id": each} for each in found]


def noted(store, name="intent"):
    kept = store.get(f"kaizala_{name}") if store else None
    return kept and kept["value"]


def a_try(store, *answers, find=None, max_tries=0, call=HELLO, **how):
    """One try of a task: what it remembers of its call, the value of the call, and the hook."""
    hook = Hook(store, answers)
    once = PostOnce(hook, state_of(store, max_tries), "greeting group g", **how)
    earlier = once.earlier_outcome()
    if earlier is not None:
        return earlier, None, hook
    outcome, value = once.send(call, lambda value: {"reference_id": value}, find)
    assert hook.answers == []
    return outcome, value, hook


def dies_in_between(store, *, at=None, max_tries=0):
    """A try that has noted its intent and ended before it knew the outcome."""
    at = at or datetime.now(tz=UTC) - timedelta(hours=1)
    intent = Intent(at, at + timedelta(minutes=10))
    state_of(store, max_tries).set("intent", intent.to_wire())
    return intent


# --- the outcome is known ------------------------------------------------------------------------------------------------


def test_a_call_is_made_and_its_outcome_noted():
    store = Store()
    outcome, value, hook = a_try(store, "r1")
    assert (outcome, value) == ({"reference_id": "r1"}, "r1")
    assert noted(store, "posted") == {"reference_id": "r1"}
    assert len(hook.noted) == 1


def test_a_retry_returns_the_earlier_outcome_and_makes_no_call(logs):
    store = Store()
    a_try(store, "r1")
    outcome, value, hook = a_try(store)
    assert (outcome, value, hook.noted) == ({"reference_id": "r1"}, None, [])
    assert "An earlier try has finished greeting group g: reference_id r1" in logs.text


def test_the_intent_is_noted_before_the_call_with_the_time_that_it_may_take():
    store = Store()
    before = datetime.now(tz=UTC)
    _, _, hook = a_try(store, "r1")
    (wire,) = hook.noted
    intent = Intent.from_wire(wire)
    assert before <= intent.since <= datetime.now(tz=UTC)
    assert intent.until - intent.since == timedelta(seconds=600)
    assert Intent.from_wire(intent.to_wire()) == intent


def test_nothing_is_noted_before_there_is_a_connection():
    class Broken(Hook):
        connection = property(lambda self: 1 / 0, lambda self, value: None)

    store = Store()
    with pytest.raises(ZeroDivisionError):
        PostOnce(Broken(store, []), state_of(store), "x").send(HELLO, dict)
    assert store == {}


def test_a_call_that_is_safe_to_repeat_notes_nothing():
    store = Store()
    like = calls.post_reaction("g", "r", "Like")
    outcome, value, hook = a_try(store, "re-1", call=like)
    assert (outcome, value, hook.noted) == ({"reference_id": "re-1"}, "re-1", [None])
    assert store == {}
    assert a_try(store, "re-2", call=like)[0] == {"reference_id": "re-2"}


def test_a_refusal_leaves_nothing_in_doubt_so_a_retry_calls_again():
    store = Store()
    with pytest.raises(KaizalaBadRequestError):
        a_try(store, REFUSED)
    assert noted(store) is None
    assert a_try(store, "r2")[0] == {"reference_id": "r2"}


def test_without_state_a_retry_calls_again():
    assert [a_try(None, each)[0]["reference_id"] for each in ("r1", "r2")] == ["r1", "r2"]


# --- the outcome is unknown ----------------------------------------------------------------------------------------------


def test_what_was_created_after_all_is_found_and_taken(logs):
    store, find = Store(), Find(["r1"])
    outcome, value, _ = a_try(store, UNKNOWN, find=find)
    assert (outcome, value) == ({"reference_id": "r1"}, None)
    assert noted(store, "posted") == {"reference_id": "r1"}
    assert [each.to_wire() for each in find.intents] == [noted(store)]
    assert "Found in Kaizala that greeting group g succeeded: reference_id r1" in logs.text


@pytest.mark.parametrize("found", [None, [[]]], ids=["not listed", "not found"])
def test_if_nothing_is_found_the_unknown_outcome_is_raised_and_the_doubt_kept(found):
    store = Store()
    with pytest.raises(KaizalaUnknownOutcomeError) as raised:
        a_try(store, UNKNOWN, find=found and Find(*found))
    assert raised.value is UNKNOWN
    assert noted(store) is not None
    assert noted(store, "posted") is None


@pytest.mark.parametrize("resend", [False, True])
def test_of_several_that_fit_none_is_taken(resend):
    store = Store()
    with pytest.raises(AirflowFailException, match="greeting group g may have succeeded, and 2 things like"):
        a_try(store, UNKNOWN, find=Find(["r1", "r2"]), resend=resend)
    assert noted(store, "posted") is None


def test_if_it_cannot_be_looked_up_now_a_retry_looks_again_before_it_sends_anything():
    store, find = Store(), Find(DOWN, DOWN, ["r1"])
    with pytest.raises(AirflowException, match=r"cannot be looked up: .* A retry looks again") as raised:
        a_try(store, UNKNOWN, find=find)
    assert not isinstance(raised.value, AirflowFailException)
    with pytest.raises(AirflowException, match="A retry looks again") as raised:
        a_try(store, find=find)
    assert not isinstance(raised.value, AirflowFailException)
    outcome, _, hook = a_try(store, find=find)
    assert (outcome, hook.noted) == ({"reference_id": "r1"}, [])
    assert len({intent.since for intent in find.intents}) == 1


def test_without_state_there_is_no_second_look(logs):
    with pytest.raises(KaizalaUnknownOutcomeError):
        a_try(None, UNKNOWN, find=Find(DOWN))
    (line,) = logs.of("warning")
    assert "whether greeting group g succeeded cannot be looked up" in line


# --- sending again -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "found", [None, [[]], [DOWN]], ids=["not listed", "not found", "cannot be looked up"]
)
def test_resend_sends_once_more_where_looking_finds_nothing(found, logs):
    store = Store()
    outcome, value, hook = a_try(store, UNKNOWN, "r2", find=found and Find(*found), resend=True)
    assert (outcome, value) == ({"reference_id": "r2"}, "r2")
    assert noted(store, "posted") == {"reference_id": "r2"}
    assert len(hook.noted) == 2
    assert (
        "sendMessage: no readable answer came back (HTTP 502). Sending it once more" in logs.of("warning")[-1]
    )


def test_resend_sends_nothing_again_that_is_found():
    outcome, _, hook = a_try(Store(), UNKNOWN, find=Find(["r1"]), resend=True)
    assert (outcome, len(hook.noted)) == ({"reference_id": "r1"}, 1)


def test_resend_repeats_at_most_once_in_a_try():
    second = KaizalaUnknownOutcomeError("sendMessage", "g", "HTTP 504")
    with pytest.raises(KaizalaUnknownOutcomeError) as raised:
        a_try(Store(), UNKNOWN, second, resend=True)
    assert raised.value is second


def test_after_a_second_sending_the_look_goes_back_to_the_first():
    """Either of them may have been carried out."""
    store, find = Store(), Find([], ["r1"])
    outcome, _, hook = a_try(store, UNKNOWN, UNKNOWN, find=find, resend=True)
    assert outcome == {"reference_id": "r1"}
    first, second = (Intent.from_wire(each) for each in hook.noted)
    assert first.since == second.since
    assert first.until < second.until
    assert find.intents == [first, second]


def test_a_second_sending_that_is_refused_leaves_the_first_in_doubt():
    store = Store()
    with pytest.raises(KaizalaBadRequestError):
        a_try(store, UNKNOWN, REFUSED, resend=True)
    assert noted(store) is not None
    with pytest.raises(AirflowFailException, match="an earlier try began greeting group g"):
        a_try(store)


# --- an earlier try ended before it knew the outcome ---------------------------------------------------------------------


def test_a_retry_finds_what_the_earlier_try_created():
    store, find = Store(), Find(["r1"])
    intent = dies_in_between(store)
    outcome, value, hook = a_try(store, find=find)
    assert (outcome, value, hook.noted) == ({"reference_id": "r1"}, None, [])
    assert find.intents == [intent]
    assert a_try(store)[0] == {"reference_id": "r1"}, "and notes it"


def test_a_call_is_in_doubt_while_it_has_begun_and_its_outcome_is_not_known():
    store = Store()

    def in_doubt(max_tries=0, **how):
        return PostOnce(Hook(store, []), state_of(store, max_tries), "greeting group g", **how).in_doubt

    assert not in_doubt()
    dies_in_between(store)
    assert in_doubt()
    assert not in_doubt(max_tries=1), "a task that was cleared begins anew"
    assert in_doubt(max_tries=1, across_clearing=True)
    a_try(store, find=Find(["r1"]))
    assert not in_doubt()


def test_a_retry_calls_if_the_earlier_try_is_found_to_have_created_nothing(logs):
    store, find = Store(), Find([], ["r2"])
    earlier = dies_in_between(store)
    outcome, _, _ = a_try(store, UNKNOWN, find=find)
    assert outcome == {"reference_id": "r2"}
    assert find.intents[0] == earlier
    assert find.intents[1].since > earlier.until, "what Kaizala does not list by now was not created"
    assert "Kaizala shows nothing of greeting group g, so it did not happen" in logs.text
    assert logs.of("warning") == []


def test_a_retry_after_several_that_fit_fails():
    store = Store()
    dies_in_between(store)
    with pytest.raises(AirflowFailException, match="2 things like it appeared since"):
        a_try(store, find=Find(["r1", "r2"]))


def test_a_retry_that_cannot_know_does_not_call():
    store = Store()
    intent = dies_in_between(store)
    with pytest.raises(AirflowFailException) as failed:
        a_try(store)
    assert f"an earlier try began greeting group g at {intent.since} and ended before" in str(failed.value)
    assert "clear the task to do it again" in str(failed.value)


@pytest.mark.parametrize("found", [None, [DOWN]], ids=["not listed", "cannot be looked up"])
def test_a_retry_that_cannot_know_calls_if_resend_is_set(logs, found):
    store = Store()
    dies_in_between(store)
    outcome, _, _ = a_try(store, "r2", find=found and Find(*found), resend=True)
    assert outcome == {"reference_id": "r2"}
    assert "Sending it again, as on_unknown_outcome says: people may see it twice" in logs.of("warning")[-1]


def test_after_a_doubtful_sending_the_look_goes_back_to_the_earlier_try():
    store, find = Store(), Find(DOWN, ["r1"])
    earlier = dies_in_between(store)
    outcome, _, hook = a_try(store, UNKNOWN, find=find, resend=True)
    assert outcome == {"reference_id": "r1"}
    assert [each.since for each in find.intents] == [earlier.since, earlier.since]
    assert find.intents[1].until > earlier.until
    assert [each["since"] for each in hook.noted] == [earlier.since.isoformat()]


def test_a_refusal_after_an_earlier_doubt_leaves_the_doubt():
    store = Store()
    earlier = dies_in_between(store)
    with pytest.raises(KaizalaBadRequestError):
        a_try(store, REFUSED, resend=True)
    assert noted(store)["since"] == earlier.since.isoformat()


# --- a task that was cleared by hand -------------------------------------------------------------------------------------


def test_a_task_that_was_cleared_calls_again():
    store = Store()
    a_try(store, "r1")
    assert a_try(store, "r2", max_tries=1)[0] == {"reference_id": "r2"}
    assert a_try(store, max_tries=1)[0] == {"reference_id": "r2"}


def test_a_task_that_was_cleared_does_not_look_for_what_it_began_before():
    store = Store()
    dies_in_between(store)
    assert a_try(store, "r2", find=Find(), max_tries=1)[0] == {"reference_id": "r2"}


def test_across_clearing_the_earlier_outcome_is_returned():
    store = Store()
    a_try(store, "r1")
    assert a_try(store, max_tries=1, across_clearing=True)[0] == {"reference_id": "r1"}


def test_across_clearing_what_was_begun_is_looked_for():
    store, find = Store(), Find(["r1"])
    intent = dies_in_between(store)
    assert a_try(store, find=find, max_tries=1, across_clearing=True)[0] == {"reference_id": "r1"}
    assert find.intents == [intent]


@pytest.mark.parametrize("found", [None, [[]]], ids=["not listed", "not found"])
def test_across_clearing_what_is_not_found_is_done_again(found, logs):
    """Whoever has cleared the task has looked."""
    store = Store()
    earlier = dies_in_between(store)
    outcome, _, hook = a_try(store, "r2", find=found and Find(*found), max_tries=1, across_clearing=True)
    assert outcome == {"reference_id": "r2"}
    assert Intent.from_wire(hook.noted[0]).since > earlier.until
    assert logs.of("warning") == []
