"""``airflow-kaizala check``: each step of a connection, what is wrong, and what to do."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from airflow_provider_kaizala.cli.account import CONNECT, CommandHook
from airflow_provider_kaizala.cli.connections import connection_home
from airflow_provider_kaizala.cli.exit_codes import DONE, FAILED, UNREACHABLE, WRONG
from airflow_provider_kaizala.cli.output import counted, show, working
from airflow_provider_kaizala.client.effects import Send, TransportFailure
from airflow_provider_kaizala.client.errors import KaizalaAuthError, KaizalaInputError
from airflow_provider_kaizala.client.requests_transport import RequestsTransport
from airflow_provider_kaizala.hooks.connection_test import RenewingStore, try_out

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Iterator

    from airflow_provider_kaizala.client.effects import Reply
    from airflow_provider_kaizala.hooks.connection import KaizalaConnection
    from airflow_provider_kaizala.hooks.connection_test import Trial

OK, WARNING, BAD, SKIPPED = "ok", "warning", "failed", "skipped"
#: seconds that the clocks may be apart before it is worth a warning
SKEW = 30.0
_HOMES = {"EnvironmentVariablesBackend": "an environment variable", "MetastoreBackend": "Airflow's database"}


class Step(NamedTuple):
    """What came of one step.

    :param step: what was checked
    :param result: ``ok``, ``warning``, ``failed`` or ``skipped``
    :param detail: what was found
    :param advice: what to do; empty if there is nothing to do, or *detail* says it
    :param code: the exit code if this is the first step that failed
    """

    step: str
    result: str
    detail: str
    advice: str = ""
    code: int = FAILED


def check(args: argparse.Namespace) -> int:
    """Check each step of a connection."""
    steps: list[Step] = []
    with working(f"checking connection {args.conn_id}"):
        steps += _steps(args.conn_id)
    rows = [
        {"step": each.step, "result": each.result, "detail": each.detail, "advice": each.advice}
        for each in steps
    ]
    for row in rows if args.output in ("table", "plain") else ():
        row["detail"] += f". {row['advice']}" if row["advice"] else ""
    show(rows, args.output, {"result": "RESULT", "step": "STEP", "detail": "DETAIL"}, "")
    return next((each.code for each in steps if each.result == BAD), DONE)


def _steps(conn_id: str) -> Iterator[Step]:
    login = f"Run: airflow-kaizala login --conn-id {conn_id}"
    hook = CommandHook(conn_id)
    try:
        hook.get_connection(conn_id)
    except KaizalaInputError as error:
        yield Step("connection", BAD, str(error), "", WRONG)
        return
    home = connection_home(conn_id) or ""
    yield Step("connection", OK, f"{conn_id}, from {_HOMES.get(home, home)}")
    try:
        connection = hook.connection
    except KaizalaInputError as error:
        yield Step(
            "fields", BAD, str(error), "Correct the connection in Airflow's UI, or where it is defined", WRONG
        )
        return
    settings = connection.settings
    yield Step("fields", OK, f"connector {settings.connector_id}, host {settings.api_root}")
    reply = yield from _reach(connection)
    if reply is None:
        yield Step("connector", SKIPPED, "the host was not reached")
        return
    yield from _compare_clocks(reply)
    store = RenewingStore()
    trials = list(try_out(connection, store))
    connector = _connector(trials)
    yield connector
    if not trials:
        yield Step("refresh tokens", BAD, "the connection has none", login, WRONG)
    for trial in trials:
        yield _tried(trial, login, with_connector=connector.result == BAD)
    yield from _kept(connection, store, trials)


def _reach(connection: KaizalaConnection) -> Generator[Step, None, Reply | None]:
    """Ask the host for anything: whatever it replies, it can be reached."""
    settings = connection.settings
    host = urlsplit(settings.api_root).netloc
    transport = RequestsTransport(settings)
    began = time.monotonic()
    try:
        reply = transport.exchange(
            Send(
                "GET",
                f"{settings.api_root}/v1/accessToken",
                {"Accept": "application/json"},
                None,
                CONNECT,
                CONNECT,
                2 * CONNECT,
            )
        )
    except TransportFailure as failure:
        advice = (
            "Name the CA's certificate in the extra verify, or in REQUESTS_CA_BUNDLE"
            if failure.certificate
            else "Check the host and port of the connection, its proxies, and whether this machine may call it"
        )
        yield Step(
            "host", BAD, f"{host}: {failure.detail}", advice, FAILED if failure.certificate else UNREACHABLE
        )
        return None
    except KaizalaInputError as error:  # the extra verify, which is read when the connection is used
        yield Step("host", BAD, str(error), "", WRONG)
        return None
    finally:
        transport.close()
    yield Step("host", OK, f"{host} replies in {(time.monotonic() - began) * 1000:.0f} ms")
    return reply


def _compare_clocks(reply: Reply) -> Iterator[Step]:
    try:
        theirs = parsedate_to_datetime(reply.headers.get("date", ""))
    except ValueError:
        yield Step("clock", SKIPPED, "the host's reply has no valid Date header")
        return
    apart = (datetime.now(tz=UTC) - theirs.replace(tzinfo=theirs.tzinfo or UTC)).total_seconds()
    if abs(apart) <= SKEW:
        yield Step("clock", OK, f"within {SKEW:.0f} s of the host's")
        return
    detail = f"this machine is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} the host"
    yield Step(
        "clock",
        WARNING,
        detail,
        "Let the machine set its time by NTP: waits end, and tokens are renewed, by the clock",
    )


def _is_refused(trial: Trial) -> bool:
    """Tell whether connector and refresh token were refused together."""
    return isinstance(trial.no_token, KaizalaAuthError)


def _connector(trials: list[Trial]) -> Step:
    if any(trial.got_token for trial in trials):
        return Step("connector", OK, "id and secret are accepted")
    if any(map(_is_refused, trials)):
        return Step(
            "connector",
            BAD,
            "id and secret are refused, or all refresh tokens are",
            "Kaizala does not tell which: compare id and secret with the management portal; if they are right, the tokens are not",
        )
    return Step("connector", SKIPPED, "id and secret can only be tried with a refresh token that is answered")


def _tried(trial: Trial, login: str, *, with_connector: bool) -> Step:
    """Return the step of a refresh token or the default group.

    :param with_connector: whether what is wrong with the token may be what is wrong with the connector
    """
    if trial.what.startswith("default_group"):
        name, advice = "default group", "Correct the extra default_group; see: airflow-kaizala groups"
    elif trial.group_id:
        name, advice = (
            "group token",
            f"Have an admin of group {trial.group_id} grant it to the connector again",
        )
    else:
        name, advice = "user token", login
    if trial.no_token is not None and not _is_refused(trial):
        advice = "Check the connection's host and the path in it: what replies there is not Kaizala, or lets nobody in"
    if with_connector and _is_refused(trial):
        return Step(name, BAD, f"{trial.what}: refused together with id and secret")
    if trial.error is not None:
        code = UNREACHABLE if trial.error.is_transient else FAILED
        return Step(name, BAD, str(trial), advice if code == FAILED else "Try again later", code)
    if trial.may_not_read:
        return Step(
            name,
            WARNING,
            str(trial),
            "Give the connector the permission Group Information, or use ids of groups",
        )
    names = ", ".join(
        f"{each.name} ({each.group_id})" if trial.group_id else each.name for each in trial.groups
    )
    if trial.group_id:
        return Step(name, OK, f"reaches {names}")
    return Step(
        name,
        OK,
        f"reaches {counted(len(trial.groups), 'group')}: {names}" if names else "the user is in no group",
    )


def _kept(connection: KaizalaConnection, store: RenewingStore, trials: list[Trial]) -> Iterator[Step]:
    """Look whether new tokens are where tasks find them."""
    settings = connection.settings
    worked = [
        trial.group_id for trial in trials if trial.error is None and not trial.what.startswith("default")
    ]
    if not worked:
        return
    if store.lost:
        yield Step(
            "token store",
            BAD,
            f"a new refresh token could not be stored in Variable {', '.join(store.lost)}",
            "Make Airflow's Variables writable before the configured refresh token stops working",
        )
    elif all(store.load(settings.grant_for(group_id)) is None for group_id in worked):
        yield Step(
            "token store",
            WARNING,
            "tokens cannot be stored in Airflow's Variables, so each process asks for its own",
            "Check that Airflow's database can be reached, and run: airflow db migrate",
        )
    else:
        yield Step("token store", OK, "tokens are shared through Airflow's Variables")
