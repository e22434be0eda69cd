"""Reads that take several calls, as generators: they yield the calls to make, and are resumed with what these return.

A reading does no I/O. :func:`follow` drives it with a synchronous client, :func:`afollow` with an asynchronous one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

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

    try:
        afollow(reading, made).send(None)  # never suspends, since nothing in it waits
    except StopIteration as end:
        value: T = end.value
        return value
    raise RuntimeError("a reading waited for something")


async def afollow(reading: Reading[T], run: Callable[[Call[Any]], Awaitable[Any]]) -> T:
    """Make the calls of a reading one after another on an event loop, and return its value."""
    resume: Callable[[], Call[Any] | Paged[Any]] = partial(next, reading)
    while True:
        try:
            wanted = resume()
        except StopIteration as end:
            value: T = end.value
            return value
        try:
            if isinstance(wanted, Paged):
                walk: Walk[Any] = Walk(wanted)
                found: Any = []
                while walk.call is not None:
                    found += walk.take(await run(walk.call))
            else:
                found = await run(wanted)
        except KaizalaError as error:
            resume = partial(reading.throw, error)
        else:
            resume = partial(reading.send, found)
