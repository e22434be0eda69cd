"""The webhook operations: what is stored, who may, and what a callback must do first."""

from __future__ import annotations

import re
import socket
import threading
import time

import httpx
import pytest

from airflow_provider_kaizala.server.delivery import posting

GROUP = "11111111-1111-4111-8111-111111111111@1"
TWO_YEARS_MS = 2 * 365 * 24 * 3600 * 1000


def body(listener, **fields):
    return {
        "objectId": GROUP,
        "objectType": "Group",
        "eventTypes": ["TextMessageCreated"],
        "callBackUrl": listener.url,
        **fields,
    }


def listed(api, object_id=GROUP, object_type="Group"):
    return api.ok("GET", "/webhook", params={"objectId": object_id, "objectType": object_type})["webhooks"]


def test_create_list_update_delete(server, api, listener) -> None:
    validity = int(time.time() * 1000) + 5_000_000
    given = {"callBackToken": "t0ken", "callBackContext": "ctx", "validity": str(validity)}
    created = api.ok("POST", "/webhook", json=body(listener, **given))
    assert set(created) == {"webhookId"}
    [hook] = listed(api)
    assert hook == {
        "id": created["webhookId"],
        "objectId": GROUP,
        "objectType": "Group",
        "events": ["TextMessageCreated"],
        "filters": [],
        "callbackUrl": listener.url,
        "callbackToken": "t0ken",
        "callbackContext": "ctx",
        "ts": hook["ts"],
        "validity": validity,
        "active": True,
    }
    assert abs(hook["ts"] - time.time() * 1000) < 10_000
    path = f"/webhook/{hook['id']}"
    assert api.ok("PUT", path, json={"eventTypes": ["Announcement"], "Active": "false"}) == {}
    [changed] = listed(api)
    assert (changed["events"], changed["active"], changed["callbackToken"]) == (
        ["Announcement"],
        False,
        "t0ken",
    )
    assert api.ok("PUT", path, json={"Active": "true"}) == {}
    assert listed(api)[0]["active"] is True
    assert api.ok("DELETE", path) == {}
    assert listed(api) == []
    api.refused(404, "DELETE", path)
    api.refused(404, "PUT", path, json={"Active": True})


def test_any_casing_and_aliases(api, listener) -> None:
    given = {
        "OBJECTID": GROUP.upper(),
        "objecttype": "group",
        "EventTypes": ["textmessagecreated", "TextMessageCreated", "ANNOUNCEMENT"],
        "CallbackUrl": listener.url,
    }
    api.ok("POST", "/WebHook/", json=given)
    [hook] = api.ok("GET", "/webhook", params={"objectid": GROUP, "OBJECTTYPE": "GROUP"})["webhooks"]
    assert hook["events"] == ["TextMessageCreated", "Announcement"]
    assert (hook["objectId"], hook["callbackToken"], hook["callbackContext"]) == (GROUP, "", "")
    assert abs(hook["validity"] - time.time() * 1000 - TWO_YEARS_MS) < 10_000


@pytest.mark.parametrize("query", ["", "?code=a%2Fb&x="])
def test_the_validation_call(api, listener, query) -> None:
    for _ in range(3):
        api.ok("POST", "/webhook", json=body(listener, callBackUrl=listener.url + query + "#there"))
    for path in listener.asked:
        before = "/hook" + (query + "&" if query else "?")
        assert re.fullmatch(re.escape(before) + r"validationToken=[1-9][0-9]{0,14}", path)
    assert len(set(listener.asked)) == 3


def answering(content, status=200, **headers):
    def answer(request, token):
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content.replace(b"T", token.encode()))

    return answer


@pytest.mark.parametrize("content", [b"T", b"T\r\n", b" T"])
def test_what_passes(api, listener, content) -> None:
    listener.answer_get = answering(content)
    api.ok("POST", "/webhook", json=body(listener))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answering(b"x" * 3_000_000), "too large"),
        (answering(b""), "not the validationToken"),
        (answering(b'"T"'), "not the validationToken"),
        (answering(b"T", 404), "status 404"),
        (answering(b"T", 500), "status 500"),
        (lambda request, _token: request.connection.close(), "connection"),
        (lambda request, _token: request.wfile.write(b"nonsense\r\n\r\n"), "connection"),
        (
            lambda request, _token: request.wfile.write(b"HTTP/1.0 200 OK\r\nX: " + b"y" * 500_000),
            "connection",
        ),
    ],
)
def test_a_failed_validation_stores_nothing(api, listener, answer, reason) -> None:
    listener.answer_get = answer
    error = api.refused(400, "POST", "/webhook", json=body(listener))
    assert error["errorCode"] == "InvalidParameters"
    assert "callBackUrl" in error["message"]
    assert reason in error["message"]
    assert listed(api) == []


