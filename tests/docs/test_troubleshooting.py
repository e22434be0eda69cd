"""The page about errors names each message of the package."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "airflow_provider_kaizala"
PAGE = (PACKAGE.parent / "docs" / "troubleshooting.md").read_text("utf-8")
#: what a client of the receiver reads, and what only programmers make wrong
LEFT_OUT = {
    "BodyError",
    "QueryError",
    "UnreadableReplyError",
    "FrozenInstanceError",
    "AttributeError",
    "RuntimeError",
    "TypeError",
    "KaizalaInputError",  # listed by themselves, at the end of the page
}
LEAST_LETTERS = 12


def parts(node: ast.expr) -> list[str]:
    """Return the constant parts of a message that are long enough to look for."""
    match node:
        case ast.Constant(value=str(text)):
            return re.split(r"%[sdr]", text)
        case ast.JoinedStr(values=values):
            return [part for each in values for part in parts(each)]
        case ast.BinOp(left=left, right=right):
            return parts(left) + parts(right)
    return []


def plain(text: str) -> str:
    """Return letters and single spaces."""
    return " ".join(re.sub(r"[^a-z ]", " ", text.lower()).split())


def messages() -> list[tuple[str, list[str]]]:
    """Return each message, as where it is and its constant parts."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        where = path.relative_to(PACKAGE)
        if {"server", "testing", "migrations"} & set(where.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Raise(exc=ast.Call(func=error, args=[text, *_])) if (
                    ast.unparse(error) not in LEFT_OUT
                ):
                    pass
                case ast.Call(
                    func=ast.Attribute(value=log, attr="warning" | "error" | "exception"), args=[text, *_]
                ) if ast.unparse(log).endswith("log"):
                    pass
                case _:
                    continue
            long = [part for each in parts(text) if len(part := plain(each)) >= LEAST_LETTERS]
            if long:
                found.append((f"{where}:{node.lineno}", long))
    return found


@pytest.mark.parametrize(("where", "text"), [pytest.param(*each, id=each[0]) for each in messages()])
def test_a_message_is_on_the_page(where: str, text: list[str]) -> None:
    page = plain(PAGE)
    words = [part.split() for part in text]
    # its beginning is enough: tables shorten long messages
    assert any(" ".join(each[:5]) in page for each in words), f"{where}: {text}"
