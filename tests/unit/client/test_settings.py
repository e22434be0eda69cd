"""Connection settings: which grant, which hosts, what is refused."""

from __future__ import annotations

import pytest

from airflow_provider_kaizala.client.errors import KaizalaGrantError, KaizalaInputError
from airflow_provider_kaizala.client.settings import Grant, Settings, Timeouts, is_loopback


class TestTimeouts:
    def test_the_defaults_are_as_documented(self):
        assert Timeouts() == Timeouts(60.0, 60.0, 600.0)

    @pytest.mark.parametrize("name", ["connect", "read", "total"])
    @pytest.mark.parametrize("value", [0, -1, "60", None, True, float("nan"), float("inf"), 10**9])
    def test_invalid_timeouts_are_refused(self, name, value):
        with pytest.raises(KaizalaInputError, match=f"timeout: {name} must be a number of seconds above 0"):
            Timeouts(**{name: value})

    def test_timeouts_may_be_whole_numbers(self):
        assert Timeouts(1, 2, 3).total == 3


class TestGrants:
    def test_a_users_token_is_used_for_all_groups(self, make_settings, group):
        settings = make_settings()
        assert settings.grant_for(group) == settings.grant_for(None) == Grant("user", settings.refresh_token)

    def test_a_groups_own_token_wins_whatever_the_case_of_its_id(self, make_settings):
        settings = make_settings(group_refresh_tokens={"ABC-1@1": "of the group"})
        assert settings.grant_for("abc-1@1") == Grant("ABC-1@1", "of the group")
        assert settings.grant_for("abc-1@2").name == "user"
        assert settings.grant_for(None).name == "user"

    def test_the_error_for_a_missing_grant_names_the_group_and_the_remedy(self, make_settings, group):
        settings = make_settings(refresh_token=None, group_refresh_tokens={"g2": "t-2", "g1": "t-1"})
        with pytest.raises(KaizalaGrantError, match=f"{group}.*group_refresh_tokens.*g1, g2") as caught:
            settings.grant_for(group)
        assert "t-1" not in str(caught.value)
        with pytest.raises(KaizalaGrantError, match=r"no group.*user's refresh token.*g1, g2"):
            settings.grant_for(None)

    def test_a_connection_without_refresh_tokens_has_no_grant(self, make_settings, group):
        with pytest.raises(KaizalaGrantError, match="none"):
            make_settings(refresh_token="").grant_for(group)


class TestWhatIsRefused:
    @pytest.mark.parametrize(("connector_id", "secret"), [("", "s"), ("c", ""), (None, "s")])
    def test_a_connector_without_id_or_secret_is_refused(self, connector_id, secret):
        with pytest.raises(KaizalaInputError, match="both required"):
            Settings(connector_id, secret)

    @pytest.mark.parametrize(
        "bad", ["copied\n", " copied", "co\r\npied: x", "geheim-ß", "a\x00b", "tab\tbed", "del\x7f"]
    )
    @pytest.mark.parametrize("name", ["connector_id", "connector_secret", "refresh_token", "group"])
    def test_secrets_that_a_header_cannot_carry_are_refused(self, make_settings, name, bad):
        change = {"group_refresh_tokens": {"g1": bad}} if name == "group" else {name: bad}
        with pytest.raises(
            KaizalaInputError, match=name.replace("connector_", "connector ").replace("group", "g1")
        ) as caught:
            make_settings(**change)
        assert "pied" not in str(caught.value).replace("copied again", "")
        assert bad.strip() not in str(caught.value)

    @pytest.mark.parametrize(
        ("root", "reason"),
        [
            ("", "not an http"),
            ("api.kaiza.la", "not an http"),
            ("ftp://api.kaiza.la", "not an http"),
            ("https://", "not an http"),
            ("https://[broken", "not a URL"),
            ("https://host:port", "not a URL"),
            ("http://api.kaiza.la", "plain http.*allow_http"),
            ("http://10.0.0.1", "plain http"),
        ],
    )
    def test_invalid_api_roots_are_refused(self, make_settings, root, reason):
        with pytest.raises(KaizalaInputError, match=reason):
            make_settings(api_root=root)

    @pytest.mark.parametrize(
        "root", ["https://me:passw0rd@host", "https://passw0rd@host/", "https://a:passw0rd@b@host"]
    )
    def test_an_api_root_with_a_password_is_refused_without_showing_it(self, make_settings, root):
        with pytest.raises(KaizalaInputError, match="must not contain credentials") as caught:
            make_settings(api_root=root)
        assert "passw0rd" not in str(caught.value)

    @pytest.mark.parametrize(
        "root", ["http://localhost:8787", "http://127.0.0.1", "http://[::1]:1/v1", "HTTPS://Api.Kaiza.la/"]
    )
    def test_valid_api_roots_are_accepted(self, make_settings, root):
        assert make_settings(api_root=root).api_root == root

    def test_plain_http_is_accepted_with_allow_http(self, make_settings):
        assert (
            make_settings(api_root="http://kaizala.corp", allow_http=True).distrust("http://kaizala.corp/v1")
            is None
        )


class TestTrust:
    @pytest.mark.parametrize(
        "url",
        [
            "https://api.kaiza.la",
            "https://KMS2.KAIZA.LA:443/x",
            "https://inc-001.KaizalaMessaging.osi.office.net/",
            "https://home.example/v1",
            "https://home.example:8443",
            "https://extra.example",
        ],
    )
    def test_credentials_are_sent_to_trusted_hosts(self, make_settings, url):
        settings = make_settings(api_root="https://Home.example", allowed_hosts=("Extra.Example",))
        assert settings.distrust(url) is None

    @pytest.mark.parametrize(
        "url",
        [
            "https://kaiza.la.evil.example",
            "https://notkaiza.la",
            "https://office.net",
            "https://sub.home.example",
            "https://evil.example\\.kaiza.la",
            "https://evil.example;.kaiza.la",
            "https://evil.example .kaiza.la",
            "https://evil.example\u2024kaiza.la",
            "https://evil.example/.kaiza.la",
        ],
    )
    def test_credentials_are_not_sent_to_other_hosts(self, make_settings, url):
        assert "allowed_hosts" in make_settings(api_root="https://home.example").distrust(url)

    def test_loopback_may_use_http_but_must_be_trusted(self, make_settings):
        settings = make_settings()
        assert "allowed_hosts" in settings.distrust("http://127.0.0.1")
        assert make_settings(allowed_hosts=("127.0.0.1",)).distrust("http://127.0.0.1:5") is None

    @pytest.mark.parametrize(
        ("host", "yes"),
        [("localhost", True), ("a.localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
         ("128.0.0.1", False), ("localhost.example", False), ("0.0.0.0", False), ("::2", False), ("", False)],
    )  # fmt: skip
    def test_loopback_addresses_are_recognised(self, host, yes):
        assert is_loopback(host) is yes


def test_secrets_include_proxy_passwords_in_both_spellings(make_settings):
    settings = make_settings(
        connector_secret="one",
        refresh_token="two",
        group_refresh_tokens={"g": "three"},
        proxies={"https": "http://me:fo%40ur@proxy:1", "http": "http://proxy:1"},
    )
    assert set(settings.secrets()) == {"one", "two", "three", "fo%40ur", "fo@ur"}


def test_the_defaults_are_as_documented():
    settings = Settings("c", "s")
    assert (settings.api_root, settings.verify, settings.calls_per_minute) == (
        "https://api.kaiza.la",
        True,
        100,
    )
    assert settings.secrets() == ("s",)
