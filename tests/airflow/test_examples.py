"""The example DAGs, each from its file, against the real server with people who answer."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import logging
import struct
import time
import urllib.request
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS
from PIL import Image

from airflow_provider_kaizala.push.subscriptions import Subscription
from demo.people import ASHA, MEERA, RAVI
from demo.stack import GROUP
from tests.airflow.dag_bag import DagBag, callbacks_know_the_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_kaizala.testing.people import People
    from airflow_provider_kaizala.testing.server import KaizalaServer

    Play = Callable[..., tuple[dict[str, str], dict[str, Any]]]

pytestmark = pytest.mark.airflow

FOLDER = Path(__file__).parents[2] / "dags_examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py"))
WEBHOOK_SECRET = "demo-webhook-secret"
SECRETS = ("demo-secret", "demo-refresh-token", "demo-group-token", WEBHOOK_SECRET)
#: seconds to wait for people who answer, and for people who do not
SOMEBODY, NOBODY = 30.0, 6.0  # on a busy machine too there is time for a reminder
_numbers = itertools.count()


def refused(*args: Any) -> None:
    raise RuntimeError("the bank is closed")


def the_dag(
    example: str, *, timeouts: dict[str, float] | None = None, refuse: str | None = None, **params: Any
) -> Any:
    """Load the DAG of a file, with quick looks, a timeout of seconds where it waits for people, other params, and a task that fails."""
    path = FOLDER / f"{example}.py"
    spec = importlib.util.spec_from_file_location(f"example_{example}_{next(_numbers)}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dag = module.dag
    for task in dag.tasks:
        if task.task_id == refuse:
            task.python_callable = refused
        task.retry_delay = timedelta(seconds=0.1)
        if hasattr(task, "remind_every"):
            task.poke_interval = 0.4
            task.timeout = (timeouts or {}).get(task.task_id, SOMEBODY)
            task.remind_every = None if task.remind_every is None else task.timeout * 0.4
    assert set(params) <= set(dag.params)
    dag.test = functools.partial(dag.test, run_conf=params)
    return dag


#: what the group is told when a question has ended
TIME_IS_UP = "Time is up. Answers no longer count."


def texts(server: KaizalaServer, group_id: str = GROUP) -> list[str]:
    """What people read in a group, without cards."""
    return [item["text"] for item in server.feed(group_id) if item["kind"] == "text"]


def cards(server: KaizalaServer, group_id: str = GROUP) -> list[str]:
    """The polls, surveys and jobs people see in a group."""
    return [item["title"] for item in server.feed(group_id) if item["kind"] in ("poll", "survey", "job")]


def reminders(server: KaizalaServer) -> int:
    """How many reminders the connection's own group got."""
    sent = server.journal(operation="sendActionReminder")
    return sum(server.default_group() in each["path"] for each in sent)


