"""``.airflow-registry.yaml`` lists what the package has: the Airflow Registry shows providers from it."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.provider_info import get_provider_info

if not compat.has_hitl():
    pytest.skip(
        "some names are missing where Airflow has no human-in-the-loop operators", allow_module_level=True
    )

PACKAGE = "airflow_provider_kaizala"
FILE = Path(__file__).parents[2] / ".airflow-registry.yaml"


def described(names, described_by=None):
    """Return what the file says of things: the path, and the first sentence of the docstring."""
    found = []
    for path in sorted(names):
        module, _, name = path.rpartition(".")
        text = " ".join((getattr(import_module(module), name).__doc__ or "").partition("\n\n")[0].split())
        text = re.sub("::$", ".", text)
        found.append(
            {"module": path, "description": re.sub(r":\w+:`[~.\w]*?(\w+)`", r"\1", text).replace("``", "`")}
        )
    return found


def listed(room):
    package = import_module(f"{PACKAGE}.{room}")
    return {f"{getattr(package, name).__module__}.{name}" for name in package.__all__}


def expected():
    info = get_provider_info()
    operators = {path for path in listed("operators") if path.rpartition(".")[2].endswith("Operator")}
    return {
        "package-name": info["package-name"],
        "display-name": info["name"],
        "description": info["description"],
        "operators": described(operators),
        "sensors": described(listed("sensors")),
        "hooks": described([f"{PACKAGE}.hooks.kaizala.KaizalaHook"]),
        "triggers": described(listed("triggers")),
        "notifications": described(info["notifications"]),
        "decorators": described(each["class-name"] for each in info["task-decorators"]),
    }


def test_the_file_lists_everything_with_its_first_sentence():
    wanted = expected()
    text = yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True, width=140)
    assert yaml.safe_load(FILE.read_text("utf-8")) == wanted, f"put this into the file:\n{text}"


def test_it_lists_operators_that_are_operators():
    for each in yaml.safe_load(FILE.read_text("utf-8"))["operators"]:
        module, _, name = each["module"].rpartition(".")
        assert issubclass(getattr(import_module(module), name), BaseOperator)
        assert each["description"]
