"""``kaizala-server backup``, ``restore`` and ``purge``; and what a person may ask for: ``person export`` and ``erase``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click

from airflow_provider_kaizala.server.admin import archive, retention
from airflow_provider_kaizala.server.admin.commands.shown import (
    Failed,
    Record,
    a_phone,
    administers,
    database_option,
    shown,
    write_audit,
)
from airflow_provider_kaizala.server.admin.session import Admin, administration
from airflow_provider_kaizala.server.clock import Clock
from airflow_provider_kaizala.server.config import PREFIX, ServerConfig
from airflow_provider_kaizala.server.state import media_folder
from airflow_provider_kaizala.server.store.media_files import MediaFiles
from airflow_provider_kaizala.server.streams import read_line

DAY_MS = 86_400_000
_AGE = re.compile(r"(\d{1,5})\s*(d|w|m|y)", re.IGNORECASE)
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}

media_option = click.option(
    "--media-dir",
    envvar=PREFIX + "MEDIA_DIR",
    help=f"Where uploads are kept; by default beside the SQLite file; also from {PREFIX}MEDIA_DIR.",
)


def _files(database: str, media_dir: str | None) -> MediaFiles:
    return MediaFiles(media_folder(ServerConfig(database=database, media_dir=media_dir)))


def an_age(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    """Read an age such as 90d, 12w, 6m (of 30 days) or 2y (of 365) in days."""
    found = _AGE.fullmatch(value.strip())
    if not found or not int(found[1]):
        raise click.BadParameter(
            f"{value!r} is not an age; give days, weeks, months or years: 90d, 12w, 6m, 2y"
        )
    return int(found[1]) * _DAYS[found[2].lower()]


@click.command("backup")
@click.argument("archive_file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@media_option
@database_option
@shown
def backup(archive_file: Path, database: str, media_dir: str | None) -> Record:
    """Write the database and the uploads to FILE (.tar.gz), while the server runs."""
    result = archive.back_up(database, _files(database, media_dir), archive_file)
    note = "Some files of uploads are missing; is --media-dir right?" if result["missingFiles"] else ""
    return Record(result, note)


@click.command("restore")
@click.argument("archive_file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@media_option
@database_option
@shown
def restore(archive_file: Path, database: str, media_dir: str | None) -> Record:
    """Read a backup into a new database, of either kind."""
    return Record(archive.restore(archive_file, database, _files(database, media_dir)))


@click.command("purge")
@click.option("--older-than", "days", required=True, callback=an_age, help="Such as 90d, 12w, 6m or 2y.")
@media_option
@database_option
@shown
def purge(days: int, database: str, media_dir: str | None) -> Record:
    """Delete for good what is older than an age: posts, answers, reactions, files."""
    before_ms = Clock().now_ms() - days * DAY_MS
    done = retention.purge(database, _files(database, media_dir), before_ms)
    with administration(database) as admin:
        write_audit(admin, {"days": days})
    return Record(done)


@click.command("export")
@click.argument("mobile", callback=a_phone)
@administers
def export(admin: Admin, mobile: str) -> Any:
    """Print all that is kept about MOBILE, as JSON."""
    return Record(retention.export(admin, mobile), if_unwritten="run it again", as_json=True)


def _confirm(_ctx: click.Context, _param: click.Parameter, is_confirmed: bool) -> None:
    """Ask on a terminal whether to erase a person, or read the answer from standard input."""
    if is_confirmed:
        return
    if sys.stdin.isatty():
        click.confirm("This cannot be undone. Erase this person?", abort=True)
    elif read_line().strip().lower() not in ("y", "yes"):
        raise Failed("nobody was erased, since this was not confirmed; answer y, or give --yes")


@click.command("erase")
@click.argument("mobile", callback=a_phone)
@click.option(
    "--yes", is_flag=True, expose_value=False, callback=_confirm, help="Confirm without being asked."
)
@administers
def erase(admin: Admin, mobile: str) -> Record:
    """Delete MOBILE for good, with name, messages and comments; their votes and answers stay, without a name."""
    return Record(retention.erase(admin, mobile), is_about_nobody=True)