def test_a_redirect_is_a_failure(api, listener, listen) -> None:
    elsewhere = listen()
    listener.answer_get = answering(b"T", 302, Location=elsewhere.url)
    api.refused(400, "POST", "/webhook", json=body(listener))
    assert elsewhere.asked == []


@pytest.mark.parametrize("drip", [False, True])
def test_a_callback_has_five_seconds(api, listener, monkeypatch, drip) -> None:
    assert posting.VALIDATION_SECONDS == 5
    monkeypatch.setattr(posting, "VALIDATION_SECONDS", 0.4)
    done = threading.Event()

    def answer(request, token):
        request.send_response(200)
        request.end_headers()
        for digit in token:
            if done.wait(0.1 if drip else 30):
                return
            request.wfile.write(digit.encode())

    listener.answer_get = answer
    message = api.refused(400, "POST", "/webhook", json=body(listener))["message"]
    assert "timeout after 0.4 seconds" in message
    done.set()
    assert listed(api) == []


def test_others_are_served_while_a_callback_is_slow(api, listener, monkeypatch) -> None:
    monkeypatch.setattr(posting, "VALIDATION_SECONDS", 60)
    done = threading.Event()
    listener.answer_get = lambda _request, _token: done.wait(60) and None
    waiting = threading.Thread(target=api.http.post, args=("/webhook",), kwargs={"json": body(listener)})
    waiting.start()
    while not listener.asked:
        time.sleep(0.01)
    api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "meanwhile"})
    assert waiting.is_alive()
    done.set()
    waiting.join()


def test_nobody_listens_there(api, listener) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        error = api.refused(400, "POST", "/webhook", json=body(listener, callBackUrl=url))
    assert "no connection" in error["message"]
    no_name = body(listener, callBackUrl="http://nowhere.invalid/")
    assert "resolved" in api.refused(400, "POST", "/webhook", json=no_name)["message"]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//127.0.0.1/x",
        "hook",
        "http://",
        "http://user:secret@127.0.0.1/",
        "http://user@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://a b/",
        "http://x/\r\nHost: y",
        "http://[::1",
        "http://" + "a" * 300 + "/",
        "http://x/" + "a" * 5000,
        7,
        "",
        None,
    ],
)
def test_urls_that_are_none(api, listener, url) -> None:
    error = api.refused(400, "POST", "/webhook", json=body(listener, callBackUrl=url))
    assert error["message"].startswith("callBackUrl")
    assert "secret" not in error["message"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"objectType": "Tenant"}, "objectType"),
        ({"objectType": None}, "objectType"),
        ({"objectId": ""}, "objectId"),
        ({"eventTypes": []}, "eventTypes"),
        ({"eventTypes": ["Nothing"]}, "eventTypes"),
        ({"eventTypes": [7]}, "eventTypes"),
        ({"validity": 1000}, "validity"),
        ({"validity": "soon"}, "validity"),
        ({"validity": 10**18}, "validity"),
        ({"callBackToken": "a\r\nHost: b"}, "callBackToken"),
        ({"callBackToken": " a"}, "callBackToken"),
        ({"callBackToken": {"a": 1}}, "callBackToken"),
        ({"callBackHeaders": "X: y"}, "callBackHeaders"),
        ({"callBackHeaders": {"X": 1}}, "callBackHeaders"),
        ({"callBackHeaders": {"X y": "z"}}, "callBackHeaders"),
        ({"callBackHeaders": {"X": "y\n"}}, "callBackHeaders"),
        ({"callBackHeaders": {f"X{n}": "y" for n in range(60)}}, "callBackHeaders"),
    ],
)
def test_fields_that_are_wrong(api, listener, fields, named) -> None:
    error = api.refused(400, "POST", "/webhook", json=body(listener, **fields))
    assert named in error["message"]
    assert listener.asked == []


def test_the_url_is_listed_as_it_was_given(api, listener) -> None:
    url = listener.url.replace("http://", "HTTP://") + "/a b?sp=%2Fx%2frun&sig=é~#part"
    hook = api.ok("POST", "/webhook", json=body(listener, callBackUrl=f" {url} "))["webhookId"]
    assert listed(api)[0]["callbackUrl"] == url
    # The same URL needs no new validation.
    api.ok("PUT", f"/webhook/{hook}", json={"callBackUrl": url})
    assert [path.partition("&validationToken")[0] for path in listener.asked] == [
        "/hook/a%20b?sp=%2Fx%2frun&sig=%C3%A9~"
    ]
    api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "x"})
    listener.wait(1)


