"""Exchanges one request for one reply over requests, within a bound.

requests bounds connecting and each read, but not their sum: a reply that drips in a byte at a time never ends. A watchdog
shuts the socket of an exchange down when its time is over, which ends any read or write at once, headers and uploads
included.
"""

from __future__ import annotations

import math
import os
import re
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import default_headers, get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from airflow_provider_kaizala.client.effects import Reply, Send, TransportFailure
from airflow_provider_kaizala.client.multipart import Upload
from airflow_provider_kaizala.client.tls import ca_bundle, is_certificate_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_kaizala.client.tls import Network


class RequestsTransport:
    """Sends requests for one connector. Keeps no cookies, follows no redirects, reads no ``~/.netrc``.

    It uses the transport adapter of requests without its session, which would do all of that and more for each request.
    """

    def __init__(self, settings: Network) -> None:
        self._settings = settings
        self._adapter = _WatchedAdapter()
        self._headers = default_headers()
        self._proxies: dict[str, Mapping[str, str]] = {}

    def exchange(self, send: Send) -> Reply:
        """Send a request and read the whole reply.

        :raises TransportFailure: if no whole reply came
        :raises KaizalaInputError: if ``verify`` of the settings names a file that does not exist
        """
        verify = ca_bundle(self._settings.verify)
        content = send.content
        length = content.length() if isinstance(content, Upload) else len(content or b"")
        exchange = _current.exchange = _Exchange()
        _watchdog.watch(exchange, send.total_timeout)
        try:
            request = self._prepared(send, length)
            response = self._adapter.send(
                request,
                stream=True,
                timeout=(send.connect_timeout, send.read_timeout),
                verify=verify,
                proxies=self._proxies_for(request.url or ""),
            )
            with response:
                reply = Reply.read(response.status_code, response.headers, response.content)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            if exchange.expired:
                raise TransportFailure.timed_out(sent=exchange.sent) from None
            exchange.hang_up()  # the next call must not meet what is left of this reply
            raise TransportFailure(
                _reason(error), sent=exchange.sent, certificate=is_certificate_error(error)
            ) from None
        finally:
            _watchdog.forget(exchange)
            _current.exchange = None
        if exchange.expired:
            raise TransportFailure.timed_out(sent=True)
        return reply

    def _prepared(self, send: Send, length: int) -> requests.PreparedRequest:
        request = requests.PreparedRequest()
        request.prepare_method(send.method)
        request.prepare_url(send.url, None)
        headers = request.headers = CaseInsensitiveDict({**self._headers, **send.headers})
        request.body = send.content  # type: ignore[assignment]
        if send.content is not None:
            headers["Content-Length"] = str(length)
        return request

    def _proxies_for(self, url: str) -> Mapping[str, str]:
        """Return the configured proxies, else those of the environment, which costs too much to look up for each request."""
        if self._settings.proxies is not None:
            return self._settings.proxies
        parts = urlsplit(url)
        where = f"{parts.scheme}://{parts.netloc}"
        if where not in self._proxies:
            self._proxies[where] = get_environ_proxies(where)
        return self._proxies[where]

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()


def _reason(error: BaseException) -> str:
    """Return what went wrong, without the objects that urllib3 prints."""
    for cause in (getattr(error, "reason", None), *error.args):
        if isinstance(cause, BaseException):
            return _reason(cause)
    return re.sub(r"^(<.*?>|\w+\(host=.*?\)): ", "", str(error)) or type(error).__name__


# --- the bound on a whole exchange -----------------------------------------------------------------------------------


class _Exchange:
    """The exchange under way in one thread."""

    def __init__(self) -> None:
        self.sock: Any = None
        self.sent = False
        self.expired = False

    def expire(self) -> None:
        self.expired = True
        self.hang_up()

    def hang_up(self) -> None:
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _Watchdog:
    """Ends exchanges whose time is over. One thread for all clients: a timer for each exchange costs a thread each."""

    #: seconds after which the thread ends if there is nothing to watch
    IDLE = 60.0

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start without a thread, as a forked process does."""
        self._change = threading.Condition()
        self._ends: dict[_Exchange, float] = {}
        self._wakes = math.inf
        self._running = False

    def watch(self, exchange: _Exchange, seconds: float) -> None:
        ends = time.monotonic() + seconds
        with self._change:
            self._ends[exchange] = ends
            if not self._running:
                self._running, self._wakes = True, ends
                threading.Thread(target=self._run, name="kaizala-watchdog", daemon=True).start()
            elif ends < self._wakes:  # most exchanges end later than the thread wakes anyway
                self._change.notify()

    def forget(self, exchange: _Exchange) -> None:
        with self._change:
            self._ends.pop(exchange, None)

    def _run(self) -> None:
        with self._change:
            while True:
                now = time.monotonic()
                for exchange in [each for each, ends in self._ends.items() if ends <= now]:
                    del self._ends[exchange]
                    exchange.expire()
                idle = not self._ends
                self._wakes = now + self.IDLE if idle else min(self._ends.values())
                self._change.wait(self._wakes - now)
                if idle and not self._ends:
                    self._running = False
                    return


_watchdog = _Watchdog()
_current = threading.local()
os.register_at_fork(after_in_child=_watchdog.reset)


class _Watched(HTTPConnection):
    """Notes in the exchange of its thread which socket it uses, and when the first byte may have gone out."""

    _connecting = False

    def connect(self) -> None:
        self._connecting = True
        try:
            super().connect()
        finally:
            self._connecting = False

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        response = super().getresponse(*args, **kwargs)
        if response.status < 200:  # it is read as final, and what follows it is not the next call's reply
            self.close()
        return response

    def send(self, data: Any) -> None:
        exchange: _Exchange | None = getattr(_current, "exchange", None)
        if self.sock is None:
            self.connect()  # as super().send() would; a failure here has sent nothing
        if exchange is not None:
            # kept in the exchange, since a connection drops its socket when the reply ends by closing
            exchange.sock = self.sock
            if exchange.expired:  # before there was a socket to shut down
                raise TimeoutError
            # what goes out while connecting asks a proxy for a tunnel, and contains nothing of the call
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
