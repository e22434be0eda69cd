"""Other providers to compare with, installed beside Airflow's own packages, and the environment that finds them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processes import run_to_end

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".build" / "peers"
_REQUIREMENTS = ROOT / "benchmarks" / "peers-requirements.txt"


def install(folder: Path = FOLDER, requirements: Path = _REQUIREMENTS) -> None:
    """Install other providers, once for each version of their list."""
    stamp = folder / ".installed"
    if stamp.exists() and stamp.read_text() == requirements.read_text():
        return
    shutil.rmtree(folder, ignore_errors=True)
    run_to_end(
        "pip install",
        [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps", "--target",
         str(folder), "-r", str(requirements)],
        os.environ,
    )  # fmt: skip
    stamp.write_text(requirements.read_text())


def environment(home: Path, connections: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of an Airflow of its own that finds this tree and the other providers.

    Its Python keeps what it compiles, whatever ours does: the other providers come compiled.

    :param home: ``AIRFLOW_HOME``
    :param connections: Airflow's connections, by their id
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AIRFLOW") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(FOLDER)]),
        "NO_PROXY": "localhost,127.0.0.1",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        **{f"AIRFLOW_CONN_{name.upper()}": value for name, value in connections.items()},
    }
