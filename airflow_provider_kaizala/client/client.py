"""The sync client: a loop around the policy, over requests."""

from __future__ import annotations

import math
import re
import socket
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from airflow_provider_kaizala.client.effects import (
    Effect,
    Load,
    Reply,
    Save,
    Send,
    Sleep,
    TransportFailure,
)
from airflow_provider_kaizala.client.multipart import Upload
from airflow_provider_kaizala.client.paging import Walk, single
from airflow_provider_kaizala.client.policy import Policy
from airflow_provider_kaizala.client.tls import ca_bundle, is_certificate_error
from airflow_provider_kaizala.client.tokens import MemoryTokenStore, TokenStore

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import TracebackType

    from airflow_provider_kaizala.client.calls.call import Call
    from airflow_provider_kaizala.client.paging import Paged
    from airflow_provider_kaizala.client.settings import Settings

T = TypeVar("T")


class KaizalaClient:
    """Makes calls, one after another. Usable from any script; close it, or use it as a context manager.

    ::

        settings = Settings("my-connector", "my-secret", refresh_token="...")
        with KaizalaClient(settings) as kaizala:
            posted = kaizala.run(calls.send_message(group_id, Message("Hello")))

    :param settings: the connector
    :param store: keeps tokens between processes; by default they end with this client
    :param policy: the rules, to inject a clock or share a budget
    :param sleep: waits so many seconds
    """

    def __init__(
        self,
        settings: Settings,
        store: TokenStore | None = None,
        *,
        policy: Policy | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self.policy = policy or Policy(settings)
        self._store = store or MemoryTokenStore()
        self._sleep = sleep
        self._session = requests.Session()
        self._session.trust_env = settings.proxies is None
        self._session.proxies.update(settings.proxies or {})
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _WatchedAdapter())

    def run(self, call: Call[T], *, within: float = math.inf) -> T:
        """Make a call and return what it brings.

        :param within: seconds in which it must end, with its repeats, if that is less than the settings' total
        :raises airflow_provider_kaizala.client.errors.KaizalaError: see there for the kinds
        """
        steps = self.policy.perform(single(call), within)
        resume: Callable[[], Effect] = partial(next, steps)
        while True:
            try:
                effect = resume()
            except StopIteration as end:
                value: T = end.value
                return value
            resume = self._do(effect, steps)

    def _do(self, effect: Effect, steps: Generator[Effect, Any, Any]) -> Callable[[], Effect]:
        """Do what the policy wants; return how to resume it."""
        match effect:
            case Send():
                try:
                    return partial(steps.send, self._exchange(effect))
                except TransportFailure as failure:
                    return partial(steps.throw, failure)
            case Sleep(seconds):
                self._sleep(seconds)
                return partial(steps.send, None)
            case Load(grant):
                return partial(steps.send, self._store.load(grant))
            case Save(grant, tokens):
                self._store.save(grant, tokens)
                return partial(steps.send, None)

    def _exchange(self, send: Send) -> Reply:
        headers = dict(send.headers)
        content: Any = send.content
        if isinstance(content, Upload):
            content = _Sized(content)
        verify = ca_bundle(self.settings.verify)
        with _deadline(send.total_timeout) as watch:
            try:
                with self._session.request(
                    send.method,
                    send.url,
                    headers=headers,
                    data=content,
                    timeout=(send.connect_timeout, send.read_timeout),
                    allow_redirects=False,
                    stream=True,
                    verify=verify,
                    auth=_no_auth,
                ) as response:
                    body = response.content
                if watch.expired:
                    raise TransportFailure("the time for the whole call is over", sent=True)
                return Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                if watch.expired:
                    raise TransportFailure("the time for the whole call is over", sent=watch.sent) from None
                raise TransportFailure(
                    _reason(error), sent=watch.sent, certificate=is_certificate_error(error)
                ) from None

    def iterate(self, paged: Paged[T]) -> Iterator[T]:
        """Yield the items of a paged read; a page is fetched when its first item is wanted.

        :raises airflow_provider_kaizala.client.errors.KaizalaError: see there for the kinds
        """
        walk = Walk(paged)
        while walk.call is not None:
            yield from walk.take(self.run(walk.call))

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from adding a password of ``~/.netrc``."""
    return request


def _reason(error: BaseException) -> str:
    """Say what went wrong, without the objects that urllib3 prints."""
    inner: BaseException = error
    while True:
        args = [
            arg for arg in (getattr(inner, "reason", None), *inner.args) if isinstance(arg, BaseException)
        ]
        if not args:
            break
        inner = args[0]
    text = re.sub(r"^(<.*?>|\w+\(host=.*?\)): ", "", str(inner))
    return text or type(inner).__name__


class _Sized:
    """An upload with its length, so that requests streams it with Content-Length."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._length = upload.length()

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._upload)


# --- the bound on a whole exchange -----------------------------------------------------------------------------------
#
# requests bounds connecting and each read, but not the sum: a reply that drips a byte at a time goes on for ever. A timer
# shuts the socket of the exchange down instead, which ends any read or write at once, headers and uploads included.


class _Exchange:
    """The exchange under way in one thread."""

    def __init__(self) -> None:
        self.sock: Any = None
        self.sent = False
        self.expired = False

    def expire(self) -> None:
        self.expired = True
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


_current = threading.local()


@contextmanager
def _deadline(seconds: float) -> Iterator[_Exchange]:
    exchange = _current.exchange = _Exchange()
    timer = threading.Timer(seconds, exchange.expire)
    timer.daemon = True
    timer.start()
    try:
        yield exchange
    finally:
        timer.cancel()
        _current.exchange = None


class _Watched(HTTPConnection):
    """Tells the exchange of its thread which socket it uses, and when the first byte may have gone out."""

    _connecting = False

    def connect(self) -> None:
        self._connecting = True
        try:
            super().connect()
        finally:
            self._connecting = False

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        response = super().getresponse(*args, **kwargs)
        if response.status < 200:  # taken for the last one; what follows it must not meet the next call
            self.close()
        return response

    def send(self, data: Any) -> None:
        exchange: _Exchange | None = getattr(_current, "exchange", None)
        if self.sock is None:
            self.connect()  # what super().send() would do; a failure here has sent nothing
        if exchange is not None:
            # kept here, since a connection lets go of its socket when the reply ends by closing
            exchange.sock = self.sock
            if exchange.expired:  # before there was a socket to shut down
                raise TimeoutError
            # what goes out while connecting asks a proxy for a tunnel, and holds nothing of the call
            exchange.sent = exchange.sent or not self._connecting
        super().send(data)


class _WatchedTLS(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


_POOLS = {"http": _Pool, "https": _TLSPool}


class _WatchedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
