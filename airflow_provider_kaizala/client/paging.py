"""Replies that come in pages: what asks for the next one, and when to stop. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow_provider_kaizala.client.errors import KaizalaInputError, KaizalaNoReplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from airflow_provider_kaizala.client.calls.call import Call

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page.

    :ivar items: in the order of the service
    :ivar next: asks for what follows; None at the end
    """

    items: tuple[T, ...]
    next: Any = None


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """A read of several calls; ``client.iterate(paged)`` makes them one by one, as far as items are wanted.

    :param call: makes the call for a page; None stands for the first
    :param key: what tells an item from others; one that a later page brings again is left out
    :param ends_on_repeat: whether a page that brings nothing new is the last: where what asks for a page is counted here, a service
        that does not heed it would send the same without end
    """

    call: Callable[[Any], Call[Page[T]]]
    key: Callable[[T], Hashable] | None = None
    ends_on_repeat: bool = False


def single(call: Call[T]) -> Call[T]:
    """Return a call as it is.

    :raises KaizalaInputError: for what comes in pages
    """
    if isinstance(call, Paged):
        raise KaizalaInputError(f"{call.call(None).operation} comes in pages: give it to iterate, not to run")
    return call


class Walk(Generic[T]):
    """Goes from page to page: make :attr:`call`, give its page to :meth:`take`, until :attr:`call` is None."""

    def __init__(self, paged: Paged[T]) -> None:
        if not isinstance(paged, Paged):
            what = getattr(paged, "operation", type(paged).__name__)
            raise KaizalaInputError(f"{what} does not come in pages: give it to run, not to iterate")
        self._paged = paged
        self._seen: set[Hashable] = set()
        self._asked: set[Any] = set()
        self.call: Call[Page[T]] | None = paged.call(None)

    def take(self, page: Page[T]) -> list[T]:
        """Return the items of a page that are new.

        :raises KaizalaNoReplyError: if the service sends in circles: what it has left is then out of reach
        """
        if self.call is not None and page.next is not None and page.next in self._asked:
            raise KaizalaNoReplyError(
                f"{self.call.operation}: page after page names the same place to go on from"
            )
        self._asked.add(page.next)
        self.call = None if page.next is None else self._paged.call(page.next)
        key = self._paged.key
        if key is None:
            return list(page.items)
        new: list[T] = []
        for item in page.items:
            mark = key(item)
            if mark not in self._seen:
                self._seen.add(mark)
                new.append(item)
        if self._paged.ends_on_repeat and not new:
            self.call = None
        return new
