"""Decides how a call is made: tokens, redirects, throttling, retries. One generator, no I/O.

:meth:`Policy.perform` yields the effects of :mod:`airflow_provider_kaizala.client.effects` that it needs carried out, and is
resumed with the result of each; a transport that fails throws :class:`TransportFailure` into it. The sync and the async
client are loops around it, so both behave the same, and tests need no network.
"""

from __future__ import annotations

import json
import math
import random
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode, urlsplit

from airflow_provider_kaizala.client.budget import Budget
from airflow_provider_kaizala.client.calls import auth
from airflow_provider_kaizala.client.effects import (
    Effect,
    Load,
    Reply,
    Reserve,
    Save,
    Send,
    Sleep,
    TransportFailure,
)
from airflow_provider_kaizala.client.errors import (
    KaizalaAuthError,
    KaizalaError,
    KaizalaNoReplyError,
    KaizalaRefusedError,
    KaizalaServerError,
    KaizalaThrottledError,
    KaizalaUnreachableError,
    KaizalaUntrustedHostError,
)
from airflow_provider_kaizala.client.multipart import Upload
from airflow_provider_kaizala.client.observer import Observer
from airflow_provider_kaizala.client.outcomes import Failed, Outcomes, throttled
from airflow_provider_kaizala.client.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from airflow_provider_kaizala.client.calls.call import Call
    from airflow_provider_kaizala.client.models.tokens import AccessToken
    from airflow_provider_kaizala.client.settings import Grant, Settings

T = TypeVar("T")

MAX_MOVES = 3
BACKOFF_BASE = 1.0
BACKOFF_CAP = 30.0
#: an access token that expires within this many seconds is renewed before it is used
EXPIRY_MARGIN = 60.0
#: seconds between checks whether another call of this client has renewed the token
RENEWAL_POLL = 0.05
#: seconds after which the store is read once more when all refresh tokens were refused
RENEWAL_GRACE = 1.0


