"""kill -9 between accepting an event and delivering it: after a restart it is delivered."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager

import httpx

from tests.serving import UNLIMITED, serve_command

GROUP = "11111111-1111-4111-8111-111111111111@1"


@contextmanager
def process(database):
    options = ("--database", database, "--seed", "demo", "--allow-private-callbacks")
    command = serve_command(*options, *UNLIMITED)
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = running.stdout.readline()
        assert line.startswith("ready "), line + running.stderr.read()
        yield running, line.split()[1]
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate()


def open_api(url):
    headers = {
        "applicationId": "demo-connector",
        "applicationSecret": "demo-secret",
        "refreshToken": "demo-group-token",
    }
    token = httpx.get(url + "/v1/accessToken", headers=headers).json()["accessToken"]
    return httpx.Client(base_url=url + "/v1", headers={"accessToken": token})


def test_what_was_accepted_is_delivered(tmp_path, listener) -> None:
    database = f"sqlite:///{tmp_path}/k.db"
    listener.answers.clear()  # the first is on its way when the server is killed, the others are not
    hook = {
        "objectId": GROUP,
        "objectType": "Group",
        "eventTypes": ["TextMessageCreated"],
        "callBackUrl": listener.url,
    }
    with process(database) as (running, url), open_api(url) as api:
        assert api.post("/webhook", json=hook).status_code == 200
        accepted = []
        for n in range(10):
            reply = api.post(f"/groups/{GROUP}/messages", json={"message": str(n)})
            accepted.append(str(n))
            assert reply.status_code == 200
            if n == 0:
                listener.reached(1)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
    listener.answers.set()
    listener.wait(1)
    listener.got.clear()
    with process(database):
        listener.wait(len(accepted), 30)
    assert [one["body"]["data"]["text"] for one in listener.got] == accepted
    assert len({one["body"]["eventId"] for one in listener.got}) == len(accepted)
