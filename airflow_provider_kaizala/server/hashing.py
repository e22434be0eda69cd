"""Secrets: made at random, shown once, kept only as hashes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

#: of scrypt: the logarithm of n, r and p. It takes 16 MiB.
PIN_COST = (14, 8, 1)


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return secrets.token_urlsafe(36)


def new_secret() -> str:
    """Return a connector secret in Kaizala's form: ten upper-case alphanumerics."""
    return "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") for _ in range(10))


def fingerprint(secret: str) -> str:
    """Hash a random token or connector secret, so that a stolen database gives nothing to sign in with."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def same_secret(secret: str, stored: str) -> bool:
    """Compare a secret with a stored fingerprint in constant time."""
    return hmac.compare_digest(fingerprint(secret), stored)


def hash_pin(pin: str) -> str:
    """Hash a PIN slowly and salted, as it is short enough to be tried out otherwise; takes a tenth of a second.

    The parameters stand in the hash (``$scrypt$ln=14,r=8,p=1$salt$digest``), so that they can be raised later.
    """
    salt = secrets.token_bytes(16)
    return f"{_prefix()}{_text(salt)}${_text(_scrypt(pin, salt, *PIN_COST))}"


def check_pin(pin: str, stored: str | None) -> bool:
    """Compare a PIN with its hash; takes as long when there is no such person or PIN."""
    _, _, cost, salt, digest = (stored or f"{_prefix()}{_text(bytes(16))}${_text(bytes(64))}").split("$")
    parameters = (int(one.partition("=")[2]) for one in cost.split(","))
    hashed = _scrypt(pin, base64.b64decode(salt), *parameters)
    return hmac.compare_digest(hashed, base64.b64decode(digest)) and stored is not None


def is_outdated(stored: str) -> bool:
    """Tell whether a PIN was hashed with other parameters than today's."""
    return not stored.startswith(_prefix())


def _prefix() -> str:
    return "$scrypt$ln={},r={},p={}$".format(*PIN_COST)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _scrypt(pin: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    n = 2**log_n
    return hashlib.scrypt(
        pin.encode("utf-8", "surrogatepass"), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r * p + 2**20
    )
