"""Trying PINs: guesses are slowed down, and nobody's guesses lock somebody else out."""

from __future__ import annotations

import runpy
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import func, select, update

from airflow_provider_kaizala.server import hashing
from airflow_provider_kaizala.server.clock import DAY, MINUTE, SECOND
from airflow_provider_kaizala.server.store.tables import person, pin_backoff
from tests.unit.server.conftest import ASHA, MEERA, RAVI

NOBODY = "+919999999999"


@pytest.fixture
def server(server):
    server.state.clock.freeze()
    return server


def sign(server, mobile, pin, device=None):
    headers = {"Authorization": f"Bearer {device}"} if device else {}
    body = {"mobileNumber": mobile, "pin": pin}
    return httpx.post(server.url + "/people/session", json=body, headers=headers)


def rows(server, query):
    return server.state.database.submit(lambda conn: conn.execute(query).all()).result()


def stored_hash(server, mobile):
    return rows(server, select(person.c.pin_hash).where(person.c.mobile == mobile))[0][0]


# --- back-off ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mobile", [RAVI, NOBODY])
def test_after_five_wrong_pins_each_try_waits_twice_as_long_up_to_minutes(server, mobile) -> None:
    replies = [sign(server, mobile, f"{n:04}") for n in range(5)]
    assert {r.status_code for r in replies} == {401}
    assert len({r.text for r in replies}) == 1
    waits = []
    for _ in range(9):
        early = sign(server, mobile, "1234")
        assert early.status_code == 429
        waits.append(int(early.headers["retry-after"]))
        server.state.clock.advance(waits[-1] * SECOND)
        assert sign(server, mobile, "0000").status_code == 401
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900, 900]


def test_a_right_pin_after_the_wait_signs_in_and_the_count_starts_again(server) -> None:
    for n in range(5):
        sign(server, RAVI, f"{n:04}")
    assert sign(server, RAVI, "1234").status_code == 429
    server.state.clock.advance(15 * SECOND)
    assert sign(server, RAVI, "1234").status_code == 200
    assert [sign(server, RAVI, "0000").status_code for _ in range(6)] == [401] * 5 + [429]


def test_guesses_of_others_do_not_lock_out_a_known_device(server) -> None:
    device = sign(server, RAVI, "1234").json()["token"]
    for _ in range(20):
        sign(server, RAVI, "0000")
        server.state.clock.advance(MINUTE)
    assert sign(server, RAVI, "1234").status_code == 429
    assert sign(server, RAVI, "1234", device).status_code == 200
    assert sign(server, RAVI, "1234").status_code == 429, "which frees nobody else"
    assert [sign(server, RAVI, "0000", device).status_code for _ in range(6)] == [401] * 5 + [429]


def test_a_device_is_known_only_for_its_own_number(server) -> None:
    device = sign(server, RAVI, "1234").json()["token"]
    for _ in range(5):
        sign(server, ASHA, "0000", device)
    assert sign(server, ASHA, "1234", device).status_code == 429
    assert sign(server, RAVI, "1234", device).status_code == 200


def test_a_device_stays_known_after_its_session(server) -> None:
    device = sign(server, RAVI, "1234").json()["token"]
    headers = {"Authorization": f"Bearer {device}"}
    assert httpx.delete(server.url + "/people/session", headers=headers).status_code == 200
    assert httpx.get(server.url + "/people/groups", headers=headers).status_code == 401
    server.state.clock.advance(100 * DAY)
    for _ in range(5):
        sign(server, RAVI, "0000")
    assert sign(server, RAVI, "1234").status_code == 429
    assert sign(server, RAVI, "1234", device).status_code == 200


def test_an_address_is_slowed_down_over_all_numbers_and_never_for_long(server) -> None:
    statuses = [sign(server, f"+9188888{n:05}", "1234").status_code for n in range(31)]
    assert statuses == [401] * 30 + [429]
    waits = []
    for n in range(7):
        early = sign(server, MEERA, "1234")
        assert early.status_code == 429
        waits.append(int(early.headers["retry-after"]))
        server.state.clock.advance(waits[-1] * SECOND)
        assert sign(server, f"+9177777{n:05}", "1234").status_code == 401
    assert waits == [2, 4, 8, 16, 32, 60, 60]
    server.state.clock.advance(MINUTE)
    assert sign(server, MEERA, "1234").status_code == 200


def test_a_pin_of_ones_own_does_not_free_the_address_for_more_guesses(server) -> None:
    for n in range(29):
        sign(server, f"+9188888{n:05}", "1234")
    assert [sign(server, RAVI, "1234").status_code for _ in range(3)] == [200] * 3
    assert sign(server, NOBODY, "1234").status_code == 401
    assert sign(server, RAVI, "1234").status_code == 429


def test_many_tries_at_once_are_all_counted_by_several_servers_together(server, make_server) -> None:
    other = make_server(database=server.config.database)
    other.state.clock.freeze(server.state.clock.now_ms())
    with ThreadPoolExecutor(16) as pool:
        tries = pool.map(lambda n: sign((server, other)[n % 2], RAVI, f"{n:04}").status_code, range(40))
        assert sorted(tries) == [401] * 5 + [429] * 35


