"""Numbers as people type them: ``3,5``, ``1 234.5``, ``1,00,000``, ``0091 98765-43210``."""

from __future__ import annotations

import math
import re

from babel import Locale
from babel.numbers import get_decimal_symbol, get_group_symbol

from airflow_provider_kaizala.server.domain.persons import PHONE
from airflow_provider_kaizala.server.page.problems import Problem

#: what stands between groups of digits where people write it, whatever their language
_SPACES = re.compile(r"[\s'’]")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?P<mark>[.,])\d{2,3}(?:(?P=mark)\d{2,3})*\Z")
_LAST_OF_THREE = re.compile(r"[.,]\d{3}\Z")


def read_number(text: str, locale: Locale) -> float:
    """Read a number.

    One mark followed by three digits is what it is where the reader lives: ``1,234`` has a comma for thousands in English, and
    for decimals in French. Of two marks the last is the decimal one.

    :raises ValueError: if it is none, or too large
    """
    plain = _SPACES.sub("", text)
    if "," in plain and "." in plain:
        decimal = max(",.", key=plain.rindex)
        whole, _, rest = plain.rpartition(decimal)
        if not (_GROUPED.match(whole) and _LAST_OF_THREE.search(whole)) or decimal in whole:
            raise ValueError(text)
        plain = f"{re.sub('[.,]', '', whole)}.{rest}"
    elif _GROUPED.match(plain) and _LAST_OF_THREE.search(plain) and _is_grouped(plain, locale):
        plain = re.sub("[.,]", "", plain)
    else:
        plain = plain.replace(",", ".")
    number = float(plain)
    if not math.isfinite(number) or abs(number) >= 1e15:
        raise ValueError(text)
    return number


def read_phone(text: str) -> str:
    """Read a phone number: spaces and hyphens count for nothing, and 00 stands for +.

    :raises Problem: 400 if the country code is missing, or it is no phone number
    """
    phone = re.sub(r"[\s-]", "", text)
    phone = f"+{phone[2:]}" if phone.startswith("00") else phone
    if not PHONE.match(phone):
        raise Problem(400, "phone_prefix" if phone.isdecimal() else "phone", given=text.strip()[:40])
    return phone


def _is_grouped(plain: str, locale: Locale) -> bool:
    """Tell whether the marks of a number stand between groups of its digits."""
    mark = "," if "," in plain else "."
    if plain.count(mark) > 1:
        return True
    return mark == get_group_symbol(locale) and mark != get_decimal_symbol(locale)
