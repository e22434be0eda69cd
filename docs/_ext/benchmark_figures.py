"""Draws the plots of ``performance.md`` from ``benchmarks/results.json``, and offers each figure as a substitution.

A figure ``server.post_message.rps`` is written ``{{ server_post_message_rps }}`` in a page.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sphinx.application import Sphinx
    from sphinx.config import Config

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results.json"
#: readable on a light and on a dark page
TEXT, OURS, OTHERS = "#808080", "#2f7de1", ("#e08a1e", "#9a9a9a")
PEERS = {
    "ours": "all of Kaizala's",
    "slack": "Slack",
    "http": "HTTP",
    "discord": "Discord",
    "telegram": "Telegram",
}


def read() -> dict[str, float | int | str]:
    """Return the results."""
    found: dict[str, float | int | str] = json.loads(RESULTS.read_text("utf-8"))
    return found


def shown(value: float | str) -> str:
    """Return a figure as people read it."""
    if isinstance(value, str):
        return value
    value = round(value, 1 if abs(value) >= 1 else 2) + 0.0  # not -0.0
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:g}"


def where(results: Mapping[str, float | int | str], bench: str) -> str:
    """Return when, at which commit and on which machine a bench was run, as far as it says so."""
    known = {name: results.get(f"{bench}.{name}") for name in ("at", "commit", "machine")}
    texts = {"at": "{}", "commit": "commit {}", "machine": "on {}"}
    return ", ".join(texts[name].format(value) for name, value in known.items() if value is not None)


def _axes(height: float) -> tuple[Figure, mpl.axes.Axes]:
    figure = Figure(figsize=(7, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    axes.tick_params(colors=TEXT)
    for side, spine in axes.spines.items():
        spine.set_color(TEXT)
        spine.set_visible(side in ("left", "bottom"))
    return figure, axes


def _bars(path: Path, names: Sequence[str], values: Sequence[float], label: str) -> None:
    """Draw a bar for each name, the first of which is ours."""
    figure, axes = _axes(0.5 + 0.42 * len(names))
    bars = axes.barh(names, values, color=[OURS, *[OTHERS[1]] * (len(names) - 1)])
    axes.bar_label(bars, labels=[shown(value) for value in values], color=TEXT, padding=4)
    axes.invert_yaxis()
    axes.set_xlabel(label, color=TEXT)
    axes.margins(x=0.12)
    figure.savefig(path)


def draw(results: Mapping[str, float | int | str], folder: Path) -> None:
    """Draw all plots."""
    mpl.rcParams.update({"svg.hashsalt": "kaizala", "svg.fonttype": "none", "font.size": 10})
    cases = ("1.100", "1.1000", "1.2000")
    figure, axes = _axes(3.2)
    series = {
        "Kaizala, deferred": ("calls_per_minute", OURS),
        "a poll per task": ("naive_calls_per_minute", OTHERS[0]),
        "HttpSensor(deferrable=True)": ("http_provider_calls_per_minute", OTHERS[1]),
    }
    for at, (name, (key, color)) in enumerate(series.items()):
        values = [float(results[f"waits.{case}.{key}"]) for case in cases]
        bars = axes.bar([each + 0.27 * (at - 1) for each in range(3)], values, 0.25, color=color, label=name)
        axes.bar_label(bars, labels=[shown(value) for value in values], color=TEXT, fontsize=8)
    axes.axhline(100, color="#d04a4a", linewidth=1, linestyle="--", label="limit of a connector")
    axes.set_yscale("log")
    axes.set_xticks(range(3), [f"{case.split('.')[1]} waits" for case in cases])
    axes.set_ylabel("calls a minute", color=TEXT)
    axes.legend(labelcolor=TEXT, framealpha=0, loc="upper left", bbox_to_anchor=(0, 1.25), ncols=2)
    figure.savefig(folder / "calls.svg")
    _bars(
        folder / "imports.svg",
        [*PEERS.values()],
        [float(results[f"imports.{peer}_ms"]) for peer in PEERS],
        "CPU time of importing operators and sensors, ms",
    )
    ways = {**PEERS, "ours": "Kaizala", "requests": "requests, by hand"}
    _bars(
        folder / "message.svg",
        [*ways.values()],
        [float(results[f"message.{way}_ms"]) for way in ways],
        "CPU time of posting a text, ms",
    )
    _bars(
        folder / "server.svg",
        ["kaizala-server, posting", "kaizala-server, listing", "moto's SQS, posting"],
        [float(results[key]) for key in ("server.post_message.rps", "server.get_actions.rps", "moto.rps")],
        "requests a second, 8 connections",
    )


def prepare(app: Sphinx, config: Config) -> None:
    """Draw, and offer the figures."""
    results = read()
    folder = Path(app.srcdir) / "plots"
    folder.mkdir(exist_ok=True)
    draw(results, folder)
    figures = {re.sub(r"\W", "_", key): shown(value) for key, value in results.items()}
    benches = {key.partition(".")[0] for key in results}
    config.myst_substitutions = {**figures, **{f"{bench}_where": where(results, bench) for bench in benches}}


def setup(app: Sphinx) -> dict[str, bool]:
    """Extend Sphinx."""
    app.connect("config-inited", prepare, priority=100)
    return {"parallel_read_safe": True}
