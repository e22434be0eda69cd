"""The client of the bench of messages: sends texts by one way after the other, and takes the CPU time of each.

``python -m benchmarks.message_client`` reads ``{"port", "rounds", "texts"}`` from stdin. Its last line is ``{way: [milliseconds per
text, ...]}``. Each round goes through the ways nine times, in another order each round, and keeps the least of each: the same code
runs each time, so what differs is what else the machine does. A round before the first one opens connections, fetches tokens and
loads what is loaded late; it does not count.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models import Message
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook

if TYPE_CHECKING:
    from collections.abc import Callable

    #: sends a text, and returns something true if it was accepted
    Send = Callable[[str], Any]

GROUP = "11111111-1111-4111-8111-111111111111@1"
PATH = f"/v1/groups/{GROUP}/messages"
TIMES = 9


def seen(port: int) -> Any:
    """Return what the server has seen."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/seen")
    found = json.loads(connection.getresponse().read())
    connection.close()
    return found


def ours() -> Send:
    """Return how a text is sent with our hook, which a task keeps."""
    hook = KaizalaHook("kaizala_default")
    return lambda text: hook.run(calls.send_message(GROUP, Message(text))).reference_id


def bare_requests(port: int, headers: dict[str, str]) -> Send:
    """Return how the same text is sent by hand, in a session."""
    import requests

    session = requests.Session()
    url = f"http://127.0.0.1:{port}{PATH}"
    return lambda text: session.post(url, json={"message": text}, headers=headers, timeout=60).json()[
        "referenceId"
    ]


def http(headers: dict[str, str]) -> Send:
    """Return how the same text is sent with the hook of ``HttpOperator``."""
    from airflow.providers.http.hooks.http import HttpHook

    hook = HttpHook(method="POST", http_conn_id="http_default")
    return lambda text: hook.run(PATH, data=json.dumps({"message": text}), headers=headers).json()[
        "referenceId"
    ]


def slack() -> Send:
    """Return what ``SlackAPIPostOperator`` does with its hook."""
    from airflow.providers.slack.hooks.slack import SlackHook

    hook = SlackHook(slack_conn_id="slack_default")
    return lambda text: hook.call("chat.postMessage", json={"channel": "#store-12", "text": text})["ok"]


def discord() -> Send:
    """Return what ``DiscordWebhookOperator`` does with its hook."""
    from airflow.providers.discord.hooks.discord_webhook import DiscordWebhookHook

    hook = DiscordWebhookHook("discord_default", webhook_endpoint="webhooks/12/store-12")

    def send(text: str) -> bool:
        hook.message = text
        hook.execute()  # raises if refused
        return True

    return send


def telegram(port: int) -> Send:
    """Return what ``TelegramHook`` does with python-telegram-bot, but in one event loop.

    The hook itself cannot be pointed at another server, and begins a loop for each text.
    """
    loop = asyncio.new_event_loop()
    bot = importlib.import_module("telegram").Bot("12:token", base_url=f"http://127.0.0.1:{port}/bot")
    return lambda text: loop.run_until_complete(bot.send_message(chat_id=12, text=text)).message_id


def headers_of(port: int, send: Send) -> dict[str, str]:
    """Return the headers that a way adds to what requests sends by itself."""
    from requests.utils import default_headers

    by_itself = {**default_headers(), "Host": f"127.0.0.1:{port}"}
    send("Store 12 is open")
    return {
        name: value
        for name, value in seen(port)["last"]["headers"]
        if name != "Content-Length" and by_itself.get(name) != value
    }


def check_alike(port: int, ways: list[Send]) -> None:
    """Refuse ways that do not send the same headers and the same JSON."""
    requests = []
    for send in ways:
        send("Store 12 is open")
        last = seen(port)["last"]
        headers = {name.lower(): value for name, value in last["headers"]}
        # one leaves out the space after a colon
        del headers["content-length"]
        requests.append((headers, json.loads(last["body"])))
    if any(request != requests[0] for request in requests):
        sys.exit(f"not the same request: {requests}")


def measure(send: Send, texts: list[str]) -> float:
    """Return the CPU time of a text, in milliseconds."""
    gc.collect()
    began = time.process_time()
    accepted = [send(text) for text in texts]
    took = time.process_time() - began
    if not all(accepted):
        sys.exit("a text was not accepted")
    return took * 1000 / len(texts)


def measure_all(port: int, ways: dict[str, Send], texts: list[str]) -> dict[str, float]:
    """Run a round; each text must have become one request."""
    before = seen(port)["posts"]
    costs = [{name: measure(send, texts) for name, send in ways.items()} for _ in range(TIMES)]
    posts, expected = seen(port)["posts"] - before, len(ways) * len(texts) * TIMES
    if posts != expected:
        sys.exit(f"{posts} requests for {expected} texts")
    return {name: min(each[name] for each in costs) for name in ways}


def main() -> None:
    """Run all rounds."""
    plan = json.load(sys.stdin)
    port = plan["port"]
    texts = [f"Store 12 is open, till {number} is counted" for number in range(plan["texts"])]
    our_way = ours()
    headers = headers_of(port, our_way)
    ways = {
        "ours": our_way,
        "requests": bare_requests(port, headers),
        "http": http(headers),
        "slack": slack(),
        "discord": discord(),
        "telegram": telegram(port),
    }
    check_alike(port, [ways["ours"], ways["requests"], ways["http"]])
    samples: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways.items())
    for number in range(plan["rounds"] + 1):
        turn = number % len(order)
        found = measure_all(port, dict(order[turn:] + order[:turn]), texts)
        if number:
            for name, milliseconds in found.items():
                samples[name].append(milliseconds)
    print(json.dumps(samples))  # noqa: T201


if __name__ == "__main__":
    main()
