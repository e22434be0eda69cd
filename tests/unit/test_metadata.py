"""What the distribution says of itself, which is what pip goes by."""

from __future__ import annotations

from importlib.metadata import metadata, requires

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

NAME = "airflow-provider-kaizala"


def required(name: str) -> SpecifierSet:
    (found,) = (
        one.specifier for one in map(Requirement, requires(NAME) or ()) if one.name == name and not one.marker
    )
    return found


@pytest.mark.parametrize(
    ("version", "admitted"),
    [
        ("2.10.5", False),
        ("2.11.0", True),
        ("2.11.2", True),
        ("3.0.0", True),
        ("3.3.2", True),
        ("4.0.0", True),
    ],
)
def test_pip_refuses_airflow_before_2_11(version: str, admitted: bool) -> None:
    assert (version in required("apache-airflow")) is admitted


def test_pip_refuses_python_before_3_11() -> None:
    python = SpecifierSet(metadata(NAME)["Requires-Python"])
    assert [version for version in ("3.10.13", "3.11.0", "3.12.1", "3.13.0") if version not in python] == [
        "3.10.13"
    ]
