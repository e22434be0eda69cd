"""Reading seed files; every mistake is one sentence that says where it is."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from pydantic import ValidationError

from airflow_provider_kaizala.server.api.lenient_json import check_text
from airflow_provider_kaizala.server.domain.errors import ApiError
from airflow_provider_kaizala.server.mistakes import first_mistake, sentence
from airflow_provider_kaizala.server.seeds.model import Seed, known_names

BUILT_IN = Path(__file__).parent


class SeedError(Exception):
    """A seed cannot be read or applied; the message is one sentence."""


def load_seed(name_or_file: str) -> Seed:
    """Read a built-in seed by name, or a seed file."""
    built_in = BUILT_IN / f"{name_or_file}.yaml"
    path = built_in if "/" not in name_or_file and built_in.is_file() else Path(name_or_file)
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        known = ", ".join(sorted(one.stem for one in BUILT_IN.glob("*.yaml")))
        raise SeedError(
            f"the seed {name_or_file!r} cannot be read ({error.strerror}); built-in seeds: {known}"
        ) from None
    except UnicodeDecodeError:
        raise SeedError(f"the seed {name_or_file!r} is not text in UTF-8") from None
    return parse_seed(text, name_or_file)


def parse_seed(text: str, source: str) -> Seed:
    """Read a seed from YAML or JSON text."""
    try:
        raw = _parsed(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = str(getattr(error, "problem", error)).partition("\n")[0]
        raise SeedError(f"the seed {source!r} is not valid YAML{where}: {reason}") from None
    except RecursionError:
        raise SeedError(f"the seed {source!r} is nested too deeply") from None
    except ValueError as error:  # what looks like a date or a number, and is none
        raise SeedError(
            f"the seed {source!r} has a value that YAML cannot read ({error}); quote it if it is a text"
        ) from None
    return read_seed({} if raw is None else raw, source)


def _parsed(text: str) -> object:
    """Read JSON as JSON, since YAML takes no tabs, and everything else as YAML."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            pass  # a mapping of YAML begins so too, and YAML tells where a mistake is
    return yaml.safe_load(text)


def read_seed(raw: object, source: str) -> Seed:
    """Check a parsed seed."""
    if not isinstance(raw, dict):
        raise SeedError(f"the seed {source!r} must be a mapping of {', '.join(Seed.model_fields)}")
    _check_texts(raw, source)
    try:
        return Seed.model_validate(raw)
    except ValidationError as error:
        first = first_mistake(error)
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        said = sentence(first, known_names(first["loc"]))
        raise SeedError(f"the seed {source!r} is wrong at {where}: {said}") from None


def _check_texts(raw: dict[object, object], source: str) -> None:
    """Refuse texts that no database holds; YAML's aliases make one value stand in many places, or in itself."""
    seen: set[int] = set()
    waiting: list[tuple[object, tuple[object, ...]]] = [(raw, ())]
    while waiting:
        value, place = waiting.pop()
        if isinstance(value, str):
            try:
                check_text(value)
            except ApiError as error:
                where = ".".join(str(part) for part in place).encode("utf-8", "replace").decode()
                raise SeedError(
                    f"the seed {source!r} is wrong at {where or 'the file'}: {error.message}"
                ) from None
        elif isinstance(value, dict | list) and id(value) not in seen:
            seen.add(id(value))
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in items:
                waiting += [(key, place), (item, (*place, key))]