def test_counters_are_forgotten_and_hold_no_number(server) -> None:
    for n in range(8):
        sign(server, f"+9188888{n:05}", "1234")
    names = [name for (name,) in rows(server, select(pin_backoff.c.counter))]
    assert len(names) == 9
    assert all(len(name.partition(":")[2]) == 5 for name in names), "so there are two million at most"
    server.state.clock.advance(DAY + 1)
    sign(server, NOBODY, "1234")
    assert rows(server, select(func.count()).select_from(pin_backoff)) == [(2,)]


# --- hashing ----------------------------------------------------------------------------------------------------------
def test_an_unknown_number_takes_as_long(server, monkeypatch) -> None:
    hashed: list[tuple[object, ...]] = []
    slowly = hashing._scrypt

    def noting(pin, salt, *cost):
        hashed.append((pin, *cost))
        return slowly(pin, salt, *cost)

    monkeypatch.setattr(hashing, "_scrypt", noting)
    sign(server, RAVI, "1111")
    sign(server, NOBODY, "2222")
    assert hashed == [("1111", *hashing.PIN_COST), ("2222", *hashing.PIN_COST)]


def test_a_pin_is_hashed_slowly() -> None:
    cost = runpy.run_path(hashing.__file__)["PIN_COST"]  # these tests lower it for themselves
    assert cost >= (14, 8, 1)


def test_neither_the_writer_nor_the_event_loop_waits_for_a_hash(server, monkeypatch) -> None:
    hashing_now, may_end = threading.Event(), threading.Event()
    slowly = hashing._scrypt

    def held(*given):
        hashing_now.set()
        assert may_end.wait(20)
        return slowly(*given)

    monkeypatch.setattr(hashing, "_scrypt", held)
    with ThreadPoolExecutor(1) as pool:
        signing = pool.submit(sign, server, RAVI, "1234")
        assert hashing_now.wait(20)
        try:
            assert server.state.database.submit(lambda conn: conn.execute(select(1)).scalar()).result(5) == 1
            assert httpx.get(server.url + "/healthz", timeout=5).status_code == 200
        finally:
            may_end.set()
        assert signing.result().status_code == 200


def test_the_parameters_are_stored_and_a_pin_is_hashed_anew_when_they_change(server, monkeypatch) -> None:
    before = stored_hash(server, RAVI)
    assert before.startswith("$scrypt$ln=1,r=8,p=1$")
    monkeypatch.setattr(hashing, "PIN_COST", (2, 8, 1))
    assert sign(server, RAVI, "0000").status_code == 401
    assert stored_hash(server, RAVI) == before
    assert sign(server, RAVI, "1234").status_code == 200
    after = stored_hash(server, RAVI)
    assert after.startswith("$scrypt$ln=2,r=8,p=1$")
    assert sign(server, RAVI, "1234").status_code == 200
    assert stored_hash(server, RAVI) == after


def test_a_pin_that_was_changed_while_it_was_checked_signs_nobody_in(server, monkeypatch) -> None:
    slowly = hashing._scrypt
    monkeypatch.setattr(hashing, "_scrypt", lambda *given: change() or slowly(*given))

    def change():
        monkeypatch.setattr(hashing, "_scrypt", slowly)
        new = update(person).where(person.c.mobile == RAVI).values(pin_hash=hashing.hash_pin("9999"))
        server.state.database.submit(lambda conn: conn.execute(new) and None).result(5)

    assert sign(server, RAVI, "1234").status_code == 401
    assert sign(server, RAVI, "9999").status_code == 200


# --- proxies ----------------------------------------------------------------------------------------------------------
def sign_from(server, address, mobile):
    body = {"mobileNumber": mobile, "pin": "0000"}
    headers = {"X-Forwarded-For": address}
    return httpx.post(server.url + "/people/session", json=body, headers=headers).status_code


def test_x_forwarded_for_is_believed_only_from_trusted_proxies(make_server) -> None:
    direct = make_server()
    statuses = [sign_from(direct, f"203.0.113.{n}", f"+9188888{n:05}") for n in range(31)]
    assert statuses == [401] * 30 + [429], "anybody can write that header"
    behind = make_server(trusted_proxies=("192.0.2.1", "127.0.0.0/8"))
    statuses = [sign_from(behind, f"203.0.113.{n}", f"+9188888{n:05}") for n in range(31)]
    assert statuses == [401] * 31
    statuses = [sign_from(behind, "198.51.100.1, 127.0.0.2", f"+9177777{n:05}") for n in range(31)]
    assert statuses == [401] * 30 + [429], "the address before the trusted ones"


def test_a_known_device_waits_too_and_then_signs_in(server) -> None:
    device = sign(server, RAVI, "1234").json()["token"]
    for _ in range(5):
        sign(server, RAVI, "0000", device)
    assert sign(server, RAVI, "1234", device).status_code == 429
    server.state.clock.advance(15 * SECOND)
    assert sign(server, RAVI, "1234", device).status_code == 200
