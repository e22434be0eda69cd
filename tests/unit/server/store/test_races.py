"""Two server processes on one PostgreSQL are asked at the same moment: what is true afterwards is what one would have made of it.

A table is locked so that nobody writes into it, both servers are asked, and when both wait for the lock they go on together: each has
read what it reads before it writes.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import NullPool, create_engine

from airflow_provider_kaizala.server.clock import DAY
from airflow_provider_kaizala.server.delivery import outbox
from airflow_provider_kaizala.server.hashing import fingerprint
from tests.unit.server.conftest import ASHA, GROUP, MEERA, RAVI, Api, Person, demo_shop, fetch_token
from tests.unit.server.page.conftest import HOME, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection

    from airflow_provider_kaizala.server.run import RunningServer

NEWCOMER = "+919900000001"
_BLOCKED = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


class Shop:
    """Two servers on one database."""

    def __init__(self, database: str, servers: list[RunningServer]) -> None:
        self.engine = create_engine(database, poolclass=NullPool)
        self.servers = servers
        self.opened: list[httpx.Client] = []
        self.apis = self.callers("demo-group-token")
        self.api = self.apis[0]

    def kept(self, caller: Any) -> Any:
        """Close a caller at the end."""
        self.opened.append(caller.http)
        return caller

    def people(self, mobile: str) -> list[Person]:
        return [self.kept(Person(one.url, mobile)) for one in self.servers]

    def callers(self, refresh: str) -> list[Api]:
        return [self.kept(Api(one.url, fetch_token(one.url, refresh)["accessToken"])) for one in self.servers]

    def at_once(self, table: str, *calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
        """Let calls go on together from the moment that they write into a table."""
        with self.engine.connect() as gate, self.engine.connect() as look, ThreadPoolExecutor() as pool:
            gate.exec_driver_sql(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            running = [pool.submit(call) for call in calls]
            until = time.monotonic() + 30
            while not all(one.done() for one in running):
                look.rollback()
                if look.exec_driver_sql(_BLOCKED).scalar_one() >= len(calls):
                    break
                assert time.monotonic() < until, f"nobody writes into {table}"
                time.sleep(0.01)
            gate.rollback()
            return [one.result() for one in running]

    def both(
        self, table: str, method: str, path: str, *bodies: Any, group: str = GROUP
    ) -> list[httpx.Response]:
        """Ask both servers, with one body or two."""
        first, second = bodies if len(bodies) == 2 else bodies * 2
        return self.at_once(
            table,
            lambda: self.apis[0].http.request(method, f"/groups/{group}{path}", json=first),
            lambda: self.apis[1].http.request(method, f"/groups/{group}{path}", json=second),
        )

    def rows(self, query: str) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.exec_driver_sql(query).scalars())


@pytest.fixture(scope="module")
def two_servers(
    postgres_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[RunningServer]]:
    media = tmp_path_factory.mktemp("media")
    servers = [demo_shop(postgres_database, media) for _ in range(2)]
    yield servers
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda one: one.stop(), servers))


@pytest.fixture
def shop(postgres_database: str, two_servers: list[RunningServer]) -> Iterator[Shop]:
    for one in two_servers:
        assert httpx.post(one.url + "/_test/reset").status_code == 200
    opened = Shop(postgres_database, two_servers)
    yield opened
    for client in opened.opened:
        client.close()


def statuses(replies: list[httpx.Response]) -> list[int]:
    return sorted(one.status_code for one in replies)


def test_a_job_of_two_that_one_completes_twice_is_not_complete(shop: Shop) -> None:
    job = shop.api.post_action("Job", {"title": "Shelf", "assignedTo": [RAVI, MEERA], "dueDate": 1440})
    one, other = shop.people(RAVI)
    path = f"/actions/{job['actionId']}/completion"
    replies = shop.at_once(
        "job_assignment", lambda: one.http.post(path, json={}), lambda: other.http.post(path, json={})
    )
    assert statuses(replies) == [200, 200]
    assert replies[0].json() == replies[1].json()
    details = shop.api.details(job["actionId"])
    assert (details["responseCount"], details["isCompleted"]) == (1, False)
    [listed] = shop.api.ok("GET", f"/groups/{GROUP}/actions", params={"actionType": "Job"})["actions"]
    assert (listed["actionBody"]["responseCount"], listed["actionBody"]["isCompleted"]) == (1, False)
    assert len(details["responses"][0]["notes"].split("STATUS_UPDATED")) == 2


def test_one_person_has_one_vote(shop: Shop) -> None:
    poll = shop.api.post_action(
        "Poll", {"question": "Lunch?", "choices": [{"title": "Rice"}, {"title": "Roti"}]}
    )
    one, other = shop.people(RAVI)
    path = f"/actions/{poll['actionId']}/votes"
    replies = shop.at_once(
        "response",
        lambda: one.http.post(path, json={"choice": "Rice"}),
        lambda: other.http.post(path, json={"choice": "Roti"}),
    )
    assert statuses(replies) == [200, 200]
    assert replies[0].json() == replies[1].json()
    details = shop.api.details(poll["actionId"])
    assert (details["responseCount"], sum(one["count"] for one in details["choices"])) == (1, 1)


def answer_at_once(shop: Shop, *, several: bool) -> tuple[list[httpx.Response], dict[str, Any]]:
    questions = [{"title": "Note", "type": "Text"}]
    body = {"title": "Opening", "questions": questions, "acceptMultipleResponses": several}
    survey = shop.api.post_action("Survey", body)
    one, other = shop.people(RAVI)
    path = f"/actions/{survey['actionId']}/responses"
    replies = shop.at_once(
        "response",
        lambda: one.http.post(path, json={"answers": ["open"]}),
        lambda: other.http.post(path, json={"answers": ["closed"]}),
    )
    return replies, shop.api.details(survey["actionId"])


def test_a_survey_is_answered_once(shop: Shop) -> None:
    replies, details = answer_at_once(shop, several=False)
    assert statuses(replies) == [200, 400]
    assert (details["responseCount"], len(details["responses"])) == (1, 1)


def test_a_survey_of_several_answers_keeps_both(shop: Shop) -> None:
    replies, details = answer_at_once(shop, several=True)
    assert statuses(replies) == [200, 200]
    assert {one["responseId"] for one in details["responses"]} == {
        one.json()["responseId"] for one in replies
    }
    assert details["responseCount"] == 2


def test_two_edits_of_a_response_are_two_changes(shop: Shop) -> None:
    survey = shop.api.post_action(
        "Survey", {"title": "Opening", "questions": [{"title": "Note", "type": "Text"}]}
    )
    one, other = shop.people(RAVI)
    path = f"/actions/{survey['actionId']}/responses"
    response_id = one.ok("POST", path, json={"answers": ["open"]})["responseId"]
    bodies = [{"answers": [text], "responseId": response_id} for text in ("shut", "closed")]
    replies = shop.at_once(
        "response", lambda: one.http.post(path, json=bodies[0]), lambda: other.http.post(path, json=bodies[1])
    )
    assert statuses(replies) == [200, 200]
    assert shop.rows("SELECT revision FROM response") == [2]
    assert shop.api.details(survey["actionId"])["responseCount"] == 1


def test_one_person_likes_once(shop: Shop) -> None:
    reference_id = shop.api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "Hello"})["referenceId"]
    one, other = shop.people(RAVI)
    path = f"/references/{reference_id}/likes"
    replies = shop.at_once(
        "reaction", lambda: one.http.post(path, json={}), lambda: other.http.post(path, json={})
    )
    assert statuses(replies) == [200, 200]
    assert replies[0].json() == replies[1].json()
    assert one.feed()["items"][-1]["likes"] == 1


def test_comments_of_one_moment_are_all_counted(shop: Shop) -> None:
    reference_id = shop.api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "Hello"})["referenceId"]
    one, other = shop.people(RAVI)
    path, body = f"/references/{reference_id}/comments", {"text": "Hi"}
    replies = shop.at_once(
        "reaction", lambda: one.http.post(path, json=body), lambda: other.http.post(path, json=body)
    )
    assert statuses(replies) == [200, 200]
    assert one.feed()["items"][-1]["comments"] == 2
    ticks = shop.rows("SELECT modified_ticks FROM reaction")
    assert len(set(ticks)) == 2


@pytest.mark.parametrize("table", ["person", "membership"])
def test_a_newcomer_who_is_added_twice_joins_once(shop: Shop, table: str) -> None:
    replies = shop.both(
        table,
        "PUT",
        "/members",
        {"members": [NEWCOMER, "+919900000002"]},
        {"members": ["+919900000002", NEWCOMER]},
    )
    assert statuses(replies) == [200, 200]
    assert len(shop.api.ok("GET", f"/groups/{GROUP}/members")["members"]) == 5
    [asha] = shop.people(ASHA)[:1]
    joined = [one["members"] for one in asha.feed()["items"] if one["kind"] == "memberAdded"]
    assert [len(one) for one in joined] == [2]


def test_a_member_leaves_once(shop: Shop) -> None:
    replies = shop.both("membership", "DELETE", f"/members/{MEERA}", None)
    assert statuses(replies) == [200, 404]
    [asha] = shop.people(ASHA)[:1]
    assert [one["kind"] for one in asha.feed()["items"]] == ["memberRemoved"]


def hub_of(shop: Shop) -> str:
    hub = "22222222-2222-4222-8222-222222222222@1"
    seed = {
        "groups": [{"id": hub, "name": "News", "type": "ConnectGroup", "admins": [ASHA]}],
        "grants": [
            {
                "connector": "demo-connector",
                "kind": "group",
                "person": ASHA,
                "group": hub,
                "refreshToken": "hub-token",
            }
        ],
    }
    assert httpx.post(shop.servers[0].url + "/_test/seed", json=seed).status_code == 200
    shop.apis = shop.callers("hub-token")
    return hub


def test_who_subscribes_twice_is_subscribed_once_and_unsubscribed_once(shop: Shop) -> None:
    hub, body = hub_of(shop), {"subscribers": [RAVI, MEERA]}
    added = shop.both("subscription", "PUT", "/subscribers/add", body, group=hub)
    assert statuses(added) == [200, 200]
    assert len(shop.rows("SELECT id FROM subscription")) == 2
    removed = shop.both("subscription", "PUT", "/subscribers/remove", body, group=hub)
    assert statuses(removed) == [200, 200]
    told = [one.json()["result"][RAVI]["isRemoved"] for one in removed]
    assert sorted(told) == [False, True]


def test_a_bot_joins_once_and_is_deleted_once(shop: Shop) -> None:
    bot = shop.api.ok("POST", "/bot", json={"name": "Till"})["botUserId"]
    assert statuses(shop.both("membership", "POST", "/bot", {"botUserId": bot})) == [200, 200]
    assert len(shop.rows(f"SELECT role FROM membership WHERE person_id = '{bot}'")) == 1
    gone = shop.at_once(
        "bot",
        lambda: shop.apis[0].http.delete(f"/bot/{bot}"),
        lambda: shop.apis[1].http.delete(f"/bot/{bot}"),
    )
    assert statuses(gone) == [200, 404]


def test_two_groups_are_not_put_below_each_other(shop: Shop) -> None:
    north, south = "33333333-3333-4333-8333-333333333333@1", "44444444-4444-4444-8444-444444444444@1"
    seed = {"groups": [{"id": one, "name": one[0], "admins": [ASHA]} for one in (north, south)]}
    assert httpx.post(shop.servers[0].url + "/_test/seed", json=seed).status_code == 200
    users = shop.callers("demo-refresh-token")
    replies = shop.at_once(
        "group_parent",
        lambda: users[0].http.put(f"/groups/{north}/subGroups", json={"subGroups": [south]}),
        lambda: users[1].http.put(f"/groups/{south}/subGroups", json={"subGroups": [north]}),
    )
    assert statuses(replies) == [200, 400]
    again = [
        users[0].http.put(f"/groups/{north}/subGroups", json={"subGroups": [south]}),
        users[1].http.put(f"/groups/{south}/subGroups", json={"subGroups": [north]}),
    ]
    assert statuses(again) == [200, 400]


def test_a_person_has_one_grant_for_a_connector(shop: Shop) -> None:
    replies = redeem(shop, "connector_grant", "one code", "another code")
    assert statuses(replies) == [200, 200]
    whose = f"person_id = (SELECT id FROM person WHERE mobile = '{RAVI}')"
    assert len(shop.rows(f"SELECT id FROM connector_grant WHERE {whose} AND revoked_ms IS NULL")) == 1
    # The one that came second ended the first, as if they had come one after the other.
    grants = f"SELECT id FROM connector_grant WHERE {whose}"
    live = f"SELECT token_hash FROM refresh_token WHERE revoked_ms IS NULL AND grant_id IN ({grants})"
    assert len(shop.rows(live)) == 1


def test_a_refresh_token_that_ends_with_its_rotation_is_rotated_once(shop: Shop) -> None:
    for one in shop.servers:
        one.state.clock.advance(330 * DAY)
        one.state.rotation_ends_old_token = True
    headers = {
        "applicationId": "demo-connector",
        "applicationSecret": "demo-secret",
        "refreshToken": "demo-group-token",
    }
    replies = shop.at_once(
        "refresh_token",
        *(lambda url=one.url: httpx.get(f"{url}/v1/accessToken", headers=headers) for one in shop.servers),
    )
    assert statuses(replies) == [200, 401]
    [rotated] = [one.json()["refreshToken"] for one in replies if one.status_code == 200]
    assert fetch_token(shop.servers[0].url, rotated)["accessToken"]


def redeem(shop: Shop, table: str, *codes: str) -> list[httpx.Response]:
    """Trade codes of one person at once, one on each server."""
    expires_ms = shop.servers[0].state.clock.now_ms() + 60_000
    insert = (
        "INSERT INTO oauth_code (code_hash, connector_id, person_id, redirect_url, expires_ms) "
        "SELECT %s, 'demo-connector', id, 'https://a.example/', %s FROM person WHERE mobile = %s"
    )
    with shop.engine.begin() as connection:
        for code in set(codes):
            connection.exec_driver_sql(insert, (fingerprint(code), expires_ms, RAVI))

    def trade(server: RunningServer, code: str) -> httpx.Response:
        form = {"client_id": "demo-connector", "client_secret": "demo-secret", "code": code}
        return httpx.post(f"{server.url}/api/oauth/token", data=form)

    one, other = shop.servers
    return shop.at_once(table, lambda: trade(one, codes[0]), lambda: trade(other, codes[1]))


def test_a_code_is_spent_once(shop: Shop) -> None:
    assert statuses(redeem(shop, "oauth_code", "the code", "the code")) == [200, 400]


def card(shop: Shop) -> str:
    body = {
        "title": "Till",
        "questions": [],
        "properties": [{"name": "state", "type": "Text", "value": "open"}],
    }
    posted = shop.api.ok(
        "POST", f"/groups/{GROUP}/actions", json={"id": "com.example.card", "actionBody": body}
    )
    return f"/actions/{posted['actionId']}"


def properties(shop: Shop, path: str) -> dict[str, str]:
    return {one["name"]: one["value"] for one in shop.api.details(path.rpartition("/")[2])["properties"]}


def test_a_version_of_a_card_is_changed_once(shop: Shop) -> None:
    path = card(shop)
    bodies = [
        {"version": 1, "updateProperties": [{"name": "state", "type": "Text", "value": value}]}
        for value in ("a", "b")
    ]
    assert statuses(shop.both("action", "PUT", path, *bodies)) == [200, 400]


def test_new_properties_of_one_moment_are_both_there(shop: Shop) -> None:
    path = card(shop)
    bodies = [
        {"version": -1, "updateProperties": [{"name": name, "type": "Text", "value": "x"}]} for name in "ab"
    ]
    assert statuses(shop.both("action_property", "PUT", path, *bodies)) == [200, 200]
    assert properties(shop, path) == {"state": "open", "a": "x", "b": "x"}


def test_a_form_that_is_sent_to_both_servers_is_done_once(shop: Shop) -> None:
    reader = shop.kept(Reader(shop.servers[0].url))
    assert reader.sign_in(RAVI).status_code == 303
    filled = {**reader.form(HOME, f"{HOME}/messages"), "text": "Hello"}
    other = shop.kept(Reader(shop.servers[1].url)).http
    other.cookies.update(reader.http.cookies)
    replies = shop.at_once(
        "form_sent",
        lambda: reader.http.post(f"{HOME}/messages", data=filled),
        lambda: other.post(f"{HOME}/messages", data=filled),
    )
    assert statuses(replies) == [303, 303]
    assert replies[0].headers["location"] == replies[1].headers["location"]
    assert shop.rows("SELECT text FROM post") == ["Hello"]


def test_one_of_two_processes_delivers_for_a_webhook(shop: Shop) -> None:
    with shop.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO webhook (id, tenant_id, connector_id, person_id, grant_id, object_type, object_id, events_json, "
            "callback_url, changed_ms, validity_ms, active, created_ms) SELECT 'w', g.tenant_id, 'demo-connector', p.id, "
            "cg.id, 'Group', g.id, '[]', 'http://127.0.0.1:1/', 0, 4102444800000, true, 0 FROM chat_group g, person p, "
            "connector_grant cg WHERE p.mobile = %s AND cg.kind = 'group'",
            (ASHA,),
        )
    now_ms = shop.servers[0].state.clock.now_ms()
    insert = (
        "INSERT INTO webhook_delivery (webhook_id, event_id, event_type, payload_json, state, attempts, next_attempt_ms, "
        "created_ms) VALUES ('w', 'e', 'TextMessageCreated', '{}', 'pending', 0, %s, 0)"
    )

    def turn(server: RunningServer, owner: str) -> Any:
        retries = outbox.Retries(1000)
        return server.state.database.submit(
            lambda conn: outbox.take_turn(conn, owner, "w", now_ms, retries, None, True)
        ).result()

    for one in shop.servers:  # no deliverer of their own
        one.state.clock.freeze(0)
    with shop.engine.begin() as connection:
        connection.exec_driver_sql(insert, (now_ms,))
    first, second = shop.at_once(
        "webhook", lambda: turn(shop.servers[0], "one:1:a"), lambda: turn(shop.servers[1], "two:2:b")
    )
    assert sorted(one is None for one in (first, second)) == [False, True]


def test_writes_that_wait_for_each_other_are_both_done(shop: Shop) -> None:
    both_hold_a_row = threading.Barrier(2)

    def swap(first: str, second: str) -> Callable[[Connection], None]:
        met: list[bool] = []

        def work(conn: Connection) -> None:
            conn.exec_driver_sql("UPDATE setting SET value = value || 'x' WHERE name = %s", (first,))
            if not met:
                met.append(True)
                both_hold_a_row.wait(20)
            conn.exec_driver_sql("UPDATE setting SET value = value || 'x' WHERE name = %s", (second,))

        return work

    with shop.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO setting (name, value) VALUES ('a', ''), ('b', '')")
    one, other = (server.state.database for server in shop.servers)
    for running in (one.submit(swap("a", "b")), other.submit(swap("b", "a"))):
        running.result(60)
    assert shop.rows("SELECT value FROM setting WHERE name IN ('a', 'b')") == ["xx", "xx"]
