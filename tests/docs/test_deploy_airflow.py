"""What ``deploy/airflow`` gives an administrator: read as far as a test can, which runs neither Docker nor Helm."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from airflow.cli.cli_parser import get_parser
from airflow.configuration import conf

from airflow_provider_kaizala.provider_info import get_provider_info

DEPLOY = Path(__file__).parents[2] / "deploy" / "airflow"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
VALUES = yaml.safe_load((DEPLOY / "values.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if "build" in service}


def options():
    """Return the options of all sections that Airflow, its Celery provider and ours know."""
    known = {section: set(about["options"]) for section, about in conf.configuration_description.items()}
    known["kaizala"] = set(get_provider_info()["config"]["kaizala"]["options"])
    return known


def named_options(text):
    return {
        (section.lower(), name.lower())
        for section, name in re.findall(r"AIRFLOW__([A-Z_]+?)__([A-Z_]+)", text)
    }


@pytest.mark.parametrize("name", OURS)
def test_every_service_runs_a_command_of_airflow(name):
    get_parser().parse_args(shlex.split(OURS[name]["command"]))


@pytest.mark.parametrize("file", ["compose.yaml", "values.yaml"])
def test_every_option_exists(file):
    known = options()
    named = named_options((DEPLOY / file).read_text())
    named |= {(section, name) for section, given in VALUES["config"].items() for name in given}
    assert named
    assert {(section, name) for section, name in named if name not in known.get(section, ())} == set()


def test_services_depend_on_services_and_use_volumes_that_are_there():
    services = COMPOSE["services"]
    for service in services.values():
        assert service.get("depends_on", {}).keys() <= services.keys()
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source.startswith("./") or source in COMPOSE["volumes"]
    hosts = set(re.findall(r"(?:@|http://)([a-z-]+)[:/]", str(OURS)))
    assert {"postgres", "redis", "api-server"} <= hosts
    assert hosts <= services.keys()


def test_both_say_how_many_triggerers_there_are():
    count = COMPOSE["services"]["triggerer"]["deploy"]["replicas"]
    assert COMPOSE["services"]["worker"]["environment"]["AIRFLOW__KAIZALA__TRIGGERERS"] == str(count)
    assert VALUES["config"]["kaizala"]["triggerers"] == VALUES["triggerer"]["replicas"]


def test_no_secret_is_in_the_files():
    """Each password comes from the environment, or from a secret of Kubernetes."""
    for service in OURS.values():
        for name, value in service["environment"].items():
            if re.search("SECRET|KEY|PASSWORD|_CONN|_URL", name) and "execution" not in value:
                assert "${" in value, name
    assert not re.search(r"://[^/\s]*:[^$/\s]*@", (DEPLOY / "values.yaml").read_text())


def test_every_secret_that_helm_needs_is_named_at_its_top():
    text = (DEPLOY / "values.yaml").read_text()
    head = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    used = set(re.findall(r"ecretName: ([\w-]+)", text)) | set(
        re.findall(r"name: ([\w-]+)", VALUES["extraEnvFrom"])
    )
    assert len(used) == 6
    assert all(f"{name} (" in head for name in used)
