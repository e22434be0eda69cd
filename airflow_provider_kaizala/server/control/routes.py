"""The control plane under ``/_test/``, there only in test mode. All of it is JSON, except the page.

====== ============================== =====================================================================================
GET    /_test/                        the journal as a page
POST   /_test/replay                  deliver an event again, for the page
POST   /_test/reset                   back to the seed, to real time; no faults, an empty journal
POST   /_test/seed                    add a seed (YAML or JSON); ``?replace=true`` empties the database first
GET    /_test/seed                    all that was seeded, with the secrets of the test data
GET    /_test/clock                   ``{"now", "nowMs", "frozen"}``
POST   /_test/clock                   ``{"freeze": true | ISO 8601 | ms}``, ``{"advance": seconds}`` or ``{"resume": true}``
GET    /_test/faults                  what stands, and how often it struck
POST   /_test/faults                  one fault or a list of them, see :mod:`control.faults`
DELETE /_test/faults                  no faults any more
GET    /_test/journal                 ``?since=&operation=&group=&status=&count=&wait=``
POST   /_test/rotation                ``{"endsOldToken": true}``: a refresh token stops working as soon as it was rotated
POST   /_test/delete-action           ``{"actionId"}``
POST   /_test/revoke-grant            ``{"connectorId", "groupId" | "mobileNumber"}``
GET    /_test/people                  everybody, with their groups
any    /_test/people/{phone}/...      the same acts as ``/people/...``, without a PIN
====== ============================== =====================================================================================
"""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.api.bodies import json_reply, query_fields, read_bounded, read_fields
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.api.lenient_json import parse_object
from airflow_provider_kaizala.server.api.operations import OPERATIONS
from airflow_provider_kaizala.server.clock import SECOND
from airflow_provider_kaizala.server.control import acts
from airflow_provider_kaizala.server.control.faults import read_faults
from airflow_provider_kaizala.server.control.journal import CALLBACKS, Wanted
from airflow_provider_kaizala.server.control.plane import plane_of
from airflow_provider_kaizala.server.delivery.deliverer import Deliverer
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.ids import canonical
from airflow_provider_kaizala.server.domain.times import from_iso, iso_ms
from airflow_provider_kaizala.server.seeds.apply import apply_seed, clear, hash_pins
from airflow_provider_kaizala.server.seeds.load import SeedError, parse_seed
from airflow_provider_kaizala.server.startup import start_over
from airflow_provider_kaizala.server.state import state_of

router = APIRouter(prefix="/_test")

LATEST_MS = 4_102_444_800_000  # the year 2100: beyond every life of a token, and far from where dates end
MAX_WAIT = 30
MAX_ENTRIES = 1000
_LOOK_EVERY = 0.01
_MOVES = ("freeze", "advance", "resume")
_FILTERS = ("since", "operation", "group", "status", "count", "wait")
_BY_LOWER_CASE = {name.lower(): name for name in (*OPERATIONS, *CALLBACKS)}


async def _fields(request: Request, *names: str) -> Fields:
    return (await read_fields(request, state_of(request).config.max_body)).only(*names)


@router.post("/reset")
async def reset(request: Request) -> Response:
    """Go back to the seed the server was started with, or to an empty database, and to real time."""
    server = state_of(request)
    server.clock.reset()
    await server.database.write(lambda conn: start_over(conn, server.config, server.clock.now_ms()))
    server.throttle.forget()
    server.media.clear()
    server.rotation_ends_old_token = False
    # Before the journal is emptied: what was on its way would be written into the next test's.
    deliverer: Deliverer = request.app.state.kaizala_deliverer
    await deliverer.break_off()
    plane_of(request).start_over()
    return json_reply({})


@router.post("/seed")
async def add_seed(request: Request) -> Response:
    """Add a seed to what is there, or put it in the place of all; a mistake changes nothing."""
    server, plane = state_of(request), plane_of(request)
    replace = query_fields(request).only("replace").boolean("replace")
    raw = await read_bounded(request, server.config.max_body)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise bad_request("The seed is not text in UTF-8") from None
    try:
        seed = parse_seed(text, "body")
        await asyncio.to_thread(hash_pins, seed)

        def work(conn: Connection) -> None:
            if replace:
                clear(conn)
            apply_seed(conn, seed, server.clock.now_ms())

        await server.database.write(work)
    except SeedError as error:
        sentence = str(error)
        raise bad_request(sentence[:1].upper() + sentence[1:]) from None
    plane.seeded(seed, replace=replace)
    return json_reply({})


@router.get("/seed")
async def read_seed(request: Request) -> Response:
    """Return all that was seeded."""
    return json_reply(plane_of(request).seeds())


@router.get("/clock")
async def read_clock(request: Request) -> Response:
    """Return the server's time."""
    clock = state_of(request).clock
    now_ms = clock.now_ms()
    return json_reply({"now": iso_ms(now_ms), "nowMs": now_ms, "frozen": clock.is_frozen})