@contextmanager
def logged() -> Iterator[list[str]]:
    """Collect what is logged; pytest's own way is switched off for Airflow 2."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(handler)


@pytest.fixture
def play(
    kaizala_conn: Any,
    kaizala_server: KaizalaServer,
    outcome: Callable[[Any], Any],
    request: pytest.FixtureRequest,
) -> Iterator[Play]:
    """Run an example; what is logged, handed on and read by people shows no secret."""
    printed = request.getfixturevalue("capfd").readouterr if AIRFLOW_V_3_0_PLUS else tuple
    seen = []

    def run(*args: Any, **kwargs: Any) -> Any:
        seen.append(outcome(the_dag(*args, **kwargs)))
        return seen[-1]

    with logged() as log:
        yield run
    feeds = [kaizala_server.feed(group["id"]) for group in kaizala_server.seeded()["groups"]]
    assert log, "otherwise nothing was looked at"
    shown = "\n".join([*log, *printed(), str(seen), str(feeds)])
    assert [line for line in shown.splitlines() if any(secret in line for secret in SECRETS)] == []


def test_all_examples_parse(airflow_db: None) -> None:
    bag = DagBag(dag_folder=str(FOLDER))
    assert bag.import_errors == {}
    assert sorted(bag.dags) == EXAMPLES, "each file has one DAG, called like the file"
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_explains_itself(example: str) -> None:
    source = (FOLDER / f"{example}.py").read_text()
    code = compile(source, example, "exec")
    doc = code.co_consts[0]
    assert isinstance(doc, str)
    assert "Needs a connection ``kaizala_default``" in doc
    assert 'tags=["kaizala"]' in source
    assert "catchup=False" in source
    assert not any(word in source for word in (*SECRETS, "127.0.0.1", "localhost"))


# --- payment approval ------------------------------------------------------------------------------------------------------


def test_a_payment_is_approved(kaizala_people: People, kaizala_server: KaizalaServer, play: Play) -> None:
    kaizala_people.ravi.votes("Approve")
    kaizala_people.asha.votes("Reject", after_polls=1)
    kaizala_people.meera.votes("Approve", after_polls=2)
    states, values = play("payment_approval", payee="Verma & Sons", amount=1999.5)
    assert states == {
        "approvers": "success",
        "director": "skipped",
        "pay": "success",
        "tell_paid": "success",
        "tell_not_paid": "skipped",
    }
    assert cards(kaizala_server) == ["Pay ₹1,999.50 to Verma & Sons?"]
    (told,) = texts(kaizala_server)
    assert told.startswith("Paid ₹1,999.50 to Verma & Sons, reference VERM-2000. Approved by ")
    assert sorted(values["approvers"]["approved_by"]) == ["Meera", "Ravi"]
    assert all(name in told for name in ("Meera", "Ravi"))


def test_a_payment_is_rejected(kaizala_people: People, kaizala_server: KaizalaServer, play: Play) -> None:
    kaizala_people.ravi.votes("Reject")
    kaizala_people.meera.votes("Reject", after_polls=1)
    states, _ = play("payment_approval")
    assert states == {
        "approvers": "success",
        "director": "skipped",
        "pay": "skipped",
        "tell_paid": "skipped",
        "tell_not_paid": "success",
    }
    (told,) = texts(kaizala_server)
    assert told.startswith("Not paid: ₹48,500.00 to Sharma Logistics. Rejected by ")
    assert all(name in told for name in ("Meera", "Ravi"))


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("Approve", "Paid ₹48,500.00 to Sharma Logistics, reference SHAR-48500. Approved by Asha."),
        ("Reject", "Not paid: ₹48,500.00 to Sharma Logistics. Rejected by Asha."),
        (None, "Not paid: ₹48,500.00 to Sharma Logistics. There was no decision in time."),
    ],
)
def test_a_payment_goes_to_the_director(
    word: str | None,
    told: str,
    kaizala_people: People,
    kaizala_server: KaizalaServer,
    play: Play,
) -> None:
    late = "Pay ₹48,500.00 to Sharma Logistics? The approvers have not decided in time, so the director does."
    kaizala_people.ravi.votes("Approve", title="Pay ₹48,500.00 to Sharma Logistics?")
    if word:
        kaizala_people.asha.votes(word, title=late, after_polls=1)
    quick = {"approvers": NOBODY, "director": SOMEBODY if word else NOBODY}
    states, _ = play("payment_approval", timeouts=quick, director=ASHA)
    paid = word == "Approve"
    assert states == {
        "approvers": "skipped",
        "director": "success",
        "pay": "success" if paid else "skipped",
        "tell_paid": "success" if paid else "skipped",
        "tell_not_paid": "skipped" if paid else "success",
    }
    assert cards(kaizala_server) == ["Pay ₹48,500.00 to Sharma Logistics?", late]
    assert texts(kaizala_server) == [TIME_IS_UP, *([] if word else [TIME_IS_UP]), told]
    assert reminders(kaizala_server) in (1, 2), "two, but one that is late is left out"


def test_a_payment_that_the_bank_refuses(
    kaizala_people: People, kaizala_server: KaizalaServer, play: Play
) -> None:
    kaizala_people.ravi.votes("Approve")
    kaizala_people.meera.votes("Approve")
    states, _ = play("payment_approval", refuse="pay")
    assert (states["pay"], states["tell_paid"]) == ("failed", "upstream_failed")
    assert states["tell_not_paid"] != "success"
    assert texts(kaizala_server) == [
        "Approved, but paying failed: ₹48,500.00 to Sharma Logistics. Finance will check."
    ]


# --- store checklist -------------------------------------------------------------------------------------------------------


def pixels(file: Any) -> bytes:
    """Return what a picture shows."""
    with Image.open(file) as picture:
        return picture.convert("RGBA").tobytes()


def png_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a PNG that an image library can read."""
    import io

    from PIL import Image

    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    image = Image.open(io.BytesIO(content))
    image.load()
    assert image.size == struct.unpack(">II", content[16:24])
    assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 4, "nothing is drawn"
    return image.size


