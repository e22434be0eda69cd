from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_kaizala.client.errors import KaizalaForbiddenError, KaizalaInputError
from airflow_provider_kaizala.operators import (
    KaizalaAddMembersOperator,
    KaizalaAddSubscribersOperator,
    KaizalaRemoveMembersOperator,
    KaizalaRemoveSubscribersOperator,
    KaizalaSyncMembersOperator,
    KaizalaSyncSubscribersOperator,
)

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
MANY = [f"+9199{number:08}" for number in range(101)]
ME = {"id": "me", "name": "Airflow", "mobileNumber": "+910000000099"}


def member(number, **changes):
    return {"id": f"u{number[-1]}", "role": "Member", "mobileNumber": number, **changes}


@pytest.fixture
def serve(kaizala):
    """Serve these members, and a bot without a number; other replies by their method, that of getMe as ``me``."""

    def serve(*members, **replies):
        there = [each if isinstance(each, dict) else member(each) for each in members]

        def answer(request):
            if request.path.endswith("/users/me"):
                return replies.get("me", (200, ME))
            if request.method == "GET":
                return 200, {"members": [*there, {"id": "bot", "role": "Member"}]}
            return replies.get(request.method, (200, {"result": "true"}))

        kaizala.otherwise = answer

    return serve


@pytest.fixture
def subscribed(kaizala):
    """Serve these subscribers; adding and removing reports *result*."""

    def serve(*numbers, result=None):
        there = [{"id": f"u{number[-1]}", "mobileNumber": number} for number in numbers]
        replies = {"POST": {"subscribers": there}, "PUT": {"result": result or {}}}
        kaizala.otherwise = lambda request: (200, replies[request.method])

    return serve


def changes(kaizala):
    return [(call.method, call.path.split("/", 3)[3]) for call in kaizala.calls() if call.method != "GET"]


def sync(*members, **given):
    return KaizalaSyncMembersOperator(task_id="t", members=list(members), **given)


# --- members -------------------------------------------------------------------------------------------------------------


def test_only_members_who_are_missing_are_added(kaizala, run_task, serve, group):
    serve(ASHA)
    task = KaizalaAddMembersOperator(task_id="t", members=[ASHA, " {{ params.who }} "])
    assert run_task(task, params={"who": RAVI}) == {"group_id": group, "added": [RAVI]}
    (call,) = [call for call in kaizala.calls() if call.method == "PUT"]
    assert call.json == {"members": [RAVI]}


def test_members_are_added_in_batches_of_a_hundred(kaizala, run_task, serve, logs):
    serve()
    run_task(KaizalaAddMembersOperator(task_id="t", members=MANY))
    batches = [call.json["members"] for call in kaizala.calls() if call.method == "PUT"]
    assert batches == [MANY[:100], MANY[100:]]
    assert "101 of 101 members added to group" in logs.text


def test_only_members_who_are_there_are_removed(kaizala, run_task, serve, group):
    serve(ASHA, RAVI)
    task = KaizalaRemoveMembersOperator(task_id="t", members=[RAVI, MEERA])
    assert run_task(task) == {"group_id": group, "removed": [RAVI]}
    assert changes(kaizala) == [("DELETE", "members/u2")]


def test_a_member_who_left_in_the_meantime_counts_as_removed(kaizala, run_task, serve, group):
    serve(ASHA, RAVI, DELETE=kaizala.error(404))
    assert run_task(sync(ASHA)) == {
        "group_id": group,
        "added": [],
        "removed": [RAVI],
        "kept": [],
        "dry_run": False,
    }


@pytest.mark.parametrize(
    ("task", "says"),
    [
        (lambda: KaizalaAddMembersOperator(task_id="t", members=[MEERA]), rf"not added to .*: \{MEERA}"),
        (lambda: KaizalaRemoveMembersOperator(task_id="t", members=[ASHA]), rf"not removed from .*: \{ASHA}"),
    ],
)
def test_a_change_that_kaizala_denies_is_a_failure_that_may_be_retried(run_task, serve, task, says):
    serve(ASHA, PUT=(200, {"result": "false"}), DELETE=(200, {"result": "false"}))
    with pytest.raises(AirflowException, match=says) as refused:
        run_task(task())
    assert not isinstance(refused.value, AirflowFailException)


# --- the whole list ------------------------------------------------------------------------------------------------------


def test_a_sync_adds_who_is_missing_before_it_removes_who_is_not_listed(kaizala, run_task, serve, group):
    serve(ASHA, RAVI)
    assert run_task(sync(RAVI, MEERA)) == {
        "group_id": group,
        "added": [MEERA],
        "removed": [ASHA],
        "kept": [],
        "dry_run": False,
    }
    assert changes(kaizala) == [("PUT", "members"), ("DELETE", "members/u1")]


@pytest.mark.parametrize("dry_run", [True, "{{ params.dry }}"])
def test_a_dry_run_changes_nothing(kaizala, run_task, serve, logs, dry_run):
    serve(ASHA)
    result = run_task(sync(MEERA, dry_run=dry_run), params={"dry": "True"})
    assert (result["added"], result["removed"], result["dry_run"]) == ([MEERA], [ASHA], True)
    assert changes(kaizala) == []
    assert "dry run: nothing is changed" in logs.text


def test_more_removals_than_allowed_change_nothing(kaizala, run_task, serve):
    serve(ASHA, RAVI, MEERA)
    task = sync("+910000000009", max_removals="{{ 2 }}")
    with pytest.raises(
        AirflowFailException, match=r"3 of 3 members .* max_removals is 2: nothing was changed"
    ):
        run_task(task)
    assert changes(kaizala) == []


