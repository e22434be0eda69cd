from __future__ import annotations

import json
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.settings import Timeouts
from airflow_provider_kaizala.hooks.connection import api_root, read_connection
from airflow_provider_kaizala.hooks.fields import FIELDS
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook

SECRET, REFRESH, GROUP_TOKEN = "s3cret/of+connector", "refresh+token/user", "refresh-token-of-group"
GROUP = "11111111-1111-4111-8111-111111111111@1"


def connection(**changes):
    given = {"conn_id": "my_kaizala", "login": "connector-1", "password": SECRET}
    return SimpleNamespace(**({"host": None, "port": None, "schema": None} | given | changes))


def read(extra=None, **changes):
    return read_connection(connection(**changes), {"refresh_token": REFRESH} if extra is None else extra)


# --- where ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "port", "schema", "root"),
    [
        (None, None, None, "https://api.kaiza.la"),
        ("  ", None, None, "https://api.kaiza.la"),
        ("api1.kaiza.la", None, None, "https://api1.kaiza.la"),
        ("api1.kaiza.la", 8443, None, "https://api1.kaiza.la:8443"),
        ("api1.kaiza.la", 0, None, "https://api1.kaiza.la"),  # the Airflow UI sends 0 for an empty port
        ("", 0, "", "https://api.kaiza.la"),
        ("api1.kaiza.la:8443", None, None, "https://api1.kaiza.la:8443"),
        ("api1.kaiza.la:8443", 9, None, "https://api1.kaiza.la:8443"),
        ("https://api1.kaiza.la", 8443, None, "https://api1.kaiza.la:8443"),
        ("https://api1.kaiza.la:8443", None, None, "https://api1.kaiza.la:8443"),
        ("HTTPS://api1.kaiza.la", None, None, "https://api1.kaiza.la"),
        ("https://api1.kaiza.la/", None, "", "https://api1.kaiza.la"),
        ("https://api1.kaiza.la/v1", None, None, "https://api1.kaiza.la"),
        ("https://api1.kaiza.la/v1/", 8443, None, "https://api1.kaiza.la:8443"),
        ("api1.kaiza.la/V1", None, None, "https://api1.kaiza.la"),
        ("api1.kaiza.la/v1", 8443, None, "https://api1.kaiza.la:8443"),
        ("kaizala.example/base/v1/", None, None, "https://kaizala.example/base"),
        ("api1.kaiza.la", None, "http", "http://api1.kaiza.la"),
        ("api1.kaiza.la", None, "HTTPS", "https://api1.kaiza.la"),
        ("api1.kaiza.la", None, "v1", "https://api1.kaiza.la"),
        ("localhost", None, None, "http://localhost"),
        ("localhost", 8787, None, "http://localhost:8787"),
        ("localhost:8787", None, None, "http://localhost:8787"),
        ("LocalHost:8787", None, None, "http://LocalHost:8787"),
        ("localhost:8787/v1", None, None, "http://localhost:8787"),
        ("localhost", 8443, "https", "https://localhost:8443"),
        ("localhost", 443, None, "https://localhost:443"),
        ("localhost:443", None, None, "https://localhost:443"),
        ("127.0.0.1:8787", None, None, "http://127.0.0.1:8787"),
        ("https://127.0.0.1:8787", None, None, "https://127.0.0.1:8787"),
        ("::1", None, None, "http://[::1]"),
        ("::1", 8787, None, "http://[::1]:8787"),
        ("[::1]", 8787, None, "http://[::1]:8787"),
        ("[::1]:8787", None, None, "http://[::1]:8787"),
        ("[::1]/v1", 8787, None, "http://[::1]:8787"),
        ("::1/v1", None, None, "http://[::1]"),
        ("http://::1", 8787, None, "http://[::1]:8787"),  # what a URI connection makes of http://[::1]:8787
        ("http://[::1]", 8787, None, "http://[::1]:8787"),
        ("2001:db8::7", 8443, None, "https://[2001:db8::7]:8443"),
        ("[2001:db8::7]:8443/v1/", None, None, "https://[2001:db8::7]:8443"),
        ("[fe80::1%eth0]:8443", None, None, "https://[fe80::1%eth0]:8443"),
        ("kaizala_test.münchen.example", None, None, "https://kaizala_test.münchen.example"),
    ],
)
def test_every_form_of_a_host_is_read(host, port, schema, root):
    assert api_root(host, port, schema) == root


