"""Running the server: in the foreground for the command, or in a thread for tests."""

from __future__ import annotations

import gc
import ipaddress
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import uvicorn

from airflow_provider_kaizala.server.api.connections import PlainProtocol
from airflow_provider_kaizala.server.app import create_app
from airflow_provider_kaizala.server.config import ServerConfig
from airflow_provider_kaizala.server.control.cutting import CuttableProtocol
from airflow_provider_kaizala.server.people.live import Live
from airflow_provider_kaizala.server.startup import StartError, open_state
from airflow_provider_kaizala.server.state import ServerState


def listen(host: str, port: int) -> socket.socket:
    """Bind the port before anything else is touched; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise StartError(f"cannot listen on {host}:{port}: {reason}") from None
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _address(config: ServerConfig, listener: socket.socket) -> str:
    """Return the address that webhooks tell: the configured one, or where the server listens."""
    return (config.public_url or url_of(listener).replace("//0.0.0.0:", "//localhost:")).rstrip("/")


class _Uvicorn(uvicorn.Server):
    """Uvicorn that tells when it answers."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None], live: Live) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._live = live

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what never ends by itself, then stop."""
        self._live.close()
        await super().shutdown(sockets=sockets)


def _build(config: ServerConfig, state: ServerState, on_ready: Callable[[], None]) -> _Uvicorn:
    app = create_app(config, state)
    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        log_level=config.log_level,
        server_header=False,
        # Uvicorn would believe whoever comes over loopback.
        proxy_headers=bool(config.trusted_proxies),
        forwarded_allow_ips=list(config.trusted_proxies),
        # Longer than clients keep idle connections, so that the server is not the one who closes under a request.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        http=CuttableProtocol if config.test_mode else PlainProtocol,
        h11_max_incomplete_event_size=64 * 1024,
    )
    return _Uvicorn(settings, on_ready, app.state.kaizala_live)


def _need_loopback(config: ServerConfig) -> None:
    """Refuse to show others what is open to everybody, unless the settings insist."""
    try:
        is_loopback = ipaddress.ip_address(config.host).is_loopback
    except ValueError:
        is_loopback = config.host == "localhost"
    opened = [
        what
        for what, given in (
            ("--test-mode, which lets anybody control the server", config.test_mode),
            ("--seed demo, whose secrets are public", config.seed == "demo"),
        )
        if given
    ]
    if opened and not is_loopback and not config.insecure:
        raise StartError(
            f"{config.host} can be reached from elsewhere, and so can {' and '.join(opened)}; "
            "listen on 127.0.0.1, or add --insecure to do it all the same"
        )


def serve(config: ServerConfig, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; raises :class:`StartError` if that is impossible."""
    _need_loopback(config)
    with listen(config.host, config.port) as listener:
        state = open_state(config)
        state.address = _address(config, listener)

        def ready() -> None:
            # What is there now stays: the garbage collector need not walk through it while calls wait.
            gc.collect()
            gc.freeze()
            on_ready(url_of(listener))

        _build(config, state, ready).run(sockets=[listener])


class RunningServer:
    """A server in a thread of this process, on a free port unless the settings name one.

    ::

        with RunningServer(ServerConfig(port=0, database="sqlite:////tmp/k.db", seed="demo")) as server:
            httpx.get(server.url + "/healthz")
    """

    def __init__(self, config: ServerConfig) -> None:
        _need_loopback(config)
        self.config = config
        self.url = ""
        self._listener = listen(config.host, config.port)
        try:
            self.state = open_state(config)
            self.state.address = _address(config, self._listener)
        except BaseException:
            self._listener.close()
            raise
        self._ready = threading.Event()
        self._server = _build(config, self.state, self._ready.set)
        self._thread = threading.Thread(target=self._run, name="kaizala-server", daemon=True)

    def start(self) -> Self:
        """Start, and return when the server answers."""
        self._thread.start()
        while not self._ready.wait(0.05):
            if not self._thread.is_alive():
                raise StartError("the server ended before it answered")
        self.url = url_of(self._listener)
        return self

    def stop(self) -> None:
        """Stop, and return when everything is closed."""
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
