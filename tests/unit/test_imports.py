"""What is loaded when: Airflow imports the provider's metadata at every start, and operators whenever a DAG is parsed."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest

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


def loaded(code, before=""):
    """Return the names of the modules that *code* loads in a new process, beyond what *before* has loaded."""
    script = (
        f"{before}\nimport sys, json\nseen = set(sys.modules)\n{code}\n"
        "print(json.dumps(sorted(set(sys.modules) - seen)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_metadata_loads_next_to_nothing():
    names = loaded(
        "from airflow_provider_kaizala.provider_info import get_provider_info; get_provider_info()"
    )
    ours = [name for name in names if name.startswith("airflow_provider_kaizala")]
    assert ours == [
        "airflow_provider_kaizala",
        "airflow_provider_kaizala.client",
        "airflow_provider_kaizala.client.lazy",
        "airflow_provider_kaizala.hooks",
        "airflow_provider_kaizala.hooks.fields",
        "airflow_provider_kaizala.provider_info",
    ]
    assert not [name for name in names if name.split(".")[0] in ("airflow", *HEAVY)]


def test_parsing_a_dag_loads_no_http_library():
    code = (
        "import airflow_provider_kaizala.hooks.kaizala, airflow_provider_kaizala.notifications\n"
        "from airflow_provider_kaizala.operators import KaizalaSendPollOperator\n"
        "from airflow_provider_kaizala.sensors import KaizalaResponseSensor\n"
        "with DAG('d', schedule=None, start_date=datetime(2026, 1, 1)):\n"
        "    ask = KaizalaSendPollOperator(task_id='ask', question='Tea?', options=['Yes', 'No'])\n"
        "    KaizalaResponseSensor(task_id='wait', action_id=ask.output['action_id'], until=3)\n"
    )
    first = "from datetime import datetime\nDAG('first', schedule=None, start_date=datetime(2026, 1, 1))\n"
    names = loaded(code, before=BARE + first)
    assert "airflow_provider_kaizala.sensors.response" in names
    assert [name for name in names if name.split(".")[0] in HEAVY] == []
    # Airflow may have loaded them already; these two are the only modules of ours that use them
    assert not {
        "airflow_provider_kaizala.client.client",
        "airflow_provider_kaizala.client.async_client",
    } & set(names)
    assert not [name for name in names if name.startswith("airflow_provider_kaizala.server")]


LAZY = ["client", "client.calls", "client.models", "hooks", "operators", "sensors", "triggers"]


@pytest.mark.parametrize("package", LAZY)
def test_a_lazy_package_brings_all_the_names_it_lists(package):
    module = import_module(f"airflow_provider_kaizala.{package}")
    assert module.__all__ == sorted(set(module.__all__))
    for name in module.__all__:
        value = getattr(module, name)
        home = getattr(value, "__module__", module.__name__)
        assert home.startswith(module.__name__)
        assert getattr(import_module(home), name) is value
    with pytest.raises(AttributeError, match="has no attribute 'Kaizala'"):
        _ = module.Kaizala


@pytest.mark.parametrize("package", [each for each in LAZY if each != "operators"])
def test_a_lazy_package_loads_nothing_by_itself(package):
    names = loaded(f"import airflow_provider_kaizala.{package}")
    parents = {
        f"airflow_provider_kaizala.{package}".rsplit(".", at)[0] for at in range(package.count(".") + 2)
    }
    lazy = {"airflow_provider_kaizala.client", "airflow_provider_kaizala.client.lazy"}
    assert {name for name in names if name.startswith("airflow_provider_kaizala")} == parents | lazy


def test_the_hook_loads_the_client_when_a_client_is_made():
    names = loaded("from airflow_provider_kaizala.hooks import KaizalaHook", before=BARE)
    assert "airflow_provider_kaizala.hooks.kaizala" in names
    heavy = ("policy", "client", "async_client", "settings", "models.received", "calls.call")
    assert not {f"airflow_provider_kaizala.client.{name}" for name in heavy} & set(names)
