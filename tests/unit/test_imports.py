"""What is loaded when: Airflow imports the provider's metadata at every start, and operators whenever a DAG is parsed."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_1_PLUS

from airflow_provider_kaizala import compat

#: what our modules take from Airflow, and so what Airflow loads anyway
BARE = (
    "from airflow.providers.common.compat.sdk import (DAG, AirflowFailException, AirflowSensorTimeout, AirflowSkipException, "
    "BaseHook, BaseOperator, BaseSensorOperator, PokeReturnValue, conf, mask_secret)\n"
    "from airflow.providers.common.compat.connection import get_async_connection\n"
    "from airflow.providers.common.compat.notifier import BaseNotifier\n"
    "from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS\n"
    "import jinja2\n"
)
HEAVY = ("requests", "httpx", "fastapi", "sqlalchemy", "uvicorn", "urllib3")
LAZY = ["client", "client.calls", "client.models", "hooks", "operators", "push", "sensors", "triggers"]
#: what one new process does, step by step; it takes seconds to load Airflow, so all tests look at the same process
STEPS = {
    "metadata": "from airflow_provider_kaizala.provider_info import get_provider_info; get_provider_info()",
    "lazy packages": "".join(
        f"import airflow_provider_kaizala.{package}\n" for package in LAZY if package != "operators"
    ),
    "Airflow": BARE,
    "the hook": "from airflow_provider_kaizala.hooks import KaizalaHook",
    "an operator": "from airflow_provider_kaizala.operators import KaizalaSendMessageOperator",
    "a first DAG": "from datetime import datetime\nDAG('first', schedule=None, start_date=datetime(2026, 1, 1))",
    "a DAG of ours": (
        "import airflow_provider_kaizala.hooks.kaizala, airflow_provider_kaizala.notifications\n"
        "from airflow_provider_kaizala.operators import KaizalaSendPollOperator\n"
        "from airflow_provider_kaizala.sensors import KaizalaResponseSensor\n"
        "with DAG('d', schedule=None, start_date=datetime(2026, 1, 1)):\n"
        "    ask = KaizalaSendPollOperator(task_id='ask', question='Tea?', options=['Yes', 'No'])\n"
        "    KaizalaResponseSensor(task_id='wait', action_id=ask.output['action_id'], until=3)"
    ),
}


@pytest.fixture(scope="module")
def loaded():
    """Return the names of the modules that each step loads beyond those before it."""
    look = "found.append(sorted(set(sys.modules) - seen)); seen = set(sys.modules)"
    steps = "\n".join(f"{code}\n{look}" for code in STEPS.values())
    script = f"import sys, json\nseen, found = set(sys.modules), []\n{steps}\nprint(json.dumps(found))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(STEPS, json.loads(done.stdout.splitlines()[-1]), strict=True))


def ours(names):
    return [name for name in names if name.startswith("airflow_provider_kaizala")]


def test_the_metadata_loads_next_to_nothing(loaded):
    names = loaded["metadata"]
    assert ours(names) == [
        "airflow_provider_kaizala",
        "airflow_provider_kaizala.client",
        "airflow_provider_kaizala.client.lazy",
        "airflow_provider_kaizala.hooks",
        "airflow_provider_kaizala.hooks.fields",
        "airflow_provider_kaizala.provider_info",
    ]
    assert not [name for name in names if name.split(".")[0] in ("airflow", *HEAVY)]


def test_a_lazy_package_loads_nothing_by_itself(loaded):
    """Of our own; what the metadata has loaded is there already."""
    before = set(ours(loaded["metadata"]))
    lazy = {f"airflow_provider_kaizala.{package}" for package in LAZY if package != "operators"}
    assert set(ours(loaded["lazy packages"])) == lazy - before


def test_the_hook_loads_the_client_when_a_client_is_made(loaded):
    names = loaded["the hook"]
    assert "airflow_provider_kaizala.hooks.kaizala" in names
    heavy = ("policy", "client", "async_client", "settings", "models.received", "calls.call")
    assert not {f"airflow_provider_kaizala.client.{name}" for name in heavy} & set(names)


def test_a_dag_loads_only_the_operators_that_it_uses(loaded):
    names = ours(loaded["an operator"])
    operators = [name for name in names if name.startswith("airflow_provider_kaizala.operators.")]
    assert [name.rpartition(".")[2] for name in operators] == ["base", "message"]
    assert not [name for name in names if ".client.calls." in name or name.endswith(".policy")]


@pytest.mark.skipif(
    AIRFLOW_V_3_0_PLUS and not AIRFLOW_V_3_1_PLUS, reason="Airflow 3.0 loads FastAPI itself to make a task"
)
def test_parsing_a_dag_loads_no_http_library(loaded):
    names = [*loaded["the hook"], *loaded["an operator"], *loaded["a DAG of ours"]]
    assert "airflow_provider_kaizala.sensors.response" in names
    assert [name for name in names if name.split(".")[0] in HEAVY] == []
    # Airflow may have loaded them already; these two are the only modules of ours that use them
    assert not {
        "airflow_provider_kaizala.client.client",
        "airflow_provider_kaizala.client.async_client",
    } & set(names)
    assert not [name for name in names if name.startswith("airflow_provider_kaizala.server")]


@pytest.mark.parametrize("package", LAZY)
def test_a_lazy_package_brings_all_the_names_it_lists(package):
    module = import_module(f"airflow_provider_kaizala.{package}")
    assert module.__all__ == sorted(set(module.__all__))
    for name in module.__all__:
        if "HITL" in name and not compat.has_hitl():
            continue
        value = getattr(module, name)
        home = getattr(value, "__module__", module.__name__)
        assert home.startswith(module.__name__)
        assert getattr(import_module(home), name) is value
    with pytest.raises(AttributeError, match="has no attribute 'Kaizala'"):
        _ = module.Kaizala
