"""The API description, read once."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

CONTRACT = Path(__file__).with_name("kaizala-openapi.yaml")
METHODS = ("get", "post", "put", "delete", "patch")
# The loader in C, where there is one, is eight times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@functools.cache
def contract() -> dict[str, Any]:
    """Return the whole description; whoever changes it takes a copy."""
    found: dict[str, Any] = yaml.load(CONTRACT.read_text("utf-8"), _LOADER)
    return found


@functools.cache
def operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return method, path and description of each operation, by its operationId."""
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, item in contract()["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }
