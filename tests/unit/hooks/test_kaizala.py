from __future__ import annotations

import asyncio
import json
import re

import pytest
from asgiref.sync import async_to_sync

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaGrantError, KaizalaInputError, KaizalaThrottledError
from airflow_provider_kaizala.client.models import Message, Poll
from airflow_provider_kaizala.client.policy import Policy
from airflow_provider_kaizala.hooks import kaizala as module
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook, shared_budget


def hello(group):
    return calls.send_message(group, Message("Hello"))


def test_the_hook_has_the_names_that_airflow_expects():
    assert KaizalaHook.conn_name_attr == "kaizala_conn_id"
    assert KaizalaHook.default_conn_name == "kaizala_default"
    assert (KaizalaHook.conn_type, KaizalaHook.hook_name) == ("kaizala", "Kaizala")
    assert KaizalaHook(kaizala_conn_id="other").kaizala_conn_id == "other"


# --- clients ---------------------------------------------------------------------------------------------------------------


def test_a_hook_has_one_client_until_it_is_closed(kaizala, group):
    hook = KaizalaHook()
    client = hook.get_conn()
    assert hook.get_conn() is client
    assert hook.run(hello(group)).reference_id == "ref-2"
    assert client.run(hello(group)).reference_id == "ref-3"
    assert len(kaizala.token_calls) == 1
    hook.close()
    assert hook.get_conn() is not client
    hook.close()
    hook.close()


def test_within_bounds_all_calls_together(kaizala, group):
    hook = KaizalaHook()
    hook.run(hello(group))
    kaizala.script += [kaizala.error(429, retry_after="5")] * 4
    with hook.within(60), hook.within(4):
        with pytest.raises(KaizalaThrottledError):
            hook.run(hello(group))
        for inner in (60, None):  # never more than around it
            with hook.within(inner), pytest.raises(KaizalaThrottledError):
                hook.run(hello(group))
    assert kaizala.sleeps == []
    with hook.within(None):
        hook.run(hello(group))
    assert kaizala.sleeps == [5]
    hook.close()


def test_the_async_client_makes_the_same_calls(kaizala, group):
    async def post():
        async with await KaizalaHook().get_async_conn() as client:
            return await client.run(hello(group))

    assert asyncio.run(post()).reference_id == "ref-2"
    (post,) = kaizala.posts
    assert post.path == f"/groups/{group}/messages"
    assert post.json == {"message": "Hello"}
    assert post.headers["accesstoken"] == "access-token-for-refresh-token-of-the-group"


def test_what_the_hook_asks_of_a_triggerer_is_asked_on_its_event_loop(kaizala, group, monkeypatch):
    """As Airflow 3.0 does it: a thread that has no way back to the loop reads on another one, and breaks the triggerer."""
    asked = []

    async def ask():
        asked.append(asyncio.get_running_loop())

    monkeypatch.setattr(compat, "get_variable", lambda key: async_to_sync(ask)())
    monkeypatch.setattr(compat, "set_variable", lambda *given: async_to_sync(ask)())
    monkeypatch.setattr(module, "mask_secret", lambda secret: async_to_sync(ask)())

    async def scene():
        async with await KaizalaHook().get_async_conn() as client:
            await client.run(hello(group))
        return asyncio.get_running_loop()

    loop = asyncio.run(scene())
    assert asked
    assert all(each is loop for each in asked)


def test_the_async_client_reads_the_connection_once(kaizala, monkeypatch):
    async def twice():
        hook = KaizalaHook()
        first = await hook.get_async_conn()
        monkeypatch.delenv("AIRFLOW_CONN_KAIZALA_DEFAULT")
        second = await hook.get_async_conn()
        await asyncio.gather(first.close(), second.close())
        return first, second

    first, second = asyncio.run(twice())
    assert first is not second
    assert first.settings == second.settings


def test_tokens_are_shared_between_tasks_sync_and_async(kaizala, group, variables):
    KaizalaHook().run(hello(group))

    async def post():
        async with await KaizalaHook().get_async_conn() as client:
            await client.run(hello(group))

    asyncio.run(post())
    assert len(kaizala.posts) == 2
    assert len(kaizala.token_calls) == 1
    (name,) = variables
    assert name.startswith(f"kaizala_token_{group}_")


