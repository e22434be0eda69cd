"""``make bench``: run all benches, or the one named, and keep what the others measured before."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import distributed, imports, message, page, push, results, server, waits
from benchmarks.bench import Bench, Setting
from benchmarks.load import LoadFailed

if TYPE_CHECKING:
    from benchmarks.bench import Figures
    from benchmarks.results import Results

BENCHES: dict[str, Bench] = {
    bench.NAME: bench
    for bench in (cast("Bench", each) for each in (server, page, imports, message, waits, push, distributed))
}
RESULTS = Path(__file__).resolve().parent / "results.json"
#: not in /tmp, which may be memory
BUILD = RESULTS.parent.parent / ".build"
RUNS = 5
SECONDS = 3.0


def run_bench(bench: Bench, folder: Path, console: Console, options: argparse.Namespace) -> Results:
    """Run one bench under a progress bar; its results say when, where and of which commit they are."""
    columns = (TextColumn("[bold]{task.fields[bench]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn("{task.description}"))  # fmt: skip
    load_before, commit = os.getloadavg()[0], results.commit(RESULTS.parent.parent)

    def finish(figures: Figures) -> Results:
        figures = {
            f"{bench.NAME}.runs": options.runs,
            **figures,
            f"{bench.NAME}.at": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%MZ"),
            f"{bench.NAME}.commit": commit,
            f"{bench.NAME}.machine": results.machine_name(),
            f"{bench.NAME}.load1_before": round(load_before, 2),
        }
        return results.summarise(figures)

    def keep(figures: Figures) -> None:
        results.write(options.output, results.read(options.output) | finish(figures))

    with Progress(*columns, console=console) as progress:
        task = progress.add_task("starting", total=None, bench=bench.NAME)
        setting = Setting(
            folder=folder,
            runs=options.runs,
            seconds=options.seconds,
            begin=lambda steps: progress.update(task, total=steps),
            advance=lambda line: progress.update(task, advance=1, description=line),
            keep=keep,
        )
        return finish(bench.run(setting))


def show(found: Results, console: Console) -> None:
    """Print one row per figure."""
    table = Table(title="medians, least and most", title_justify="left")
    table.add_column("figure")
    for column in ("median", "min", "max"):
        table.add_column(column, justify="right")
    for key, value in sorted(found.items()):
        if not key.endswith((".min", ".max")):
            table.add_row(key, str(value), *(str(found.get(f"{key}.{end}", "")) for end in ("min", "max")))
    console.print(table)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="BENCH", help=f"{', '.join(BENCHES)}; all by default")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of one measurement")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if unknown := [name for name in options.only if name not in BENCHES]:
        parser.error(f"no bench {unknown[0]!r}; there are {', '.join(BENCHES)}")
    # However we are asked to end, what we started ends with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console()
    BUILD.mkdir(exist_ok=True)
    try:
        for name in options.only or BENCHES:
            folder = Path(tempfile.mkdtemp(prefix="bench-", dir=BUILD))
            try:
                facts = results.machine(folder)
                new = run_bench(BENCHES[name], folder, console, options)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            everything = results.merge(results.read(options.output), BENCHES[name].OWNS, new)
            results.write(options.output, results.merge(everything, ("machine.",), facts))
            show(facts | new, console)
    except LoadFailed as error:
        console.print(f"[red]no figures:[/] {error}", highlight=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
