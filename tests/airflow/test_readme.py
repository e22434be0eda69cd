"""What the README shows of testing a DAG, as a project of its own that does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

pytestmark = pytest.mark.airflow

ROOT = Path(__file__).parents[2]


def block(holds: str) -> str:
    """Return the one block of code of the README that holds a text."""
    blocks = re.findall(r"```(?:python|bash)\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (found,) = [each for each in blocks if holds in each]
    return found


@pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="the README's DAG is written for Airflow 3")
def test_a_dag_that_waits_for_people_is_tested_in_ten_lines(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "store_open.py").write_text(block('DAG("store_open"'))
    (tmp_path / "tests").mkdir()
    test = block("def test_the_store_opens")
    assert len(test.splitlines()) <= 10
    (tmp_path / "tests" / "test_store_open.py").write_text(test)
    inherited = {name: value for name, value in os.environ.items() if "AIRFLOW_" not in name}
    done = subprocess.run(
        ["bash", "-e", "-c", block("airflow db migrate")],
        cwd=tmp_path,
        env={
            **inherited,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "AIRFLOW_HOME": str(tmp_path / "home"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "1 passed" in done.stdout
