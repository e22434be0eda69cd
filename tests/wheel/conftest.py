"""The wheel and the sdist, built once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


class Built(NamedTuple):
    """The two files that are published."""

    wheel: Path
    sdist: Path


def build(source: Path, to: Path, more: Mapping[str, str] | None = None, umask: int = -1) -> Built:
    """Build as ``make dist`` does."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", to, source],
        env={**os.environ, **(more or {})},
        umask=umask,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (wheel,), (sdist,) = to.glob("*.whl"), to.glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(ROOT, tmp_path_factory.mktemp("dist"))
