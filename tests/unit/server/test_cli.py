"""The command as a real process: its output, its end, and what survives kill -9."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import httpx
import pytest
from click.testing import CliRunner

from airflow_provider_kaizala.server import cli, run
from airflow_provider_kaizala.server.config import ServerConfig
from airflow_provider_kaizala.server.run import RunningServer, serve
from tests.serving import serve_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GROUP = "11111111-1111-4111-8111-111111111111@1"


@contextmanager
def process(*options):
    running = subprocess.Popen(
        serve_command(*options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        line = running.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:"), line + running.stderr.read()
        yield running, line.split()[1]
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate()


def token(url):
    headers = {
        "applicationId": "demo-connector",
        "applicationSecret": "demo-secret",
        "refreshToken": "demo-group-token",
    }
    return httpx.get(url + "/v1/accessToken", headers=headers).json()["accessToken"]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_one_line_and_a_clean_end(tmp_path, stop) -> None:
    with process("--database", f"sqlite:///{tmp_path}/k.db", "--seed", "demo") as (running, url):
        assert httpx.get(url + "/healthz").json() == {"status": "ok"}
        running.send_signal(stop)
        out, errors = running.communicate(timeout=15)
        assert (running.returncode, out) == (0, "")
        assert "Traceback" not in errors


def test_what_was_accepted_survives_kill_9(tmp_path) -> None:
    database = (
        "--database",
        f"sqlite:///{tmp_path}/k.db",
        "--seed",
        "demo",
        "--connector-limit",
        "0",
        "--tenant-limit",
        "0",
    )
    accepted: set[str] = set()
    lock, enough = threading.Lock(), threading.Event()

    def post(url, access):
        try:
            with httpx.Client(headers={"accessToken": access}) as http:
                while True:
                    reply = http.post(f"{url}/v1/groups/{GROUP}/messages", json={"message": "x"})
                    with lock:
                        accepted.add(reply.json()["referenceId"])
                        if len(accepted) >= 100:
                            enough.set()
        except httpx.HTTPError:
            pass

    with process(*database) as (running, url):
        access = token(url)
        posters = [threading.Thread(target=post, args=(url, access)) for _ in range(4)]
        for poster in posters:
            poster.start()
        assert enough.wait(60)
        os.kill(running.pid, signal.SIGKILL)
        for poster in posters:
            poster.join()
    with process(*database) as (_, url), httpx.Client() as http:
        session = http.post(
            url + "/people/session", json={"mobileNumber": "+910000000002", "pin": "1234"}
        ).json()
        http.headers["Authorization"] = f"Bearer {session['token']}"
        kept, after, more = set(), 0, True
        while more:
            page = http.get(f"{url}/people/groups/{GROUP}/feed", params={"after": after, "count": 200}).json()
            kept |= {item["referenceId"] for item in page["items"]}
            after, more = page["after"], page["hasMore"]
        assert accepted <= kept
        assert httpx.get(url + "/v1/groups", headers={"accessToken": access}).status_code == 200


@contextmanager
def in_this_process() -> Iterator[None]:
    """Undo what the command changes in its process: what a signal does, and where the log goes."""
    root, before = logging.getLogger(), signal.getsignal(signal.SIGTERM)
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []  # the command would close them
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        for each in root.handlers:
            each.close()
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture
def refusal(monkeypatch) -> Callable[..., str]:
    """Run the command in this process and return what it says; a process of its own takes two seconds to load."""

    def started(_url: str) -> None:
        raise AssertionError("the server started")

    def refused(*options: str) -> str:
        monkeypatch.setattr(run, "serve", lambda config, _on_ready: serve(config, started))
        with in_this_process():
            done = CliRunner().invoke(cli.cli, ["serve", *options])
        assert (done.exit_code, done.stdout) == (2, ""), done.output
        return done.stderr

    return refused


def test_one_sentence_when_it_cannot_start(tmp_path, server, refusal) -> None:
    good = f"sqlite:///{tmp_path}/k.db"
    assert "database URL" in refusal("--port", "0", "--database", "nonsense")
    assert "not supported" in refusal("--port", "0", "--database", "mysql://x/y")
    assert "does not exist" in refusal("--port", "0", "--database", "sqlite:////no/such/folder/k.db")
    assert "'nothing'" in refusal("--port", "0", "--database", good, "--seed", "nothing")
    (tmp_path / "text.db").write_text("this is not a database, but long enough to look at" * 50)
    assert "cannot be opened" in refusal("--port", "0", "--database", f"sqlite:///{tmp_path}/text.db")
    for address in (
        "nope",
        "ftp://x",
        "https://x/?y=1",
        "https://x/chat",
        "https://[",
        "https://",
        "https://h h",
    ):
        assert "--public-url" in refusal("--port", "0", "--database", good, "--public-url", address)
    said = refusal("--port", "0", "--database", good, "--public-url", "https://user:pw@kaizala.example")
    assert "'https://***@kaizala.example' is not usable" in said
    retry = "--webhook-first-retry-seconds"
    assert retry in refusal("--port", "0", "--database", good, retry, "nan")
    (tmp_path / "file").write_text("")
    said = refusal("--port", "0", "--database", good, "--media-dir", str(tmp_path / "file"))
    assert "folder for media" in said
    said = refusal("--port", server.url.rpartition(":")[2], "--database", good)
    assert "cannot listen" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        ("people:\n  - {mobileNumber: '+910000000001', name: A, pim: '1'}\n", ("people.0", "'pim'")),
        ("groups:\n  - {id: g, name: G, admins: ['+910000000009']}\n", ("groups.0.admins", "+910000000009")),
        ("connectors:\n  - {id: a, secret: hush-hush, permissions: [All]}\n", ("connectors.0.permissions",)),
        (
            "people:\n  - {mobileNumber: 2024-13-99, name: A}\n",
            ("YAML cannot read", "month must be in 1..12"),
        ),
    ],
)
def test_a_mistake_in_the_seed_file_is_one_sentence(tmp_path, refusal, seed, said) -> None:
    (tmp_path / "seed.yaml").write_text(seed)
    options = ("--database", f"sqlite:///{tmp_path}/k.db", "--seed", str(tmp_path / "seed.yaml"))
    (line,) = refusal("--port", "0", *options).splitlines()
    assert all(part in line for part in ("seed.yaml", *said)), line
    assert "hush-hush" not in line


def test_a_refusal_of_the_real_process_is_one_line_and_an_exit_status() -> None:
    command = [sys.executable, "-m", "airflow_provider_kaizala.server", "serve", "--database", "nonsense"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "database URL" in done.stderr


def test_without_the_server_extra_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['uvicorn'] = None; sys.argv[1:] = ['serve']\n"
        "from airflow_provider_kaizala.server.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "install airflow-provider-kaizala[server]" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"), [(["--test-mode"], "--test-mode"), (["--seed", "demo"], "--seed demo")]
)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "kaizala.example"])
def test_what_is_open_to_everybody_is_not_shown_to_others(tmp_path, refusal, options, said, host) -> None:
    database = ("--database", f"sqlite:///{tmp_path}/k.db")
    message = refusal("--host", host, *database, *options)
    assert said in message
    assert "--insecure" in message
    assert not (tmp_path / "k.db").exists()


def test_insecure_serves_it_all_the_same(tmp_path) -> None:
    settings = {"database": f"sqlite:///{tmp_path}/k.db", "seed": "demo", "test_mode": True, "insecure": True}
    with RunningServer(ServerConfig(host="0.0.0.0", port=0, **settings)) as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(url + "/_test/clock", headers={"Host": "kaizala:8787"}).status_code == 200
        foreign = {"Host": "kaizala:8787", "Origin": "https://evil.example"}
        assert httpx.get(url + "/_test/clock", headers=foreign).status_code == 403


def test_a_seed_is_for_an_empty_database_only(make_server) -> None:
    first = make_server()
    httpx.post(
        f"{first.url}/v1/groups/{GROUP}/messages",
        headers={"accessToken": token(first.url)},
        json={"message": "kept"},
    ).raise_for_status()
    first.stop()
    second = make_server(database=first.config.database)
    session = httpx.post(
        second.url + "/people/session", json={"mobileNumber": "+910000000002", "pin": "1234"}
    ).json()
    headers = {"Authorization": f"Bearer {session['token']}"}
    feed = httpx.get(f"{second.url}/people/groups/{GROUP}/feed", headers=headers).json()
    assert [item["text"] for item in feed["items"]] == ["kept"]


# --- settings ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(monkeypatch) -> Callable[..., ServerConfig]:
    """Run the command and return the settings that it would serve with."""

    def read(*options: str) -> ServerConfig:
        found: list[ServerConfig] = []
        monkeypatch.setattr(run, "serve", lambda config, _on_ready: found.append(config))
        with in_this_process():
            done = CliRunner().invoke(cli.cli, ["serve", *options])
        assert done.exit_code == 0, done.output
        return found[0]

    return read


def test_a_flag_comes_before_a_variable_and_that_before_the_file(settings, tmp_path, monkeypatch) -> None:
    file = tmp_path / "server.toml"
    file.write_text(
        'port = 1\nhost = "10.0.0.1"\nconnector_limit = 7\ntest_mode = true\naccess_log = false\n'
    )
    monkeypatch.setenv("KAIZALA_SERVER_PORT", "2")
    monkeypatch.setenv("KAIZALA_SERVER_HOST", "127.0.0.2")
    found = settings("--config", str(file), "--port", "3")
    assert (found.port, found.host, found.connector_limit) == (3, "127.0.0.2", 7)
    assert found.test_mode
    assert not found.access_log
    assert found.tenant_limit == ServerConfig().tenant_limit


def test_every_setting_has_a_flag_a_variable_and_a_key(settings, tmp_path, monkeypatch) -> None:
    values = {
        bool: lambda old: not old,
        int: lambda old: old + 1,
        float: lambda old: old + 1,
        str: lambda _: "error",
    }
    texts = {
        "public_url": "https://k.example",
        "log_format": "json",
        "trusted_proxies": ("10.0.0.1", "fd00::/8"),
        "cors_origins": ("https://app.example", "http://localhost:3000"),
    }
    for setting in cli.SETTINGS:
        old = setting.default
        new = texts.get(setting.name) or values.get(type(old), lambda _: "x")(old)
        flag = setting.metadata.get("flag") or "--" + setting.name.replace("_", "-")
        if isinstance(new, bool):
            words, text = [flag if new else flag.replace("--", "--no-", 1)], str(new)
        elif isinstance(new, tuple):
            words, text = [word for one in new for word in (flag, one)], " ".join(new)
        else:
            words, text = [flag, str(new)], str(new)
        assert getattr(settings(*words), setting.name) == new, "the flag"
        with monkeypatch.context() as variable:
            variable.setenv("KAIZALA_SERVER_" + setting.name.upper(), text)
            assert getattr(settings(), setting.name) == new, "the variable"
        file = tmp_path / f"{setting.name}.toml"
        file.write_text(f"{setting.name} = {json.dumps(new)}\n")
        assert getattr(settings("--config", str(file)), setting.name) == new, "the file"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "unknown setting 'prot'; did you mean 'port'?"),
        ("port = 70000", "70000 is not in the range"),
        ("port = [1]", "port must be a whole number, not [1]"),
        ("port = 2024-01-01", 'port must be a whole number, not "2024-01-01"'),
        ("port = 1.5", "port must be a whole number, not 1.5"),
        ("port = true", "port must be a whole number, not true"),
        ("webhook_first_retry_seconds = 2024-01-01", "webhook_first_retry_seconds must be a number, not"),
        ("host = true", "host must be a text, not true"),
        ("test_mode = 1", "test_mode must be true or false, not 1"),
        ("cors_origins = [1]", "cors_origins must be a list of texts, not [1]"),
        ("port", "cannot be read"),
        ('trusted_proxies = "10.0.0.1"', "trusted_proxies must be a list of texts"),
        ('trusted_proxies = ["proxy"]', "'proxy' is not an address or a network"),
        ('cors_origins = ["https://app.example/"]', "is not an origin; give scheme and host only"),
        ('log_level = "loud"', "'loud' is not one of"),
        ('public_url = "kaizala"', "Give scheme and host"),
    ],
)
def test_a_wrong_file_is_refused(refusal, tmp_path, text, said) -> None:
    file = tmp_path / "server.toml"
    file.write_text(text)
    assert said in " ".join(refusal("--config", str(file)).split())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///{}/k.db?mode=ro", "has the option 'mode', which is not supported; use sqlite:///FILE"),
        ("sqlite://there/{}/k.db", "has a host or a user, which is not supported"),
        ("sqlite://me:pw@/{}/k.db", "has a host or a user, which is not supported"),
        ("sqlite+aiosqlite://", "driver 'sqlite+aiosqlite' is asynchronous, which is not supported"),
        ("sqlite+aiosqlite:///{}/k.db", "driver 'sqlite+aiosqlite' is asynchronous"),
        ("postgresql+asyncpg://me:pw@h/k", "use sqlite:///FILE or postgresql+psycopg://"),
        ("postgresql+nothing://me:pw@h/k", "the database driver cannot be loaded"),
    ],
)
def test_a_database_url_with_what_is_not_supported_is_refused(tmp_path, refusal, url, said) -> None:
    (line,) = refusal("--port", "0", "--database", url.format(tmp_path)).splitlines()
    assert said in line
    assert "pw" not in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["", " ", "a b", "a..b", "x" * 64])
def test_a_host_that_is_no_address_is_refused(refusal, host) -> None:
    said = " ".join(refusal("--host", host, "--port", "0").split())
    assert "--host" in said
    assert f"{host!r} is not an address or a host name" in said


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "0.0.0.0", "fe80::1%eth0", "kaizala.example", "my_host"]
)
def test_addresses_and_names_are_hosts(settings, host) -> None:
    assert settings("--host", host).host == host


def test_a_secret_of_a_wrong_type_is_not_shown(refusal, tmp_path) -> None:
    file = tmp_path / "server.toml"
    file.write_text("metrics_token = 918273")
    said = refusal("--config", str(file))
    assert "metrics_token must be a text" in said
    assert "918273" not in said


@pytest.mark.parametrize(
    "origin", ["http://[", "https://h h", "https://h:0", "https://h:70000", "https://user:pw@h"]
)
def test_a_wrong_origin_is_refused_without_its_password(refusal, origin) -> None:
    said = refusal("--cors-origin", origin)
    assert "--cors-origin" in said
    assert "is not an origin" in said
    assert "pw" not in said


def test_help_loads_next_to_nothing() -> None:
    code = (
        "import sys, click\n"
        "from airflow_provider_kaizala.server.cli import cli\n"
        "try: cli(['--help'])\n"
        "except SystemExit: print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"connector", "serve", "webhook"} <= set(done.stdout.split())
    heavy = {"sqlalchemy", "fastapi", "starlette", "uvicorn", "pydantic", "rich", "alembic", "airflow"}
    assert not heavy & set(done.stderr.split())


def test_the_list_of_commands_says_what_they_say_of_themselves() -> None:
    for name, (_, text) in cli.LAZY.items():
        command = cli.cli.get_command(click.Context(cli.cli), name)
        assert command is not None
        assert command.get_short_help_str(100) == text
