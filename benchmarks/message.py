"""What sending a text costs the process that sends it: by our hook, by hand, and by other providers' hooks.

CPU time of the client's process, user and system, per text, with a token that is there and a connection that is open where the
client keeps one. The server is a process of its own (``message_server``) and answers at once. ``requests`` is the least a Python
script would do: ``Session.post`` of the same JSON with the same headers, and reading the reply. ``http`` posts the same through
``HttpHook``; ``slack``, ``discord`` and ``telegram`` post a text as their operators do, see ``message_client``.

All take turns in one process; a ratio is of two costs of the same round.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from benchmarks import peers
from benchmarks.processes import free_port, run_to_end, wait_until_it_answers
from demo.processes import Processes

if TYPE_CHECKING:
    from benchmarks.bench import Figures, Setting

NAME = "message"
OWNS = ("message.",)
LEAST_ROUNDS = 9
TEXTS = 50


def connections(port: int) -> dict[str, str]:
    """Return a connection of each provider to the one server."""
    url = f"http://127.0.0.1:{port}"
    given: dict[str, dict[str, object]] = {
        # Kaizala's limit of calls would be the figure
        "kaizala": {"login": "bench", "password": "bench-secret", "host": url,
                    "extra": {"refresh_token": "bench-token", "calls_per_minute": 0}},
        "http": {"host": url},
        "slack": {"password": "xoxb-bench", "extra": {"base_url": f"{url}/slack/"}},
        "discord": {"host": url},
    }  # fmt: skip
    return {f"{kind}_default": json.dumps({"conn_type": kind, **each}) for kind, each in given.items()}


def run(setting: Setting) -> Figures:
    """Let one client send by all ways."""
    rounds = max(setting.runs, LEAST_ROUNDS)
    setting.begin(1)
    peers.install()
    port = free_port()
    with Processes(setting.folder) as processes:
        processes.start(
            "message-server",
            [sys.executable, "-m", "benchmarks.message_server", str(port)],
            os.environ,
        )
        wait_until_it_answers(port, "/seen", processes)
        printed = run_to_end(
            "sending texts",
            [sys.executable, "-m", "benchmarks.message_client"],
            peers.environment(setting.folder / "airflow", connections(port)),
            json.dumps({"port": port, "rounds": rounds, "texts": TEXTS}),
        )
    samples: dict[str, list[float]] = json.loads(printed.splitlines()[-1])
    setting.advance(f"{rounds} rounds of {TEXTS} texts")
    figures: Figures = {f"message.{way}_ms": values for way, values in samples.items()}
    for way, values in samples.items():
        if way != "ours":
            figures[f"message.ours_over_{way}"] = [
                ours / theirs for ours, theirs in zip(samples["ours"], values, strict=True)
            ]
    return figures | {"message.runs": rounds, "message.texts": TEXTS}