def test_the_grant_of_the_group_wins(kaizala, group):
    hook = KaizalaHook()
    hook.run(hello(group))
    hook.run(hello("another-group"))
    assert [call.headers["refreshtoken"] for call in kaizala.token_calls] == [
        "refresh-token-of-the-group",
        "refresh-token-of-the-user",
    ]


def test_a_group_without_a_grant_is_refused(kaizala, connect):
    connect(extra={"refresh_token": None})
    with pytest.raises(
        KaizalaGrantError, match=r"no refresh token for group another-group.*group_refresh_tokens"
    ):
        KaizalaHook().run(hello("another-group"))
    assert kaizala.requests == []


def test_total_timeout_shortens_every_timeout(kaizala, group, connect, monkeypatch):
    sends, request = [], Policy._request

    def sent(self, *args):
        sends.append(request(self, *args))
        return sends[-1]

    monkeypatch.setattr(Policy, "_request", sent)
    hook = KaizalaHook(total_timeout=7)
    hook.run(hello(group))
    hook.close()
    assert hook.connection.settings.timeouts.total == 7
    assert len(sends) == 2, "the token and the text"
    for each in sends:
        for seconds in (each.connect_timeout, each.read_timeout, each.total_timeout):
            assert 5 < seconds <= 7
    connect(extra={"timeout": 2})
    timeouts = KaizalaHook(total_timeout=7).connection.settings.timeouts
    assert (timeouts.connect, timeouts.read, timeouts.total) == (2, 2, 7)


def test_the_default_group_is_used_without_a_group_id(connect, group):
    connect()
    assert KaizalaHook().group(None) == group
    assert KaizalaHook().group("") == group
    assert KaizalaHook().group(" another\n") == "another"
    connect(extra={"default_group": None})
    assert KaizalaHook().group("another") == "another"
    with pytest.raises(
        KaizalaInputError, match="set the extra default_group of connection 'kaizala_default'"
    ):
        KaizalaHook().group(None)


def test_a_missing_connection_is_reported():
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    with pytest.raises(AirflowNotFoundException, match="nowhere"):
        KaizalaHook("nowhere").get_conn()


# --- the budget ------------------------------------------------------------------------------------------------------------


def test_all_clients_of_a_connector_share_one_budget(connect):
    connect(login="budget-connector", extra={"calls_per_minute": 7})
    first, second = KaizalaHook(), KaizalaHook()
    assert first.get_conn().policy.budget is second.get_conn().policy.budget
    assert first.get_conn().policy.budget.limit == 7
    connect(login="budget-connector", extra={"calls_per_minute": 9})
    assert KaizalaHook().get_conn().policy.budget is first.get_conn().policy.budget
    assert first.get_conn().policy.budget.limit == 9
    connect(login="another-connector")
    other = shared_budget(KaizalaHook().connection.settings)
    assert other is not first.get_conn().policy.budget


def test_a_used_up_budget_delays_calls(kaizala, connect, group):
    connect(login="busy-connector", extra={"calls_per_minute": 1, "timeout": 1})
    with pytest.raises(KaizalaThrottledError, match="calls_per_minute of the connection is used up"):
        KaizalaHook().run(hello(group))
    assert len(kaizala.token_calls) == 1
    assert kaizala.posts == []


# --- masking ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def masked(monkeypatch):
    found = []
    monkeypatch.setattr(module, "mask_secret", lambda secret, name=None: found.append(secret))
    monkeypatch.setattr(
        "airflow_provider_kaizala.hooks.token_store.mask_secret",
        lambda secret, name=None: found.append(secret),
    )
    return found


def test_every_secret_is_masked(kaizala, connect, group, masked, secrets_of_the_connection):
    connect(extra={"proxies": {"https": "http://me:pr%40xy-password@proxy:3128"}})
    hook = KaizalaHook()
    assert hook.connection is hook.connection
    configured = [each for each in secrets_of_the_connection if not each.startswith("access-token")]
    assert {*configured, "pr%40xy-password", "pr@xy-password"} <= set(masked)


def test_tokens_are_masked_when_they_are_stored_and_loaded(kaizala, group, masked):
    kaizala.tokens.append(lambda request: kaizala.token(request, refresh="rotated-refresh-token"))
    KaizalaHook().run(hello(group))
    new = {"access-token-for-refresh-token-of-the-group", "rotated-refresh-token"}
    assert new <= set(masked)
    masked.clear()
    KaizalaHook().run(hello(group))  # reads them from the Variable
    assert new <= set(masked)
    assert len(kaizala.token_calls) == 1


