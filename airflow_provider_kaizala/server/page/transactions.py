"""Running what a page asks for as the person of its session, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import Connection
from starlette.requests import Request

from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import store_failed
from airflow_provider_kaizala.server.domain.sessions import find_session
from airflow_provider_kaizala.server.page.visitor import Visitor
from airflow_provider_kaizala.server.state import state_of
from airflow_provider_kaizala.server.store.errors import StoreError

Result = TypeVar("Result")


def _as_person(
    request: Request, visitor: Visitor, operate: Callable[[Operation], Result]
) -> Callable[[Connection], Result]:
    clock = state_of(request).clock

    def work(conn: Connection) -> Result:
        now_ms = clock.now_ms()
        return operate(Operation(conn, now_ms, find_session(conn, now_ms, visitor.session)))

    return work


async def read_as(request: Request, visitor: Visitor, operate: Callable[[Operation], Result]) -> Result:
    """Read as the person who is signed in; 401 if nobody is."""
    server = state_of(request)
    try:
        result = await server.database.read(_as_person(request, visitor, operate))
    except StoreError as error:
        raise store_failed(error) from None
    server.known_tokens.add(visitor.session or "", server.clock.now_ms())
    return result


async def write_as(request: Request, visitor: Visitor, operate: Callable[[Operation], Result]) -> Result:
    """Write as the person who is signed in; durable when it returns."""
    try:
        return await state_of(request).database.write(_as_person(request, visitor, operate))
    except StoreError as error:
        raise store_failed(error) from None
