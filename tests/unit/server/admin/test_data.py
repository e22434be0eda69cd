"""Backup and restore, purge, and what a person may ask for; with the commands, on a server that runs."""

from __future__ import annotations

import io
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import select, update

from airflow_provider_kaizala.server.admin import archive
from airflow_provider_kaizala.server.store.media_links import MediaLink
from airflow_provider_kaizala.server.store.migrate import newest
from airflow_provider_kaizala.server.store.tables import chat_group, media_file, metadata

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "11111111-1111-4111-8111-111111111111@1"
ASHA, RAVI = "+910000000001", "+910000000002"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 500


def rows(running: Any) -> dict[str, list[tuple[Any, ...]]]:
    with running.state.database.engine.connect() as conn:
        return {
            table.name: sorted(map(tuple, conn.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def fill(api: Any, ravi: Any) -> str:
    """Post what has all kinds of rows; return the id of a poll."""
    action = api.post_action("Poll", {"question": "Tea?", "choices": ["Yes", "No"]})["actionId"]
    ravi.ok("POST", f"/actions/{action}/votes", json={"choice": "Yes"})
    resource = api.ok("POST", "/media", files={"f": ("a.png", PNG, "image/png")})["mediaResource"]
    api.post_action("Image", {"mediaResource": resource, "caption": "Site"})
    posted = api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "Hello"})
    ravi.ok("POST", f"/references/{posted['referenceId']}/comments", json={"text": "Me too"})
    return str(action)


def files_of(running: Any) -> set[str]:
    folder = running.state.media.folder
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def media(running: Any) -> list[str]:
    return ["--media-dir", running.config.media_dir]


def test_a_backup_restores_all_rows_and_files(
    make_server, server, api, ravi, shell, shell_on, new_database, tmp_path, call_with, sign_in
) -> None:
    fill(api, ravi)
    with server.state.database.engine.connect() as conn:
        [file_id] = conn.execute(select(media_file.c.id)).scalars()
        conn.execute(update(chat_group).values(image_url=MediaLink(file_id, "a.png")))
        conn.commit()
    archive = tmp_path / "backup.tar.gz"
    made = shell.json("backup", str(archive), *media(server))
    assert made["files"] == len(files_of(server))
    assert made["missingFiles"] == 0
    assert archive.stat().st_mode & 0o777 == 0o600
    before = rows(server)
    fill(api, ravi)  # after the backup
    database = new_database(tmp_path, "restored")
    restored = shell_on(database).json("restore", str(archive), "--media-dir", str(tmp_path / "files"))
    assert (restored["rows"], restored["files"]) == (made["rows"], made["files"])
    running = make_server(database, seed=None, media_dir=str(tmp_path / "files"))
    left_out = {"throttle_counter", "setting"}
    after = rows(running)
    assert {name: after[name] for name in after if name not in left_out} == {
        name: before[name] for name in before if name not in left_out
    }
    assert files_of(running) == {name for name in files_of(server) if name in files_of(running)} != set()
    fill(call_with("demo-group-token", running.url), sign_in(RAVI, running.url))  # ids count on


def test_a_backup_is_whole_or_not_there(server, shell, tmp_path) -> None:
    archive = tmp_path / "none" / "backup.tar.gz"
    assert "cannot be written: No such file" in shell.refused("backup", str(archive))
    archive = tmp_path / "backup.tar.gz"
    shell.json("backup", str(archive), "--media-dir", str(tmp_path / "elsewhere"))
    assert [path.name for path in tmp_path.glob("backup*")] == ["backup.tar.gz"]


def test_a_file_that_cannot_be_written_is_one_line(server, shell, tmp_path) -> None:
    (tmp_path / "file").touch()
    before = set(tmp_path.iterdir())
    for target in (tmp_path / "file" / "backup.tar.gz", tmp_path / ("n" * 256)):
        told = shell.refused("backup", str(target), *media(server))
        assert f"{target} cannot be written: " in told
        assert len(told.splitlines()) == 1
    assert set(tmp_path.iterdir()) == before
    shell.json("backup", str(tmp_path / ("n" * 255)), *media(server))  # as long as a name may be


def test_two_backups_to_one_file_at_once(
    server, shell, shell_on, new_database, tmp_path, monkeypatch
) -> None:
    target, started = tmp_path / "backup.tar.gz", []

    def another_meanwhile() -> str:
        if not started:
            started.append(True)
            started.append(archive.back_up(server.config.database, server.state.media, target))
        return newest()

    monkeypatch.setattr(archive, "newest", another_meanwhile)
    made = shell.json("backup", str(target), *media(server))
    assert started == [True, made]
    restored = shell_on(new_database(tmp_path, "restored")).json("restore", str(target), *media(server))
    assert restored["rows"] == made["rows"]
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name or "partial" in path.name] == [
        "backup.tar.gz"
    ]


