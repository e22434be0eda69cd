"""Load an example DAG so that a test can run it, and read what the group has got."""

from __future__ import annotations

import functools
import importlib.util
import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.stack import GROUP

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.server import KaizalaServer

#: runs an example; the fixture ``play``
Play = Callable[..., tuple[dict[str, str], dict[str, Any]]]
FOLDER = Path(__file__).parents[3] / "dags_examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py"))
WEBHOOK_SECRET = "demo-webhook-secret"
SECRETS = ("demo-secret", "demo-refresh-token", "demo-group-token", WEBHOOK_SECRET)
#: seconds to wait for people who answer, and for people who do not
SOMEBODY, NOBODY = 30.0, 6.0  # on a busy machine too there is time for a reminder
_numbers = itertools.count()


def refused(*args: Any) -> None:
    raise RuntimeError("the bank is closed")


def the_dag(
    example: str, *, timeouts: dict[str, float] | None = None, refuse: str | None = None, **params: Any
) -> Any:
    """Load the DAG of a file, with quick looks, a timeout of seconds where it waits for people, other params, and a task that fails."""
    path = FOLDER / f"{example}.py"
    spec = importlib.util.spec_from_file_location(f"example_{example}_{next(_numbers)}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dag = module.dag
    for task in dag.tasks:
        if task.task_id == refuse:
            task.python_callable = refused
        task.retry_delay = timedelta(seconds=0.1)
        if hasattr(task, "remind_every"):
            task.poke_interval = 0.4
            task.timeout = (timeouts or {}).get(task.task_id, SOMEBODY)
            task.remind_every = None if task.remind_every is None else task.timeout * 0.4
    assert set(params) <= set(dag.params)
    dag.test = functools.partial(dag.test, run_conf=params)
    return dag


#: what the group is told when a question has ended
TIME_IS_UP = "Time is up. Answers no longer count."


def texts(server: KaizalaServer, group_id: str = GROUP) -> list[str]:
    """What people read in a group, without cards."""
    return [item["text"] for item in server.feed(group_id) if item["kind"] == "text"]


def cards(server: KaizalaServer, group_id: str = GROUP) -> list[str]:
    """The polls, surveys and jobs people see in a group."""
    return [item["title"] for item in server.feed(group_id) if item["kind"] in ("poll", "survey", "job")]


def reminders(server: KaizalaServer) -> int:
    """How many reminders the connection's own group got."""
    sent = server.journal(operation="sendActionReminder")
    return sum(server.default_group() in each["path"] for each in sent)
