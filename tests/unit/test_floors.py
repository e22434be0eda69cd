"""The oldest versions that pyproject.toml admits for the server have no known vulnerability."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
# The first version without what is named, where it touches what the server does: parsing, serving files, templates, HTTP/1.1.
SAFE_FROM = {
    "h11": ("0.16", "CVE-2025-43859: request smuggling by chunked bodies"),
    "jinja2": ("3.1.6", "CVE-2025-27516: the sandbox and |attr"),
    "python-multipart": (
        "0.0.31",
        "CVE-2024-53981, CVE-2026-24486, CVE-2026-40347, CVE-2026-42561, GHSA-5rvq-cxj2-64vf, GHSA-v9pg-7xvm-68hf",
    ),
    "pydantic": ("2.4", "CVE-2024-3772: e-mail patterns"),
    "starlette": (
        "1.3.1",
        "CVE-2025-62727 (Range), CVE-2026-48710 (Host), CVE-2026-54282, CVE-2026-54283 (form limits)",
    ),
}


def floors() -> dict[str, Version]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = {}
    for line in project["optional-dependencies"]["server"]:
        requirement = Requirement(line)
        [floor] = [one.version for one in requirement.specifier if one.operator == ">="]
        found[requirement.name.lower()] = Version(floor)
    return found


@pytest.mark.parametrize("name", SAFE_FROM)
def test_no_floor_admits_a_known_vulnerability(name: str) -> None:
    version, why = SAFE_FROM[name]
    assert floors()[name] >= Version(version), why


def test_what_is_pinned_is_not_below_the_floors() -> None:
    pinned = {}
    for line in (ROOT / "constraints/airflow-3.3.2.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        if version:
            pinned[name.strip().lower()] = Version(version.strip())
    assert {name: pinned[name] for name in floors() if name in pinned and pinned[name] < floors()[name]} == {}
    assert pinned.keys() >= SAFE_FROM.keys()
