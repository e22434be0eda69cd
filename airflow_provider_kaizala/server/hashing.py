"""Secrets: made at random, shown once, kept only as hashes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_SCRYPT_COST = 2**12


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
    """Hash a PIN slowly and salted: it is short enough to be tried out otherwise."""
    salt = secrets.token_bytes(16)
    return "scrypt$" + base64.b64encode(salt).decode() + "$" + base64.b64encode(_scrypt(pin, salt)).decode()


def check_pin(pin: str, stored: str | None) -> bool:
    """Compare a PIN with its hash; takes as long when there is no such person or PIN."""
    _, salt, digest = (stored or _NOBODY).split("$")
    matches = hmac.compare_digest(_scrypt(pin, base64.b64decode(salt)), base64.b64decode(digest))
    return matches and stored is not None


def _scrypt(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode("utf-8", "surrogatepass"), salt=salt, n=_SCRYPT_COST, r=8, p=1)


_NOBODY = hash_pin(new_token())
