"""The operators that do not post (groups, members, cards, reactions, webhooks), inside real Airflow, against the real server."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kaizala import operators as ops
from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from demo.people import ASHA, MEERA, RAVI
from demo.stack import GROUP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow
_numbers = itertools.count()
CROWD = [f"+9199{number:08}" for number in range(230)]


def a_dag(**kwargs: Any) -> DAG:
    """A DAG with a name of its own."""
    return DAG(
        f"manage_{next(_numbers)}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), **kwargs
    )


class _Echo(BaseHTTPRequestHandler):
    """Passes Kaizala's check of a callback address."""

    def do_GET(self) -> None:
        token = parse_qs(urlsplit(self.path).query)["validationToken"][0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(token)))
        self.end_headers()
        self.wfile.write(token)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.tokens.append(self.headers["kz-callback-token"])  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def callback() -> Iterator[ThreadingHTTPServer]:
    """An address that takes webhooks."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        server.tokens = []  # type: ignore[attr-defined]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


def numbers_of(group_id: str) -> set[str | None]:
    """Who is in a group."""
    hook = KaizalaHook()
    try:
        return {each.mobile_number for each in hook.run(calls.list_members(group_id))}
    finally:
        hook.close()


def test_a_roster_is_synced(kaizala_conn: Any, kaizala_server: KaizalaServer, outcome: Any) -> None:
    with a_dag() as dag:
        told = ops.KaizalaSyncMembersOperator(task_id="told", members=[RAVI, *CROWD], dry_run=True)
        done = ops.KaizalaSyncMembersOperator(task_id="done", members=[RAVI, *CROWD], dry_run="{{ false }}")
        again = ops.KaizalaSyncMembersOperator(task_id="again", members=[RAVI, *CROWD])
        told >> done >> again
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}
    difference = {"group_id": GROUP, "added": CROWD, "removed": [MEERA], "kept": [ASHA]}
    assert values["told"] == {**difference, "dry_run": True}
    assert values["done"] == {**difference, "dry_run": False}
    assert values["again"] == {
        "group_id": GROUP,
        "added": [],
        "removed": [],
        "kept": [ASHA],
        "dry_run": False,
    }
    assert numbers_of(GROUP) == {ASHA, RAVI, *CROWD}
    sizes = [len(entry["body"]["members"]) for entry in kaizala_server.journal(operation="addMembers")]
    assert sizes == [100, 100, 30]


def test_half_a_roster_removes_nobody(kaizala_conn: Any, outcome: Any) -> None:
    with a_dag() as dag:
        ops.KaizalaSyncMembersOperator(
            task_id="sync", members=["+910000000009"], max_removals=1, keep_admins=False
        )
    states, _ = outcome(dag)
    assert states == {"sync": "failed"}
    assert numbers_of(GROUP) == {ASHA, RAVI, MEERA}


def test_the_owner_of_the_grant_is_never_removed(kaizala_conn: Any, outcome: Any) -> None:
    with a_dag() as dag:
        ops.KaizalaSyncMembersOperator(task_id="sync", members=[RAVI], keep_admins=False)
    _, values = outcome(dag)
    assert values["sync"]["kept"] == [ASHA]
    assert values["sync"]["removed"] == [MEERA]
    assert numbers_of(GROUP) == {ASHA, RAVI}


def test_a_tenant_admin_who_is_a_plain_member_does_not_remove_itself(
    kaizala_conn: Any, kaizala_server: KaizalaServer, outcome: Any, monkeypatch: Any
) -> None:
    boss = "+910000000077"
    kaizala_server.seed(
        {
            "people": [{"mobileNumber": boss, "name": "Boss", "pin": "1234", "tenantAdmin": True}],
            "grants": [
                {"connector": "demo-connector", "kind": "tenant", "person": boss, "refreshToken": "of-boss"}
            ],
        }
    )
    connection = {**kaizala_conn, "extra": {"refresh_token": "of-boss", "default_group": GROUP}}
    monkeypatch.setenv("AIRFLOW_CONN_KAIZALA_DEFAULT", json.dumps(connection))
    with a_dag() as dag:
        join = ops.KaizalaAddMembersOperator(task_id="join", members=[boss])
        join >> ops.KaizalaSyncMembersOperator(task_id="sync", members=[RAVI])
    _, values = outcome(dag)
    assert values["sync"]["kept"] == [ASHA, boss]
    assert values["sync"]["removed"] == [MEERA]
    assert numbers_of(GROUP) == {ASHA, RAVI, boss}


def test_members_come_and_go(kaizala_conn: Any, outcome: Any) -> None:
    with a_dag() as dag:
        add = ops.KaizalaAddMembersOperator(task_id="add", members=[RAVI, "+910000000009"])
        add >> ops.KaizalaRemoveMembersOperator(task_id="remove", members=[MEERA, "+910000000008"])
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}
    assert values == {
        "add": {"group_id": GROUP, "added": ["+910000000009"]},
        "remove": {"group_id": GROUP, "removed": [MEERA]},
    }
    assert numbers_of(GROUP) == {ASHA, RAVI, "+910000000009"}


def test_groups_are_made_and_arranged(kaizala_conn: Any, outcome: Any) -> None:
    with a_dag(params={"city": "Pune"}) as dag:
        north = ops.KaizalaCreateGroupOperator(
            task_id="north", name="North {{ params.city }}", welcome_message="Hi", members=CROWD
        )
        night = ops.KaizalaCreateGroupOperator(
            task_id="night", name="Night", welcome_message="Hi", members=[RAVI], parent_group_id=GROUP
        )
        attach = ops.KaizalaAttachSubGroupsOperator(
            task_id="attach", group_id=GROUP, sub_groups=[north.output["group_id"]]
        )
        detach = ops.KaizalaDetachSubGroupsOperator(
            task_id="detach", group_id=GROUP, sub_groups=[night.output["group_id"], "no-such-group"]
        )
        night >> attach >> detach
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}
    north_id, night_id = values["north"]["group_id"], values["night"]["group_id"]
    assert values["north"]["name"] == "North Pune"
    assert values["night"]["parent_group_id"] == GROUP
    assert values["attach"] == {"group_id": GROUP, "sub_groups": [north_id]}
    assert values["detach"] == {"group_id": GROUP, "sub_groups": [night_id]}
    tree = KaizalaHook().run(calls.list_sub_groups(GROUP))
    assert [each.group_id for each in tree.sub_groups] == [north_id]
    assert numbers_of(north_id) == {ASHA, *CROWD}


def test_subscribers_of_a_hub_group(kaizala_conn: Any, kaizala_server: KaizalaServer, outcome: Any) -> None:
    hub = "33333333-3333-4333-8333-333333333333@1"
    kaizala_server.seed(
        {
            "groups": [
                {
                    "id": hub,
                    "name": "Hub",
                    "type": "ConnectGroup",
                    "admins": [ASHA],
                    "members": [],
                    "subscribers": [RAVI],
                }
            ]
        }
    )
    with a_dag() as dag:
        add = ops.KaizalaAddSubscribersOperator(task_id="add", group_id=hub, subscribers=CROWD)
        remove = ops.KaizalaRemoveSubscribersOperator(task_id="remove", group_id=hub, subscribers=CROWD[:120])
        sync = ops.KaizalaSyncSubscribersOperator(
            task_id="sync", group_id=hub, subscribers=[MEERA, *CROWD[200:]]
        )
        add >> remove >> sync
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}
    assert values["add"]["added"] == CROWD
    assert values["remove"]["removed"] == CROWD[:120]
    assert values["sync"]["added"] == [MEERA]
    assert set(values["sync"]["removed"]) == {RAVI, *CROWD[120:200]}
    found = {each.mobile_number for each in KaizalaHook().iterate(calls.list_subscribers(hub))}
    assert found == {MEERA, *CROWD[200:]}


def test_what_was_posted_is_followed_up(
    kaizala_conn: Any, kaizala_server: KaizalaServer, outcome: Any
) -> None:
    with a_dag() as dag:
        card = ops.KaizalaSendActionOperator(
            task_id="card",
            package_id="com.example.card.2",
            title="Card",
            properties={"status": "Open", "count": 1},
            questions=[{"title": "Ok?", "type": "Text"}, {"title": "When?", "type": "DateTime"}],
        )
        job = ops.KaizalaSendJobOperator(task_id="job", title="Check pump", assigned_to=[ASHA, RAVI])
        action_id, reference_id = card.output["action_id"], card.output["reference_id"]
        update = ops.KaizalaUpdateActionOperator(
            task_id="update", action_id=action_id, properties={"status": "{{ 'Do' ~ 'ne' }}"}
        )
        answer = ops.KaizalaPostResponseOperator(
            task_id="answer",
            action_id=action_id,
            package_id="com.example.card.2",
            answers=["Yes", datetime(2026, 3, 1, 12, tzinfo=UTC)],
            location={"latitude": 17.4, "longitude": 78.3, "name": "Hyderabad"},
        )
        edit = ops.KaizalaPostResponseOperator(
            task_id="edit",
            action_id=action_id,
            package_id="com.example.card.2",
            answers=["No", None],
            response_id=answer.output["response_id"],
        )
        done = ops.KaizalaPostResponseOperator(
            task_id="done", action_id=job.output["action_id"], completed=True
        )
        like = ops.KaizalaReactOperator(task_id="like", reference_id=reference_id)
        comment = ops.KaizalaReactOperator(
            task_id="comment", reference_id=reference_id, comment="Well done {{ 1 + 1 }}"
        )
        remind = ops.KaizalaSendReminderOperator(task_id="remind", action_id=job.output["action_id"])
        update >> answer >> edit >> done >> like >> comment >> remind
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}
    card_id, job_id = values["card"]["action_id"], values["job"]["action_id"]
    assert values["update"] == {"group_id": GROUP, "action_id": card_id, "properties": {"status": "Done"}}
    assert values["edit"]["response_id"] == values["answer"]["response_id"]
    assert values["remind"]["action_id"] == job_id
    hook = KaizalaHook()
    (response,) = hook.run(calls.get_action(GROUP, card_id)).responses
    assert response.answers == {"Ok?": "No", "When?": None}
    assert {
        each.responder.mobile_number: each.completed
        for each in hook.run(calls.get_action(GROUP, job_id)).responses
    } == {ASHA: True}
    counts = hook.run(calls.count_reactions(GROUP, values["card"]["reference_id"]))
    assert (counts.likes, counts.comments) == (1, 1)
    (said,) = hook.iterate(calls.list_reactions(GROUP, values["card"]["reference_id"], "Comment"))
    assert said.comment == "Well done 2"
    assert [item["kind"] for item in kaizala_server.feed()][-1] == "reminder"


def test_webhooks_are_made_once(
    kaizala_conn: Any, kaizala_server: KaizalaServer, callback: Any, outcome: Any, monkeypatch: Any
) -> None:
    url = f"http://127.0.0.1:{callback.server_port}/kaizala?store=12"
    with a_dag() as dag:
        given = {"event_types": ["TextMessageCreated"], "callback_url": url, "context": "store {{ 6 * 2 }}"}
        first = ops.KaizalaCreateWebhookOperator(task_id="first", expires=timedelta(days=30), **given)
        second = ops.KaizalaCreateWebhookOperator(
            task_id="second", **{**given, "event_types": ["TextMessageCreated", "MemberAdded"]}
        )
        rest = ops.KaizalaUpdateWebhookOperator(
            task_id="rest", webhook_id=first.output["webhook_id"], active=False
        )
        end = ops.KaizalaDeleteWebhookOperator(task_id="end", webhook_id=first.output["webhook_id"])
        gone = ops.KaizalaDeleteWebhookOperator(task_id="gone", webhook_id=first.output["webhook_id"])
        first >> second >> rest >> end >> gone
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}
    webhook_id = values["first"]["webhook_id"]
    assert values["first"] == {
        "webhook_id": webhook_id,
        "object_id": GROUP,
        "object_type": "Group",
        "created": True,
    }
    assert values["second"] == {**values["first"], "created": False}
    assert values["end"] == {"webhook_id": webhook_id, "deleted": True}
    assert values["gone"] == {"webhook_id": webhook_id, "deleted": False}


def test_any_operation(kaizala_conn: Any, kaizala_server: KaizalaServer, outcome: Any, tmp_path: Any) -> None:
    with a_dag(template_searchpath=str(tmp_path)) as dag:
        (tmp_path / "role.json.j2").write_text('{"role": "{{ params.role }}"}')
        dag.params["role"] = "Admin"
        members = ops.KaizalaApiOperator(
            task_id="members", operation="listMembers", parameters={"groupId": GROUP}
        )
        promote = ops.KaizalaApiOperator(
            task_id="promote",
            operation="updatemember",
            parameters={
                "groupId": GROUP,
                "memberId": "{{ (ti.xcom_pull('members')['members'] | selectattr('name', 'eq', 'Ravi') | first)['id'] }}",
            },
            body="role.json.j2",
        )
        me = ops.KaizalaApiOperator(task_id="me", operation="getMe")
        members >> promote >> me
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}
    assert values["promote"] == {"result": "true"}
    assert values["me"]["mobileNumber"] == ASHA
    roles = {each.mobile_number: each.role for each in KaizalaHook().run(calls.list_members(GROUP))}
    assert roles == {ASHA: "Admin", RAVI: "Admin", MEERA: "Member"}
