"""Two worlds to run the client in: a scripted one in memory for the policy, a misbehaving socket server for the drivers."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from airflow_provider_kaizala.client.async_client import AsyncKaizalaClient
from airflow_provider_kaizala.client.client import KaizalaClient
from airflow_provider_kaizala.client.effects import Load, Reply, Save, Send, Sleep, TransportFailure
from airflow_provider_kaizala.client.policy import Policy
from airflow_provider_kaizala.client.settings import Settings, Timeouts
from airflow_provider_kaizala.client.tls import CA_VARIABLES
from airflow_provider_kaizala.client.tokens import MemoryTokenStore

SECRET = "s3cret-of-the-connector"
REFRESH = "refresh-token-of-the-user"
GROUP = "11111111-1111-4111-8111-111111111111@1"
CLOCK, WALL = 5_000.0, 1_700_000_000.0


@pytest.fixture(autouse=True)
def no_proxies_and_no_certificates_of_this_machine(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in CA_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def group():
    return GROUP


@pytest.fixture
def make_settings():
    def make(**changes):
        given = {"refresh_token": REFRESH, "calls_per_minute": 0, "proxies": {}, **changes}
        return Settings(
            given.pop("connector_id", "connector-1"), given.pop("connector_secret", SECRET), **given
        )

    return make


class World:
    """Drives a policy: clock, sleeps, token store and network are all scripted and written down.

    ``tokens`` and ``replies`` hold what comes back for token calls and for all others, in order: a Reply, a
    TransportFailure, or a function of the Send. Without a script a token call brings ``access-1``, ``access-2`` ...
    """

    def __init__(self, settings, store=None, **policy):
        self.clock, self.wall = CLOCK, WALL
        self.settings, self.store = settings, store or MemoryTokenStore()
        self.tokens, self.replies = [], []
        self.endpoint = "https://kms.kaiza.la/"
        self.log, self.sends, self.sleeps, self.saved = [], [], [], []
        self.given, self.oversleep = 0, 0.0
        self.on_sleep = None
        self.policy = Policy(
            settings, clock=lambda: self.clock, wall=lambda: self.wall, jitter=lambda: 0.5, **policy
        )

    # what comes back
    @staticmethod
    def reply(status=200, body=None, **headers):
        raw = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)

    @classmethod
    def error(cls, status, code="SomeCode", message="went wrong", **headers):
        return cls.reply(status, {"message": message, "errorCode": code, "errorCategoryKey": "x"}, **headers)

    @staticmethod
    def failure(sent, detail="connection reset"):
        return TransportFailure(detail, sent=sent)

    def token(self, access=None, hours=24, refresh=None, endpoint=None):
        self.given += 1
        return self.reply(
            200,
            {
                "accessToken": access or f"access-{self.given}",
                "endpointUrl": endpoint or self.endpoint,
                "accessTokenExpiry": int((self.wall + hours * 3600) * 1000),
                "refreshToken": refresh,
                "scope": "token.write",
            },
        )

    # what went out
    @property
    def token_calls(self):
        return [send for send in self.sends if send.url.endswith("/v1/accessToken")]

    @property
    def calls(self):
        return [send for send in self.sends if not send.url.endswith("/v1/accessToken")]

    def _answer(self, send):
        self.sends.append(send)
        is_token = send.url.endswith("/v1/accessToken")
        self.log.append(f"{'token' if is_token else 'call'} {send.url}")
        if is_token:
            found = self.tokens.pop(0) if self.tokens else self.token()
        else:
            assert self.replies, f"nobody expected {send.method} {send.url}"
            found = self.replies.pop(0)
        return found(send) if callable(found) else found

    def run(self, call, **bounds):
        steps = self.policy.perform(call, **bounds)
        try:
            effect = next(steps)
            while True:
                assert len(self.log) < 500, "the policy goes round in circles"
                match effect:
                    case Send():
                        found = self._answer(effect)
                        fails = isinstance(found, TransportFailure)
                        effect = steps.throw(found) if fails else steps.send(found)
                    case Sleep(seconds):
                        self.log.append(f"sleep {seconds}")
                        self.sleeps.append(seconds)
                        if self.on_sleep:
                            self.on_sleep()
                        self.clock += seconds + self.oversleep
                        self.wall += seconds + self.oversleep
                        effect = steps.send(None)
                    case Load(grant):
                        self.log.append(f"load {grant.name}")
                        effect = steps.send(self.store.load(grant))
                    case Save(grant, tokens):
                        self.log.append(f"save {grant.name}")
                        self.saved.append(tokens)
                        self.store.save(grant, tokens)
                        effect = steps.send(None)
        except StopIteration as end:
            return end.value


@pytest.fixture
def make_world(make_settings):
    def make(store=None, **changes):
        return World(make_settings(**changes), store)

    return make


@pytest.fixture
def world(make_world):
    return make_world()


# --- the world of sockets --------------------------------------------------------------------------------------------------


@dataclass
class Received:
    """A request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = field(repr=False)
    connection: int


