"""Shows what was said in a run of an example DAG: the directive ``conversation``, from ``gallery/<dag id>.json``."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import Directive

if TYPE_CHECKING:
    from sphinx.application import Sphinx

KINDS = {
    "poll": "poll",
    "survey": "survey",
    "job": "job",
    "announcement": "announcement",
    "media": "photo",
    "memberAdded": "joined",
    "memberRemoved": "left",
}


def bubble(line: dict[str, Any]) -> str:
    """Return one line as HTML."""
    side = "airflow" if line["who"] in ("Airflow", "Kaizala") else "person"
    kind = KINDS.get(line["kind"])
    head = f"<b>{escape(line['who'])}</b>" + (f" <i>{kind}</i>" if kind else "")
    text = "<br>".join(escape(part) for name in ("title", "text") if (part := line.get(name)))
    options = "".join(f"<li>{escape(option)}</li>" for option in line.get("options", ()))
    body = text.replace("\n", "<br>") + (f"<ul>{options}</ul>" if options else "")
    return f'<li class="{side}"><span>{head}</span><div>{body}</div></li>'


class Conversation(Directive):
    """The conversation of a run."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return it as a list."""
        env = self.state.document.settings.env
        path = Path(env.srcdir) / "gallery" / f"{self.arguments[0]}.json"
        env.note_dependency(str(path))
        lines = json.loads(path.read_text("utf-8"))["conversation"]
        shown = "".join(map(bubble, lines))
        return [nodes.raw("", f'<ol class="conversation">{shown}</ol>', format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Extend Sphinx."""
    app.add_directive("conversation", Conversation)
    return {"parallel_read_safe": True}
