"""``moto_server`` answering SQS SendMessage: a well-known stand-in of a service, for scale.

It lives in an environment of its own, as it needs an older python-dateutil than Airflow's. It keeps messages in memory only,
runs on werkzeug's server with one thread per connection, and closes each connection after its reply.
"""

from __future__ import annotations

import http.client
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.load import NUMBER, LoadFailed, Plan
from benchmarks.processes import free_port, wait_until_it_answers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.processes import Processes

#: made by ``make bench``
COMMAND = Path(__file__).resolve().parent.parent / ".build" / "moto" / "bin" / "moto_server"
_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    # Without the name of a service in a signature's scope moto takes a request for one to S3.
    "Authorization": "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
}


@dataclass(frozen=True)
class Moto:
    """A running moto_server with one queue."""

    port: int
    queue_url: str

    def plan(self, connections: int, seconds: float) -> Plan:
        """Return how messages are sent to the queue."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in _HEADERS.items())
        message = {
            "QueueUrl": self.queue_url,
            "MessageBody": f"Store 12 is open, till {NUMBER} is counted",
        }
        return Plan(
            port=self.port,
            head=f"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.SendMessage\r\nAccept: */*\r\n{lines}",
            body=json.dumps(message),
            expect='"MessageId"',
            connections=connections,
            seconds=seconds,
        )


@contextmanager
def start_moto(processes: Processes) -> Iterator[Moto]:
    """Run a moto_server, quietly: a log line per call would be a cost of its own."""
    port = free_port()
    processes.start(
        "moto",
        ["/bin/sh", "-c", f'exec "{COMMAND}" -H 127.0.0.1 -p {port} >/dev/null 2>&1'],
        dict(os.environ),
    )
    try:
        wait_until_it_answers(port, "/moto-api/", processes)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        headers = {**_HEADERS, "X-Amz-Target": "AmazonSQS.CreateQueue"}
        connection.request("POST", "/", json.dumps({"QueueName": "store-12"}), headers)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        if reply.status != 200:
            raise LoadFailed(f"moto made no queue: {reply.status} {content[:300]!r}")
        yield Moto(port, json.loads(content)["QueueUrl"])
    finally:
        processes.kill("moto")