def test_tokens_are_masked_even_if_the_connection_is_invalid(connect, masked):
    connect(extra={"no_such_extra": "x"})
    with pytest.raises(KaizalaInputError, match="no_such_extra"):
        _ = KaizalaHook().connection
    assert {"refresh-token-of-the-user", "callback-token-of-the-connector"} <= set(masked)


def test_airflow_redacts_masked_secrets(connect, secrets_of_the_connection):
    from airflow.providers.common.compat.sdk import redact

    connect()
    _ = KaizalaHook().connection
    configured = [each for each in secrets_of_the_connection if not each.startswith("access-token")]
    shown = redact(" and ".join(configured))
    assert [secret for secret in configured if secret in shown] == []


# --- the most frequent calls -----------------------------------------------------------------------------------------------


def test_send_message_posts_a_text(kaizala, group):
    posted = KaizalaHook().send_message(
        "Hello", "store-9", subscribers=["+910000000001"], reply_to_reference_id="r1"
    )
    assert posted.reference_id == "ref-2"
    (post,) = kaizala.posts
    assert post.path == "/groups/store-9/messages"
    assert post.json == {"message": "Hello", "subscribers": ["+910000000001"], "replyToReferenceId": "r1"}


def test_post_action_posts_and_get_action_reads_responses(kaizala, group):
    hook = KaizalaHook()
    posted = hook.post_action(Poll("Lunch?", ["Yes", "No"]), send_to_all_subscribers=True)
    (post,) = kaizala.posts
    assert post.path == f"/groups/{group}/actions"
    assert post.json == {
        "actionType": "Poll",
        "actionBody": {"question": "Lunch?", "choices": [{"title": "Yes"}, {"title": "No"}]},
        "sendToAllSubscribers": True,
    }
    kaizala.poll({"+910000000001": "Yes"}, action_id=posted.action_id)
    (response,) = hook.get_action(posted.action_id).responses
    assert response.answers == {"Tea?": "Yes"}


def test_list_actions_goes_from_page_to_page(kaizala):
    for number in range(35):
        kaizala.poll(action_id=f"act-{number}", sent_at=f"2026-03-01T08:00:{number:02}Z")
    found = KaizalaHook().list_actions("Poll", since="2026-03-01T08:00:02Z")
    assert [each.action_id for each in found] == [f"act-{number}" for number in range(2, 35)]


def test_groups_and_members_are_read_and_members_added(kaizala, group, people):
    hook = KaizalaHook()
    assert [each.name for each in hook.list_groups()] == ["Store 12"]
    assert hook.get_group().group_id == group
    assert hook.get_group("store-9").group_id == "store-9"
    assert [each.mobile_number for each in hook.list_members()] == list(kaizala.members)
    kaizala.script.append((200, {}))
    assert hook.add_members([people[0]], "store-9")
    (added,) = kaizala.calls("/groups/store-9/members")
    assert (added.method, added.json) == ("PUT", {"members": [people[0]]})


def test_send_reminder_reminds_subscribers(kaizala, group):
    kaizala.script.append((200, {"referenceId": "ref-of-the-reminder"}))
    assert (
        KaizalaHook().send_reminder("act-1", subscribers=["+910000000001"]).reference_id
        == "ref-of-the-reminder"
    )
    (post,) = kaizala.posts
    assert post.path == f"/groups/{group}/actions/act-1/reminder"
    assert post.json == {"subscribers": ["+910000000001"]}


def test_upload_media_sends_files(kaizala, tmp_path):
    one, two = tmp_path / "one.jpg", tmp_path / "two.png"
    one.write_bytes(b"first picture")
    two.write_bytes(b"second picture")
    assert KaizalaHook().upload_media(str(one), two) == "media-1"
    (upload,) = kaizala.uploads
    for part in (
        b'filename="one.jpg"',
        b"image/jpeg",
        b"first picture",
        b'filename="two.png"',
        b"image/png",
        b"second picture",
    ):
        assert part in upload.body


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.jpg", None, "missing.jpg' does not exist, or is not a file"),
        ("empty.jpg", b"", "empty.jpg' is empty"),
        ("notes.xyz", b"x", "file 'notes.xyz': Kaizala does not accept .xyz files"),
    ],
)
def test_a_file_that_cannot_be_uploaded_is_named(kaizala, tmp_path, name, content, says):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KaizalaInputError, match=re.escape(says)):
        KaizalaHook().upload_media(path)
    assert kaizala.requests == []


