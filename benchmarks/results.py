"""``benchmarks/results.json``: flat keys, of each figure the median, and beside it the least and the most."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.bench import Figures

Results = dict[str, float | int | str]


def summarise(figures: Figures) -> Results:
    """Turn each key's samples into ``key``, ``key.min`` and ``key.max``; facts stay as they are."""
    results: Results = {}
    for key, value in figures.items():
        if not isinstance(value, list):
            results[key] = value
            continue
        if not value:
            raise ValueError(f"no samples of {key}")
        for name, number in (
            (key, statistics.median(value)),
            (f"{key}.min", min(value)),
            (f"{key}.max", max(value)),
        ):
            results[name] = round(number, 3)
    return results


def read(path: Path) -> Results:
    """Return what was measured before."""
    try:
        found: Results = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return found


def merge(before: Mapping[str, float | int | str], owns: tuple[str, ...], new: Results) -> Results:
    """Put a bench's results in place of its earlier ones; those of other benches stay."""
    strangers = [key for key in new if not key.startswith(owns)]
    if strangers:
        raise ValueError(f"{strangers[0]} does not begin with {' or '.join(owns)}")
    return {key: value for key, value in before.items() if not key.startswith(owns)} | new


def write(path: Path, results: Results) -> None:
    """Write all results, sorted, so that a diff shows what changed; a reader never sees half of them."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    beside.replace(path)


def machine(folder: Path) -> Results:
    """Return what the figures depend on, before anything runs."""
    return {
        "machine.cores": os.cpu_count() or 0,
        "machine.python": platform.python_version(),
        "machine.system": f"{platform.system()} {platform.machine()}",
        "machine.fsync_ms": round(fsync_ms(folder), 3),
        "machine.load1": round(os.getloadavg()[0], 2),
    }


def machine_name() -> str:
    """Return the machine in a few words, for results that outlive the next machine."""
    return f"{_cpu_model()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _cpu_model() -> str:
    # Linux; elsewhere the kind of processor has to do
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine()
    )


def commit(folder: Path) -> str:
    """Return the commit that *folder* is at, with a "+" if files differ from it; "unknown" outside a repository.

    ``results.json`` does not count: a bench before may have written it.
    """

    def git(*arguments: str) -> str:
        done = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results.json")
        return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def fsync_ms(folder: Path) -> float:
    """Return how long the disk takes to make 8 KiB durable: where it does not, durable messages cost nothing."""
    path = folder / "fsync"
    times = []
    handle = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        for _ in range(200):
            began = time.perf_counter()
            os.write(handle, b"x" * 8192)
            os.fsync(handle)
            times.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(handle)
        path.unlink()
    return statistics.median(times)
