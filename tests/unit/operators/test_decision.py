from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.operators import KaizalaApprovalOperator, KaizalaBranchOperator

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"


def approval(**changes):
    return KaizalaApprovalOperator(**{"task_id": "ask", "question": "Pay?", **changes})


def outcome(task, chosen_by, **more):
    """What an approval makes of the votes of people, by name."""
    tally = {option: len(names) for option, names in chosen_by.items()}
    result = {"title": "Pay?", "answers": [], "chosen_by": chosen_by, "tally": tally, "winner": None, **more}
    return task.finish(result, {"task": task, "ti": SimpleNamespace(map_index=-1)})


@pytest.mark.parametrize("spelled", ["Approve", "approve", " APPROVE "])
def test_an_option_counts_however_the_service_spells_it(spelled):
    found = outcome(approval(quorum=2), {spelled: ["Asha", "Ravi"], "Later": ["Meera"]})
    assert (found["approved"], found["approved_by"], found["rejected_by"]) == (True, ["Asha", "Ravi"], [])


def test_an_outcome_short_of_the_quorum_is_a_rejection():
    found = outcome(approval(quorum=2, on_reject="return"), {"Approve": ["Asha"], "Reject": []})
    assert found["approved"] is False


def test_one_rejection_rejects_however_many_approve_before_the_next_look():
    votes = {"Approve": ["Asha", "Meera"], "reject": ["Ravi"]}
    found = outcome(approval(quorum=2, on_reject="return"), votes)
    assert (found["approved"], found["rejected_by"]) == (False, ["Ravi"])
    assert outcome(approval(quorum=2, approvers=[ASHA, RAVI, MEERA]), votes)["approved"] is True


@pytest.mark.parametrize(
    "given",
    [
        {"quorum": "{{ params.n }}"},
        {"quorum": "{{ params.n }}", "approvers": [ASHA, RAVI]},
        {"approvers": "{{ params.who }}"},
        {"approvers": "{{ params.who }}", "quorum": 3},
    ],
)
def test_who_decides_may_be_known_only_when_the_task_runs(given):
    assert approval(**given).quorum == given.get("quorum", 1)
    assert KaizalaApprovalOperator.partial(task_id="t", **given).expand(question=["Pay?"])


def test_anonymous_approvals_count_though_no_one_is_named():
    result = {
        "title": "Pay?",
        "answers": [],
        "chosen_by": {"Approve": []},
        "tally": {"Approve": 2},
        "winner": "Approve",
    }
    assert approval(quorum=2).finish(result, {})["approved"] is True


@pytest.mark.parametrize(
    ("given", "voters"),
    [
        ({"approvers": [ASHA]}, [ASHA]),
        ({"voters": [ASHA]}, [ASHA]),
        ({"approvers": [ASHA], "voters": [ASHA, RAVI]}, [ASHA, RAVI]),
        ({}, None),
    ],
)
def test_only_approvers_count_in_the_winner_by_default(given, voters):
    task = approval(**given)
    assert task.voters == voters
    assert task.approvers == ([ASHA] if voters else None)


@pytest.mark.parametrize(
    ("on_reject", "rejected_by", "says"),
    [("fail", ["Meera", "Ravi"], "was rejected by Meera, Ravi"), ("fail", [], "was not approved in time")],
)
def test_a_rejection_says_by_whom_if_anyone(on_reject, rejected_by, says):
    with pytest.raises(AirflowFailException, match=says):
        outcome(approval(on_reject=on_reject), {"Approve": [], "Reject": rejected_by})


@pytest.mark.parametrize("winner", ["Ship", "ship "])
def test_the_branch_of_the_winner(winner, monkeypatch):
    assert branch_of(monkeypatch, {"winner": winner, "tally": {}}) == ["ship"]


def test_the_defaults_are_taken_if_no_option_wins(monkeypatch):
    tied = {"winner": None, "tally": {"Ship ": 1, "Wait": 1}}
    assert branch_of(monkeypatch, tied, defaults="Wait") == ["hold", "tell"]
    with pytest.raises(AirflowFailException, match=r"has no winner .*give defaults="):
        branch_of(monkeypatch, tied)


@pytest.mark.parametrize("defaults", [["Wait"], "Go", 1])
def test_the_default_of_a_branch_is_one_of_its_options(defaults):
    with pytest.raises(KaizalaInputError) as refused:
        KaizalaBranchOperator(
            task_id="gate", question="Ship?", options={"Ship": "ship", "Wait": "hold"}, defaults=defaults
        )
    assert (
        str(refused.value) == f"gate: defaults: {defaults!r} is not offered; the options are 'Ship', 'Wait'"
    )


def test_the_rule_of_an_approval_is_called_by_its_own_arguments():
    with pytest.raises(KaizalaInputError) as refused:
        approval(approvers=[ASHA], voters=[RAVI])
    assert (
        str(refused.value)
        == f"ask: approvers: {ASHA} cannot answer: not among the voters. Add them there, or leave them out"
    )
    assert (approval(approvers=[ASHA]).rule_argument, approval().rule_argument) == ("approvers", "quorum")


def test_defaults_say_what_happens_when_time_is_up():
    given = {"task_id": "ask", "question": "Now?", "options": {"A": "a", "B": "b"}}
    assert KaizalaBranchOperator(**given, defaults="B").on_timeout == "return"
    assert KaizalaBranchOperator(**given).on_timeout == "fail"
    with pytest.raises(KaizalaInputError, match="both say what happens when time is up"):
        KaizalaBranchOperator(**given, defaults="B", on_timeout="fail")


def branch_of(monkeypatch, result, **changes):
    monkeypatch.setattr(KaizalaBranchOperator, "branch_below", lambda task, context, branch: None)
    task = KaizalaBranchOperator(
        task_id="ask",
        question="Now?",
        options={"Ship ": "ship", "Wait": ["hold", "tell"]},
        do_xcom_push=False,
        **changes,
    )
    return task.finish(result, {})["branch"]


def test_an_approver_who_is_not_in_the_group_is_named_as_one(kaizala, run_task):
    kaizala.poll(action_id="act-2")
    with pytest.raises(
        AirflowFailException, match=r"^approvers: \+919999999999 cannot answer: not among the members"
    ):
        run_task(approval(approvers=["+919999999999"]))
