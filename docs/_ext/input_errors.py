"""Lists every message about a wrong argument, from the sources: the directive ``input-errors``."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.parsers.rst import Directive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

PACKAGE = Path(__file__).resolve().parents[2] / "airflow_provider_kaizala"
#: the server is a product of its own, with messages of its own
LEFT_OUT = ("server", "testing", "migrations", "page")
HEADINGS = {
    "client/models": "What is posted",
    "client": "Calls",
    "hooks": "The connection",
    "operators": "Operators",
    "sensors": "Sensors",
    "tasks": "All tasks",
    "waiting": "Rules: until",
    "push": "Webhooks, assets and events",
    "triggers": "Watchers",
    "cli": "Commands",
}


def message(node: ast.expr) -> str:
    """Return the text of a message, with ``…`` for what differs."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(message, parts))
        case _:
            return "…"


def raised(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the errors that a module raises with a text: the exception's name, and the message."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            text = message(node.exc.args[0])
            if text.strip("… :"):
                yield ast.unparse(node.exc.func), text


def sources() -> Iterator[Path]:
    """Yield the modules of the provider."""
    yield from (
        path for path in sorted(PACKAGE.rglob("*.py")) if not {*LEFT_OUT} & {*path.relative_to(PACKAGE).parts}
    )


def heading(path: Path) -> str:
    """Return under which heading the messages of a module are listed."""
    where = path.relative_to(PACKAGE).as_posix()
    return next((text for prefix, text in HEADINGS.items() if where.startswith(f"{prefix}/")), "Others")


class InputErrors(Directive):
    """A list of messages for each part of the package."""

    def run(self) -> list[nodes.Node]:
        """Return the lists."""
        found: dict[str, list[str]] = {}
        for path in sources():
            for name, text in raised(path):
                if name == "KaizalaInputError":
                    found.setdefault(heading(path), []).append(text)
        result: list[nodes.Node] = []
        for title, texts in found.items():
            items = [
                nodes.list_item("", nodes.paragraph("", "", nodes.literal(text, text)))
                for text in dict.fromkeys(texts)
            ]
            result += [nodes.rubric(title, title), nodes.bullet_list("", *items)]
        return result


def setup(app: Sphinx) -> dict[str, bool]:
    """Extend Sphinx."""
    app.add_directive("input-errors", InputErrors)
    return {"parallel_read_safe": True}
