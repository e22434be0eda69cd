from __future__ import annotations

import pytest

from airflow_provider_kaizala.operators import KaizalaApprovalOperator, KaizalaBranchOperator

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"


def approval(**changes):
    return KaizalaApprovalOperator(**{"task_id": "ask", "question": "Pay?", **changes})


def answer(responder, choice, name=None):
    return {
        "responder": responder,
        "responder_name": name,
        "responder_id": None,
        "response_id": None,
        "responded_at": None,
        "is_completed": None,
        "answers": {"Pay?": choice},
    }


@pytest.mark.parametrize("spelled", ["Approve", "approve", " APPROVE ", ["Approve"]])
def test_sides_know_an_option_as_the_rules_do(spelled):
    answers = [answer(ASHA, spelled, "Asha"), answer(RAVI, "reject"), answer(MEERA, "Later")]
    assert approval().sides(answers) == (["Asha"], [RAVI])


def test_only_approvers_count_and_of_each_the_latest():
    answers = [answer(ASHA, "Approve"), answer(RAVI, "Approve"), answer(ASHA, "Reject")]
    assert approval(approvers=[ASHA]).sides(answers) == ([], [ASHA])


@pytest.mark.parametrize("winner", ["Ship", "ship "])
def test_the_branch_of_the_winner(winner, monkeypatch):
    monkeypatch.setattr(KaizalaBranchOperator, "do_branch", lambda task, context, branch: None)
    task = KaizalaBranchOperator(
        task_id="ask",
        question="Now?",
        options={"Ship ": "ship", "Wait": ["hold", "tell"]},
        do_xcom_push=False,
    )
    result = {"winner": winner, "tally": {}}
    assert task.finish(result, {"ti": None})["branch"] == ["ship"]
