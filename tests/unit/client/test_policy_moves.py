"""Where credentials go: 308, endpointUrl, and hosts that must never see them."""

from __future__ import annotations

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaRefusedError, KaizalaUntrustedHostError
from airflow_provider_kaizala.client.models import Message

POSTED = {"referenceId": "ref-1"}
HERE = "https://kms.kaiza.la"


@pytest.fixture
def post(group):
    return calls.send_message(group, Message("Hello"))


class TestMoves:
    @pytest.mark.parametrize(
        ("location", "base"),
        [
            ("https://kms1.kaiza.la/v1/groups/{group}/messages", "https://kms1.kaiza.la"),
            ("https://kms1.kaiza.la/v1/groups/{encoded}/messages", "https://kms1.kaiza.la"),
            ("https://kms1.kaiza.la/v1/groups/{group}/messages/", "https://kms1.kaiza.la"),
            ("https://kms1.kaiza.la//v1/groups/{group}/messages", "https://kms1.kaiza.la"),
            ("https://kms1.kaiza.la/groups/{group}/messages", "https://kms1.kaiza.la"),
            ("https://KMS1.kaiza.la/V1/Groups/{group}/Messages?a=b", "https://KMS1.kaiza.la"),
            ("https://kms1.kaiza.la", "https://kms1.kaiza.la"),
            ("https://kms1.kaiza.la/", "https://kms1.kaiza.la"),
            ("https://kms1.kaiza.la/v1", "https://kms1.kaiza.la"),
            ("https://kms1.kaiza.la/v1/", "https://kms1.kaiza.la"),
            ("  https://kms1.kaiza.la/  ", "https://kms1.kaiza.la"),
            ("https://inc-001.KaizalaMessaging.osi.office.net:8443/x/", "https://inc-001.KaizalaMessaging.osi.office.net:8443/x"),
            ("/eu/v1/groups/{group}/messages", f"{HERE}/eu"),
            ("/eu", f"{HERE}/eu"),
            ("/eu/v1/", f"{HERE}/eu"),
        ],
    )  # fmt: skip
    def test_every_form_of_location_is_followed(self, world, post, group, location, base):
        where = location.format(group=group, encoded=group.replace("@", "%40"))
        world.replies = [world.reply(308, location=where), world.reply(200, POSTED)]
        assert world.run(post).reference_id == "ref-1"
        first, second = world.calls
        assert second.url == f"{base}/v1/groups/{group}/messages"
        assert (second.method, second.content) == ("POST", first.content)
        assert second.headers["accessToken"] == "access-1"
        assert world.sleeps == []

    def test_a_redirect_keeps_the_query(self, world, group):
        full = f"https://kms1.kaiza.la/v1/groups/{group}/actions?actionType=Job&count=30"
        world.replies = [world.reply(308, location=full), world.reply(200, {"actions": []})]
        world.run(calls.list_actions(group, "Job").call(None))
        assert world.calls[1].url == full

    def test_the_new_base_is_stored(self, world, post):
        world.replies = [world.reply(308, location="https://kms1.kaiza.la"), world.reply(200, POSTED)]
        world.run(post)
        assert world.saved[-1].endpoint_url == "https://kms1.kaiza.la"
        assert world.saved[-1].access_token == "access-1"
        world.replies = [world.reply(200, POSTED)]
        world.run(post)
        assert world.calls[-1].url.startswith("https://kms1.kaiza.la/v1/")
        assert len(world.token_calls) == 1

    def test_three_redirects_are_followed_and_a_fourth_is_not(self, world, post):
        moves = [world.reply(308, location=f"https://kms{number}.kaiza.la") for number in range(4)]
        world.replies = [*moves[:3], world.reply(200, POSTED)]
        world.run(post)
        assert len(world.calls) == 4
        world.replies = moves
        with pytest.raises(KaizalaRefusedError, match="more than 3 times") as caught:
            world.run(post)
        assert caught.value.status == 308
        assert len(world.calls) == 8

    @pytest.mark.parametrize("location", ["", None, "nowhere", "https://", "http://[broken", "?a=b"])
    def test_a_redirect_without_an_address_is_refused(self, world, post, location):
        world.replies = [world.reply(308, **({} if location is None else {"location": location}))]
        with pytest.raises(KaizalaRefusedError, match="names no new address"):
            world.run(post)
        assert len(world.calls) == 1

    def test_a_redirect_of_the_token_call_is_followed_and_remembered(self, world, post):
        world.tokens = [world.reply(308, location="https://api2.kaiza.la/v1/accessToken")]
        world.replies = [world.reply(200, POSTED), world.error(401), world.reply(200, POSTED)]
        world.run(post)
        world.run(post)
        assert [send.url for send in world.token_calls] == [
            "https://api.kaiza.la/v1/accessToken",
            "https://api2.kaiza.la/v1/accessToken",
            "https://api2.kaiza.la/v1/accessToken",
        ]

    @pytest.mark.parametrize("status", [301, 302, 303, 307])
    def test_other_redirects_are_not_followed(self, world, post, status):
        world.replies = [world.reply(status, location="https://kms1.kaiza.la")]
        with pytest.raises(KaizalaRefusedError) as caught:
            world.run(post)
        assert caught.value.status == status
        assert len(world.calls) == 1


