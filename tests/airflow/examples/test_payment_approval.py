"""Two of three approve a payment, or the director decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.people import ASHA
from tests.airflow.examples.playing import NOBODY, SOMEBODY, TIME_IS_UP, cards, reminders, texts

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.people import People
    from airflow_provider_kaizala.testing.server import KaizalaServer
    from tests.airflow.examples.playing import Play

pytestmark = pytest.mark.airflow


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
