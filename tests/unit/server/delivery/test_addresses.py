"""No call goes to a private address, whatever it is called and whatever a name server says later."""

from __future__ import annotations

import socket
import time

import pytest
from sqlalchemy import select

from airflow_provider_kaizala.server.delivery import calls
from airflow_provider_kaizala.server.delivery.addresses import is_public
from airflow_provider_kaizala.server.store.tables import webhook_delivery

GROUP = "11111111-1111-4111-8111-111111111111@1"


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"]
)
def test_public(address) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo, with a public address inside
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "2001:db8::1",
        "nonsense",
    ],
)
def test_not_public(address) -> None:
    assert not is_public(address)


@pytest.fixture
def names(monkeypatch):
    """Resolve some names as told, each time with the next answer; note who asked."""
    answers: dict[str, list[list[str]]] = {}
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(host, port, *args, **options):
        name = host.decode() if isinstance(host, bytes) else host
        if name not in answers:
            return real(host, port, *args, **options)
        asked.append(name)
        addresses = answers[name].pop(0) if len(answers[name]) > 1 else answers[name][0]
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    look_up.answers, look_up.asked = answers, asked
    return look_up


@pytest.fixture
def strict(make_server):
    return make_server(test_mode=False)


@pytest.fixture
def api(strict, call_with):
    return call_with("demo-group-token", url=strict.url)


def body(url):
    return {
        "objectId": GROUP,
        "objectType": "Group",
        "eventTypes": ["TextMessageCreated"],
        "callBackUrl": url,
    }


def test_refused_in_every_spelling(api, listener) -> None:
    for host in (
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0",
        "[::]",
    ):
        error = api.refused(400, "POST", "/webhook", json=body(f"http://{host}:{listener.port}/"))
        assert error["message"].startswith("callBackUrl"), host
        assert listener.asked == [], host


def test_refused_when_a_name_resolves_to_one(api, listener, names) -> None:
    url = f"http://inside.example:{listener.port}/"
    for addresses in (["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::1"], ["::ffff:10.0.0.1"]):
        names.answers["inside.example"] = [addresses]
        message = api.refused(400, "POST", "/webhook", json=body(url))["message"]
        assert "public internet" in message, addresses
        assert listener.asked == [], addresses


def test_allowed_by_the_flag(make_server, call_with, listener) -> None:
    server = make_server(test_mode=False, allow_private_callbacks=True)
    call_with("demo-group-token", url=server.url).ok("POST", "/webhook", json=body(listener.url))


def test_the_address_that_was_checked_is_the_one_that_is_called(
    api, strict, listener, names, monkeypatch
) -> None:
    """127.0.0.1 plays a public address; a name that turns to 127.0.0.2 a moment later changes nothing."""
    monkeypatch.setattr(calls, "is_public", lambda address: address == "127.0.0.1")
    names.answers["turning.example"] = [["127.0.0.1"], ["127.0.0.2"]]
    url = f"http://turning.example:{listener.port}/hook"
    hosts = []
    listener.answer_get = lambda request, token: (
        hosts.append(request.headers["Host"]),
        request.send_response(200),
        request.end_headers(),
        request.wfile.write(token.encode()),
    )
    api.ok("POST", "/webhook", json=body(url))
    assert names.asked == ["turning.example"]
    assert hosts == [f"turning.example:{listener.port}"]
    # By the time of the delivery the name has turned: it is checked again, and refused.
    api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "x"})
    until = time.monotonic() + 5
    while not (row := rows(strict)[0]).attempts:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert (row.state, row.last_error) == ("pending", "the address is not on the public internet")
    assert listener.got == []


def rows(server):
    with server.state.database.engine.connect() as connection:
        return connection.execute(select(webhook_delivery)).all()


def test_a_flag_taken_back_counts_for_deliveries(make_server, call_with, tmp_path, listener) -> None:
    shared = {"database": f"sqlite:///{tmp_path}/shared.db", "test_mode": False}
    first = make_server(**shared, allow_private_callbacks=True)
    call_with("demo-group-token", url=first.url).ok("POST", "/webhook", json=body(listener.url))
    first.stop()
    second = make_server(**shared)
    api = call_with("demo-group-token", url=second.url)
    api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "x"})
    listener.stays_at(0)
    assert rows(second)[0].last_error == "the address is not on the public internet"


def test_the_next_address_is_tried(server, call_with, listener, names) -> None:
    names.answers["two.example"] = [["::1", "127.0.0.1"]]
    api = call_with("demo-group-token")
    api.ok("POST", "/webhook", json=body(f"http://two.example:{listener.port}/hook"))


def test_proxies_of_the_environment_are_not_used(server, call_with, listener, listen, monkeypatch) -> None:
    api = call_with("demo-group-token")
    proxy = listen()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    api.ok("POST", "/webhook", json=body(listener.url))
    assert (len(listener.asked), proxy.asked) == (1, [])


class TestTls:
    def test_host_and_certificate_are_those_of_the_name(
        self, server, call_with, names, listen, tmp_path, monkeypatch
    ) -> None:
        certificate = make_certificate(tmp_path, "secure.example")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        monkeypatch.setattr(server.state.outbound, "_transport", None)
        secure = listen(certificate=certificate)
        names.answers["secure.example"] = names.answers["other.example"] = [["127.0.0.1"]]
        api = call_with("demo-group-token")
        api.ok("POST", "/webhook", json=body(f"https://secure.example:{secure.port}/hook"))
        assert secure.named == ["secure.example"]
        wrong = body(f"https://other.example:{secure.port}/hook")
        assert "no connection" in api.refused(400, "POST", "/webhook", json=wrong)["message"]
        assert len(secure.asked) == 1
        api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "x"})
        secure.wait(1)


def make_certificate(folder, name):
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kaizala test")])
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(signed.public_bytes(pem) + private)
    return file
