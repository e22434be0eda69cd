"""No secret in any text: not in errors, not in the repr of anything that holds one."""

from __future__ import annotations

import copy
import pickle
import traceback
from itertools import chain

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.effects import Save
from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.client.models import AccessToken, Message
from airflow_provider_kaizala.client.settings import Grant
from airflow_provider_kaizala.client.tokens import Tokens

ACCESS, ROTATED = "access-1", "rotated-refresh-token"
GROUP_TOKEN, PROXY_PASSWORD = "refresh-token-of-the-group", "pr%40xy-password"


@pytest.fixture
def open_world(make_world, group):
    """A world whose server knows and echoes every secret."""
    return make_world(
        group_refresh_tokens={group: GROUP_TOKEN}, proxies={"https": f"http://me:{PROXY_PASSWORD}@proxy:3128"}
    )


def all_secrets(world):
    settings = world.settings
    return [
        settings.connector_secret,
        settings.refresh_token,
        GROUP_TOKEN,
        ACCESS,
        ROTATED,
        PROXY_PASSWORD,
        "pr@xy-password",
    ]


def echo(world, headers=()):
    return " | ".join(chain(all_secrets(world), headers))


def texts(error):
    yield str(error)
    yield repr(error)
    yield repr(error.args)
    yield repr(vars(error))
    yield "".join(traceback.format_exception(error))


FAILURES = {
    "400": lambda w: w.error(400, echo(w), echo(w)),
    "401": lambda w: w.error(401, echo(w), echo(w)),
    "403": lambda w: w.error(403, "x", echo(w)),
    "404": lambda w: w.error(404, "x", echo(w)),
    "415": lambda w: w.error(415, "x", echo(w)),
    "418": lambda w: w.error(418, "x", echo(w)),
    "429": lambda w: w.error(429, "x", echo(w), retry_after="9999"),
    "500": lambda w: w.error(500, echo(w), echo(w)),
    "200 with a failure": lambda w: w.error(200, echo(w), echo(w)),
    "200 unreadable": lambda w: w.reply(200, echo(w).encode()),
    "200 without ids": lambda w: w.reply(200, {echo(w): echo(w)}),
    "transport": lambda w: w.failure(sent=True, detail=echo(w)),
    "never connected": lambda w: w.failure(sent=False, detail=echo(w)),
    "move": lambda w: w.reply(308, location=f"https://evil.example/{'/'.join(all_secrets(w))}"),
    "move to a telling host": lambda w: w.reply(308, location=f"https://{w.settings.refresh_token}.example/"),
    "move to nowhere": lambda w: w.reply(308, location=echo(w)),
    "moves without end": lambda w: w.reply(308, location=f"https://kms.kaiza.la/?{w.settings.refresh_token}"),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("where", ["call", "token"])
@pytest.mark.parametrize("make", [
    lambda group: calls.send_message(group, Message("Hello")),
    calls.list_members,
    lambda group: calls.list_groups(),
], ids=["post", "read", "user grant"])  # fmt: skip
def test_errors_contain_no_secret(open_world, group, logs, failure, where, make):
    world = open_world
    if where == "token":
        world.tokens = [FAILURES[failure](world) for _ in range(5)]
        known = [secret for secret in all_secrets(world) if secret not in (ACCESS, ROTATED)]
    else:
        world.tokens = [world.token(ACCESS, refresh=ROTATED), world.token(ACCESS, refresh=ROTATED)]
        world.replies = [FAILURES[failure](world) for _ in range(5)]
        known = all_secrets(world)
    with pytest.raises(KaizalaError) as caught:
        world.run(make(group))
    for text in (*texts(caught.value), *texts(pickle.loads(pickle.dumps(caught.value))), logs.text):
        leaked = [secret for secret in known if secret.lower() in text.lower()]
        assert not leaked, text


def test_the_repr_of_settings_and_tokens_shows_no_secret(open_world, group):
    world = open_world
    world.tokens = [world.token(ACCESS, refresh=ROTATED)]
    world.replies = [world.reply(200, {"referenceId": "r"})]
    world.run(calls.send_message(group, Message("Hello")))
    settings = world.settings
    grant = settings.grant_for(group)
    tokens = world.saved[-1]
    received = AccessToken.read(
        {"accessToken": ACCESS, "refreshToken": ROTATED, "endpointUrl": "https://x", "accessTokenExpiry": 1}
    )
    call = calls.access_token(settings.connector_id, settings.connector_secret, settings.refresh_token)
    reply = world.reply(200, {"accessToken": ACCESS})
    shown = [
        settings,
        grant,
        tokens,
        received,
        call,
        reply,
        Save(grant, tokens),
        *world.sends,
        copy.copy(settings),
    ]
    for each in shown:
        for text in (str(each), repr(each)):
            assert not [secret for secret in all_secrets(world) if secret in text], text


def test_a_send_does_not_show_its_body(world, group):
    world.replies = [world.reply(200, {"referenceId": "r"})]
    world.run(calls.send_message(group, Message("a private text")))
    assert "private" not in repr(world.calls)


def test_redaction_replaces_the_longest_secret_first(make_world):
    world = make_world(refresh_token="abc", connector_secret="abcdef", group_refresh_tokens={"g": "cde"})
    assert world.policy.redact("x abcdef y abc z cde") == "x *** y *** z ***"


def test_the_seed_does_not_reveal_the_refresh_token_and_differs_between_tokens():
    one, other = Grant("user", "token-1"), Grant("user", "token-2")
    assert one.seed != other.seed
    assert one.seed == Grant("another name", "token-1").seed
    assert "token" not in one.seed
    assert Tokens("a", 1, "u", None, one.seed, "u").seed == one.seed