@pytest.mark.parametrize("most", [0, "0", "{{ 0 }}"])
def test_max_removals_of_0_allows_none(kaizala, run_task, serve, most):
    serve(ASHA, RAVI)
    with pytest.raises(AirflowFailException, match=r"1 of 2 members .* max_removals is 0: nothing"):
        run_task(sync(ASHA, MEERA, max_removals=most))
    assert changes(kaizala) == []


def test_as_many_removals_as_allowed_are_made(kaizala, run_task, serve):
    serve(ASHA, RAVI)
    assert run_task(sync(MEERA, max_removals=2))["removed"] == [ASHA, RAVI]


@pytest.mark.parametrize(
    "me",
    [
        {"id": "U2", "name": "Ravi"},
        {"id": "u2", "name": "Ravi"},
        {"id": "other", "mobileNumber": RAVI},
    ],
    ids=["id in another casing", "id", "number"],
)
@pytest.mark.parametrize("keep_admins", [True, False])
def test_the_token_s_own_user_is_never_removed(kaizala, run_task, serve, me, keep_admins):
    serve(ASHA, RAVI, me=(200, me))
    result = run_task(sync(MEERA, keep_admins=keep_admins))
    assert (result["kept"], result["removed"]) == ([RAVI], [ASHA])


def test_admins_stay_unless_they_are_not_kept(kaizala, run_task, serve):
    serve(member(ASHA, role="Admin"), RAVI)
    assert run_task(sync(MEERA))["kept"] == [ASHA]
    assert run_task(sync(MEERA, keep_admins=False))["removed"] == [ASHA, RAVI]


def test_admins_stay_though_the_token_s_user_cannot_be_read(kaizala, run_task, serve):
    serve(ASHA, RAVI, me=kaizala.error(403))
    assert run_task(sync(ASHA))["removed"] == [RAVI]
    with pytest.raises(KaizalaForbiddenError, match="getMe"):
        run_task(sync(ASHA, keep_admins=False))


# --- subscribers ---------------------------------------------------------------------------------------------------------


def test_only_subscribers_who_are_missing_are_added(kaizala, run_task, subscribed, group):
    subscribed(ASHA, result={RAVI: {"isAdded": True}})
    task = KaizalaAddSubscribersOperator(task_id="t", subscribers=[ASHA, RAVI])
    assert run_task(task) == {"group_id": group, "added": [RAVI]}
    assert kaizala.calls("/add")[0].json == {"subscribers": [RAVI]}


def test_only_subscribers_who_are_there_are_removed(kaizala, run_task, subscribed, group):
    subscribed(ASHA, result={ASHA: {"isRemoved": True}})
    task = KaizalaRemoveSubscribersOperator(task_id="t", subscribers=[ASHA, RAVI])
    assert run_task(task) == {"group_id": group, "removed": [ASHA]}
    assert kaizala.calls("/remove")[0].json == {"subscribers": [ASHA]}


def test_subscribers_are_synced_with_a_list(kaizala, run_task, subscribed, group):
    subscribed(ASHA, RAVI)
    task = KaizalaSyncSubscribersOperator(task_id="t", subscribers=[RAVI, MEERA], max_removals=1)
    assert run_task(task) == {
        "group_id": group,
        "added": [MEERA],
        "removed": [ASHA],
        "kept": [],
        "dry_run": False,
    }
    assert [call.path.rpartition("/")[2] for call in kaizala.calls() if call.method == "PUT"] == [
        "add",
        "remove",
    ]
    with pytest.raises(AirflowFailException, match=r"2 of 2 subscribers .* max_removals is 0"):
        run_task(KaizalaSyncSubscribersOperator(task_id="t", subscribers=[MEERA], max_removals=0))


def test_a_subscriber_who_could_not_be_added_is_named(run_task, subscribed):
    subscribed(result={ASHA: {"isAdded": True}, RAVI: {"isAdded": False, "errorReason": "no such person"}})
    with pytest.raises(AirflowException, match=rf"not added to .*\{RAVI}: no such person"):
        run_task(KaizalaAddSubscribersOperator(task_id="t", subscribers=[ASHA, RAVI]))


# --- what is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "given", "says"),
    [
        (KaizalaAddMembersOperator, {"members": []}, "members is empty"),
        (KaizalaRemoveMembersOperator, {"members": ASHA}, "members must be a list of phone numbers"),
        (KaizalaSyncMembersOperator, {"members": []}, "members is empty"),
        (KaizalaSyncMembersOperator, {"members": [910000000001]}, "as text: render_template_as_native_obj"),
        (
            KaizalaSyncMembersOperator,
            {"members": [ASHA], "max_removals": -1},
            "max_removals must be a whole number of at least 0, not -1",
        ),
        (
            KaizalaSyncMembersOperator,
            {"members": [ASHA], "dry_run": "perhaps"},
            "^t: dry_run must be True or False",
        ),
        (
            KaizalaSyncMembersOperator,
            {"members": [ASHA], "keep_admins": 1},
            "keep_admins must be True or False",
        ),
        (KaizalaRemoveSubscribersOperator, {"subscribers": ["x"]}, "subscribers: 'x' is not a phone number"),
        (
            KaizalaSyncSubscribersOperator,
            {"subscribers": [ASHA], "keep_admins": True},
            "keep_admins: KaizalaSyncSubscribersOperator does not take it",
        ),
    ],
)
def test_a_wrong_argument_is_refused_when_the_dag_is_parsed(operator, given, says):
    with pytest.raises(KaizalaInputError, match=says):
        operator(task_id="t", **given)
