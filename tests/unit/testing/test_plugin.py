"""The fixtures, as a project that has installed the package uses them."""

from __future__ import annotations

import fnmatch
import json
import os
import sys
from pathlib import Path

import pytest

from airflow_provider_kaizala.server.config import ServerConfig
from airflow_provider_kaizala.server.run import RunningServer
from airflow_provider_kaizala.testing.server import KaizalaServer

pytest_plugins = ["pytester"]
GROUP = "11111111-1111-4111-8111-111111111111@1"
REPOSITORY = Path(__file__).parents[3]
PLUGIN = ("-p", "airflow_provider_kaizala.testing.plugin")


class Project:
    """A project of its own, without this repository's settings."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.path = pytester.path
        self.makefile = pytester.makefile
        self.makeini = pytester.makeini
        self.makepyfile = pytester.makepyfile
        self._pytester = pytester

    def run(self, *words: str) -> pytest.RunResult:
        """Run its tests, with this plugin and only the others that are named."""
        return self._pytester.runpytest_inprocess(*PLUGIN, *words)

    def run_apart(self, *words: str) -> pytest.RunResult:
        """Run its tests in a process of their own, which takes longer; needed for what imports Airflow, which changes the process."""
        return self._pytester.runpytest_subprocess(*PLUGIN, *words)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in list(os.environ):
        if name.startswith(("KAIZALA_", "PYTEST_XDIST_")):
            monkeypatch.delenv(name)
    return Project(pytester)


def test_it_costs_nothing_until_it_is_used(
    pytester: pytest.Pytester, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.makepyfile(
        """
        import pathlib, sys
        def test_what_is_loaded():
            with pathlib.Path("loaded").open("a") as file:
                file.write(" ".join(sys.modules) + "\\n")
        """
    )
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")  # as pytest finds it
    others = [word for name in ("schemathesis", "xdist", "hypothesispytest") for word in ("-p", f"no:{name}")]
    pytester.runpytest_subprocess("-W", "error", *others).assert_outcomes(passed=1)
    pytester.runpytest_subprocess("-p", "no:kaizala", *others).assert_outcomes(passed=1)
    with_it, without = (set(line.split()) for line in (project.path / "loaded").read_text().splitlines())
    assert with_it - without == {
        "airflow_provider_kaizala",
        "airflow_provider_kaizala.testing",
        "airflow_provider_kaizala.testing.plugin",
    }
    assert not {"airflow", "fastapi", "sqlalchemy", "uvicorn", "alembic"} & with_it


def test_a_test_of_a_project(project: Project) -> None:
    project.makepyfile(
        """
        import json, urllib.request

        def ask(server, question):
            conn = server.connection()
            headers = {"applicationId": conn["login"], "applicationSecret": conn["password"],
                       "refreshToken": conn["extra"]["refresh_token"]}
            request = urllib.request.Request(server.url + "/v1/accessToken", headers=headers)
            token = json.load(urllib.request.urlopen(request))["accessToken"]
            group = conn["extra"]["default_group"]
            base = f"{server.url}/v1/groups/{group}/actions"
            body = {"actionType": "Poll", "actionBody": {"question": question, "choices": ["Yes", "No"]}}
            request = urllib.request.Request(base, json.dumps(body).encode(), {"accessToken": token})
            action = json.load(urllib.request.urlopen(request))["actionId"]
            request = urllib.request.Request(f"{base}/{action}?getDetails=true", headers={"accessToken": token})
            return lambda: json.load(urllib.request.urlopen(request))["actionDetails"]["responses"]

        def test_ravi_votes_after_two_polls(kaizala_server, kaizala_people):
            kaizala_people.ravi.votes("Yes", after_polls=2)
            look = ask(kaizala_server, "Tea?")
            assert look() == []
            assert look() == []
            kaizala_people.done()
            assert [one["responder"] for one in look()] == ["+910000000002"]

        def test_nothing_of_it_is_left_for_the_next(kaizala_server):
            assert kaizala_server.journal() == []
            assert kaizala_server.feed() == []
        """
    )
    project.run("-W", "error").assert_outcomes(passed=2)


POLL = """
        def poll(server):
            server.seed({"actions": [{"group": server.default_group(), "sender": "+910000000001",
                        "actionType": "Poll", "actionBody": {"question": "Tea?", "choices": ["Yes", "No"]}}]})
