"""The command ``kaizala-server``."""

from __future__ import annotations

import ipaddress
import logging
import math
import signal
import sys
from urllib.parse import urlsplit

import click

from airflow_provider_kaizala.server.admin.commands import COMMANDS
from airflow_provider_kaizala.server.admin.commands.shown import DATABASE_VARIABLE
from airflow_provider_kaizala.server.config import DEFAULT_DATABASE, ServerConfig
from airflow_provider_kaizala.server.run import serve
from airflow_provider_kaizala.server.startup import StartError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A Kaizala-compatible server."""


for _command in COMMANDS:
    cli.add_command(_command)


def _a_base(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Check the base of an address; paths are put behind it."""
    try:
        parts = None if value is None else urlsplit(value)
        usable = parts is None or (parts.scheme in ("http", "https") and parts.hostname and parts.port != 0)
    except ValueError:
        usable = False
    if not usable or "?" in (value or "") or "#" in (value or ""):
        raise click.BadParameter(f"{value!r} is no base of addresses, such as https://kaizala.example")
    return value


def _networks(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Check addresses and networks."""
    for one in value:
        try:
            ipaddress.ip_network(one)
        except ValueError:
            raise click.BadParameter(
                f"{one!r} is not an address or a network, such as 10.0.0.5 or 10.0.0.0/8"
            ) from None
    return value


def _a_number(_ctx: click.Context, _param: click.Parameter, value: float) -> float:
    """Refuse NaN, which is in no range and yet passes."""
    if math.isnan(value):
        raise click.BadParameter("must be a number of seconds")
    return value


@cli.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8787, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free port."
)
@click.option(
    "--database",
    envvar=DATABASE_VARIABLE,
    default=DEFAULT_DATABASE,
    show_default=True,
    help=f"sqlite:///FILE or postgresql+psycopg://; also from {DATABASE_VARIABLE}.",
)
@click.option(
    "--seed", default=None, help="Built-in seed (demo) or seed file; applied only to an empty database."
)
@click.option("--test-mode", is_flag=True, help="Open the control plane under /_test/. Never in production.")
@click.option(
    "--insecure", is_flag=True, help="Serve test mode or the demo seed on an address that others reach."
)
@click.option(
    "--public-url",
    default=None,
    callback=_a_base,
    help="The server's address as clients see it, behind a proxy.",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    callback=_networks,
    help="Address or network of a proxy whose X-Forwarded-For and X-Forwarded-Proto are believed, once for each.",
)
@click.option("--media-dir", default=None, help="Where uploads lie; by default beside the SQLite file.")
@click.option(
    "--connector-limit", default=100, show_default=True, type=click.IntRange(0), help="Calls/min; 0 = off."
)
@click.option(
    "--tenant-limit", default=300, show_default=True, type=click.IntRange(0), help="Calls/min; 0 = off."
)
@click.option("--accept-bearer", is_flag=True, help="Also take Authorization: Bearer as the access token.")
@click.option("--allow-private-callbacks", is_flag=True, help="Let webhooks call private addresses.")
@click.option(
    "--webhook-first-retry-seconds",
    default=2742.0,
    show_default=True,
    type=click.FloatRange(0.001, 86400),
    callback=_a_number,
    help="Gap before the first of 6 retries; each next one is twice as long.",
)
@click.option(
    "--log-level",
    default="info",
    show_default=True,
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="What is logged to stderr.",
)
def serve_command(**options: object) -> None:
    """Serve the Kaizala API; prints one line `ready URL` when it answers."""
    config = ServerConfig(**options)  # type: ignore[arg-type]
    logging.basicConfig(
        stream=sys.stderr,
        level=config.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Uvicorn raises the signal again after its shutdown; to be stopped is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        serve(config, lambda url: click.echo(f"ready {url}"))
    except StartError as error:
        click.echo(f"kaizala-server: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(0)
