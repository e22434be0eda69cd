"""What importing costs a process that parses DAGs: our operators and sensors, and those of other providers.

CPU time, over what they all share: Airflow's base classes are loaded before. Ours is every module of ``operators`` and ``sensors``,
whatever a DAG may use of it; of each peer it is the modules of its operators, and of its sensors if it has some. Beside it the
cost of a DAG file with five tasks, as one imports it: ``imports_dag_kaizala`` and ``imports_dag_slack``.

Each round is a fresh interpreter, see ``imports_round``; a ratio is of two costs of the same round. The first round, which may have
to compile, does not count.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import airflow_provider_kaizala
from benchmarks import peers
from benchmarks.processes import run_to_end

if TYPE_CHECKING:
    from benchmarks.bench import Figures, Setting

NAME = "imports"
OWNS = ("imports.",)
LEAST_ROUNDS = 9
PEERS = {
    "slack": ["airflow.providers.slack.operators.slack"],
    "http": ["airflow.providers.http.operators.http", "airflow.providers.http.sensors.http"],
    "telegram": ["airflow.providers.telegram.operators.telegram"],
    "discord": ["airflow.providers.discord.operators.discord_webhook"],
    "standard_hitl": ["airflow.providers.standard.operators.hitl"],
}
DAGS = {
    "parse_ours": ["benchmarks.imports_dag_kaizala"],
    "parse_slack": ["benchmarks.imports_dag_slack"],
}
#: of one round: *ours* over *theirs*
RATIOS = {f"ours_over_{peer}": ("ours", peer) for peer in PEERS} | {
    "parse_ours_over_slack": ("parse_ours", "parse_slack")
}


def our_modules() -> list[str]:
    """Return all modules of our operators and sensors; without those for Human-in-the-loop where Airflow has none."""
    package = Path(airflow_provider_kaizala.__file__).parent
    files = [
        file.relative_to(package.parent).with_suffix("")
        for kind in ("operators", "sensors")
        for file in sorted((package / kind).rglob("*.py"))
        if file.name != "__init__.py"  # imported with what is in its folder
    ]
    airflow = find_spec("airflow")
    folders = airflow.submodule_search_locations if airflow else None
    if not any(Path(folder, "sdk/execution_time/hitl.py").exists() for folder in folders or ()):
        files = [file for file in files if "hitl" not in file.name]
    return [".".join(file.parts) for file in files]


def run(setting: Setting) -> Figures:
    """Take each cost once in each round, in another order each time."""
    rounds = max(setting.runs, LEAST_ROUNDS)
    setting.begin(rounds + 1)
    peers.install()
    home = setting.folder / "airflow"
    plan = list(({"ours": our_modules()} | PEERS | DAGS).items())
    samples: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        turn = number % len(plan)
        printed = run_to_end(
            "imports",
            [sys.executable, "-m", "benchmarks.imports_round"],
            peers.environment(home, {}),
            json.dumps(dict(plan[turn:] + plan[:turn])),
        )
        found: dict[str, float] = json.loads(printed.splitlines()[-1])
        setting.advance(f"ours {found['ours']:.0f} ms, Slack's {found['slack']:.0f} ms")
        if number == 0:
            continue
        for key, milliseconds in found.items():
            samples.setdefault(f"imports.{key}_ms", []).append(milliseconds)
        for key, (ours, theirs) in RATIOS.items():
            samples.setdefault(f"imports.{key}", []).append(found[ours] / found[theirs])
    return {**samples, "imports.runs": rounds}
