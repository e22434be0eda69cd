"""Run the tests on other versions of Airflow: ``python -m tests.matrix [VERSION[:PYTHON] ...] [-- pytest arguments]``.

For each version the wheel is installed in an environment of its own, with the pins in ``constraints/``, and tested from a copy of this
repository without the package. ``pre`` is the newest pre-release of Airflow, without pins; its failures are reported, and fail nothing.
kaizala-server needs a newer SQLAlchemy than Airflow 2 and 3.0 do, so it runs in the environment of this interpreter.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ROOT / ".build"
CONSTRAINTS = ROOT / "constraints"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
OLDEST_PYTHON = "3.11"
#: the newest Airflow runs on the newer Pythons too
NEWER_PYTHONS = ("3.12", "3.13")
PRE = "pre"
TOOLS = (
    "apache-airflow-providers-standard", "asyncpg", "hypothesis", "jsonschema", "psycopg[binary]", "psycopg2-binary", "pytest",
    "pytest-timeout", "pytest-xdist", "redis",
)  # fmt: skip
PARALLEL = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
#: what is run on each version; each process begins with a fresh database of Airflow
SUITES = {
    "unit": ("tests/unit", "--ignore=tests/unit/server", "--ignore=tests/unit/testing", *PARALLEL),
    "airflow": ("tests/airflow", *PARALLEL),
    "e2e": ("tests/e2e/test_store_opening.py",),
}
#: warnings of other versions' dependencies are not ours
PYTEST = ("-q", "-W", "ignore", "-o", "filterwarnings=", "-p", "no:cacheprovider")
#: pytest's log capture collides with Airflow 2's
PYTEST_OF_2 = ("-p", "no:logging")


def all_versions() -> list[str]:
    """Return what ``make matrix`` runs, oldest first."""
    pinned = sorted(
        (path.stem.removeprefix("airflow-") for path in CONSTRAINTS.glob("airflow-*.txt")),
        key=lambda version: [*map(int, version.split("."))],
    )
    return [*pinned, *(f"{pinned[-1]}:{python}" for python in NEWER_PYTHONS), PRE]


def find_python(version: str) -> str | None:
    """Return an interpreter of this version: on the path, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for found in (shutil.which(f"python{version}"), *map(str, sorted(pyenv.glob(f"{version}.*/bin/python")))):
        if (
            found
            and subprocess.run([found, "-c", ""], check=False, stderr=subprocess.DEVNULL).returncode == 0
        ):
            return found
    return None


def newest_pre_release() -> str | None:
    """Return the newest pre-release of Airflow that is newer than its newest release."""
    asked = [*PIP, "index", "versions", "apache-airflow", "--pre"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    newest = told.partition("(")[2].partition(")")[0]
    return newest if any(letter.isalpha() for letter in newest) else None


def build_wheel() -> Path:
    """Build the wheel, and return its path."""
    folder = BUILD / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    _run(*PIP, "wheel", "-qq", "--no-deps", "-w", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    return wheel


def copy_tests(folder: Path) -> Path:
    """Copy the repository without the package into a folder, so that only the wheel can be imported; return where it is."""
    copy = folder / "repository"
    shutil.rmtree(copy, ignore_errors=True)
    unwanted = shutil.ignore_patterns(
        "airflow_provider_kaizala", ".git", ".venv", ".build", ".*_cache", "*.egg-info", "__pycache__", "dist"
    )
    shutil.copytree(ROOT, copy, ignore=unwanted)
    return copy


def environment(version: str, python: str, wheel: Path) -> Path:
    """Return the folder of an environment with this Airflow and the wheel; what is slow is done once."""
    folder = BUILD / f"airflow-{version}-py{python}"
    pins = CONSTRAINTS / f"airflow-{version}.txt"
    constrained = ["-c", str(pins)] if pins.exists() else []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    made_of = json.dumps(
        [version, *TOOLS, *project["dependencies"], pins.read_text() if pins.exists() else ""]
    )
    made, interpreter = folder / "made-of.json", folder / "bin" / "python"
    install = [str(interpreter), "-m", "pip", "install", "-qq", "--no-compile", "--disable-pip-version-check"]
    if not made.exists() or made.read_text() != made_of:
        shutil.rmtree(folder, ignore_errors=True)
        _run(find_python(python) or sys.executable, "-m", "venv", str(folder))
        _run(*install, *constrained, f"apache-airflow=={version}", f"{wheel}[examples]", *TOOLS)
        made.write_text(made_of)
    _run(*install, "--no-deps", "--force-reinstall", str(wheel))
    return folder


def run_suite(folder: Path, copy: Path, version: str, arguments: list[str]) -> int:
    """Run pytest in an environment, and return its exit code. What a version lacks is skipped, in CI too."""
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CI")}
    environ["KAIZALA_SERVER_PYTHON"] = sys.executable
    command = [str(folder / "bin" / "python"), "-m", "pytest", *PYTEST]
    command += [*(PYTEST_OF_2 if version.startswith("2.") else ()), *arguments]
    return subprocess.run(command, cwd=copy, env=environ, check=False).returncode


def run_version(named: str, wheel: Path, chosen: list[str]) -> tuple[str, bool]:
    """Run the suites on one version; return what came of it, and whether that is a failure."""
    version, _, python = named.partition(":")
    python = python or OLDEST_PYTHON
    optional = version == PRE
    if optional:
        newest = newest_pre_release()
        if newest is None:
            return "not run: there is no newer pre-release", False
        version = newest
    if find_python(python) is None:
        return f"not run: this machine has no Python {python}", "CI" in os.environ
    try:
        folder = environment(version, python, wheel)
    except subprocess.CalledProcessError as error:
        return f"cannot be installed: {error}", not optional
    copy, results, failed = copy_tests(folder), [], False
    for suite, arguments in ({"chosen": chosen} if chosen else SUITES).items():
        print(f"\n=== Airflow {version}, Python {python}: {suite}", flush=True)
        began = time.monotonic()
        code = run_suite(folder, copy, version, [*arguments])
        failed = failed or code != 0
        results.append(f"{suite} {'failed' if code else 'passed'} ({time.monotonic() - began:.0f} s)")
    return f"{version}: {', '.join(results)}" if optional else ", ".join(results), failed and not optional


def main() -> int:
    """Run what the command line names; return 0 unless a test failed."""
    given = sys.argv[1:]
    cut = given.index("--") if "--" in given else len(given)
    versions, chosen = given[:cut] or all_versions(), given[cut + 1 :]
    wheel = build_wheel()
    outcomes = {}
    for named in versions:
        outcomes[named] = run_version(named, wheel, chosen)
    print("\n=== Airflow")
    for named, (told, failed) in outcomes.items():
        print(f"{'✘' if failed else '✔'} {named:<12} {told}")
    return int(any(failed for _, failed in outcomes.values()))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
