"""What ``tests/conftest.py`` does with skipped tests in CI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("parallel", [(), ("-p", "xdist", "-n", "2", "--dist", "loadfile")])
def test_a_skipped_test_fails_the_run_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, parallel: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    pytester.makeconftest((REPOSITORY / "tests" / "conftest.py").read_text())
    pytester.makepyfile(
        test_good="""
        import pytest

        def test_it(): pass

        @pytest.mark.xfail(reason="known")
        def test_other(): assert False
        """,
        test_skips="""
        import pytest

        def test_it(): pytest.skip("no browser")
        """,
        test_is_skipped="""
        import pytest

        pytest.skip("no browser", allow_module_level=True)
        """,
    )
    result = pytester.runpytest_subprocess(*parallel)
    assert result.ret == 1
    told = [line.strip() for line in result.outlines if line.startswith("  test_")]
    assert sorted(told) == ["test_is_skipped.py", "test_skips.py::test_it"]
    if not parallel:
        assert pytester.runpytest_subprocess("test_good.py").ret == 0