# --- the connection test ---------------------------------------------------------------------------------------------------


def test_a_good_connection_passes_with_all_its_tokens(kaizala, group):
    ok, text = KaizalaHook().test_connection()
    assert ok
    assert text == (
        "Connected to https://api.kaiza.la as connector connector-1: the user's refresh token works; "
        f"the refresh token of group {group} works"
    )
    assert [call.path for call in kaizala.calls()] == ["/groups", f"/groups/{group}"]


def test_a_connection_with_a_users_token_only_passes(kaizala, connect, group):
    connect(extra={"group_refresh_tokens": None})
    ok, text = KaizalaHook().test_connection()
    assert ok
    assert text.endswith(f": the user's refresh token works; default_group {group} works")


def test_a_connection_with_a_groups_token_only_passes(kaizala, connect, group):
    connect(extra={"refresh_token": None})
    ok, text = KaizalaHook().test_connection()
    assert ok
    assert text.endswith(f": the refresh token of group {group} works")


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        (
            (401, "InvalidApplicationSecret", "wrong secret"),
            "wrong secret — refused for the user's refresh token",
        ),
        ((401, "InvalidRefreshToken", "revoked"), "revoked — refused for the user's refresh token"),
        (
            (403, "Forbidden", "no permission to enter"),
            "getAccessToken failed (403, Forbidden): no permission to enter",
        ),
    ],
)
def test_a_connection_that_kaizala_refuses_fails(kaizala, refused, says):
    kaizala.tokens += [kaizala.error(*refused)] * 3
    ok, text = KaizalaHook().test_connection()
    assert not ok
    assert text.startswith("the user's refresh token: ")
    assert says in text
    assert ("check connector id, connector secret and refresh token" in text) == (refused[0] == 401)


def test_a_revoked_token_is_named(kaizala, group):
    def by_token(request):
        if request.headers["refreshtoken"] == "refresh-token-of-the-group":
            return kaizala.error(401, "InvalidRefreshToken", "revoked")
        return kaizala.token(request)

    kaizala.tokens += [by_token] * 4
    ok, text = KaizalaHook().test_connection()
    assert not ok
    assert text.startswith(f"the refresh token of group {group}: ")
    assert f"revoked — refused for the refresh token of group {group}" in text


def test_a_connection_without_refresh_tokens_fails(kaizala, connect):
    connect(extra={"refresh_token": None, "group_refresh_tokens": None})
    ok, text = KaizalaHook().test_connection()
    assert not ok
    assert "has no refresh token: set the extra refresh_token or group_refresh_tokens" in text
    assert kaizala.requests == []


def test_an_unreachable_host_fails_after_one_retry(kaizala):
    kaizala.tokens += [ConnectionRefusedError("connection refused")] * 5
    ok, text = KaizalaHook().test_connection()
    assert not ok
    assert (
        "no connection to api.kaiza.la (connection refused); nothing was sent. Check the connection's host"
        in text
    )
    assert len(kaizala.requests) == 2, "a person waits for this: one repeat and no more"


def test_a_token_of_another_group_fails(kaizala, connect, group):
    connect(extra={"refresh_token": None})
    kaizala.script.append(kaizala.error(403, "Forbidden", "the token does not reach this group"))
    ok, text = KaizalaHook().test_connection()
    assert not ok
    assert text.startswith(f"the refresh token of group {group}: getGroup failed for group {group} (403")
    assert "was not granted this group" in text


def test_a_deleted_group_fails(kaizala, connect, group):
    connect(extra={"refresh_token": None})
    kaizala.script.append(kaizala.error(404, "GroupNotFound", "no such group"))
    ok, text = KaizalaHook().test_connection()
    assert (ok, "no such group" in text) == (False, True)


def test_a_connector_without_permission_to_read_groups_passes(kaizala):
    """It may be there to post and no more; that its tokens work is known by then."""
    kaizala.script += [kaizala.error(403, "NoPermission", "the connector lacks the permission GroupRead")] * 2
    ok, text = KaizalaHook().test_connection()
    assert ok
    assert text.count("works, but the connector may not read groups") == 2


def test_an_invalid_connection_fails(connect):
    connect(host="http://kaizala.example")
    ok, text = KaizalaHook().test_connection()
    assert (ok, "plain http would expose" in text) == (False, True)
    ok, text = KaizalaHook("nowhere").test_connection()
    assert (ok, "nowhere" in text) == (False, True)


