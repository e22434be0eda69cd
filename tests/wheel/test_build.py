"""What is in the wheel and in the sdist, and that whoever builds them gets the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from functools import partial
from typing import TYPE_CHECKING

import pytest

from airflow_provider_kaizala import __version__
from tests.wheel.conftest import ROOT, Built, build

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def source(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, unpacked."""
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(built.sdist) as archive:
        archive.extractall(folder, filter="data")
    (found,) = folder.iterdir()
    return found


def in_git(*folders: str) -> set[str]:
    said = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(said.stdout.splitlines())


def test_the_wheel_has_the_package_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == in_git("airflow_provider_kaizala")
    assert "airflow_provider_kaizala/py.typed" in names


def test_the_sdist_has_what_git_has(source: Path) -> None:
    names = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    tracked = in_git()
    assert names - tracked == {"PKG-INFO"}
    left_out = {name for name in tracked - names if not name.startswith(".")}
    assert left_out == set()


def test_the_metadata_names_version_license_and_extras(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {"server", "postgres"} <= set(metadata.get_all("Provides-Extra", []))


def test_twine_accepts_both(built: Built) -> None:
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *built], check=True)


def test_built_again_from_the_sdist_both_are_the_same_bytes(
    built: Built, source: Path, tmp_path: Path
) -> None:
    """By another person: another folder, other times, another mask, another time zone, another language."""
    for path in source.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    elsewhere = {"TZ": "Asia/Kolkata", "LC_ALL": "C", "PYTHONHASHSEED": "1"}
    again = build(source, tmp_path, elsewhere, umask=0o077)
    for first, second in zip(built, again, strict=True):
        assert first.name == second.name
        assert first.read_bytes() == second.read_bytes(), first.name


def test_the_tests_of_the_sdist_run(source: Path) -> None:
    """Some that read files beside the package, and import what is not installed."""
    where = "import airflow_provider_kaizala, benchmarks, demo; print(airflow_provider_kaizala.__file__)"
    some = [
        "tests/unit/waiting",
        "tests/unit/test_benchmarks.py",
        "tests/unit/test_floors.py",
        "tests/unit/server/test_deploy.py",
    ]
    env = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    run = partial(subprocess.run, cwd=source, env=env, check=True)
    assert run([sys.executable, "-c", where], capture_output=True, text=True).stdout.startswith(str(source))
    run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *some])