"""


def test_what_a_person_cannot_do_fails_the_test_at_once(project: Project) -> None:
    project.makepyfile(
        POLL
        + """
        import time
        def test_it(kaizala_server, kaizala_people):
            poll(kaizala_server)
            kaizala_people.ravi.votes("Maybe")
            time.sleep(600)

        def test_what_swallows_all(kaizala_server, kaizala_people):
            poll(kaizala_server)
            kaizala_people.ravi.votes("Maybe")
            for _ in range(2):  # as Airflow, that makes a failed task of it and tries again
                try:
                    time.sleep(600)
                except BaseException:
                    pass

        def test_the_next_one(kaizala_people):
            pass
        """
    )
    result = project.run()
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        ["*Ravi votes: *Yes, No*", "*Calls of the Kaizala server*", "*votes 400 *Yes, No*"]
    )


def test_a_script_that_never_acted_fails_the_test(project: Project) -> None:
    project.makepyfile(
        POLL
        + """
        def test_no_occasion(kaizala_people):
            kaizala_people.ravi.votes("Maybe")

        def test_it_is_allowed(kaizala_people):
            kaizala_people.ravi.votes("Maybe", optional=True)

        def test_it_does_not_hide_what_failed(kaizala_people):
            kaizala_people.ravi.votes("Maybe")
            assert 1 == 2

        def test_the_reply_may_come_at_the_end(kaizala_server, kaizala_people):
            kaizala_people.ravi.votes("Yes")
            poll(kaizala_server)
        """
    )
    result = project.run()
    result.assert_outcomes(passed=3, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*Ravi votes 'Maybe': nothing like it was posted*optional=True*"])


def test_several_connections(project: Project) -> None:
    project.makepyfile(
        """
        import json, os
        def test_it(kaizala_server, kaizala_conn, kaizala_connect):
            kaizala_server.seed({"connectors": [{"id": "ops", "secret": "s"}]})
            ops = kaizala_connect("kaizala_ops", connector_id="ops")
            assert json.loads(os.environ["AIRFLOW_CONN_KAIZALA_OPS"]) == ops
            assert ops["login"] == "ops"
            assert kaizala_conn["login"] == "demo-connector"

        def test_they_end_with_the_test():
            assert "AIRFLOW_CONN_KAIZALA_OPS" not in os.environ
        """
    )
    project.run_apart("-W", "error").assert_outcomes(passed=2)


def test_a_seed_of_the_project(project: Project) -> None:
    project.makefile(
        ".yaml",
        shop="""
        people:
          - {mobileNumber: "+910000000005", name: Jean-Luc P.}
        groups:
          - {id: my-shop, name: My shop, admins: ["+910000000005"]}
        connectors:
          - {id: airflow, secret: s3cret}
        grants:
          - {connector: airflow, kind: group, person: "+910000000005", group: my-shop, refreshToken: my-token}
        """,
    )
    project.makeini("[pytest]\nkaizala_seed = shop.yaml\n")
    project.makepyfile(
        """
        def test_it(kaizala_people, kaizala_server):
            assert kaizala_people.jean_luc_p.mobile_number == "+910000000005"
            conn = kaizala_server.connection()
            assert conn == {"conn_type": "kaizala", "host": kaizala_server.url, "login": "airflow", "password": "s3cret",
                            "extra": {"calls_per_minute": 0, "group_refresh_tokens": {"my-shop": "my-token"},
                                      "default_group": "my-shop"}}
            kaizala_people.jean_luc_p.says("Engage")
            assert [item["text"] for item in kaizala_server.feed()] == ["Engage"]
        """
    )
    project.run("-W", "error").assert_outcomes(passed=1)


def test_another_interpreter(project: Project) -> None:
    # The project lies elsewhere, so the interpreter must have the package; this one has it installed.
    project.makepyfile(
        """
        URLS = set()
        def test_one(kaizala_server, kaizala_people):
            kaizala_people.ravi.says("Hello")
            kaizala_server.fault("*", status=500)
            URLS.add(kaizala_server.url)

        def test_two(kaizala_server):
            import sys
            assert kaizala_server.feed() == kaizala_server.faults() == kaizala_server.journal(operation="getMe") == []
            assert URLS == {kaizala_server.url}
            assert "airflow_provider_kaizala.server.run" not in sys.modules
        """
    )
    option = f"kaizala_server_python={sys.executable}"
    project.run_apart("-W", "error", "-o", option).assert_outcomes(passed=2)


def test_a_server_that_runs_already(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.makepyfile(
        """
        def test_it(kaizala_server):
            import os
            assert kaizala_server.url == os.environ["KAIZALA_SERVER_URL"]
            assert kaizala_server.feed() == []
        """
    )
    settings = {"port": 0, "seed": "demo", "log_level": "warning"}
    for test_mode, outcome in ((True, {"passed": 1}), (False, {"errors": 1})):
        database = f"sqlite:///{tmp_path}/{test_mode}.db"
        with RunningServer(ServerConfig(database=database, test_mode=test_mode, **settings)) as running:
            if test_mode:
                KaizalaServer(running.url).call(
                    "POST", "/people/+910000000002/groups/" + GROUP + "/messages", {"text": "x"}
                )
            monkeypatch.setenv("KAIZALA_SERVER_URL", running.url)
            result = project.run("-W", "error")
            result.assert_outcomes(**outcome)
            if not test_mode:
                result.stdout.fnmatch_lines(["*does not run in --test-mode*"])
    result = project.run()  # it has stopped
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*does not answer*"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["kaizala_seed=nothing"], "*the seed 'nothing' cannot be read*"),
        (
            ["kaizala_server_python=/no/such/python"],
            "*kaizala_server_python: /no/such/python cannot be run: No such file*",
        ),
        (
            [f"kaizala_server_python={sys.executable}", "kaizala_seed=nothing"],
            "*does not run kaizala-server*'nothing'*",
        ),
        (["kaizala_server_python=x", "kaizala_server_url=y"], "*exclude each other*"),
    ],
)
def test_wrong_settings_are_told(project: Project, options: list[str], said: str) -> None:
    project.makepyfile("def test_it(kaizala_server): pass")
    words = [word for option in options for word in ("-o", option)]
    result = project.run(*words)
    assert result.ret != 0
    text = result.stdout.str() + result.stderr.str()
    assert any(fnmatch.fnmatch(line, said) for line in text.splitlines()), text


@pytest.mark.parametrize(
    ("lack", "said"),
    [
        ("sys.modules['fastapi'] = None", "*fastapi*"),
        ("import importlib.metadata as m; m.version = lambda name: '1.4.54'", "*SQLAlchemy is 1.4.54*"),
    ],
)
def test_an_environment_without_the_server(project: Project, lack: str, said: str) -> None:
    project.makepyfile(conftest=f"import sys\n{lack}\n", test_it="def test_it(kaizala_server): pass")
    result = project.run_apart()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*airflow-provider-kaizala?server?*kaizala_server_python*"])
    result.stdout.fnmatch_lines([said])


def test_each_parallel_worker_has_one_server(project: Project) -> None:
    body = """
        import os, pathlib
        def test_one(kaizala_server, kaizala_people):
            assert kaizala_server.feed() == []
            kaizala_people.ravi.says("Hello")
            with pathlib.Path(os.environ["PYTEST_XDIST_WORKER"]).open("a") as file:
                file.write(kaizala_server.url + "\\n")
        test_two = test_one
    """
    project.makepyfile(test_a=body, test_b=body)
    project.run_apart("-W", "error", "-p", "xdist", "-n", "2", "--dist", "loadfile").assert_outcomes(passed=4)
    urls = [(project.path / worker).read_text().split() for worker in ("gw0", "gw1")]
    assert [len(each) for each in urls] == [2, 2]
    assert len(set(urls[0])) == len(set(urls[1])) == 1
    assert set(urls[0]) != set(urls[1])


def test_parallel_workers_do_not_share_a_server_that_runs_already(project: Project) -> None:
    project.makepyfile("def test_it(kaizala_server): pass")
    result = project.run_apart("-p", "xdist", "-n", "2", "-o", "kaizala_server_url=http://127.0.0.1:9")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*http://127.0.0.1:9*parallel tests would reset it under each other*"])


def test_the_connection(kaizala_conn: dict[str, object], kaizala_server: KaizalaServer) -> None:
    assert json.loads(os.environ["AIRFLOW_CONN_KAIZALA_DEFAULT"]) == kaizala_conn
    assert kaizala_conn == {
        "conn_type": "kaizala",
        "host": kaizala_server.url,
        "login": "demo-connector",
        "password": "demo-secret",
        "extra": {
            "calls_per_minute": 0,
            "refresh_token": "demo-refresh-token",
            "group_refresh_tokens": {GROUP: "demo-group-token"},
            "default_group": GROUP,
        },
    }