EVIL = [
    "https://evil.example/v1",
    "https://kaiza.la.evil.example",
    "https://evilkaiza.la",
    "https://kaiza.la@evil.example/",
    "https://user:password@kms.kaiza.la/",
    "https://evil.example\\.kaiza.la/",
    "https://evil.example\\@kms.kaiza.la/",
    "https://evil.example#.kaiza.la",
    "https://evil.example?.kaiza.la",
    "https://evil.example%2f.kaiza.la/",
    "http://kms1.kaiza.la",
    "http://api.kaiza.la/v1",
    "ftp://kms.kaiza.la",
    "https://127.0.0.1:4443",
]


class TestForeignHosts:
    @pytest.mark.parametrize("url", EVIL)
    def test_a_redirect_to_a_foreign_host_is_not_followed(self, world, post, url):
        world.replies = [world.reply(308, location=url)]
        with pytest.raises(KaizalaUntrustedHostError):
            world.run(post)
        assert len(world.calls) == 1

    @pytest.mark.parametrize("url", EVIL)
    def test_the_connectors_secret_is_not_sent_to_a_foreign_host(self, world, post, url):
        world.tokens = [world.reply(308, location=url)]
        with pytest.raises(KaizalaUntrustedHostError):
            world.run(post)
        assert len(world.sends) == 1

    @pytest.mark.parametrize("url", [*EVIL, "nonsense", "https://[broken"])
    def test_an_endpoint_url_on_a_foreign_host_is_not_used(self, world, post, url):
        world.endpoint = url
        with pytest.raises(KaizalaUntrustedHostError):
            world.run(post)
        assert len(world.sends) == 1
        assert world.calls == []

    def test_the_error_says_how_to_allow_a_host(self, world, post):
        world.endpoint = "https://kaizala.corp.example"
        with pytest.raises(KaizalaUntrustedHostError, match=r"kaizala\.corp\.example .*allowed_hosts"):
            world.run(post)

    def test_allowed_hosts_and_the_home_host_are_trusted(self, make_world, post):
        world = make_world(api_root="https://home.example:8443/", allowed_hosts=("Far.Example",))
        world.endpoint = "https://HOME.example"
        world.replies = [world.reply(308, location="https://far.example:9/v1"), world.reply(200, POSTED)]
        world.run(post)
        assert [send.url.partition("/v1/")[0] for send in world.sends] == [
            "https://home.example:8443",
            "https://HOME.example",
            "https://far.example:9",
        ]

    def test_plain_http_requires_allow_http_or_loopback(self, make_world, post):
        world = make_world(api_root="http://127.0.0.1:8787/v1")
        world.endpoint = "http://127.0.0.1:8788/"
        world.replies = [world.reply(200, POSTED)]
        world.run(post)
        assert world.sends[0].url == "http://127.0.0.1:8787/v1/accessToken"
        world = make_world(api_root="http://kaizala.corp.example", allow_http=True)
        world.endpoint = "http://kaizala.corp.example"
        world.replies = [world.reply(200, POSTED)]
        world.run(post)
        assert len(world.calls) == 1