def test_a_checklist_becomes_a_table_and_a_chart(
    tmp_path: Path,
    kaizala_people: People,
    kaizala_server: KaizalaServer,
    play: Play,
) -> None:
    kaizala_people.ravi.answers(["Yes", "Yes", "Partly", "Yes", 4, "Milk"])
    kaizala_people.meera.answers(["No", "Yes", "Partly", "Yes", 3.5, None], after_polls=2)
    states, values = play("store_checklist", charts=str(tmp_path))
    assert set(states.values()) == {"success"}
    survey, table, image = kaizala_server.feed()
    assert survey["kind"] == "survey"
    head, blank, *rows = table["text"].splitlines()
    assert head == f"{survey['title']}. Everyone has answered."
    assert blank == ""
    assert [[cell.strip() for cell in row.split("|")] for row in rows] == [
        ["Name", "Shop floor clean", "Cold room at 4 °C or below", "Prices on all shelves", "Emergency exits free",
         "People on shift", "Missing"],
        ["Ravi", "Yes", "Yes", "Partly", "Yes", "4", "Milk"],
        ["Meera", "No", "Yes", "Partly", "Yes", "3.5", "–"],
    ]  # fmt: skip
    assert table["replyToReferenceId"] == survey["referenceId"]
    assert (image["kind"], image["mediaType"], image["text"]) == ("media", "Image", survey["title"])
    with urllib.request.urlopen(image["media"][0]["mediaUrl"], timeout=10) as reply:
        assert reply.headers["content-type"] == "image/png"
        content = reply.read()
    assert png_size(content) == (1080, 990)
    drawn = Path(values["chart"].removeprefix("file://"))
    # The server keeps no notes about who has drawn it.
    assert pixels(BytesIO(content)) == pixels(drawn)
    assert list(values["ask"]["tally"]) == [
        "Shop floor clean",
        "Cold room at 4 °C or below",
        "Prices on all shelves",
        "Emergency exits free",
    ]


def test_a_checklist_that_not_all_answer(
    tmp_path: Path,
    kaizala_people: People,
    kaizala_server: KaizalaServer,
    play: Play,
) -> None:
    kaizala_people.ravi.answers(["Yes", "No", "No", "Yes", 4, "Milk"])
    states, _ = play("store_checklist", charts=str(tmp_path), timeouts={"ask": NOBODY})
    assert set(states.values()) == {"success"}
    late, told = texts(kaizala_server)
    assert late == TIME_IS_UP
    assert "No answer from: Meera." in told
    kinds = [item["kind"] for item in kaizala_server.feed()]
    assert [kind for kind in kinds if kind != "reminder"] == ["survey", "text", "text", "media"]
    assert reminders(kaizala_server) in (1, 2)


# --- field incident --------------------------------------------------------------------------------------------------------

AREA, HEAD_OFFICE = "22222222-2222-4222-8222-222222222222@1", "33333333-3333-4333-8333-333333333333@1"


@pytest.fixture
def groups(kaizala_server: KaizalaServer) -> dict[str, Any]:
    """Params of an incident: three groups, which the connection reaches with a user's token."""
    more = [(AREA, "Area north", [MEERA]), (HEAD_OFFICE, "Head office", [])]
    kaizala_server.seed(
        {
            "groups": [
                {"id": group, "name": name, "admins": [ASHA], "members": people}
                for group, name, people in more
            ]
        }
    )
    return {
        "incident": "No power at pump 12",
        "field_crew": [RAVI, MEERA],
        "area_group": AREA,
        "area_crew": [MEERA],
        "head_office_group": HEAD_OFFICE,
        "head_office_crew": [ASHA],
    }


def test_an_incident_is_solved_by_the_first_crew(
    kaizala_people: People,
    kaizala_server: KaizalaServer,
    groups: dict[str, Any],
    play: Play,
) -> None:
    kaizala_people.ravi.completes(after_polls=1)
    states, _ = play("field_incident", **groups)
    assert {name for name, state in states.items() if state == "success"} == {
        "field",
        "is_open_after_field",
        "who_solved_it",
        "announce",
    }
    assert set(states.values()) == {"success", "skipped"}
    assert cards(kaizala_server) == ["No power at pump 12"]
    assert texts(kaizala_server) == ["Solved by Ravi: No power at pump 12"]
    assert [kaizala_server.feed(group) for group in (AREA, HEAD_OFFICE)] == [[], []]


