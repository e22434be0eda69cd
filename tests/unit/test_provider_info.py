from __future__ import annotations

import importlib
import json
from importlib.metadata import entry_points
from importlib.resources import files
from pkgutil import iter_modules

import jsonschema
import pytest

import airflow_provider_kaizala
from airflow_provider_kaizala import __version__, compat
from airflow_provider_kaizala.provider_info import get_provider_info


def schema(name):
    return json.loads((files("airflow") / name).read_text())


def test_airflow_takes_it():
    jsonschema.validate(get_provider_info(), schema("provider_info.schema.json"))


def test_the_form_is_as_airflow_wants_it():
    """What airflow.provider_info.schema leaves open, the schema of Airflow's own providers says."""
    wanted = schema("provider.yaml.schema.json")
    part = {**wanted["properties"]["connection-types"], "definitions": wanted.get("definitions", {})}
    shown = get_provider_info()["connection-types"]
    jsonschema.validate(shown, part)
    assert json.loads(json.dumps(shown)) == shown


def test_the_check_would_see_a_mistake():
    wanted = schema("provider.yaml.schema.json")["properties"]["connection-types"]
    if "conn-fields" not in json.dumps(wanted):
        pytest.skip("this Airflow says nothing of the fields of connections")
    (shown,) = get_provider_info()["connection-types"]
    shown["conn-fields"]["timeout"].pop("label")
    with pytest.raises(jsonschema.ValidationError, match="'label' is a required property"):
        jsonschema.validate([shown], wanted)


def test_airflow_finds_it():
    (found,) = [
        each
        for each in entry_points(group="apache_airflow_provider")
        if each.value.startswith("airflow_provider_kaizala")
    ]
    assert found.load()() == get_provider_info()


def test_it_says_which_version_it_is():
    info = get_provider_info()
    assert info["versions"] == [__version__]
    assert info["package-name"] == "airflow-provider-kaizala"


@pytest.mark.parametrize("room", ["operators", "sensors", "hooks", "triggers"])
def test_every_module_is_listed(room):
    """Airflow's list of modules is where people look; what is not in it does not exist for them."""
    (listed,) = get_provider_info()[room]
    package = importlib.import_module(f"{airflow_provider_kaizala.__name__}.{room}")
    inner = {
        "operators": {"base", "plain_text", "question"},
        "hooks": {"budget", "connection", "connection_test", "fields", "telemetry", "token_store"},
        "sensors": {"base"},
        "triggers": {"accounts", "doorbells", "pacing", "poll", "sources"},
    }.get(room, set())
    there = {
        f"{package.__name__}.{each.name}" for each in iter_modules(package.__path__) if each.name not in inner
    }
    assert set(listed["python-modules"]) == there
    for name in there:
        if "hitl" in name and not compat.has_hitl():
            continue
        importlib.import_module(name)


def test_every_class_that_is_named_is_there():
    info = get_provider_info()
    (shown,) = info["connection-types"]
    for path in (shown["hook-class-name"], *info["notifications"], *info["cli"]):
        module, _, name = path.rpartition(".")
        assert getattr(importlib.import_module(module), name).__name__ == name
    assert shown["connection-type"] == "kaizala"


def test_every_integration_that_is_used_is_described():
    info = get_provider_info()
    described = {each["integration-name"] for each in info["integrations"]}
    used = {
        each["integration-name"]
        for room in ("operators", "sensors", "hooks", "triggers")
        for each in info[room]
    }
    assert used == described


def test_the_logo_is_where_airflow_serves_it():
    """As the icons of the page in Airflow's UI."""
    from airflow_provider_kaizala.push.plugin import KaizalaPlugin

    (shown,) = get_provider_info()["integrations"]
    if KaizalaPlugin().external_views:  # Airflow 3.1 and newer
        assert shown["logo"] == f"/{KaizalaPlugin().external_views[0]['icon']}"
        jsonschema.validate([shown], schema("provider.yaml.schema.json")["properties"]["integrations"])


def test_callers_get_a_dict_of_their_own():
    get_provider_info()["connection-types"].clear()
    assert get_provider_info()["connection-types"]


def test_the_handler_of_assets_and_the_manager_of_tables_are_there():
    info = get_provider_info()
    (assets,) = info["asset-uris"]
    assert assets["schemes"] == ["kaizala"]
    assert info["dataset-uris"] == [assets], "Airflow 2 looks there, and Airflow 3 nowhere else"
    for path in (assets["handler"], *(info["db-managers"] if compat.has_push() else ())):
        module, _, name = path.rpartition(".")
        assert getattr(importlib.import_module(module), name).__name__ == name


def test_airflow_loads_the_plugin():
    """Plugins that only the metadata names are ignored while ``[core] lazy_discover_providers`` is on."""
    (found,) = [
        each
        for each in entry_points(group="airflow.plugins")
        if each.value.startswith("airflow_provider_kaizala")
    ]
    assert found.load().name == "kaizala"
