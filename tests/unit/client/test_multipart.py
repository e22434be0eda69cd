"""Upload bodies: right by a parser of others, measured exactly, readable again and again."""

from __future__ import annotations

import email.parser
import email.policy
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.multipart import CHUNK, Part, Upload


def part(data, name="a.png", kind="image/png"):
    return Part(name, kind, lambda: io.BytesIO(data))


def parsed(upload):
    raw = b"Content-Type: " + upload.content_type.encode() + b"\r\n\r\n" + b"".join(upload)
    return list(email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(raw).iter_parts())


def test_another_parser_finds_the_same_parts():
    found = parsed(Upload((part(b"\x00\x01\r\n"), part(b"%PDF", "plan 1.pdf", "application/pdf")), "xyz"))
    assert [each.get_content_type() for each in found] == ["image/png", "application/pdf"]
    assert [each.get_filename() for each in found] == ["a.png", "plan 1.pdf"]
    assert [each.get_payload(decode=True) for each in found] == [b"\x00\x01\r\n", b"%PDF"]
    assert [each["content-disposition"].params["name"] for each in found] == ["files", "files"]


@given(st.lists(st.tuples(st.text(max_size=30), st.binary(max_size=200)), max_size=4))
def test_the_content_length_is_correct(files):
    files = [(name.encode("utf-8", "ignore").decode(), data) for name, data in files]
    upload = Upload(tuple(part(data, name) for name, data in files), "b")
    first, second = b"".join(upload), b"".join(upload)
    assert upload.length() == len(first)
    assert first == second
    assert first.endswith(b"--b--\r\n")


@pytest.mark.parametrize("name", ['a"; filename="b.exe', "a\r\nX-Evil: 1", "a\nb", "back\\slash"])
def test_a_file_name_cannot_inject_headers(name):
    body = b"".join(Upload((part(b"data", name),), "b"))
    head = body.partition(b"\r\n\r\n")[0]
    assert head.count(b"\r\n") == 2
    assert head.count(b'"') - head.count(b'\\"') == 4
    assert b"\n" not in head.replace(b"\r\n", b"")


def test_large_files_are_read_in_pieces_and_closed():
    opened = []

    def opener():
        opened.append(io.BytesIO(bytes(3 * CHUNK + 1)))
        return opened[-1]

    pieces = list(Upload((Part("a.mp4", "video/mp4", opener),), "b"))
    assert max(map(len, pieces)) == CHUNK
    assert [each.closed for each in opened] == [True]


def test_files_are_opened_only_when_they_are_read():
    Upload((Part("a.png", "image/png", lambda: pytest.fail("opened too early")),), "b")


def test_a_file_is_closed_when_sending_stops_midway():
    opened = []

    def opener():
        opened.append(io.BytesIO(bytes(3 * CHUNK)))
        return opened[-1]

    pieces = iter(Upload((Part("a.mp4", "video/mp4", opener),), "b"))
    next(pieces), next(pieces)
    pieces.close()
    assert opened[0].closed
