"""Drives generators that yield what they want done and are resumed with the result: the policy, and readings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

T = TypeVar("T")
Wanted = TypeVar("Wanted")


async def drive(
    steps: Generator[Wanted, Any, T], do: Callable[[Wanted], Awaitable[Any]], thrown: type[Exception]
) -> T:
    """Run *steps* to their end, and return their value.

    :param do: does what was yielded
    :param thrown: errors of *do* that are thrown into *steps*; others are raised
    """
    resume: Callable[[], Wanted] = partial(next, steps)
    while True:
        try:
            wanted = resume()
        except StopIteration as end:
            value: T = end.value
            return value
        try:
            resume = partial(steps.send, await do(wanted))
        except thrown as error:
            resume = partial(steps.throw, error)


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, since all that it awaits is synchronous, and return its value."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    raise RuntimeError(f"{coroutine!r} waits for an event loop")
