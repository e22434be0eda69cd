"""Lists in the reference all arguments that a class takes, with types and defaults, and resolves names of ours.

Our docstrings describe each argument once, where it is declared: what a class inherits is added here. Sources are read, not imported,
so the site needs no Airflow.
"""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils.nodes import Element
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

log = logging.getLogger(__name__)

PACKAGE = "airflow_provider_kaizala"
#: type aliases of ours, spelled out
ALIASES = {
    "Due": "datetime | timedelta | str | None",
    "File": "str | Path | ObjectStoragePath",
    "Until": "str | int | Sequence[str] | Mapping | Rule",
}
#: what a class of Airflow's takes besides
OF_AIRFLOW = {
    "BaseOperator": "those of every Airflow task (``retries``, ``trigger_rule``, ``execution_timeout`` …)",
    "BaseSensorOperator": "those of every Airflow sensor (``soft_fail``, ``retries``, ``trigger_rule`` …)",
}
_SEE_OTHERS = re.compile(
    r"\s*(?:except ``\w+``, )?The other\s+arguments(?:\s+and\s+the\s+result)?\s+are\s+those\s+of\s+(?:`[^`]*`|[^.`])*?\.(?=\s|$)"
)
_FIELD = re.compile(r":(?P<kind>param|return|raises|ivar)\b ?(?P<name>[^:]*):(?P<text>.*)")


@dataclass
class Argument:
    """An argument as it is declared."""

    name: str
    type: str = ""
    default: str | None = None


@dataclass
class Class:
    """A class as its source has it."""

    name: str
    bases: list[str]
    doc: str
    text: str
    params: dict[str, str]
    others: list[tuple[str, str]]
    arguments: dict[str, Argument] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    undescribed: set[str] = field(default_factory=set)


def read_docstring(doc: str) -> tuple[str, dict[str, str], list[tuple[str, str]]]:
    """Return a docstring's text, its params, and its other fields as pairs of field and text."""
    text: list[str] = []
    params: dict[str, list[str]] = {}
    others: list[tuple[str, list[str]]] = []
    put = text.append
    for line in inspect.cleandoc(doc).splitlines():
        found = _FIELD.match(line)
        if found:
            lines = [found["text"].strip()]
            put = lines.append
            if found["kind"] == "param":
                params[found["name"].strip()] = lines
            else:
                others.append((f"{found['kind']} {found['name']}".strip(), lines))
        else:
            put(line if put == text.append else line.strip())
    join = " ".join
    return (
        "\n".join(text),
        {name: join(lines).strip() for name, lines in params.items()},
        [(name, join(lines).strip()) for name, lines in others],
    )


def read_class(node: ast.ClassDef) -> Class:
    """Read a class."""
    doc = ast.get_docstring(node) or ""
    text, params, others = read_docstring(doc)
    found = Class(node.name, [_last(base) for base in node.bases], doc, text, params, others)
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            given = each.args
            positional = [*given.posonlyargs, *given.args][1:]
            defaults = [None] * (len(positional) - len(given.defaults)) + given.defaults
            keywords = zip(given.kwonlyargs, given.kw_defaults, strict=True)
            for arg, default in [*zip(positional, defaults, strict=True), *keywords]:
                found.arguments[arg.arg] = Argument(arg.arg, _type(arg.annotation), _default(default))
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            name = each.target.id
            if name in params:  # a field of a value
                found.arguments[name] = Argument(name, _type(each.annotation), _default(each.value))
            elif name == "refused" and isinstance(each.value, ast.Dict):
                found.refused = {str(ast.literal_eval(key)) for key in each.value.keys if key}
    return found