@pytest.mark.parametrize(
    "host",
    [
        "https://api1.kaiza.la:none",
        "https://[::1",
        "https://me:p4ss-word@x:none",
        "https://kaizala example.com",
        "kaizala example.com/",
        "https://me:p4ss-word@a{b}",
        "api1.kaiza.la,api2.kaiza.la",
    ],
)
def test_an_invalid_host_is_refused(host):
    with pytest.raises(
        KaizalaInputError, match="is not a valid address; give a host name, or a URL such as https://"
    ) as no:
        read(host=host)
    assert "p4ss-word" not in str(no.value)


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("http://api1.kaiza.la", "plain http would expose the credentials on the network"),
        ("ftp://api1.kaiza.la", r"not an http\(s\) URL"),
        ("https://me:p4ss-word@api1.kaiza.la", "a URL must not contain credentials"),
        ("me:p4ss-word@api1.kaiza.la", "a URL must not contain credentials"),
        ("https://", r"not an http\(s\) URL with a host"),
    ],
)
def test_untrusted_hosts_are_refused(host, says):
    with pytest.raises(KaizalaInputError, match=says) as refused:
        read(host=host)
    assert "connection 'my_kaizala': " in str(refused.value)
    assert "p4ss-word" not in str(refused.value)


def test_plain_http_is_accepted_where_it_is_allowed():
    found = read({"refresh_token": REFRESH, "allow_http": True}, host="http://kaizala.example:8787")
    assert found.settings.api_root == "http://kaizala.example:8787"


# --- through Airflow's own parsing ---------------------------------------------------------------------------------------

_EXTRA = quote(json.dumps({"refresh_token": REFRESH, "group_refresh_tokens": {GROUP: GROUP_TOKEN}}), safe="")
_LOGIN = f"connector-1:{quote(SECRET, safe='')}@"


@pytest.mark.parametrize(
    ("uri", "root"),
    [
        (f"kaizala://{_LOGIN}api1.kaiza.la/?__extra__={_EXTRA}", "https://api1.kaiza.la"),
        (f"kaizala://https://{_LOGIN}localhost:8443/?__extra__={_EXTRA}", "https://localhost:8443"),
        (f"kaizala://http://{_LOGIN}localhost:8787/v1?__extra__={_EXTRA}", "http://localhost:8787"),
        (
            f"kaizala://{_LOGIN}https%3A%2F%2Fapi1.kaiza.la%3A8443/?__extra__={_EXTRA}",
            "https://api1.kaiza.la:8443",
        ),
        (f"kaizala://{_LOGIN}/?__extra__={_EXTRA}", "https://api.kaiza.la"),
        (f"kaizala://{_LOGIN}localhost:8787?__extra__={_EXTRA}", "http://localhost:8787"),
        (f"kaizala://{_LOGIN}[::1]:8787/?__extra__={_EXTRA}", "http://[::1]:8787"),
        (f"kaizala://http://{_LOGIN}[::1]:8787/?__extra__={_EXTRA}", "http://[::1]:8787"),
    ],
)
def test_connections_given_as_a_uri_are_read(monkeypatch, uri, root):
    monkeypatch.setenv("AIRFLOW_CONN_KAIZALA_DEFAULT", uri)
    settings = KaizalaHook().connection.settings
    assert settings.api_root == root
    assert (settings.connector_id, settings.connector_secret) == ("connector-1", SECRET)
    assert settings.refresh_token == REFRESH
    assert settings.group_refresh_tokens == {GROUP: GROUP_TOKEN}


