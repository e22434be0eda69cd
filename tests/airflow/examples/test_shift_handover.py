"""A message starts a run that asks who takes over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_kaizala.push.subscriptions import Subscription
from demo.people import ASHA, MEERA, RAVI
from demo.stack import GROUP
from tests.airflow.examples.playing import NOBODY, WEBHOOK_SECRET, cards, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kaizala.testing.people import People
    from airflow_provider_kaizala.testing.server import KaizalaServer
    from tests.airflow.examples.playing import Play

pytestmark = pytest.mark.airflow


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
