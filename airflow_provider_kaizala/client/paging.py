"""Replies in pages: which call fetches the next page, and when to stop. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow_provider_kaizala.client.errors import KaizalaInputError, KaizalaNoReplyError
from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from airflow_provider_kaizala.client.calls.call import Call

T = TypeVar("T")


class Page(Value, Generic[T]):
    """One page.

    :ivar items: in the order in which Kaizala returned them
    :ivar next: identifies the next page; None on the last one
    """

    items: tuple[T, ...]
    next: Any = None


class Paged(Value, Generic[T]):
    """A read that takes several calls; ``client.iterate(paged)`` makes each when its items are needed.

    :param call: returns the call for a page; its argument is None for the first page, else :attr:`Page.next`
    :param key: identifies an item; an item that a later page repeats is left out
    :param ends_on_repeat: whether a page without new items is the last one. Needed where the client counts offsets: a server that
        ignores them would send the same page forever
    """

    call: Callable[[Any], Call[Page[T]]]
    key: Callable[[T], Hashable] | None = None
    ends_on_repeat: bool = False


def single(call: Call[T]) -> Call[T]:
    """Return a single call unchanged.

    :raises KaizalaInputError: if it is a :class:`Paged`
    """
    if isinstance(call, Paged):
        raise KaizalaInputError(
            f"{call.call(None).operation} returns pages: pass it to iterate(), not to run()"
        )
    return call


class Walk(Generic[T]):
    """Walks from page to page: make :attr:`call`, pass its page to :meth:`take`, until :attr:`call` is None."""

    def __init__(self, paged: Paged[T]) -> None:
        if not isinstance(paged, Paged):
            what = getattr(paged, "operation", type(paged).__name__)
            raise KaizalaInputError(f"{what} does not return pages: pass it to run(), not to iterate()")
        self._paged = paged
        self._seen: set[Hashable] = set()
        self._asked: set[Any] = set()
        self.call: Call[Page[T]] | None = paged.call(None)

    def take(self, page: Page[T]) -> list[T]:
        """Return the new items of a page.

        :raises KaizalaNoReplyError: if Kaizala names a next page that was already read, so the rest cannot be reached
        """
        if self.call is not None and page.next is not None and page.next in self._asked:
            raise KaizalaNoReplyError(
                f"{self.call.operation}: the reply names a next page that was already read"
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