@pytest.mark.parametrize(
    ("given", "shown"),
    [({"run": 7, "ok": [True, None]}, '{"run":7,"ok":[true,null]}'), ([1], "[1]"), (5, "5")],
)
def test_a_context_that_is_no_text_comes_back_as_its_json(api, listener, given, shown) -> None:
    api.ok("POST", "/webhook", json=body(listener, callBackContext=given))
    assert listed(api)[0]["callbackContext"] == shown
    api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "x"})
    assert listener.wait(1)[0]["context"] == shown


@pytest.mark.parametrize("headers", ["", [], {}, None])
def test_no_headers_in_any_shape(api, listener, headers) -> None:
    assert api.ok("POST", "/webhook", json=body(listener, callBackHeaders=headers))["webhookId"]


def test_an_update_validates_a_new_callback(api, listener, listen) -> None:
    other = listen()
    hook = api.ok("POST", "/webhook", json=body(listener))["webhookId"]
    api.ok("PUT", f"/webhook/{hook}", json={"callBackUrl": listener.url})
    assert len(listener.asked) == 1
    other.answer_get = answering(b"no")
    api.refused(400, "PUT", f"/webhook/{hook}", json={"callBackUrl": other.url, "callBackContext": "new"})
    assert (listed(api)[0]["callbackUrl"], listed(api)[0]["callbackContext"]) == (listener.url, "")
    other.answer_get = None
    api.ok("PUT", f"/webhook/{hook}", json={"callBackUrl": other.url})
    assert listed(api)[0]["callbackUrl"] == other.url
    api.refused(400, "PUT", f"/webhook/{hook}", json={"Active": "maybe"})
    api.refused(400, "PUT", f"/webhook/{hook}", json={"eventTypes": ["x"]})


class TestReach:
    def test_permission(self, make_server, call_with, tmp_path, listener) -> None:
        seed = tmp_path / "seed.yaml"
        seed.write_text(
            """
people: [{mobileNumber: "+910000000001", name: Asha}, {mobileNumber: "+910000000002", name: Ravi},
         {mobileNumber: "+910000000009", name: Else}]
connectors: [{id: deaf, secret: s, permissions: [Text Message]}, {id: one, secret: s}, {id: two, secret: s}]
groups:
  - {id: 22222222-2222-4222-8222-222222222222@1, name: A, admins: ["+910000000001"], members: ["+910000000002"]}
  - {id: 33333333-3333-4333-8333-333333333333@1, name: B, admins: ["+910000000009"]}
grants:
  - {connector: deaf, kind: user, person: "+910000000001", refreshToken: deaf}
  - {connector: one, kind: user, person: "+910000000001", refreshToken: one}
  - {connector: one, kind: user, person: "+910000000009", refreshToken: one-b}
  - {connector: one, kind: group, person: "+910000000009", group: 33333333-3333-4333-8333-333333333333@1, refreshToken: b}
  - {connector: two, kind: user, person: "+910000000002", refreshToken: two}
"""
        )
        url = make_server(seed=str(seed)).url
        group_a, group_b = "22222222-2222-4222-8222-222222222222@1", "33333333-3333-4333-8333-333333333333@1"
        deaf = call_with("deaf", url=url, connector="deaf", secret="s")
        one, one_b, b = (
            call_with(name, url=url, connector="one", secret="s") for name in ("one", "one-b", "b")
        )
        two = call_with("two", url=url, connector="two", secret="s")
        on_a = body(listener, objectId=group_a)
        deaf.refused(403, "POST", "/webhook", json=on_a)
        deaf.refused(403, "GET", "/webhook", params={"objectId": group_a, "objectType": "Group"})
        one.refused(403, "POST", "/webhook", json=body(listener, objectId=group_b))
        b.refused(403, "POST", "/webhook", json=on_a)
        one.refused(
            404, "POST", "/webhook", json=body(listener, objectId="44444444-4444-4444-8444-444444444444")
        )
        assert listener.asked == []

        hook = one.ok("POST", "/webhook", json=on_a)["webhookId"]
        assert [one_hook["id"] for one_hook in listed(one, group_a)] == [hook]
        # Another connector in the same group sees nothing of it.
        assert listed(two, group_a) == []
        two.refused(404, "PUT", f"/webhook/{hook}", json={"Active": False})
        two.refused(404, "DELETE", f"/webhook/{hook}")
        # The same connector with a token that does not reach the group neither.
        for other in (b, one_b):
            other.refused(403, "GET", "/webhook", params={"objectId": group_a, "objectType": "Group"})
            other.refused(403, "PUT", f"/webhook/{hook}", json={"callBackContext": "x"})
            other.refused(403, "DELETE", f"/webhook/{hook}")
        # A webhook cannot be moved to what its changer does not reach.
        one.refused(403, "PUT", f"/webhook/{hook}", json={"objectId": group_b})
        # A group token hears of a package in its group alone.
        package = {
            "objectType": "ActionPackage",
            "objectId": "com.example.card",
            "eventTypes": ["ActionResponse"],
        }
        b.ok("POST", "/webhook", json=body(listener, **package))
        one.ok("POST", "/webhook", json=body(listener, **package))
        assert len(listed(b, "com.example.card", "ActionPackage")) == 1
        assert len(listed(one, "com.example.card", "ActionPackage")) == 2

    def test_action_level(self, api, listener, survey) -> None:
        action = api.post_action("Survey", survey)["actionId"]
        given = body(listener, objectType="Action", objectId=action, eventTypes=["SurveyResponse"])
        hook = api.ok("POST", "/webhook", json=given)["webhookId"]
        assert [one["id"] for one in listed(api, action, "Action")] == [hook]
        api.refused(404, "POST", "/webhook", json={**given, "objectId": GROUP.replace("1", "2")})
        api.refused(400, "GET", "/webhook", params={"objectId": action})
        api.refused(400, "GET", "/webhook", params={"objectType": "Action"})

    def test_without_a_token(self, server, listener) -> None:
        import httpx

        assert httpx.post(server.url + "/v1/webhook", json=body(listener)).status_code == 401
        assert listener.asked == []


