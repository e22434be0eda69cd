"""A delivery that is made again, from the page of the control plane."""

from __future__ import annotations

import re

import httpx


def test_a_delivery_is_made_again(server, api, listener, subscribe, say) -> None:
    subscribe(api, "TextMessageCreated")
    say(api, "Hello")
    (first,) = listener.wait(1)
    httpx.get(
        server.url + "/_test/journal", params={"operation": "deliverEvent", "wait": 20}
    )  # told after the listener was
    text = httpx.get(server.url + "/_test/", params={"operation": "deliverEvent"}).text
    webhook_id = re.findall(r'name="webhookId" value="([^"]+)"', text)[0]
    event_id = re.findall(r'name="eventId" value="([^"]+)"', text)[0]
    form = {"webhookId": webhook_id, "eventId": event_id}
    reply = httpx.post(server.url + "/_test/replay", data=form, follow_redirects=True)
    assert "It will be delivered again." in reply.text
    again = listener.wait(2)[1]
    assert (again["eventId"], again["data"]) == (first["eventId"], first["data"])
    assert httpx.post(server.url + "/_test/replay", data={**form, "eventId": "none"}).status_code == 404
