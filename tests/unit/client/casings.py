"""Every casing in which production spelt names."""

from __future__ import annotations

import pytest


def pascal(value):
    """Spell all names with a capital, as production did now and then; phone numbers are no names."""
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: pascal(item) for key, item in value.items()}
    return [pascal(item) for item in value] if isinstance(value, list) else value


def upper(value):
    if isinstance(value, dict):
        return {key.upper(): upper(item) for key, item in value.items()}
    return [upper(item) for item in value] if isinstance(value, list) else value


def lower(value):
    if isinstance(value, dict):
        return {key.lower(): lower(item) for key, item in value.items()}
    return [lower(item) for item in value] if isinstance(value, list) else value


def same(value):
    return value


CASINGS = pytest.mark.parametrize("spell", [same, pascal, lower, upper])
