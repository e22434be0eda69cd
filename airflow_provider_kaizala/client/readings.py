"""Reads that take several calls, as generators: they yield the calls to make, and are resumed with what these return.

A reading does no I/O. :func:`follow` drives it with a synchronous client, :func:`afollow` with an asynchronous one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_kaizala.client.drive import drive, finish
from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.client.paging import Paged, Walk

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.calls import Call

T = TypeVar("T")
Reading = Generator["Call[Any] | Paged[Any]", Any, T]


def follow(reading: Reading[T], run: Callable[[Call[Any]], Any]) -> T:
    """Make the calls of a reading one after another with *run*, and return its value."""

    async def made(call: Call[Any]) -> Any:
        return run(call)

    return finish(afollow(reading, made))


async def afollow(reading: Reading[T], run: Callable[[Call[Any]], Awaitable[Any]]) -> T:
    """Make the calls of a reading one after another on an event loop, and return its value."""

    async def found(wanted: Call[Any] | Paged[Any]) -> Any:
        if not isinstance(wanted, Paged):
            return await run(wanted)
        items: list[Any] = []
        walk: Walk[Any] = Walk(wanted)
        while walk.call is not None:
            items += walk.take(await run(walk.call))
        return items

    return await drive(reading, found, KaizalaError)