def test_an_incident_is_solved_by_the_second_crew(
    kaizala_people: People,
    kaizala_server: KaizalaServer,
    groups: dict[str, Any],
    play: Play,
) -> None:
    kaizala_people.meera.completes(group_id=AREA, after_polls=1)
    states, values = play("field_incident", timeouts={"field": NOBODY}, **groups)
    assert {name for name, state in states.items() if state == "skipped"} == {"head_office"}
    assert set(states.values()) == {"success", "skipped"}
    assert values["field"]["complete"] is False
    assert cards(kaizala_server, AREA) == ["No power at pump 12 (not done in time by Ravi, Meera)"]
    assert texts(kaizala_server) == [TIME_IS_UP, "Solved by Meera: No power at pump 12"]
    assert reminders(kaizala_server) in (1, 2), "two, but one that is late is left out"
    assert kaizala_server.feed(HEAD_OFFICE) == []


def test_an_incident_that_nobody_solves(
    kaizala_server: KaizalaServer, groups: dict[str, Any], play: Play
) -> None:
    quick = dict.fromkeys(("field", "area", "head_office"), 1.0)
    states, _ = play("field_incident", timeouts=quick, **groups)
    assert states["head_office"] == "failed"
    assert states["announce"] == "upstream_failed"
    assert cards(kaizala_server, HEAD_OFFICE) == ["No power at pump 12 (not done in time by Meera)"]
    assert texts(kaizala_server) == [
        TIME_IS_UP,
        "No power at pump 12: no crew has reported it done. Please phone the control room.",
    ]


# --- quality gate ----------------------------------------------------------------------------------------------------------


def reruns() -> Sequence[Any]:
    """Runs of the gate that are to be."""
    from airflow.models import DagRun

    found: Sequence[Any] = DagRun.find(dag_id="quality_gate", state="queued")
    return found


@pytest.mark.parametrize(
    ("choice", "goes_on", "told"),
    [
        ("Publish anyway", {"publish", "tell"}, "are published: 8 rows."),
        ("Hold", {"hold"}, "are held back: decided by Ravi."),
        ("Rerun", {"rerun"}, None),
        (None, {"hold"}, "are held back: no decision in time."),
    ],
)
def test_the_gate_goes_where_people_say(
    choice: str | None,
    goes_on: set[str],
    told: str | None,
    kaizala_people: People,
    kaizala_server: KaizalaServer,
    play: Play,
) -> None:
    if choice:
        kaizala_people.ravi.votes(choice, after_polls=1)
    if not AIRFLOW_V_3_0_PLUS:
        DagBag(dag_folder=str(FOLDER)).sync_to_db()  # only a DAG that Airflow knows can be triggered
    before = len(reruns())
    states, _ = play("quality_gate", timeouts={"ask": SOMEBODY if choice else NOBODY})
    assert {name for name, state in states.items() if state == "success"} == {
        "measure",
        "is_good",
        "ask",
        *goes_on,
    }
    assert set(states.values()) == {"success", "skipped"}
    (asked,) = cards(kaizala_server)
    assert asked.endswith(
        ", 8 rows: 25.0 % incomplete (limit 2 %), 12.5 % duplicate (limit 1 %), 12.5 % negative (limit 0 %). What now?"
    )
    assert len(reruns()) == before + (choice == "Rerun")
    read = texts(kaizala_server)
    if not choice:
        assert read.pop(0) == TIME_IS_UP
    assert [text.split(" ", 3)[3] for text in read] == ([told] if told else [])


def test_the_gate_lets_good_figures_pass(kaizala_server: KaizalaServer, play: Play) -> None:
    limits = {"incomplete": 50, "duplicate": 50, "negative": 50}
    states, values = play("quality_gate", max_percent=limits)
    assert {name for name, state in states.items() if state == "skipped"} == {"ask", "hold", "rerun"}
    assert values["publish"] == 8
    assert cards(kaizala_server) == []
    (told,) = texts(kaizala_server)
    assert told.endswith("are published: 8 rows.")


