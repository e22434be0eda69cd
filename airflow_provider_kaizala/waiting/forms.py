"""The forms a rule is given in: short forms, dicts as they travel, and the rules themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.waiting.combined import AllOf, AnyOf
from airflow_provider_kaizala.waiting.rule import Rule
from airflow_provider_kaizala.waiting.rules import AnyAnswer, AtLeast, Everyone, People, Quorum

_FORMS = "'any', 'all', a count, a list of phone numbers, or a rule such as {'kind': 'at_least', 'count': 3}"
#: kind to the class, what a dict of it must hold, and what it may
_KINDS: dict[str, tuple[type[Rule], tuple[str, ...], tuple[str, ...]]] = {
    "any": (AnyAnswer, (), ()),
    "at_least": (AtLeast, ("count",), ()),
    "everyone": (Everyone, (), ("people", "names")),
    "people": (People, ("people",), ("need", "names")),
    "quorum": (Quorum, ("option", "count"), ("people", "question", "names")),
    "all_of": (AllOf, ("rules",), ()),
    "any_of": (AnyOf, ("rules",), ()),
}


def _is_count(value: Any) -> bool:
    """Tell whether *value* is digits, as a template renders a count."""
    return isinstance(value, str) and value.strip().isdecimal() and len(value) < 10


def read_rule(until: Any) -> Rule:
    """Read a rule in any of its forms.

    :raises KaizalaInputError: if it is none
    """
    if isinstance(until, Rule):
        return until
    if callable(until):
        raise KaizalaInputError(f"until: a function cannot travel to a trigger; give {_FORMS}")
    if isinstance(until, str):
        word = until.strip().lower()
        if _is_count(word):
            return AtLeast(int(word))
        short = {"any": AnyAnswer(), "all": Everyone(), "everyone": Everyone()}
        if word in short:
            return short[word]
    if isinstance(until, int) and not isinstance(until, bool):
        return AtLeast(until)
    if isinstance(until, Mapping):
        return _from_wire(until)
    if isinstance(until, Sequence) and not isinstance(until, (str, bytes)):
        return People(tuple(until))
    raise KaizalaInputError(f"until: {checks.shown(until)} is no rule; give {_FORMS}{checks.rendered(until)}")


def _from_wire(wire: Mapping[str, Any]) -> Rule:
    kind = wire.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise KaizalaInputError(f"until: kind {checks.shown(kind)} is unknown; known are {', '.join(_KINDS)}")
    made, must, may = _KINDS[kind]
    given = {str(key): value for key, value in wire.items() if key != "kind"}
    if set(given) - {*must, *may} or set(must) - set(given):
        takes = ", ".join((*must, *(each for each in may if each != "names"))) or "nothing else"
        raise KaizalaInputError(
            f"until: kind {kind!r} takes {takes}, not {', '.join(sorted(given)) or 'nothing'}"
        )
    if "people" in given and given["people"] is not None:
        given["people"] = tuple(checks.listed("until: people", given["people"], "phone numbers"))
    if "rules" in given:
        given["rules"] = tuple(map(read_rule, checks.listed("until: rules", given["rules"], "rules")))
    if _is_count(given.get("count")):
        given["count"] = int(given["count"])
    return made(**given)