def test_a_rotated_refresh_token_survives_the_connection_test(kaizala, connect, group, variables):
    """Airflow tests under a random connection id; the next task must find what the test received."""
    connect("qzxhgapw", extra={"group_refresh_tokens": None})
    connect(extra={"group_refresh_tokens": None})
    kaizala.tokens.append(lambda request: kaizala.token(request, refresh="the-rotated-token"))
    ok, text = KaizalaHook("qzxhgapw").test_connection()
    assert ok, text
    KaizalaHook().run(hello(group))
    assert len(kaizala.token_calls) == 1, "the task uses the access token of the test"
    (key,) = variables
    variables[key] = json.dumps({**json.loads(variables[key]), "expires_ms": 1})
    KaizalaHook().run(hello(group))
    assert kaizala.token_calls[-1].headers["refreshtoken"] == "the-rotated-token"


def test_the_connection_test_uses_the_rotated_refresh_token_that_a_task_stored(kaizala, connect, group):
    connect(extra={"group_refresh_tokens": None})
    kaizala.tokens.append(lambda request: kaizala.token(request, refresh="the-rotated-token"))
    KaizalaHook().run(hello(group))
    assert KaizalaHook().test_connection()[0]
    assert kaizala.token_calls[-1].headers["refreshtoken"] == "the-rotated-token"


def test_a_stored_access_token_does_not_hide_a_wrong_secret(kaizala, group):
    KaizalaHook().run(hello(group))
    kaizala.tokens += [kaizala.error(401, "InvalidApplicationSecret", "wrong secret")] * 9
    ok, text = KaizalaHook().test_connection()
    assert not ok
    assert "wrong secret" in text


def test_a_rotated_refresh_token_that_cannot_be_stored_fails_the_connection_test(
    kaizala, connect, monkeypatch
):
    """As on a worker without access to the database, where Airflow 3.3 may run the test."""

    def fail(*args):
        raise RuntimeError("no database here")

    monkeypatch.setattr(compat, "get_variable", fail)
    monkeypatch.setattr(compat, "set_variable", fail)
    connect(extra={"group_refresh_tokens": None})
    assert KaizalaHook().test_connection()[0], "without a rotation nothing is lost"
    kaizala.tokens.append(lambda request: kaizala.token(request, refresh="the-rotated-token"))
    ok, text = KaizalaHook().test_connection()
    assert not ok
    assert re.search(
        r"a new refresh token, but it could not be stored in Variable kaizala_token_user_[0-9a-f]{16}\.", text
    )
    assert "the-rotated-token" not in text


def test_the_default_group_is_tried_too(kaizala, connect):
    connect(extra={"default_group": "store-9"})
    ok, text = KaizalaHook().test_connection()
    assert ok
    assert text.endswith("; default_group store-9 works")
    assert kaizala.calls()[-1].path == "/groups/store-9"


def test_a_default_group_that_has_a_refresh_token_is_tried_once(kaizala, connect, group):
    connect(extra={"default_group": group.upper()})
    ok, text = KaizalaHook().test_connection()
    assert ok
    assert "default_group" not in text


def test_a_default_group_that_does_not_exist_fails_the_connection_test(kaizala, connect):
    connect(extra={"default_group": "store-9", "group_refresh_tokens": None})
    kaizala.script += [kaizala.default, kaizala.error(404, "GroupNotFound", "no such group")]
    ok, text = KaizalaHook().test_connection()
    assert not ok
    assert text.startswith("default_group store-9: getGroup failed for group store-9 (404")


def test_a_default_group_that_no_token_reaches_fails_the_connection_test(kaizala, connect):
    connect(extra={"default_group": "store-9", "refresh_token": None})
    ok, text = KaizalaHook().test_connection()
    assert not ok
    assert text.startswith("default_group store-9: no refresh token for group store-9")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
@pytest.mark.parametrize("at", ["token", "call"])
def test_the_connection_test_shows_no_secret(kaizala, secrets_of_the_connection, status, at):
    def echo(request):
        return kaizala.error(status, request.headers.get("accesstoken", "Echo"), json.dumps(request.headers))

    if at == "token":
        kaizala.tokens += [echo] * 9
    else:
        kaizala.otherwise = echo
    _, text = KaizalaHook().test_connection()
    assert "***" in text or (status, at) == (403, "call")
    assert [secret for secret in secrets_of_the_connection if secret in text] == []