class Policy:
    """Applies the rules for one connector. Holds the tokens of each grant and the budget of calls.

    :param settings: the connector
    :param budget: shared between clients of one connector; by default each policy has its own
    :param observer: is told of calls and throttles
    :param clock: monotonic seconds
    :param wall: seconds since the epoch
    :param jitter: a number from 0 to 1
    """

    def __init__(
        self,
        settings: Settings,
        *,
        budget: Budget | None = None,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self.budget = budget or Budget(settings.calls_per_minute)
        self.observer = observer or Observer()
        self._clock, self._wall, self._jitter = clock, wall, jitter
        self._tokens: dict[str, Tokens] = {}
        self._renewing: set[str] = set()
        self._secrets = set(settings.secrets())
        self._outcomes = Outcomes(self.redact, wall)
        self._root = self._trusted_base(settings.api_root)

    def page(self, group_id: str) -> str | None:
        """Return the root of the page for people at the address to which calls about a group go; None if there is no such page.

        :raises KaizalaGrantError: if there is no grant for the group
        """
        known = self._tokens.get(self.settings.grant_for(group_id).name)
        return self.settings.page(known.endpoint_url if known is not None else self._root)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), tz=UTC)

    # --- the whole call ------------------------------------------------------------------------------------------------

    def perform(self, call: Call[T], within: float = math.inf) -> Generator[Effect, Any, T]:
        """Make *call*, with an access token if it needs one, and once more with a new token if Kaizala refuses the first.

        :param within: seconds the call may take, if that is less than the settings' total
        """
        deadline = self._clock() + min(self.settings.timeouts.total, within)
        if call.body is not None:
            call.body(self._now())  # raises here if a due time has passed, before anything is sent
        self._secrets.update(call.secrets)
        if not call.needs_token:
            base = self._trusted_base(self.settings.oauth_root) if call.oauth else self._root
            value, _ = yield from self._exchange(call, base, call.headers, deadline)
            return value
        grant = self.settings.grant_for(call.group_id, prefer_user=call.prefers_user)
        tokens = yield from self._usable_tokens(grant, deadline)
        try:
            return (yield from self._with_token(call, grant, tokens, deadline))
        except KaizalaAuthError:
            tokens = yield from self._usable_tokens(grant, deadline, refused=tokens.access_token)
        return (yield from self._with_token(call, grant, tokens, deadline))

    def _with_token(
        self, call: Call[T], grant: Grant, tokens: Tokens, deadline: float
    ) -> Generator[Effect, Any, T]:
        headers = {**call.headers, "accessToken": tokens.access_token}
        value, base = yield from self._exchange(call, tokens.endpoint_url, headers, deadline)
        if base != tokens.endpoint_url and self._tokens.get(grant.name) == tokens:
            yield from self._keep(grant, replace(tokens, endpoint_url=base))
        return value

    # --- tokens --------------------------------------------------------------------------------------------------------

    def _usable_tokens(
        self, grant: Grant, deadline: float, refused: str | None = None
    ) -> Generator[Effect, Any, Tokens]:
        """Return tokens that should work: those of this client, else those another process stored, else new ones."""
        while True:
            known = self._tokens.get(grant.name)
            if known and self._fresh(known, refused):
                return known
            if grant.name not in self._renewing:
                break
            if self._clock() >= deadline:
                raise KaizalaUnreachableError(
                    f"timed out while another call was renewing the access token with {grant.description}; nothing was sent"
                )
            yield Sleep(RENEWAL_POLL)
        self._renewing.add(grant.name)
        try:
            return (yield from self._renew(grant, deadline, refused))
        finally:
            self._renewing.discard(grant.name)

    def _renew(self, grant: Grant, deadline: float, refused: str | None) -> Generator[Effect, Any, Tokens]:
        """Renew the access token with the latest refresh token known, and store what comes before anything else happens.

        Rotation may end the old refresh token at once, so the store is read again after each refusal: another process may
        just have rotated it. That process may still be storing the new one, hence one more look after a pause.
        """
        tried: list[str] = []
        refusal: KaizalaAuthError | None = None
        pause = RENEWAL_GRACE
        while True:
            stored: Tokens | None = yield Load(grant)
            known = [grant.refresh_token]
            if stored is not None and stored.seed == grant.seed:
                self._learn(grant, stored)
                if self._fresh(stored, refused):
                    return stored
                known.insert(0, stored.refresh_token or "")
            untried = [each for each in known if each and each not in tried]
            if untried:
                try:
                    granted = yield from self._fetch_token(untried[0], deadline)
                except KaizalaAuthError as error:
                    refusal = error
                    tried.append(untried[0])
                else:
                    return (yield from self._accept(grant, granted, untried[0]))
            elif refusal is not None and (not pause or self._clock() + pause >= deadline):
                raise self._explained(refusal, grant) from None
            else:
                yield Sleep(pause)
                pause = 0.0

    def _accept(
        self, grant: Grant, granted: AccessToken, refresh_token: str
    ) -> Generator[Effect, Any, Tokens]:
        latest = granted.refresh_token or refresh_token
        tokens = Tokens(
            access_token=granted.access_token,
            expires_ms=int(granted.expires_at.timestamp() * 1000),
            endpoint_url=granted.endpoint_url,
            refresh_token=latest if latest != grant.refresh_token else None,
            seed=grant.seed,
            api_root=self.settings.api_root,
        )
        try:
            tokens = replace(tokens, endpoint_url=self._trusted_base(granted.endpoint_url))
        except KaizalaUntrustedHostError:
            if granted.refresh_token:  # the old one may no longer work
                yield from self._keep(grant, tokens)
            raise
        yield from self._keep(grant, tokens)
        return tokens

    def _fresh(self, tokens: Tokens, refused: str | None) -> bool:
        return (
            tokens.expires_ms / 1000 - EXPIRY_MARGIN > self._wall()
            and tokens.access_token != refused
            and tokens.api_root == self.settings.api_root
            and self.settings.distrust(tokens.endpoint_url) is None
        )

    def _fetch_token(self, refresh_token: str, deadline: float) -> Generator[Effect, Any, AccessToken]:
        self._secrets.add(refresh_token)
        call = auth.access_token(self.settings.connector_id, self.settings.connector_secret, refresh_token)
        granted, self._root = yield from self._exchange(call, self._root, call.headers, deadline)
        return granted

    def _keep(self, grant: Grant, tokens: Tokens) -> Generator[Effect, Any, None]:
        self._learn(grant, tokens)
        yield Save(grant, tokens)

    def _learn(self, grant: Grant, tokens: Tokens) -> None:
        self._tokens[grant.name] = tokens
        self._secrets |= {secret for secret in (tokens.access_token, tokens.refresh_token) if secret}

    @staticmethod
    def _explained(error: KaizalaAuthError, grant: Grant) -> KaizalaAuthError:
        known = f"{error.message} — " if error.message else ""
        message = f"{known}refused for {grant.description}"
        return KaizalaAuthError(error.operation, error.status, error.error_code, message, error.group_id)

    # --- one exchange, with its repeats ----------------------------------------------------------------------------------

    def _exchange(
        self, call: Call[T], base: str, headers: Mapping[str, str], deadline: float
    ) -> Generator[Effect, Any, tuple[T, str]]:
        """Send until there is an outcome; return the value and the base that answered."""
        moves = repeats = 0
        failed: KaizalaError | None = None
        perhaps_done = False
        while True:
            yield from self._place_in_budget(call, deadline)
            if self._clock() >= deadline:
                raise failed or KaizalaUnreachableError(f"{call.operation}: timed out; nothing was sent")
            try:
                reply = yield self._request(call, base, headers, deadline)
            except TransportFailure as failure:
                outcome: Any = self._outcomes.without_reply(call, base, failure)
            else:
                if reply.status == 308:
                    moves += 1
                    base = self._moved(call, base, reply, moves)
                    continue
                outcome = self._outcomes.of_reply(call, reply)
                if perhaps_done and call.method == "DELETE" and reply.status == 404:
                    outcome = call.parse({})  # deleted by the earlier attempt whose reply was lost
            if not isinstance(outcome, Failed):
                return outcome, base
            failed, wait = outcome.error, outcome.again
            perhaps_done = perhaps_done or isinstance(failed, (KaizalaNoReplyError, KaizalaServerError))
            if wait == "backoff":
                repeats += 1
                wait = self._backoff(repeats) if repeats <= self.settings.retries else None
            pause = wait if isinstance(wait, float) and self._clock() + wait < deadline else None
            if isinstance(failed, KaizalaThrottledError):
                self.observer.throttled(call, pause or 0.0, "kaizala")
            if pause is None:
                raise failed
            yield Sleep(pause)

    def _place_in_budget(self, call: Call[T], deadline: float) -> Generator[Effect, Any, None]:
        left = deadline - self._clock()
        delay: float = (yield Reserve(left)) if self.budget.blocks else self.reserve(left)
        if delay <= 0:
            return
        self.observer.throttled(call, delay if delay < left else 0.0, "calls_per_minute")
        if delay >= left:
            raise throttled(call, 429, None, "calls_per_minute of the connection is used up", delay)
        yield Sleep(delay)

    def reserve(self, patience: float) -> float:
        """Carry out a :class:`Reserve`."""
        return self.budget.reserve(self._clock(), patience)

    def _backoff(self, repeats: int) -> float:
        """Exponential, with jitter over its upper half."""
        full: float = min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** (repeats - 1))
        return full * (0.5 + 0.5 * self._jitter())

    def _request(self, call: Call[T], base: str, headers: Mapping[str, str], deadline: float) -> Send:
        url = f"{base}{'' if call.oauth else '/v1'}{call.path}"
        if call.query:
            url += "?" + urlencode(call.query)
        sent = {"Accept": "application/json", **headers}
        content: bytes | Upload | None = None
        if call.parts:
            content = Upload(call.parts, f"kaizala{int(self._jitter() * 1e18):018x}")
            sent["Content-Type"] = content.content_type
        elif call.form:
            content = urlencode(call.form).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        elif call.body is not None:
            content = json.dumps(call.body(self._now())).encode()
            sent["Content-Type"] = "application/json"
        left = max(deadline - self._clock(), 0.001)
        bounds = self.settings.timeouts
        return Send(call.method, url, sent, content, min(bounds.connect, left), min(bounds.read, left), left)

    # --- addresses ----------------------------------------------------------------------------------------------------------

    def _moved(self, call: Call[T], base: str, reply: Reply, moves: int) -> str:
        """Return the base that a 308 names, which is a full URL of the same path or only a base."""
        if moves > MAX_MOVES:
            raise _lost(call, f"redirected more than {MAX_MOVES} times, last by {base}")
        location = reply.headers.get("location", "").strip()
        if location.startswith("/") and not location.startswith("//"):
            parts = urlsplit(base)
            location = f"{parts.scheme}://{parts.netloc}{location}"
        try:
            parts = urlsplit(location)
        except ValueError:
            parts = urlsplit("")
        if not parts.netloc:
            raise _lost(call, "redirected, but the reply names no new address")
        path = parts.path.replace("%40", "@").rstrip("/")
        if path.lower().endswith(call.path.lower()):
            path = path[: -len(call.path)]
        return self._trusted_base(f"{parts.scheme}://{parts.netloc}{path}")

    def _trusted_base(self, url: str) -> str:
        """Return *url* as a base, without a trailing slash or ``/v1``; refuse hosts that must not see the credentials."""
        problem = self.settings.distrust(url)
        if problem:
            named, problem = self.redact(url)[:200], self.redact(problem)
            raise KaizalaUntrustedHostError(
                f"Kaizala named {named} as its address, but credentials are not sent there: {problem}"
            )
        base = url.split("?")[0].split("#")[0].rstrip("/")
        return base[: -len("/v1")].rstrip("/") if base.lower().endswith("/v1") else base

    def redact(self, text: str) -> str:
        """Return *text* without the secrets that this policy knows."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***").replace(repr(secret)[1:-1], "***")
        return text


def _lost(call: Call[Any], message: str) -> KaizalaRefusedError:
    """Return the error for a redirect that leads nowhere."""
    return KaizalaRefusedError(call.operation, 308, None, message, call.group_id)
