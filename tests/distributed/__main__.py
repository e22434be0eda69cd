"""``make distributed``: many runs on CeleryExecutor, the same while components are killed, and on LocalExecutor to compare."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from demo.__main__ import follow
from tests.distributed.scenario import Outcome, play
from tests.distributed.stack import Distributed
from tests.on_postgres import running_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SCENARIOS = {"celery": "CeleryExecutor", "killed": "CeleryExecutor", "local": "LocalExecutor"}
VICTIMS = ("worker", "triggerer", "scheduler", "kaizala-server")
#: the tasks of the main job take 30 s in `make demo`; here, twice as many processes have just begun on the same cores
SECONDS_FOR_MAIN_JOB = 600
#: not in /tmp, which may be memory
BUILD = Path(__file__).resolve().parents[2] / ".build"


def run(
    scenario: str, runs: int, kill: Sequence[str], limit: int, folder: Path, tell: Callable[[str], None]
) -> Outcome:
    """Run one scenario in a stack of its own.

    :param kill: what is killed while it runs
    :param limit: calls a minute of the connector
    :param folder: an empty folder on a real disk
    """
    executor = SCENARIOS[scenario]
    with (
        running_postgres() as postgres,
        Distributed(folder, postgres, executor=executor, limit=limit) as stack,
    ):
        tell("everything is started")
        outcome = Outcome()
        if not follow(stack, Console(quiet=True), seconds=SECONDS_FOR_MAIN_JOB):
            outcome.problems.append("the main job, store_opening, did not end as it should")
        tell("the main job has ended")
        play(stack, runs, [f"{victim}-1" for victim in kill], outcome, tell)
    return outcome


def table(outcomes: dict[str, Outcome]) -> Table:
    """Return the figures, a column for each scenario."""
    shown = Table(title_justify="left")
    shown.add_column("")
    for scenario in outcomes:
        shown.add_column(scenario, justify="right")
    names = dict.fromkeys(name for outcome in outcomes.values() for name in outcome.figures)
    for name in names:
        figures = (outcome.figures.get(name) for outcome in outcomes.values())
        shown.add_row(
            name,
            *("" if each is None else f"{each:,.3g}" if each % 1 else f"{each:,.0f}" for each in figures),
        )
    return shown


def main() -> int:
    """Run the scenarios, print their figures, and return 0 if all was right."""
    parser = argparse.ArgumentParser(prog="make distributed", description=__doc__)
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help=f"{', '.join(SCENARIOS)}; all by default"
    )
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--limit", type=int, default=100, help="calls a minute of the connector")
    parser.add_argument(
        "--kill", nargs="*", default=VICTIMS, choices=VICTIMS, help="what is killed in scenario 'killed'"
    )
    options = parser.parse_args()
    if unknown := [name for name in options.scenarios if name not in SCENARIOS]:
        parser.error(f"no scenario {unknown[0]!r}; there are {', '.join(SCENARIOS)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    outcomes = {}
    BUILD.mkdir(exist_ok=True)
    for name in options.scenarios or SCENARIOS:
        began = time.monotonic()

        def tell(text: str, name: str = name, began: float = began) -> None:
            console.print(f"{time.monotonic() - began:6.0f} s  [bold]{name}[/bold]  {text}")

        folder = Path(tempfile.mkdtemp(prefix=f"distributed-{name}-", dir=BUILD))
        kill = options.kill if name == "killed" else ()
        outcome = outcomes[name] = run(name, options.runs, kill, options.limit, folder, tell)
        for problem in outcome.problems[:20]:
            tell(f"[red]{problem}[/red]")
        if outcome.problems:
            tell(f"logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    console.print(table(outcomes))
    good = not any(outcome.problems for outcome in outcomes.values())
    console.print("distributed: success" if good else "[red]distributed: failed[/red]")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
