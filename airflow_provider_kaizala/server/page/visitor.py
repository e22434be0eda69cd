"""Who looks at the page: the session's cookie, the language, the time zone, and the guard against forged forms."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.clock import SECOND
from airflow_provider_kaizala.server.domain.sessions import SESSION_LIFE_MS
from airflow_provider_kaizala.server.hashing import new_token
from airflow_provider_kaizala.server.page.problems import Problem
from airflow_provider_kaizala.server.page.strings import Words, wanted_locale, words, zone_named
from airflow_provider_kaizala.server.pin_sign_in import COOKIE
from airflow_provider_kaizala.server.state import base_url

#: of somebody who has not signed in yet, so that the form for that is guarded too
VISIT = "kaizala_visit"
#: the token of a session that was signed out of: it opens nothing, but shows that this browser is known, see domain/pins.py
DEVICE = "kaizala_device"
LANGUAGE = "kaizala_language"
#: set by the script; without it times are shown in UTC
ZONE = "kaizala_zone"
YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Visitor:
    """What the cookies of a request say.

    :param session: the session's token, None if nobody signed in; whether it still holds is not checked here
    :param visit: a random value that forms are bound to before
    """

    session: str | None
    visit: str
    words: Words
    zone: ZoneInfo

    @property
    def csrf(self) -> str:
        """What each form must carry: known to this page only, bound to the session."""
        key = self.session or self.visit
        return hmac.new(key.encode(), b"kaizala form", hashlib.sha256).hexdigest()


def visitor_of(request: Request) -> Visitor:
    """Read the cookies of a request."""
    cookies = request.cookies
    return Visitor(
        session=cookies.get(COOKIE) or None,
        visit=cookies.get(VISIT) or new_token(),
        words=words(wanted_locale(request, cookies.get(LANGUAGE))),
        zone=zone_named(cookies.get(ZONE)),
    )


def check_origin(request: Request) -> None:
    """Refuse what a browser sends from another site, before it is read.

    :raises Problem: 403
    """
    origin = request.headers.get("origin")
    if origin is not None and _host(origin) != _host(base_url(request)):
        raise Problem(403, "forged")


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return None


def check_form(visitor: Visitor, csrf: str) -> None:
    """Refuse a form that does not come from a page of this browser.

    :raises Problem: 403
    """
    if not hmac.compare_digest(csrf.encode("utf-8", "replace"), visitor.csrf.encode()):
        raise Problem(403, "forged")


def _set(request: Request, reply: Response, name: str, value: str, seconds: int) -> None:
    reply.set_cookie(
        name,
        value,
        max_age=seconds,
        httponly=True,
        samesite="lax",
        secure=base_url(request).startswith("https:"),
    )


def remember_visit(request: Request, reply: Response, visitor: Visitor) -> None:
    """Bind the sign-in form to this browser."""
    if visitor.session is None and request.cookies.get(VISIT) != visitor.visit:
        _set(request, reply, VISIT, visitor.visit, 24 * 3600)


def sign_in_cookie(request: Request, reply: Response, token: str) -> None:
    """Keep the session in the browser, where no script can read it.

    The cookie outlives the session: a form that was open when the session ended is still known as this browser's.
    """
    _set(request, reply, COOKIE, token, SESSION_LIFE_MS // SECOND + YEAR)
    reply.delete_cookie(VISIT, httponly=True, samesite="lax")


def sign_out_cookie(request: Request, reply: Response, token: str | None) -> None:
    """Forget the session, but not that this device had one."""
    reply.delete_cookie(COOKIE, httponly=True, samesite="lax")
    if token:
        _set(request, reply, DEVICE, token, YEAR)


def known_device(request: Request) -> str | None:
    """Return the token of a session that this browser had before; it may have ended."""
    return request.cookies.get(COOKIE) or request.cookies.get(DEVICE) or None


def language_cookie(request: Request, reply: Response, language: str) -> None:
    """Keep the chosen language."""
    _set(request, reply, LANGUAGE, language, YEAR)
