"""Reading seed files; every mistake is one sentence that says where it is."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from airflow_provider_kaizala.server.seeds.model import Seed

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
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise SeedError(
            f"the seed {source!r} is not valid YAML{where}: {getattr(error, 'problem', error)}"
        ) from None
    except RecursionError:
        raise SeedError(f"the seed {source!r} is nested too deeply") from None
    return read_seed({} if raw is None else raw, source)


def read_seed(raw: object, source: str) -> Seed:
    """Check a parsed seed."""
    if not isinstance(raw, dict):
        raise SeedError(f"the seed {source!r} must be a mapping of tenants, people, connectors, groups, ...")
    try:
        return Seed.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SeedError(f"the seed {source!r} is wrong at {where}: {first['msg']}") from None