def test_extras_in_the_query_of_a_uri_are_read(monkeypatch):
    """All of them are then texts."""
    query = {
        "refresh_token": REFRESH,
        "group_refresh_tokens": json.dumps({GROUP: GROUP_TOKEN}),
        "default_group": GROUP,
        "timeout": "5.5",
        "calls_per_minute": "50",
        "callback_token": "call-back",
        "webhook_secret": "from-which-tokens-come",
        "proxies": json.dumps({"https": "http://proxy:3128"}),
        "verify": "false",
        "allow_http": "true",
        "allowed_hosts": "a.example, B.example",
    }
    assert set(query) == {field.name for field in FIELDS}
    encoded = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
    monkeypatch.setenv("AIRFLOW_CONN_KAIZALA_DEFAULT", f"kaizala://http://{_LOGIN}kaizala.example/?{encoded}")
    found = KaizalaHook().connection
    settings = found.settings
    assert settings.refresh_token == REFRESH
    assert settings.group_refresh_tokens == {GROUP: GROUP_TOKEN}
    assert settings.timeouts == Timeouts(5.5, 5.5, 55)
    assert settings.calls_per_minute == 50
    assert settings.proxies == {"https": "http://proxy:3128"}
    assert settings.verify is False
    assert settings.allow_http is True
    assert settings.allowed_hosts == ("a.example", "b.example")
    assert (found.default_group, found.callback_token) == (GROUP, "call-back")
    assert found.webhook_secret == "from-which-tokens-come"


@pytest.mark.parametrize("whole", [True, False], ids=["object", "text"])
def test_connections_given_as_json_are_read(monkeypatch, whole):
    extra = {"refresh_token": REFRESH, "group_refresh_tokens": {GROUP: GROUP_TOKEN}, "verify": "/etc/ca.pem"}
    given = {
        "conn_type": "kaizala",
        "host": "localhost",
        "port": "8787",
        "login": " connector-1 ",
        "password": SECRET,
        "extra": extra if whole else json.dumps(extra),
    }
    monkeypatch.setenv("AIRFLOW_CONN_KAIZALA_DEFAULT", json.dumps(given))
    settings = KaizalaHook().connection.settings
    assert (settings.api_root, settings.connector_id) == ("http://localhost:8787", "connector-1")
    assert settings.group_refresh_tokens == {GROUP: GROUP_TOKEN}
    assert settings.verify == "/etc/ca.pem"


@pytest.mark.skipif(
    compat.AIRFLOW_V_3_0_PLUS and not compat.AIRFLOW_V_3_3_PLUS,
    reason="Airflow 3.0 to 3.2 do not take one whole",
)
def test_connections_built_from_a_uri_are_read():
    conn = Connection(conn_id="x", uri="kaizala://app:sec%2Fret@api1.kaiza.la/?refresh_token=a%2Bb")
    settings = read_connection(conn, conn.extra_dejson).settings
    assert settings.api_root == "https://api1.kaiza.la"
    assert (settings.connector_secret, settings.refresh_token) == ("sec/ret", "a+b")


# --- extras --------------------------------------------------------------------------------------------------------------


def test_defaults_of_a_connection_are_as_documented():
    settings = read({}).settings
    assert settings.timeouts == Timeouts(60, 60, 600)
    assert settings.calls_per_minute == 100
    assert (settings.verify, settings.proxies, settings.allow_http) == (True, None, False)
    assert (settings.refresh_token, dict(settings.group_refresh_tokens)) == (None, {})
    assert (read({}).default_group, read({}).callback_token, read({}).webhook_secret) == (None, None, None)


def test_empty_form_fields_count_as_missing():
    assert read({field.name: "" for field in FIELDS}) == read({})
    assert read({field.name: None for field in FIELDS}) == read({})


@pytest.mark.parametrize(
    ("value", "hosts"),
    [
        ("a.example", ("a.example",)),
        (" A.example , b.example ,", ("a.example", "b.example")),
        (["a.example", "B.example"], ("a.example", "b.example")),
        ('["a.example"]', ("a.example",)),
    ],
)
def test_allowed_hosts_may_be_a_list_or_text(value, hosts):
    assert read({"allowed_hosts": value}).settings.allowed_hosts == hosts


@pytest.mark.parametrize(
    ("value", "verify"),
    [(True, True), ("True", True), ("no", False), (False, False), ("0", False), (" /ca ", "/ca")],
)
def test_verify_may_be_a_boolean_or_a_path(value, verify):
    assert read({"verify": value}).settings.verify == verify