# --- roster ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def roster(tmp_path: Path) -> Callable[..., str]:
    """Write a roster; returns its path."""

    def write(*rows: str) -> str:
        path = tmp_path / "roster.csv"
        path.write_text("\n".join(("phone,name,status", *rows)) + "\n", encoding="utf-8-sig")
        return str(path)

    return write


def members(server: KaizalaServer) -> set[str]:
    return {one["mobileNumber"] for one in server.people() if GROUP in one["groups"]}


def test_the_group_follows_the_roster(
    roster: Callable[..., str], kaizala_server: KaizalaServer, play: Play
) -> None:
    path = roster("+910000000002, Ravi,active", "+910000000003,Meera,left", "+910000000004,Zoya,Active")
    kaizala_server.seed({"people": [{"mobileNumber": "+910000000004", "name": "Zoya"}]})
    states, values = play("roster_sync", roster=path)
    assert set(states.values()) == {"success"}
    assert members(kaizala_server) == {ASHA, RAVI, "+910000000004"}
    assert texts(kaizala_server) == [
        "HR's roster has changed. Joining us: Zoya. Leaving: Meera.",
        "Done: 1 joined, 1 left, 1 stayed as admins.",
    ]
    assert values["plan"] == {**values["change"], "dry_run": True}

    before = len(kaizala_server.feed())
    states, _ = play("roster_sync", roster=path)
    assert states["plan"] == "success"
    assert states["change"] == "skipped", "the second night there is nothing to do"
    assert len(kaizala_server.feed()) == before


@callbacks_know_the_exception
def test_half_a_roster_changes_nothing(
    roster: Callable[..., str], kaizala_server: KaizalaServer, play: Play
) -> None:
    states, _ = play("roster_sync", roster=roster("+910000000004,Zoya,active"), max_removals=1)
    assert states["plan"] == "failed"
    assert states["change"] == "upstream_failed"
    assert members(kaizala_server) == {ASHA, RAVI, MEERA}
    (told,) = texts(kaizala_server)
    assert told.startswith("HR's roster was not applied: 2 of 3 members of group ")
    assert "max_removals is 1: nothing was changed" in told


# --- webhooks --------------------------------------------------------------------------------------------------------------