def _last(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _type(node: ast.expr | None) -> str:
    text = ast.unparse(node) if node else ""
    return re.sub(r"\w+", lambda word: ALIASES.get(word[0], word[0]), text)


def _default(node: ast.expr | None) -> str | None:
    if node is None:
        return None
    text = ast.unparse(node)
    if text.startswith("field("):
        return "{}"
    if "default_deferrable" in text:
        return "[operators] default_deferrable"
    return {
        "default_conn_name": "'kaizala_default'",
        "KaizalaHook.default_conn_name": "'kaizala_default'",
    }.get(text, text)


class Index:
    """The classes of the package, by module and name."""

    def __init__(self, package: Path) -> None:
        self.modules: dict[str, dict[str, Class]] = {}
        self.classes: dict[str, Class] = {}
        for path in sorted(package.rglob("*.py")):
            if {"server", "testing", "migrations"} & set(path.parts):
                continue
            module = ".".join([PACKAGE, *path.relative_to(package).with_suffix("").parts])
            nodes_of_it = ast.parse(path.read_text("utf-8")).body
            own = {node.name: read_class(node) for node in nodes_of_it if isinstance(node, ast.ClassDef)}
            self.modules[module] = own
            self.classes |= own

    def find(self, full_name: str) -> Class | None:
        """Return a class by its full name."""
        module, _, name = full_name.rpartition(".")
        return self.modules.get(module, {}).get(name)

    def find_by_doc(self, name: str, doc: str) -> Class | None:
        """Return a class by its name alone and its docstring: names are not unique."""
        found = (own[name] for own in self.modules.values() if name in own)
        return next((each for each in found if each.doc == inspect.cleandoc(doc)), None)

    def _linked(self, word: re.Match[str]) -> str:
        """Return the name of a class as Sphinx links it, if it is one of ours."""
        return next(
            (f"~{module}.{word[0]}" for module, own in self.modules.items() if word[0] in own), word[0]
        )

    def lineage(self, found: Class) -> Iterator[Class]:
        """Yield a class and its bases, each after all that inherit from it."""
        seen: list[Class] = []

        def visit(each: Class) -> None:
            seen.append(each)
            for base in each.bases:
                if base in self.classes:
                    visit(self.classes[base])

        visit(found)
        for at, each in enumerate(seen):
            if each not in seen[at + 1 :]:
                yield each

    def document(self, found: Class) -> list[str] | None:
        """Return the docstring of a class with all arguments; None if it takes none that are described."""
        if not (found.arguments or found.params) or (found.name.endswith("Error") and not found.params):
            return None
        lineage = list(self.lineage(found))
        refused = set().union(*(each.refused for each in lineage))
        params: dict[str, str] = {}
        arguments: dict[str, Argument] = {}
        for each in lineage:
            for argument in each.arguments.values():
                arguments.setdefault(argument.name, argument)
            for param, text in each.params.items():
                params.setdefault(param, text)
        names = [name for name in dict.fromkeys([*found.params, *params, *arguments]) if name not in refused]
        optional = {name for name, argument in arguments.items() if argument.default is not None}
        names.sort(key=optional.__contains__)
        lines = [*_SEE_OTHERS.sub("", found.text).strip().splitlines(), ""]
        for name in names:
            if name in refused or (name == "context" and name not in params):
                continue
            if name not in params:
                found.undescribed.add(name)
                continue
            argument = arguments.get(name, Argument(name))
            default = f". Default: ``{argument.default}``" if argument.default not in (None, "None") else ""
            lines.append(f":param {name}: {params[name].rstrip('.')}{default}")
            if argument.type:
                linked = re.sub(r"[A-Z]\w+", self._linked, argument.type)
                lines.append(f":type {name}: {linked}")
        of_airflow = [OF_AIRFLOW[base] for each in lineage for base in each.bases if base in OF_AIRFLOW]
        if of_airflow:
            lines.append(f":param …: {of_airflow[0]}")
        others = found.others
        if not any(kind == "return" for kind, _ in others):
            others = [
                *others,
                *next(([one] for each in lineage for one in each.others if one[0] == "return"), []),
            ]
        lines += [f":{kind}: {text}" for kind, text in others]
        return [*lines, ""]


def resolve(app: Sphinx, env: BuildEnvironment, node: Element, shown: Element) -> Element | None:
    """Resolve a name by its last part, as packages of ours hand on what their modules define.

    A name in a signature leads nowhere without a warning: only what a text refers to has to be in the reference.
    """
    if node.get("refdomain") != "py":
        return None
    last = node["reftarget"].rpartition(".")[2]
    named = [name for name in env.domains["py"].objects if name.rpartition(".")[2] == last]
    kinds = {name: env.domains["py"].objects[name].objtype for name in named}
    found = [name for name, kind in kinds.items() if kind in ("class", "function", "data", "exception")]
    if len(found) == 1 and node["reftype"] != "mod":
        entry = env.domains["py"].objects[found[0]]
        return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, [shown], found[0])
    return None if isinstance(shown, nodes.literal) else shown


def setup(app: Sphinx) -> dict[str, bool]:
    """Extend Sphinx."""
    index = Index(Path(app.confdir).parent / PACKAGE)

    def replace(_app: Sphinx, what: str, name: str, _obj: object, _options: object, lines: list[str]) -> None:
        found = index.find_by_doc(name, "\n".join(lines)) if what == "class" else None
        if found and (whole := index.document(found)):
            lines[:] = whole

    def shorten(_app: Sphinx, domain: str, kind: str, content: Element) -> None:
        """Leave out the signature of a class whose arguments are listed below it, or that only a fixture makes."""
        for line in content.parent.findall(addnodes.desc_signature):
            name = line["ids"][0] if (domain, kind) == ("py", "class") and line["ids"] else ""
            found = index.find(name)
            if name.startswith(f"{PACKAGE}.testing.") or (
                found and (index.document(found) or not found.arguments)
            ):
                for argument in sorted(found.undescribed) if found else ():
                    log.warning("%s: argument %s is described nowhere", name, argument)
                for given in list(line.findall(addnodes.desc_parameterlist)):
                    given.parent.remove(given)

    app.connect("autodoc-process-docstring", replace)
    app.connect("object-description-transform", shorten)
    app.connect("missing-reference", resolve, priority=400)
    return {"parallel_read_safe": True}
