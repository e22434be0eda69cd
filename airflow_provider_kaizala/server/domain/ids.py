"""Ids: GUIDs, with the scale unit where Kaizala had one."""

from __future__ import annotations

import re
import uuid

SCALE_UNIT = "@1"
_GUID = re.compile(r"[0-9a-fA-F-]{20,36}(@[0-9]+)?\Z")


def new_id() -> str:
    """Return a new id of an action, a message, a response."""
    return str(uuid.uuid4())


def new_unit_id() -> str:
    """Return a new id of a group or person, with its scale unit."""
    return new_id() + SCALE_UNIT


def canonical(given: str) -> str:
    """Return an id as it is stored: GUIDs compare without case, free names as they are."""
    given = given.strip()
    return given.lower() if _GUID.match(given) else given


def package_base(package_id: str) -> str:
    """Return an action package id without its version: ``com.example.card.2`` is ``com.example.card``."""
    base, dot, version = package_id.rpartition(".")
    return base if dot and base and version.isdigit() else package_id