class RawServer:
    """A server on a free port that does to each request what its script says; token calls are always answered well.

    A script entry is called with the socket and the request and returns whether the connection goes on.
    """

    def __init__(self, tls=None, listen=True):
        self.script, self.received, self.tls = [], [], tls
        self.otherwise = None
        self.endpoint = None
        self.stop = threading.Event()
        self.closed = threading.Semaphore(0)  # one for each connection that this end has closed
        self._threads, self._sockets, self._count = [], [], 0
        self._lock = threading.Lock()
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.root = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        if listen:
            self.listen()

    def listen(self):
        self._listener.listen(64)
        self._start(self._accept)

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while not self.stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._count += 1
                self._sockets.append(connection)
            self._start(self._serve, connection, self._count)

    def _serve(self, connection, number):
        try:
            if self.tls:
                connection.settimeout(5)
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._sockets.append(connection)
            while (request := self._read(connection, number)) is not None and self._handle(
                connection, request
            ):
                pass
        except (OSError, ssl.SSLError):
            pass  # the client went away, or does not trust us
        finally:
            connection.close()
            self.closed.release()

    @staticmethod
    def _read(connection, number):
        raw = b""
        while b"\r\n\r\n" not in raw:
            piece = connection.recv(65536)
            if not piece:
                return None
            raw += piece
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        rest = [body]
        left = int(headers.get("content-length", 0)) - len(body)
        while left > 0:
            piece = connection.recv(min(left, 1 << 20))
            if not piece:
                return None
            rest.append(piece)
            left -= len(piece)
        method, target, _ = first.split(" ")
        return Received(method, target, headers, b"".join(rest), number)

    def _handle(self, connection, request):
        with self._lock:
            self.received.append(request)
            if request.target.endswith("/v1/accessToken"):
                behave = self.answer(200, self.token())
            elif self.script:
                behave = self.script.pop(0)
            else:
                behave = self.otherwise or self.answer(500, {"message": "no script", "errorCode": "NoScript"})
        return behave(connection, request)

    def token(self):
        expiry = int((time.time() + 86_400) * 1000)
        endpoint = self.endpoint or self.root
        return {"accessToken": "access-token", "endpointUrl": endpoint, "accessTokenExpiry": expiry}

    @property
    def calls(self):
        return [each for each in self.received if not each.target.endswith("/v1/accessToken")]

    @staticmethod
    def answer(status=200, body=None, *, close=False, **headers):
        raw = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        lines = [f"HTTP/1.1 {status} Some Reason", f"Content-Length: {len(raw)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]

        def behave(connection, request):
            connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + raw)
            return not close

        return behave

    def pieces(self, *parts, gap=0.0, forever=None):
        """Send raw pieces with a gap between them, then one piece for ever if wanted, then close."""

        def behave(connection, request):
            for part in parts:
                connection.sendall(part)
                self.stop.wait(gap)
            while forever is not None and not self.stop.is_set():
                connection.sendall(forever)
                self.stop.wait(gap)
            return False

        return behave

    def silence(self):
        """Say nothing, and keep the connection open."""

        def behave(connection, request):
            connection.settimeout(10)
            connection.recv(1)
            return False

        return behave

    def close(self):
        self.stop.set()
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def serve():
    """Start a RawServer; all are stopped at the end."""
    started = []
    yield lambda **options: started.append(RawServer(**options)) or started[-1]
    for server in started:
        server.close()


@pytest.fixture
def server(serve):
    return serve()


class Driver:
    """One way to run calls, with sleeps that take no time and are written down."""

    def __init__(self, kind, settings, store=None):
        self.kind, self.sleeps, self.on_sleep = kind, [], None
        policy = Policy(settings, jitter=lambda: 0.5)
        self._runner = None
        if kind == "async":
            self._runner = asyncio.Runner()
            self.client = AsyncKaizalaClient(settings, store, policy=policy, sleep=self._async_sleep)
        else:
            self.client = KaizalaClient(settings, store, policy=policy, sleep=self._sleep)

    def _sleep(self, seconds):
        self.sleeps.append(seconds)
        if self.on_sleep:
            self.on_sleep()

    async def _async_sleep(self, seconds):
        self._sleep(seconds)
        await asyncio.sleep(0)

    def run(self, call):
        return self._runner.run(self.client.run(call)) if self._runner else self.client.run(call)

    def together(self, calls):
        """Run several at once, on one event loop."""

        async def gather():
            return await asyncio.gather(*(self.client.run(call) for call in calls))

        return self._runner.run(gather())

    def idle(self, seconds):
        """Let time pass, with the event loop turning."""
        if self._runner:
            self._runner.run(asyncio.sleep(seconds))
        else:
            time.sleep(seconds)

    def close(self):
        if self._runner:
            self._runner.run(self.client.close())
        else:
            self.client.close()


@pytest.fixture(params=["sync", "async"])
def drive(request, make_settings):
    """Make a driver of each kind: ``drive(server, total=0.7, **settings)``."""
    opened = []

    def make(server, kind=request.param, store=None, connect=5.0, read=5.0, total=20.0, **changes):
        # without TLS there is nothing to verify, and no CA files to read, which takes its time
        changes = {"api_root": server.root, "verify": server.tls is not None, **changes}
        opened.append(Driver(kind, make_settings(timeouts=Timeouts(connect, read, total), **changes), store))
        return opened[-1]

    make.kind = request.param
    yield make
    for driver in opened:
        driver.close()
        if driver._runner:
            driver._runner.close()
