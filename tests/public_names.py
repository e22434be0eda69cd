"""What users import and call: modules, names, arguments with their defaults.

``python -m tests.public_names`` writes it to ``tests/unit/public_names.txt``, which a test compares with the code.
``python -m tests.public_names --breaking`` lists what the last tag had and its users may miss now, as griffe finds it.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from dataclasses import MISSING, fields
from importlib import import_module
from inspect import isroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, is_typeddict

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "airflow_provider_kaizala"
ROOT = Path(__file__).parents[1]
FILE = ROOT / "tests" / "unit" / "public_names.txt"
#: what is not in here may change in any release
MODULES = (
    "client",
    "client.calls",
    "client.errors",
    "client.models",
    "decorators.question",
    "hooks",
    "notifications",
    "operators",
    "push",
    "sensors",
    "testing.people",
    "testing.plugin",
    "testing.server",
    "triggers",
    "waiting.results",
    "waiting.rules",
)
#: the module and the name of a line
_LISTED = re.compile(rf"^({'|'.join(sorted(MODULES, reverse=True))})\.(\w+)", re.MULTILINE)
#: where users call methods; elsewhere Airflow and we do
METHODS = ("client.", "hooks.", "testing.")


def public(module: str) -> Iterator[tuple[str, Any]]:
    """Yield the public names of a module, and what they name."""
    found = import_module(f"{PACKAGE}.{module}")
    own = [
        name
        for name, value in vars(found).items()
        if getattr(value, "__module__", None) == found.__name__ and not name.startswith(("_", "pytest_"))
    ]
    for name in sorted(getattr(found, "__all__", own)):
        yield name, getattr(found, name)


def listing() -> str:
    """Return one line for each public name and method, with its arguments."""
    named = ((f"{module}.{name}", value) for module in MODULES for name, value in public(module))
    return "".join(f"{line}\n" for path, value in named for line in _lines(path, value))


def _lines(path: str, value: Any) -> Iterator[str]:
    if is_typeddict(value):
        yield f"{path}: {', '.join(value.__annotations__)}"
    elif not inspect.isclass(value):
        yield f"{path}{_signature(value)}" if inspect.isfunction(value) else path
    else:
        where = f" in {value.__module__}" if path.startswith("triggers.") else ""  # Airflow's database has it
        yield f"{path}{_arguments(value)}{where}"
        if hasattr(value, "template_fields"):
            yield f"{path}.template_fields: {', '.join(value.template_fields)}"
        if path.startswith(METHODS):
            yield from (f"{path}.{line}" for line in _methods(value))


def _arguments(cls: type) -> str:
    """Return the arguments of a class without those that every Airflow task, sensor or exception has."""
    ours = _ours(cls)
    if any("__dataclass_fields__" in vars(base) for base in ours):
        return f"({', '.join(map(_field, fields(cls)))})"
    given = [_parameters(vars(base)["__init__"]) for base in ours if "__init__" in vars(base)]
    if len(given) == 1:
        return str(inspect.Signature(given[0]))
    merged = {each.name: str(each) for one in reversed(given) for each in one if each.name != "kwargs"}
    return f"({', '.join(text for name, text in merged.items() if name not in getattr(cls, 'refused', ()))})"


def _methods(cls: type) -> Iterator[str]:
    found = {name: value for base in reversed(_ours(cls)) for name, value in vars(base).items()}
    for name, value in sorted(found.items()):
        given = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if name.startswith("_"):
            continue
        if inspect.isfunction(given):
            yield f"{name}{_signature(given)}"
        elif inspect.isdatadescriptor(value) or hasattr(value, "attrname"):
            yield name


def _field(field: Any) -> str:
    if field.default_factory is not MISSING:
        return f"{field.name}={field.default_factory()!r}"
    return field.name if field.default is MISSING else f"{field.name}={field.default!r}"


def _parameters(function: Any) -> list[inspect.Parameter]:
    """Return the parameters without ``self`` and annotations."""
    given = inspect.signature(function).parameters.values()
    return [
        each.replace(
            annotation=each.empty, default=_Name(each.default) if isroutine(each.default) else each.default
        )
        for each in given
        if each.name not in ("self", "cls")
    ]


def _signature(function: Any) -> str:
    return str(inspect.Signature(_parameters(function)))


class _Name:
    """A function as a default, which else shows its address."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def __repr__(self) -> str:
        return str(self._function.__qualname__)


def _ours(cls: type) -> list[type]:
    return [base for base in cls.__mro__ if base.__module__.startswith(PACKAGE)]


def breaking(tag: str) -> list[str]:
    """Return what griffe finds missing or changed since *tag*, of what was public then."""
    import griffe

    file = FILE.relative_to(ROOT)
    then = subprocess.run(
        ["git", "show", f"{tag}:{file}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    ours = re.compile(
        "|".join(rf"{PACKAGE}\.{module}\..*\b{name}\b" for module, name in _LISTED.findall(then.stdout))
    )
    old = griffe.load_git(PACKAGE, ref=tag, repo=ROOT, allow_inspection=False)
    new = griffe.load(PACKAGE, search_paths=[ROOT], try_relative_path=False, allow_inspection=False)
    found = griffe.find_breaking_changes(old, new)
    return sorted(
        {each.explain(griffe.ExplanationStyle.MARKDOWN) for each in found if ours.match(each.obj.path)}
    )


def main() -> int:
    """Write the list, or compare with the last tag."""
    if sys.argv[1:] != ["--breaking"]:
        FILE.write_text(listing())
        return 0
    said = subprocess.run(
        ["git", "tag", "--sort=-v:refname"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    if not said.stdout:
        print("griffe: not run, since no version has been tagged yet")
        return 0
    tag = said.stdout.split()[0]
    found = breaking(tag)
    print(*found, f"griffe: {len(found)} breaking changes since {tag}", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
