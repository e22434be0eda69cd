"""What a release is held to, and what is measured for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GATES = ROOT / ".ci" / "release-gates"
pytestmark = pytest.mark.skipif(not GATES.exists(), reason="an sdist has no .ci")


@pytest.mark.parametrize(
    ("tag", "changelog", "said"),
    [
        ("v1.2.0", "## 1.2.0 (2026-12-01)", "v1.2.0 can be published"),
        ("1.2.0", "## 1.2.0 (2026-12-01)", "the tag is 1.2.0, and the version is 1.2.0: tag v1.2.0"),
        ("v1.2.1", "## 1.2.1 (2026-12-01)", "the tag is v1.2.1, and the version is 1.2.0"),
        ("v1.2.0", "## 1.2.0 (unreleased)", "no section '## 1.2.0 (YYYY-MM-DD)'"),
        ("v1.2.0", "## 1.200 (2026-12-01)", "no section"),
        ("v1.2.0", "### 1.2.0 (2026-12-01)", "no section"),
    ],
)
def test_only_a_tag_with_its_version_and_its_changes_is_published(
    tmp_path: Path, tag: str, changelog: str, said: str
) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / "airflow_provider_kaizala").mkdir()
    shutil.copy(GATES, tmp_path / ".ci")
    (tmp_path / "airflow_provider_kaizala" / "__init__.py").write_text('__version__ = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}\n\n- Something\n")
    done = subprocess.run(
        [tmp_path / ".ci" / "release-gates", tag], capture_output=True, text=True, check=False
    )
    assert done.returncode == (0 if "can be" in said else 1)
    assert said in done.stdout + done.stderr


def test_rooms_with_too_little_coverage_are_named(tmp_path: Path) -> None:
    def summary(lines: int, of_lines: int, branches: int, of_branches: int) -> dict[str, dict[str, int]]:
        names = ("covered_lines", "num_statements", "covered_branches", "num_branches")
        return {"summary": dict(zip(names, (lines, of_lines, branches, of_branches), strict=True))}

    report = {
        "files": {
            "package/__init__.py": summary(0, 0, 0, 0),
            "package/hooks/kaizala.py": summary(90, 100, 80, 100),
            "package/server/api/a.py": summary(10, 10, 0, 0),
            "package/server/api/deep/b.py": summary(3, 10, 0, 0),
        },
        "totals": {"percent_covered": 79.5},
    }
    (tmp_path / "report.json").write_text(json.dumps(report))
    command = [sys.executable, "-m", "tests.coverage_by_room", str(tmp_path / "report.json")]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[0].split() == [".", "100.0", "%"]
    assert said[1].split() == ["hooks", "85.0", "%"]
    assert said[-1] == "below 85 %: server/api (65.0 %)"
