"""One round of the bench of imports.

``python -m benchmarks.imports_round`` reads ``{key: [module, ...]}`` from stdin. It does as Airflow's DAG processor does: loads
Airflow, freezes the garbage collector, and forks for each key, so that no import finds what another one has loaded. It goes through
the keys three times and keeps the least of each: the same code runs each time, so what differs is what else the machine does. Its
last line is ``{key: milliseconds}``, with ``airflow`` for what was loaded before.
"""

from __future__ import annotations

import gc
import importlib
import json
import multiprocessing
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

TIMES = 3
FORK = multiprocessing.get_context("fork")


def load_airflow() -> None:
    """Load what operators and sensors of all providers are made of."""
    from airflow.providers.common.compat import sdk

    # each of them is loaded when it is asked for
    for name in ("DAG", "BaseOperator", "BaseSensorOperator", "BaseHook", "conf"):
        getattr(sdk, name)


def cost(modules: Sequence[str]) -> float:
    """Return the CPU time that importing some modules takes, in milliseconds."""
    began = time.process_time()
    for module in modules:
        importlib.import_module(module)
    return (time.process_time() - began) * 1000


def cost_in_a_fork(modules: Sequence[str]) -> float:
    """Return the cost in a process that has loaded no more than this one."""
    receiver, sender = FORK.Pipe(duplex=False)
    child = FORK.Process(target=_send_cost, args=(sender, modules))
    child.start()
    child.join()
    if child.exitcode:
        sys.exit(f"cannot import {', '.join(modules)}")
    found: float = receiver.recv()
    return found


def _send_cost(sender: Connection, modules: Sequence[str]) -> None:
    sender.send(cost(modules))


def main() -> None:
    """Run a round."""
    plan: dict[str, list[str]] = json.load(sys.stdin)
    began = time.process_time()
    load_airflow()
    base = (time.process_time() - began) * 1000
    gc.collect()
    gc.freeze()
    costs = [{key: cost_in_a_fork(modules) for key, modules in plan.items()} for _ in range(TIMES)]
    print(json.dumps({"airflow": base} | {key: min(each[key] for each in costs) for key in plan}))  # noqa: T201


if __name__ == "__main__":
    main()
