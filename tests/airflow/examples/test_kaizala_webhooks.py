"""Webhooks are checked and put right."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from demo.stack import GROUP
from tests.airflow.dag_bag import callbacks_know_the_exception
from tests.airflow.examples.playing import WEBHOOK_SECRET, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kaizala.testing.server import KaizalaServer
    from tests.airflow.examples.playing import Play

pytestmark = pytest.mark.airflow


class _Echo(BaseHTTPRequestHandler):
    """Echoes as the receiver does."""

    def do_GET(self) -> None:
        ((token,),) = (
            value
            for name, value in parse_qs(urlsplit(self.path).query).items()
            if name in ("validationToken", "check")
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(token)))
        self.end_headers()
        self.wfile.write(token.encode())

    do_POST = do_GET

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def public_url() -> Iterator[str]:
    """Where a receiver is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


def test_the_webhooks_are_put_right(
    kaizala_server: KaizalaServer, play: Play, public_url: str, kaizala_connect: Callable[..., Any]
) -> None:
    kaizala_connect("kaizala_default", webhook_secret=WEBHOOK_SECRET)
    states, values = play("kaizala_webhooks", public_url=public_url)
    assert states == {"ensure": "success"}
    assert [each["group_id"] for each in values["ensure"]["created"]] == [GROUP]
    states, values = play("kaizala_webhooks", public_url=public_url, groups=[GROUP], remove_unneeded=True)
    assert states == {"ensure": "success"}
    assert [each["group_id"] for each in values["ensure"]["unchanged"]] == [GROUP]
    assert texts(kaizala_server) == []


@callbacks_know_the_exception
def test_the_group_reads_that_webhooks_cannot_be_put_right(
    kaizala_server: KaizalaServer, play: Play, kaizala_connect: Callable[..., Any]
) -> None:
    kaizala_connect("kaizala_default", webhook_secret=WEBHOOK_SECRET)
    states, _ = play("kaizala_webhooks", public_url=kaizala_server.url)
    assert states == {"ensure": "failed"}
    (text,) = texts(kaizala_server)
    assert text.startswith("Kaizala may not reach Airflow any more: ")
    assert "it answers 404" in text