def test_calls_per_minute_may_be_unlimited():
    assert read({"calls_per_minute": 0}).settings.calls_per_minute == 0


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("refresh_tokens", "refresh_token"),
        ("group_refresh_token", "group_refresh_tokens"),
        ("time_out", "timeout"),
        ("defaultgroup", "default_group"),
    ],
)
def test_an_unknown_extra_is_refused_by_name(name, meant):
    with pytest.raises(KaizalaInputError) as refused:
        read({name: "some-secret-value"})
    assert f"connection 'my_kaizala': unknown extra {name!r}; did you mean {meant!r}?" in str(refused.value)
    assert "some-secret-value" not in str(refused.value)


def test_an_unknown_extra_lists_the_allowed_ones():
    with pytest.raises(
        KaizalaInputError, match=r"unknown extra 'zzz'\. Allowed are: refresh_token, group_ref"
    ) as no:
        read({"zzz": None})
    assert "did you mean" not in str(no.value)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"refresh_token": 12345678}, "extra refresh_token must be a string"),
        ({"refresh_token": ["hidden-value"]}, "extra refresh_token must be a string"),
        (
            {"group_refresh_tokens": "hidden-value"},
            "extra group_refresh_tokens must be a JSON object of strings",
        ),
        (
            {"group_refresh_tokens": '["hidden-value"]'},
            "extra group_refresh_tokens must be a JSON object of strings",
        ),
        (
            {"group_refresh_tokens": {GROUP: ["hidden-value"]}},
            "extra group_refresh_tokens must be a JSON object of",
        ),
        (
            {"group_refresh_tokens": {GROUP: ""}},
            "extra group_refresh_tokens must be a JSON object of strings",
        ),
        ({"default_group": 5}, "extra default_group must be a string"),
        ({"timeout": "soon"}, "extra timeout must be a number of at least 0"),
        ({"timeout": -1}, "extra timeout must be a number"),
        ({"timeout": True}, "extra timeout must be a number"),
        ({"timeout": "nan"}, "extra timeout must be a number"),
        ({"timeout": 0}, "timeout: connect must be a number of seconds above 0"),
        ({"calls_per_minute": "many"}, "extra calls_per_minute must be a number"),
        ({"callback_token": {"hidden-value": 1}}, "extra callback_token must be a string"),
        ({"webhook_secret": ["hidden-value"]}, "extra webhook_secret must be a string"),
        ({"proxies": "http://me:hidden-value@proxy"}, "extra proxies must be a JSON object of strings"),
        ({"allow_http": "perhaps"}, "extra allow_http must be true or false"),
        ({"verify": 7}, "extra verify must be true or false"),
        ({"allowed_hosts": {"a": 1}}, "extra allowed_hosts must be a list of host names"),
        ({"allowed_hosts": "[hidden-value"}, "extra allowed_hosts must be a list of host names"),
        ({"allowed_hosts": [1]}, "extra allowed_hosts must be a list of host names"),
        (["hidden-value"], "extra must be a JSON object"),
        ("hidden-value", "extra must be a JSON object"),
    ],
)
def test_invalid_extras_are_refused_without_showing_them(extra, says):
    with pytest.raises(KaizalaInputError) as refused:
        read(extra)
    assert f"connection 'my_kaizala': {says}" in str(refused.value)
    assert "hidden-value" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("missing", [{"login": None}, {"login": "  "}, {"password": None}, {"password": ""}])
def test_a_connection_without_id_or_secret_is_refused(missing):
    with pytest.raises(
        KaizalaInputError, match="connector id and connector secret are both required"
    ) as refused:
        read(**missing)
    assert SECRET not in str(refused.value)


def test_the_repr_of_a_connection_shows_no_secret():
    proxies = {"https": "http://me:pr%40xy-pass@proxy:3128"}
    tokens = {"refresh_token": REFRESH, "group_refresh_tokens": {GROUP: GROUP_TOKEN}}
    found = read(
        {**tokens, "callback_token": "call-back-token", "webhook_secret": "seed", "proxies": proxies}
    )
    secrets = {SECRET, REFRESH, GROUP_TOKEN, "call-back-token", "seed", "pr%40xy-pass", "pr@xy-pass"}
    assert set(found.secrets()) == secrets
    assert not [secret for secret in secrets if secret in repr(found) or secret in str(found)]