class TestFlow:
    def test_a_trigger(self, api, listener) -> None:
        reply = api.ok(
            "POST",
            "/webhook/Group/TextMessageCreated",
            params={"objectId": GROUP},
            json={"CallbackUrl": listener.url},
        )
        [hook] = listed(api)
        assert (hook["id"], hook["events"]) == (reply["webhookId"], ["TextMessageCreated"])

    def test_a_trigger_of_a_package(self, api, listener) -> None:
        for path, given in (
            ("/webhook/Action/ActionResponse", {"CallbackUrl": listener.url}),
            ("/webhook", {"CallbackUrl": listener.url}),
            (
                "/webhook",
                {"callBackUrl": listener.url, "objectType": "Action", "eventTypes": ["ActionResponse"]},
            ),
        ):
            query = {
                "objectId": "00000000-0000-0000-0000-000000000000",
                "groupId": GROUP,
                "actionPackageId": "com.example.card",
            }
            api.ok("POST", path, params=query, json=given)
        hooks = listed(api, "com.example.card", "ActionPackage")
        assert [hook["events"] for hook in hooks] == [["ActionResponse"]] * 3

    def test_refusals(self, api, listener) -> None:
        path, callback = "/webhook/Group/TextMessageCreated", {"CallbackUrl": listener.url}
        api.refused(400, "POST", path, json=callback)
        api.refused(400, "POST", path, params={"objectId": GROUP}, json={})
        api.refused(400, "POST", "/webhook/Group/Nothing", params={"objectId": GROUP}, json=callback)
        api.refused(
            400, "POST", "/webhook/Tenant/TextMessageCreated", params={"objectId": GROUP}, json=callback
        )
        api.refused(404, "POST", path, params={"objectId": GROUP.replace("1", "5")}, json=callback)


def test_a_message_of_a_guest_reaches_the_webhooks_of_the_group(
    server, api, sign_in, subscribe, listener
) -> None:
    guest = "+440000000001"
    people = [{"mobileNumber": guest, "name": "Guest", "pin": "1234", "tenant": "other"}]
    seed = {"tenants": [{"id": "other", "name": "Other"}], "people": people}
    httpx.post(server.url + "/_test/seed", json=seed).raise_for_status()
    api.ok("PUT", f"/groups/{GROUP}/members", json={"members": [guest]})
    subscribe(api)
    sign_in(guest).ok("POST", f"/groups/{GROUP}/messages", json={"text": "Hello from outside"})
    [event] = listener.wait(1, 5)
    assert (event["data"], event["fromUser"]) == ({"text": "Hello from outside"}, guest)
