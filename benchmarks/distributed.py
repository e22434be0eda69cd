"""A run that asks, waits and decides: on CeleryExecutor with two of everything, and on LocalExecutor, each with PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.load import LoadFailed
from tests.distributed.__main__ import run as run_scenario

if TYPE_CHECKING:
    from benchmarks.bench import Figures, Setting

NAME = "distributed"
OWNS = ("distributed.",)
#: DAG runs of each executor; `make distributed` has 500, and kills what runs them
RUNS = 100
LIMIT = 100
KEYS = {
    "seconds per run": "s_per_run",
    "CPU s per run": "cpu_s_per_run",
    "CPU s per wait, triggerers": "triggerer_cpu_s_per_wait",
    "s from answer to end, median": "answer_to_end_p50_s",
    "s from answer to end, 95 %": "answer_to_end_p95_s",
    "calls": "calls",
    "most calls in a minute": "most_calls_per_minute",
}


def run(setting: Setting) -> Figures:
    """Measure both."""
    setting.begin(8)
    figures: Figures = {"distributed.runs": RUNS}
    for executor in ("celery", "local"):
        folder = setting.folder / executor
        folder.mkdir()
        outcome = run_scenario(executor, RUNS, (), LIMIT, folder, setting.advance)
        if outcome.problems:
            raise LoadFailed(f"{executor}: {outcome.problems[0]}")
        figures |= {
            f"distributed.{executor}.{key}": round(outcome.figures[name], 3) for name, key in KEYS.items()
        }
    return figures