class _Echo(BaseHTTPRequestHandler):
    """Echoes as the receiver does."""

    def do_GET(self) -> None:
        ((token,),) = (
            value
            for name, value in parse_qs(urlsplit(self.path).query).items()
            if name in ("validationToken", "check")
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(token)))
        self.end_headers()
        self.wfile.write(token.encode())

    do_POST = do_GET

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def public_url() -> Iterator[str]:
    """Where a receiver is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


def test_the_webhooks_are_put_right(
    kaizala_server: KaizalaServer, play: Play, public_url: str, kaizala_connect: Callable[..., Any]
) -> None:
    kaizala_connect("kaizala_default", webhook_secret=WEBHOOK_SECRET)
    states, values = play("kaizala_webhooks", public_url=public_url)
    assert states == {"ensure": "success"}
    assert [each["group_id"] for each in values["ensure"]["created"]] == [GROUP]
    states, values = play("kaizala_webhooks", public_url=public_url, groups=[GROUP], remove_unneeded=True)
    assert states == {"ensure": "success"}
    assert [each["group_id"] for each in values["ensure"]["unchanged"]] == [GROUP]
    assert texts(kaizala_server) == []


@callbacks_know_the_exception
def test_the_group_reads_that_webhooks_cannot_be_put_right(
    kaizala_server: KaizalaServer, play: Play, kaizala_connect: Callable[..., Any]
) -> None:
    kaizala_connect("kaizala_default", webhook_secret=WEBHOOK_SECRET)
    states, _ = play("kaizala_webhooks", public_url=kaizala_server.url)
    assert states == {"ensure": "failed"}
    (text,) = texts(kaizala_server)
    assert text.startswith("Kaizala may not reach Airflow any more: ")
    assert "it answers 404" in text


# --- shift handover ----------------------------------------------------------------------------------------------------------


needs_push = pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="Airflow 2 receives no webhooks")


@pytest.fixture
def say(
    receiver: str, kaizala_server: KaizalaServer, kaizala_connect: Callable[..., Any], play: Play
) -> Iterator[Callable[..., None]]:
    """Write texts in the group, and wait until they have reached Airflow."""
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    from airflow_provider_kaizala.push.tables import event, reader

    def count() -> int:
        with create_session() as session:
            return int(session.scalar(select(func.count(event.c.id))) or 0)

    def say(number: str, *given: str) -> None:
        for text in given:
            before, until = count(), time.monotonic() + 20
            kaizala_server.call("POST", f"/people/{number}/groups/{GROUP}/messages", {"text": text})
            while count() == before:
                assert time.monotonic() < until, "the message has not reached Airflow"
                time.sleep(0.05)

    kaizala_connect("kaizala_default", webhook_secret=WEBHOOK_SECRET)
    play("kaizala_webhooks", public_url=receiver, groups=[GROUP])
    states, _ = play("shift_handover")  # Airflow must know the DAG before the first message comes
    assert set(states.values()) == {"skipped"}
    yield say
    with create_session() as session:
        for table in (event, reader):
            session.execute(table.delete())


@needs_push
def test_a_shift_is_handed_over(
    kaizala_people: People, kaizala_server: KaizalaServer, play: Play, say: Callable[..., None]
) -> None:
    kaizala_people.meera.votes("I take over", after_polls=1)
    kaizala_people.asha.votes("I cannot")
    say(ASHA, "handover: I am no lead")
    say(RAVI, "Good evening", "Handover: pump 7 leaks")
    states, _ = play("shift_handover")
    assert set(states.values()) == {"success"}
    assert cards(kaizala_server) == ["Ravi hands over: pump 7 leaks"]
    assert texts(kaizala_server)[-1] == "Meera has taken over. Ravi hands over: pump 7 leaks"


@needs_push
def test_nobody_takes_over(kaizala_server: KaizalaServer, play: Play, say: Callable[..., None]) -> None:
    say(MEERA, "handover")
    play("shift_handover", timeouts={"ask": NOBODY})
    assert texts(kaizala_server)[-1] == (
        "Nobody has taken over, please phone Ravi. Meera hands over: nothing special"
    )


@needs_push
def test_each_run_deals_with_one_handover(
    kaizala_people: People, kaizala_server: KaizalaServer, play: Play, say: Callable[..., None]
) -> None:
    kaizala_people.meera.votes("I take over", times=2)
    say(RAVI, "handover one", "handover two", "Bye")
    for what in ("one", "two"):
        states, _ = play("shift_handover")
        assert set(states.values()) == {"success"}
        assert texts(kaizala_server)[-1] == f"Meera has taken over. Ravi hands over: {what}"
    states, _ = play("shift_handover")
    assert set(states.values()) == {"skipped"}


@needs_push
def test_the_group_reads_that_nobody_could_be_asked(
    kaizala_people: People, kaizala_server: KaizalaServer, play: Play, say: Callable[..., None]
) -> None:
    say(RAVI, "handover one")
    kaizala_server.fault("postAction", status=403)
    states, _ = play("shift_handover")
    assert (states["read_handover"], states["ask"]) == ("success", "failed")
    assert texts(kaizala_server)[-1] == (
        "A shift is handed over, but nobody could be asked to take over. Please phone each other."
    )


@needs_push
def test_a_lead_without_a_name_hands_over(
    kaizala_people: People, kaizala_server: KaizalaServer, play: Play, say: Callable[..., None], receiver: str
) -> None:
    kaizala_people.meera.votes("I take over")
    subscription = Subscription("kaizala_default", "Group", GROUP)
    event = {
        "eventId": "nameless",
        "eventType": "TextMessageCreated",
        "objectType": "Group",
        "objectId": GROUP,
    }
    reply = requests.post(
        subscription.callback_url(receiver),
        json={**event, "fromUser": RAVI, "data": {"text": "handover"}},
        headers={"kz-callback-token": subscription.token(WEBHOOK_SECRET)},
        timeout=30,
    )
    assert reply.status_code == 200
    play("shift_handover")
    assert cards(kaizala_server) == [f"{RAVI} hands over: nothing special"]


@needs_push
def test_a_handover_is_not_lost_if_the_run_fails(
    kaizala_people: People, kaizala_server: KaizalaServer, play: Play, say: Callable[..., None]
) -> None:
    kaizala_people.meera.votes("I take over")
    say(RAVI, "handover one")
    states, _ = play("shift_handover", refuse="read_handover")
    assert states["read_handover"] == "failed"
    states, _ = play("shift_handover")
    assert set(states.values()) == {"success"}
    assert cards(kaizala_server) == ["Ravi hands over: one"]