@router.post("/clock")
async def move_clock(request: Request) -> Response:
    """Freeze, advance or resume the server's time."""
    clock = state_of(request).clock
    fields = await _fields(request, *_MOVES)
    if [fields.has(name) for name in _MOVES].count(True) != 1:
        raise bad_request("One of freeze, advance and resume is required, and one only")
    if fields.has("freeze"):
        clock.freeze(_moment(fields))
    elif fields.has("advance"):
        by_ms = int(fields.number("advance") * SECOND)
        if by_ms < 0:
            raise bad_request("advance must not be negative: time does not go back")
        _bounded(clock.now_ms() + by_ms, "advance")
        clock.advance(by_ms)
    elif fields.boolean("resume"):
        clock.resume()
    return await read_clock(request)


def _moment(fields: Fields) -> int | None:
    given = fields.raw("freeze")
    if given is True:
        return None
    if isinstance(given, bool):
        raise bad_request("freeze must be true, a time such as 2024-03-22T18:30:00Z, or epoch milliseconds")
    if isinstance(given, str) and not given.strip().isdigit():
        return _bounded(from_iso(given, "freeze"), "freeze")
    return _bounded(fields.integer("freeze") or 0, "freeze")


def _bounded(moment_ms: int, name: str) -> int:
    if not 0 < moment_ms <= LATEST_MS:
        raise bad_request(f"{name} leads out of the years 1970 to 2100")
    return moment_ms


@router.get("/faults")
async def list_faults(request: Request) -> Response:
    """List the faults, and how often each struck."""
    return json_reply({"faults": [one.shown() for one in plane_of(request).faults.standing]})


@router.post("/faults")
async def add_faults(request: Request) -> Response:
    """Put up one fault or a list of them."""
    raw = await read_bounded(request, state_of(request).config.max_body)
    is_list = raw.lstrip()[:1] == b"["
    given = parse_object(b'{"faults":%b}' % raw if is_list else raw)
    added = plane_of(request).faults.add(read_faults(given["faults"] if is_list else given))
    return json_reply({"faults": [one.shown() for one in added]})


@router.delete("/faults")
async def clear_faults(request: Request) -> Response:
    """Take all faults away."""
    plane_of(request).faults.clear()
    return json_reply({})


@router.get("/journal")
async def read_journal(request: Request) -> Response:
    """Return what came and went, masked; with ``wait`` as soon as there is something, or after so many seconds."""
    journal = plane_of(request).journal
    query = query_fields(request).only(*_FILTERS)
    wanted = Wanted(
        since=query.integer("since", least=0) or 0,
        operations=frozenset(_operation(name) for name in query.texts("operation")),
        group=None if query.raw("group") is None else canonical(query.text("group")),
        statuses=frozenset(_status(one) for one in query.texts("status")),
    )
    count = query.integer("count", least=1) or MAX_ENTRIES
    until = time.monotonic() + (query.integer("wait", least=0, most=MAX_WAIT) or 0)
    while not journal.holds(wanted) and time.monotonic() < until and not await request.is_disconnected():  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_EVERY)  # entries come from several threads
    return json_reply(journal.read(wanted, min(count, MAX_ENTRIES)))


def _operation(name: str) -> str:
    if name.lower() not in _BY_LOWER_CASE:
        raise bad_request(f"operation {name[:80]!r} is no operationId")
    return _BY_LOWER_CASE[name.lower()]


def _status(given: str) -> int:
    text = given.lower().removesuffix("xx")
    if not (text.isascii() and text.isdigit() and len(text) in (1, 3)):
        raise bad_request("status must be a status such as 404, or a class such as 4xx")
    return int(text)


@router.post("/rotation")
async def set_rotation(request: Request) -> Response:
    """Set whether a refresh token stops working as soon as it was rotated."""
    fields = await _fields(request, "endsOldToken")
    state_of(request).rotation_ends_old_token = fields.boolean("endsOldToken")
    return json_reply({})


@router.post("/delete-action")
async def delete_action(request: Request) -> Response:
    """Delete an action."""
    server = state_of(request)
    action_id = (await _fields(request, "actionId")).text("actionId", most=128)
    await server.database.write(lambda conn: acts.delete_action(conn, server.clock.now_ms(), action_id))
    return json_reply({})


@router.post("/revoke-grant")
async def revoke_grant(request: Request) -> Response:
    """Take a grant back: its refresh tokens and access tokens end."""
    server = state_of(request)
    fields = await _fields(request, "connectorId", "groupId", "mobileNumber")
    count = await server.database.write(lambda conn: acts.revoke_grants(conn, server.clock.now_ms(), fields))
    return json_reply({"revoked": count})


@router.get("/people")
async def list_people(request: Request) -> Response:
    """List everybody."""
    return json_reply(await state_of(request).database.read(acts.list_people))
