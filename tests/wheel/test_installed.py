"""The wheel in an empty environment: first with what it requires, then with the extra ``server``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from airflow_provider_kaizala import __version__
from airflow_provider_kaizala.testing.server import KaizalaServer
from demo.processes import Processes
from demo.stack import GROUP, free_port, wait_for
from tests.public_names import MODULES
from tests.wheel.conftest import ROOT, Built

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(900)

PINS = ROOT / "constraints" / "airflow-3.3.2.txt"
IMPORT_ALL = """
import sys
from importlib import import_module
for module in map(import_module, sys.argv[1:]):
    for name in getattr(module, "__all__", ()):
        getattr(module, name)
print(module.__file__)
"""
PARSE = """
import sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1], bundle_path=sys.argv[1], bundle_name="examples")
assert not bag.import_errors, bag.import_errors
print(*sorted(bag.dags))
"""
POST = """
from airflow_provider_kaizala.hooks import KaizalaHook
print(KaizalaHook().send_message("Hello from the wheel").reference_id)
"""
OWN_DAG = """
from datetime import datetime
from airflow.sdk import DAG
from airflow_provider_kaizala.operators import KaizalaSendMessageOperator

with DAG("hello", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    KaizalaSendMessageOperator(task_id="hello", text="Hello")
"""
OWN_TEST = """
from hello import dag

def test_hello(kaizala_server, kaizala_conn):
    assert dag.test().state == "success"
    kaizala_server.assert_posted("Hello")
"""
TYPED = """
from airflow_provider_kaizala.client import Settings
Settings("connector", "secret", calls_per_minute=100)
Settings("connector", "secret", calls_per_minute="many")  # type: ignore[arg-type]
"""


class Environment:
    """An environment of its own, with the wheel and an Airflow home."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder, self.wheel = folder, wheel
        self.bin = folder / "venv" / "bin"
        inherited = ("AIRFLOW", "PYTHON", "VIRTUAL_ENV")
        self.variables = {
            **{
                name: value
                for name, value in os.environ.items()
                if not any(each in name for each in inherited)
            },
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)

    def install(self, *what: str) -> None:
        self.run(
            "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-c", str(PINS), *what
        )

    def run(self, program: str, *arguments: str, expect: int = 0) -> str:
        """Run one of the environment's programs outside the repository; return what it printed."""
        done = subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr if expect else done.stdout


@pytest.fixture(scope="module")
def bare(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Without the extra."""
    environment = Environment(tmp_path_factory.mktemp("bare"), built.wheel)
    environment.install(str(built.wheel))
    return environment


@pytest.fixture(scope="module")
def full(bare: Environment) -> Environment:
    """With the extra. The tests that use it come last: it is the same environment."""
    bare.install(f"{bare.wheel}[server]", "pytest")
    return bare


@pytest.fixture
def server(full: Environment) -> Iterator[KaizalaServer]:
    """The command ``kaizala-server``, with the demo's group."""
    port = free_port()
    with Processes(full.folder) as processes:
        options = [
            "--port",
            str(port),
            "--seed",
            "demo",
            "--test-mode",
            "--database",
            f"sqlite:///{full.folder}/own.db",
        ]
        processes.start("server", [str(full.bin / "kaizala-server"), "serve", *options], full.variables)
        wait_for("kaizala-server", lambda: "ready http" in processes.log("server"), 60, processes.check)
        yield KaizalaServer(f"http://127.0.0.1:{port}")


def test_everything_public_can_be_imported(bare: Environment) -> None:
    modules = [f"airflow_provider_kaizala.{module}" for module in MODULES if not module.startswith("testing")]
    where = bare.run("python", "-c", IMPORT_ALL, *modules)
    assert where.startswith(str(bare.folder)), "the installed one"


def test_airflow_lists_the_provider(bare: Environment) -> None:
    listed = json.loads(bare.run("airflow", "providers", "list", "--output", "json"))
    versions = {each["package_name"]: each["version"] for each in listed}
    assert versions["airflow-provider-kaizala"] == __version__


def test_the_example_dags_are_parsed(bare: Environment, tmp_path: Path) -> None:
    for path in (ROOT / "dags_examples").glob("*.py"):
        if "matplotlib" not in path.read_text():  # which is in the extra ``examples``
            shutil.copy(path, tmp_path)
    assert "store_opening" in bare.run("python", "-c", PARSE, str(tmp_path)).split()


def test_without_the_extra_the_server_says_what_to_install(bare: Environment) -> None:
    said = bare.run("kaizala-server", "serve", expect=1)
    assert "install airflow-provider-kaizala[server]" in said
    assert "Traceback" not in said


def test_without_a_connection_the_command_says_what_to_do(bare: Environment) -> None:
    said = bare.run("airflow-kaizala", "send", "Hello", "--conn-id", "nowhere", expect=2)
    assert "error: " in said
    assert "nowhere" in said
    assert "Traceback" not in said


def test_a_type_checker_reads_our_types(bare: Environment, tmp_path: Path) -> None:
    """mypy follows an installed package only if it has ``py.typed``; tests/typing has the rest."""
    (tmp_path / "typed.py").write_text(TYPED)
    options = ["--strict", "--config-file=", "--cache-dir=cache", f"--python-executable={bare.bin}/python"]
    command = [sys.executable, "-m", "mypy", *options, "typed.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_server_runs_and_the_hook_posts(full: Environment, server: KaizalaServer) -> None:
    connection = {
        "conn_type": "kaizala",
        "host": server.url,
        "login": "demo-connector",
        "password": "demo-secret",
        "extra": {"refresh_token": "demo-refresh-token", "default_group": GROUP},
    }
    full.variables["AIRFLOW_CONN_KAIZALA_DEFAULT"] = json.dumps(connection)
    reference_id = full.run("python", "-c", POST).split()[-1]
    (posted,) = (each for each in server.feed(GROUP) if each.get("text") == "Hello from the wheel")
    assert posted["referenceId"] == reference_id
    full.run("airflow-kaizala", "check")
    sent = json.loads(full.run("airflow", "kaizala", "send", "Hello from the shell", "--output", "json"))
    (posted,) = (each for each in server.feed(GROUP) if each.get("text") == "Hello from the shell")
    assert posted["referenceId"] in json.dumps(sent)


def test_the_pytest_plugin_tests_a_users_dag(full: Environment) -> None:
    dags = full.folder / "airflow" / "dags"  # where `dag.test()` looks for what it runs
    dags.mkdir()
    (dags / "hello.py").write_text(OWN_DAG)
    (full.folder / "test_own.py").write_text(OWN_TEST)
    full.run("airflow", "db", "migrate")
    assert "1 passed" in full.run("python", "-m", "pytest", "-q", "-o", f"pythonpath={dags}", "test_own.py")
