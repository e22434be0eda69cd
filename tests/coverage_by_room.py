"""Print the branch coverage of each room, and name those below 85 %: ``python -m tests.coverage_by_room REPORT.json``."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

ENOUGH = 85


def by_room(files: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return the percentage of lines and branches that ran, by folder, at most two deep."""
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for path, each in files.items():
        room = "/".join(Path(path).parts[1:-1][:2]) or "."
        summary = each["summary"]
        counts[room][0] += summary["covered_lines"] + summary["covered_branches"]
        counts[room][1] += summary["num_statements"] + summary["num_branches"]
    return {room: 100 * ran / all_ if all_ else 100 for room, (ran, all_) in sorted(counts.items())}


def main() -> None:
    """Print a report of ``coverage json``."""
    report = json.loads(Path(sys.argv[1]).read_text())
    rooms = by_room(report["files"])
    for room, percent in rooms.items():
        print(f"{room:24} {percent:5.1f} %")
    print(f"{'all':24} {report['totals']['percent_covered']:5.1f} %")
    below = [f"{room} ({percent:.1f} %)" for room, percent in rooms.items() if percent < ENOUGH]
    print(f"below {ENOUGH} %: {', '.join(below) or 'none'}")


if __name__ == "__main__":
    main()