def test_sigterm_during_a_backup_leaves_no_file(server, tmp_path) -> None:
    script = """
import os, signal, sys
from airflow_provider_kaizala.server.admin import archive
from airflow_provider_kaizala.server.cli import cli
archive.newest = lambda: os.kill(os.getpid(), signal.SIGTERM)
cli(sys.argv[1:])
"""
    words = ("backup", str(tmp_path / "backup.tar.gz"), "--database", server.config.database, *media(server))
    before = set(tmp_path.iterdir())
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "")
    assert set(tmp_path.iterdir()) == before


def test_missing_files_are_told(server, api, ravi, shell, tmp_path) -> None:
    fill(api, ravi)
    archive = tmp_path / "backup.tar.gz"
    assert (
        "is --media-dir right?"
        in shell.run("backup", str(archive), "--media-dir", str(tmp_path / "x")).stderr
    )


def test_only_a_backup_is_restored_and_only_into_a_new_database(
    server, shell, shell_on, new_database, tmp_path: Path
) -> None:
    archive = tmp_path / "backup.tar.gz"
    shell.json("backup", str(archive), *media(server))
    assert "the database is not empty" in shell.refused("restore", str(archive))
    empty = shell_on(new_database(tmp_path, "empty"))
    text = tmp_path / "text.tar.gz"
    text.write_text("hello")
    assert "cannot be read" in empty.refused("restore", str(text))
    for name, content in (
        ("../evil", b"x"),
        ("tables/nothing.jsonl", b"{}\n"),
        ("kaizala.json", b'{"revision": "9"}'),
    ):
        empty.refused("restore", packed(text, name, content))
    whole = archive.read_bytes()
    text.write_bytes(whole[: len(whole) // 2])
    empty.refused("restore", str(text))
    restored = empty.json("restore", str(archive), "--media-dir", str(tmp_path / "m"))
    assert restored["rows"], "what failed has left nothing"


def packed(path: Path, name: str, content: bytes) -> str:
    """Write an archive with one entry; return its path."""
    with tarfile.open(path, "w:gz") as made:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        made.addfile(entry, io.BytesIO(content))
    return str(path)


@pytest.mark.parametrize("damage", ["a flipped bit", "no trailer", "another checksum"])
def test_a_damaged_backup_is_refused(server, api, shell, shell_on, new_database, tmp_path, damage) -> None:
    content = b"%PDF-1.4\n" + random.Random(1).randbytes(1 << 20)
    api.ok("POST", "/media", files={"f": ("a.pdf", content, "application/pdf")})
    archive = tmp_path / "backup.tar.gz"
    shell.json("backup", str(archive), *media(server))
    whole = bytearray(archive.read_bytes())
    match damage:
        case "a flipped bit":
            whole[len(whole) // 2] ^= 1
        case "no trailer":
            del whole[-8:]
        case "another checksum":
            whole[-8] ^= 1
    archive.write_bytes(whole)
    empty = shell_on(new_database(tmp_path, "empty"))
    assert "it is damaged" in empty.refused("restore", str(archive), *media(server))
    [kept] = server.state.media.folder.iterdir()
    assert kept.read_bytes() == content, "the uploads that were there are as they were"
    assert empty.json("group", "list") == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("kaizala.json", b"[]"),
        ("kaizala.json", b"[" * 200_000),
        ("tables/tenant.jsonl", b'{"id": ' + b"[" * 200_000),
    ],
)
def test_what_only_looks_like_a_backup_is_refused(shell_on, new_database, tmp_path, name, content) -> None:
    empty = shell_on(new_database(tmp_path, "empty"))
    told = empty.refused("restore", packed(tmp_path / "text.tar.gz", name, content))
    assert "text.tar.gz cannot be read: it is damaged, or not a backup" in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("database", ["no database", "another program's", "nothing listens"])
def test_a_backup_is_not_restored_where_no_database_is(server, shell, shell_on, tmp_path, database) -> None:
    archive, file = tmp_path / "backup.tar.gz", tmp_path / "other.db"
    shell.json("backup", str(archive), *media(server))
    url = f"sqlite:///{file}"
    match database:
        case "no database":
            file.write_text("hello, " * 1000)
        case "another program's":
            with closing(sqlite3.connect(file)) as other:
                other.execute("CREATE TABLE person (id INTEGER)")
        case "nothing listens":
            url = "postgresql+psycopg://kaizala@127.0.0.1:1/kaizala"
    told = shell_on(url).refused("restore", str(archive), "--media-dir", str(tmp_path / "m"))
    assert "the database cannot be opened: " in told
    assert len(told.splitlines()) == 1


def test_purge_deletes_what_is_old_with_all_that_belongs_to_it(server, api, ravi, shell) -> None:
    fill(api, ravi)
    before = rows(server)
    assert before["response"]
    assert before["reaction"]
    files = files_of(server)
    assert shell.json("purge", "--older-than", "90d", *media(server))["posts"] == 0
    assert files_of(server) == files
    with server.state.database.engine.begin() as conn:
        for table, column in (("post", "sent_ms"), ("media_resource", "created_ms")):
            conn.exec_driver_sql(f"UPDATE {table} SET {column} = {column} - {91 * 86_400_000}")
    kept = fill(api, ravi)
    done = shell.json("purge", "--older-than", "90d", *media(server))
    assert (done["posts"], done["answers"], done["reactions"]) == (3, 1, 1)
    assert done["files"] == len(files)
    assert files_of(server).isdisjoint(files)
    assert len(files_of(server)) == len(files)
    after = rows(server)
    assert [row[0] for row in after["action"] if row[0] == kept] == [kept]
    assert len(after["feed_entry"]) == len(after["post"]) == 3
    assert api.details(kept)["responses"]


def test_an_age_before_the_year_1_is_refused_before_anything_is_deleted(server, api, ravi, shell) -> None:
    fill(api, ravi)
    with server.state.database.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE post SET sent_ms = -4000000000000000")
    before = rows(server)
    told = shell.refused("purge", "--older-than", "99999y", *media(server))
    assert "the age reaches back to before the year 1" in told
    assert len(told.splitlines()) == 1
    assert rows(server)["post"] == before["post"]


@pytest.mark.parametrize("age", ["90", "0d", "d", "-1d", "ninety days"])
def test_an_age_has_a_unit(shell, age) -> None:
    assert "is not an age" in shell.refused("purge", "--older-than", age)


def test_a_person_gets_all_that_is_kept_about_them_without_secrets(server, api, ravi, shell) -> None:
    fill(api, ravi)
    found = json.loads(shell.run("person", "export", RAVI).stdout)
    assert found["person"]["mobile"] == RAVI
    assert len(found["answers"]) == len(found["reactions"]) == len(found["sessions"]) == 1
    assert found["reactions"][0]["comment"] == "Me too"
    assert [one["group_id"] for one in found["memberships"]] == [GROUP]
    text = json.dumps(found)
    assert "pin_hash" not in text
    assert "token_hash" not in text


def test_a_person_is_erased_and_their_vote_still_counts(server, api, ravi, shell, call_with) -> None:
    action = fill(api, ravi)
    for method in (
        ("remove", GROUP),
        ("add", GROUP, "--member"),
    ):  # the group is told of both, with name and number
        shell.json("group", *method, RAVI)
    ravi.ok("POST", f"/groups/{GROUP}/messages", json={"text": "from Ravi"})
    user = shell.json("token", "issue", "demo-connector", RAVI)["refreshToken"]
    mine = call_with(user)
    photo = mine.ok("POST", "/media", files={"f": ("b.png", PNG, "image/png")})["mediaResource"]
    mine.post_action("Image", {"mediaResource": photo, "caption": "by Ravi"})
    announced = {"Title": "from Ravi", "Message": "by Ravi", "MediaResources": [photo]}
    told = mine.post_action("Announcement", announced)["actionId"]
    shell.json("person", "erase", RAVI, "--yes")
    mine.refused(401, "GET", "/groups")
    ravi.refused(401, "GET", "/groups")
    assert len(api.details(action)["responses"]) == 1
    assert api.details(told)["title"] == ""
    kept = [(name, row) for name, found in rows(server).items() for row in found]
    for gone in (RAVI, "Ravi", "from Ravi", "by Ravi", "Me too"):
        assert [one for one in kept if gone in str(one)] == [], gone
    again = httpx.post(server.url + "/people/session", json={"mobileNumber": RAVI, "pin": "1234"})
    assert again.status_code == 401
