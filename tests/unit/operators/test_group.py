"""Groups: in memory what is sent; against the real server that a group is created once."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_kaizala.client.errors import (
    KaizalaForbiddenError,
    KaizalaInputError,
    KaizalaServerError,
)
from airflow_provider_kaizala.operators import (
    KaizalaAttachSubGroupsOperator,
    KaizalaCreateGroupOperator,
    KaizalaDetachSubGroupsOperator,
)
from tests.unit.task_instance import task_instance

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"
GROUP = "11111111-1111-4111-8111-111111111111@1"
#: one more than fit into the call
MANY = [f"+9199{number:08}" for number in range(101)]
CREATED = (200, {"groupId": "g9", "groupName": "North", "membersAdded": True})


def create(**given):
    return KaizalaCreateGroupOperator(task_id="t", **{"name": "North", "welcome_message": "Hi", **given})


def listing(*groups):
    return 200, {"groups": [{"groupId": each, "groupName": name} for each, name in groups]}


# --- what is sent --------------------------------------------------------------------------------------------------------


def test_a_group_is_created_with_its_members(kaizala, run_task):
    kaizala.script = [listing(), CREATED]
    result = run_task(create(members=[ASHA, "{{ params.who }}"]), params={"who": RAVI})
    assert result == {
        "group_id": "g9",
        "name": "North",
        "parent_group_id": None,
        "members_added": True,
    }
    (post,) = kaizala.posts
    assert post.path == "/groups"
    assert post.json == {
        "name": "North",
        "welcomeMessage": "Hi",
        "groupType": "Group",
        "members": [ASHA, RAVI],
    }


def test_a_sub_group_is_created_with_the_grant_of_its_parent(kaizala, run_task, group):
    kaizala.script = [(200, {"groupId": group, "subGroups": []}), CREATED]
    result = run_task(create(parent_group_id=group, join=False, group_type="connectgroup"))
    assert result["parent_group_id"] == group
    (post,) = kaizala.posts
    assert post.path == f"/groups/{group}/subGroups"
    assert post.headers["accesstoken"] == "access-token-for-refresh-token-of-the-group"
    assert (post.json["addUserToGroup"], post.json["groupType"]) == (False, "ConnectGroup")


def test_members_beyond_the_first_hundred_are_added_after_it(kaizala, run_task):
    kaizala.script = [listing(), CREATED, (200, {"result": "true"})]
    run_task(create(members=MANY))
    *_, post, add = kaizala.calls()
    assert (len(post.json["members"]), add.json) == (100, {"members": MANY[100:]})
    assert add.path == "/groups/g9/members"


def test_members_that_kaizala_could_not_add_are_warned_of(kaizala, run_task, logs):
    kaizala.script = [listing(), (200, {"groupId": "g9", "membersAdded": False})]
    assert run_task(create(members=[ASHA]))["members_added"] is False
    assert "not all members could be added to group g9" in logs.of("warning")[0]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": " "}, "name is empty"),
        ({"members": [ASHA, "12"]}, "members: '12' is not a phone number"),
        ({"members": None}, "members must be a list of phone numbers"),
        ({"group_type": "Hub"}, "group_type must be one of Group, ConnectGroup, not 'Hub'"),
        ({"parent_group_id": "a b"}, "parent_group_id: 'a b' is not a valid group id"),
        ({"join": "yes"}, "join must be True or False"),
        ({"on_unknown_outcome": "retry"}, "on_unknown_outcome must be one of fail, resend"),
        (
            {"group_id": "g1"},
            "group_id: KaizalaCreateGroupOperator does not take it; give parent_group_id to create a sub-group",
        ),
    ],
)
def test_a_wrong_argument_is_refused_when_the_dag_is_parsed(given, says):
    with pytest.raises(KaizalaInputError, match=says):
        create(**given)


# --- created once: on the real server ------------------------------------------------------------------------------------


@pytest.fixture
def server(kaizala_server, kaizala_conn, variables):
    """The real server, with the connection ``kaizala_default`` to it."""
    return kaizala_server


@pytest.fixture
def a_try(server, run_task):
    """One try of a task that creates a group."""

    def run(store=None, max_tries=0, **given):
        context = {} if store is None else {"task_state_store": store}
        return run_task(create(**given), ti=task_instance(max_tries=max_tries), **context)

    return run


def created(server):
    """How often a group was created."""
    replies = [*server.journal(operation="createGroup"), *server.journal(operation="createSubGroup")]
    return len(replies)


WHERE = pytest.mark.parametrize(
    ("operation", "given"),
    [("createGroup", {}), ("createSubGroup", {"parent_group_id": GROUP})],
    ids=["group", "sub-group"],
)


@WHERE
@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "not kept"])
def test_a_group_that_was_created_after_all_is_found_by_its_name(
    server, a_try, store, operation, given, keeps
):
    before = a_try(**given)
    server.fault(operation, drop="after", count=1)
    result = a_try(store if keeps else None, **given)
    assert result["group_id"] != before["group_id"]
    assert result == {**before, "group_id": result["group_id"], "members_added": None}
    assert created(server) == 2


@WHERE
def test_a_retry_after_the_worker_died_finds_the_group(server, a_try, store, operation, given):
    a_try(**given)
    first = a_try(store, **given)
    del store["kaizala_posted"]  # it died before it could note the outcome
    assert a_try(store, **given)["group_id"] == first["group_id"]
    assert "kaizala_posted" in store
    assert created(server) == 2


def test_a_retry_after_the_worker_died_before_anything_was_created_creates_the_group(server, a_try, store):
    server.fault("createGroup", drop="before", count=1)
    with pytest.raises(AirflowFailException, match="no readable answer came back"):
        a_try(store)
    assert a_try(store)["group_id"]
    assert created(server) == 2  # the first was lost on its way


def test_a_retry_returns_the_group_that_an_earlier_try_has_created(server, a_try, store):
    assert a_try(store) == a_try(store)
    assert created(server) == 1


def test_before_airflow_keeps_anything_a_retry_creates_another_group(server, a_try):
    assert a_try()["group_id"] != a_try()["group_id"]
    assert created(server) == 2


def test_a_task_that_was_cleared_by_hand_creates_another_group(server, a_try, store):
    first = a_try(store, max_tries=0)
    assert a_try(store, max_tries=1)["group_id"] != first["group_id"]
    assert created(server) == 2


def test_two_new_groups_of_that_name_are_not_guessed_between(server, a_try, store):
    a_try(store)
    del store["kaizala_posted"]
    a_try()
    with pytest.raises(AirflowFailException, match="creating group 'North' may have succeeded, and 2 things"):
        a_try(store)


def test_a_group_of_a_similar_name_is_not_taken_for_the_new_one(kaizala, run_task):
    kaizala.script = [listing(), (500, {}), listing(("g1", "north"), ("g2", "North 2"), ("g3", " North "))]
    assert run_task(create())["group_id"] == "g3"


def test_groups_that_cannot_be_listed_leave_it_to_on_unknown_outcome(server, a_try, store, logs):
    server.fault("listGroups", status=403)
    server.fault("createGroup", drop="after", count=2)
    with pytest.raises(AirflowFailException, match="no readable answer came back"):
        a_try(store)
    with pytest.raises(AirflowFailException, match="an earlier try began creating group 'North'"):
        a_try(store)
    assert created(server) == 1
    assert "Groups cannot be listed" in logs.text
    a_try(on_unknown_outcome="resend")
    assert created(server) == 3


def test_a_list_that_fails_for_now_creates_nothing(kaizala, run_task, store):
    kaizala.otherwise = (500, {})
    with pytest.raises(KaizalaServerError):
        run_task(create(), task_state_store=store)
    assert kaizala.posts == []


# --- members after the group was created ---------------------------------------------------------------------------------


def test_a_retry_adds_the_members_who_are_missing(kaizala, run_task, store):
    kaizala.script = [listing(), CREATED, kaizala.error(403)]
    with pytest.raises(KaizalaForbiddenError, match="addMembers failed for group g9"):
        run_task(create(members=[*MANY, RAVI]), task_state_store=store)
    there = [{"id": "u1", "mobileNumber": number} for number in MANY]
    kaizala.script = [(200, {"members": there}), (200, {"result": "true"})]
    result = run_task(create(members=[*MANY, RAVI]), task_state_store=store)
    assert result["group_id"] == "g9"
    assert kaizala.calls("/members")[-1].json == {"members": [RAVI]}
    assert len(kaizala.posts) == 1


def test_a_refused_member_is_retried_too(kaizala, run_task, store):
    kaizala.script = [listing(), CREATED, (200, {"result": "false"})]
    with pytest.raises(AirflowException, match=r"not added to group g9: \+919900000100") as raised:
        run_task(create(members=MANY), task_state_store=store)
    assert not isinstance(raised.value, AirflowFailException)


@pytest.mark.parametrize("reply", [(200, {"result": "false"}), (403, {})])
def test_before_airflow_keeps_anything_missing_members_fail_the_task_without_a_retry(
    kaizala, run_task, reply
):
    kaizala.script = [listing(), CREATED, reply]
    with pytest.raises(
        AirflowFailException,
        match=r"group g9 was created, but not all of its members could be added: .* Not retried",
    ):
        run_task(create(members=MANY))


# --- groups below groups -------------------------------------------------------------------------------------------------


def test_groups_are_attached_in_one_call_with_the_grant_of_the_user(kaizala, run_task, group):
    kaizala.script = [(200, {"result": "true"})]
    task = KaizalaAttachSubGroupsOperator(task_id="t", sub_groups=[" g2 ", "{{ params.other }}", "g2"])
    assert run_task(task, params={"other": "g3"}) == {"group_id": group, "sub_groups": ["g2", "g3"]}
    (call,) = kaizala.calls()
    assert (call.method, call.path) == ("PUT", f"/groups/{group}/subGroups")
    assert call.json == {"subGroups": ["g2", "g3"]}
    assert call.headers["accesstoken"] == "access-token-for-refresh-token-of-the-user"


def test_only_groups_that_are_below_are_detached(kaizala, run_task, group):
    below = {"groupId": group, "subGroups": [{"groupId": "a2"}, {"groupId": "B3"}, {"groupId": "g4"}]}
    kaizala.script = [(200, below), (200, {}), (200, {})]
    task = KaizalaDetachSubGroupsOperator(task_id="t", sub_groups=["A2", "b3", "g5"])
    assert run_task(task) == {"group_id": group, "sub_groups": ["A2", "b3"]}
    assert [call.path for call in kaizala.calls() if call.method == "DELETE"] == [
        f"/groups/{group}/subGroups/{each}" for each in ("A2", "b3")
    ]


@pytest.mark.parametrize("operator", [KaizalaAttachSubGroupsOperator, KaizalaDetachSubGroupsOperator])
@pytest.mark.parametrize(
    ("sub_groups", "says"),
    [
        ([], "sub_groups is empty"),
        ("g2", "sub_groups must be a list of group ids"),
        (["a b"], "sub_groups: 'a b' is not a valid group id"),
    ],
)
def test_wrong_sub_groups_are_refused_when_the_dag_is_parsed(operator, sub_groups, says):
    with pytest.raises(KaizalaInputError, match=says):
        operator(task_id="t", sub_groups=sub_groups)
