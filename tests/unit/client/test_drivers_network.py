"""Both drivers behind proxies, over TLS, and on a machine that holds other credentials."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import itertools
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import (
    KaizalaCertificateError,
    KaizalaError,
    KaizalaInputError,
    KaizalaUnknownOutcomeError,
    KaizalaUnreachableError,
)
from airflow_provider_kaizala.client.models import Message
from airflow_provider_kaizala.client.tls import CA_VARIABLES

GOOD = {"referenceId": "ref-1", "members": []}
NOWHERE = "http://kaizala.localhost:9"  # only a proxy can reach it


@pytest.fixture
def post(group):
    return calls.send_message(group, Message("Hello"))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Make a self-signed certificate for 127.0.0.1 and for another host; return their files."""
    folder = tmp_path_factory.mktemp("tls")
    now = datetime.datetime.now(datetime.UTC)
    made = {}
    for label, name in (
        ("good", x509.IPAddress(ipaddress.ip_address("127.0.0.1"))),
        ("other", x509.DNSName("other.example")),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kaizala test")])
        signed = (
            x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        file = folder / f"{label}.pem"
        file.write_bytes(
            signed.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        made[label] = file
    return made


@pytest.fixture
def serve_tls(serve, certificate):
    def start(label="good"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate[label])
        server = serve(tls=context)
        server.otherwise = server.answer(200, GOOD)
        return server

    return start


@pytest.fixture
def proxy(serve):
    proxy = serve()
    proxy.otherwise = proxy.answer(200, GOOD)
    proxy.endpoint = NOWHERE
    return proxy


def tunnel(connection, request):
    """Do what CONNECT asks for: pass bytes on, both ways, until either side ends."""
    host, _, port = request.target.partition(":")
    with socket.create_connection((host, int(port))) as far:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

        def pump(source, sink):
            with suppress(OSError):
                while piece := source.recv(65536):
                    sink.sendall(piece)
            with suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)

        back = threading.Thread(target=pump, args=(far, connection), daemon=True)
        back.start()
        pump(connection, far)
        back.join(5)
    return False


class TestTls:
    @pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")  # asked for
    @pytest.mark.parametrize("label", ["good", "other"])
    def test_verify_false_accepts_any_certificate(self, drive, serve_tls, post, label):
        server = serve_tls(label)
        assert drive(server, verify=False).run(post).reference_id == "ref-1"

    def test_an_untrusted_certificate_is_an_error_of_its_own_and_not_retried(self, drive, serve_tls, post):
        server = serve_tls()
        driver = drive(server, retries=2)
        with pytest.raises(KaizalaCertificateError) as caught:
            driver.run(post)
        assert not caught.value.is_transient
        for part in (
            f"127.0.0.1:{server.port}",
            "certificate verify failed: self-signed certificate",
            "nothing was sent",
            "extra verify",
            "REQUESTS_CA_BUNDLE",
            "SSL_CERT_FILE",
        ):
            assert part in str(caught.value)
        assert server.received == []
        assert driver.sleeps == []

    def test_a_post_to_an_endpoint_with_an_untrusted_certificate_names_that_host(
        self, drive, server, serve_tls, post
    ):
        secure = serve_tls()
        server.endpoint = secure.root
        with pytest.raises(KaizalaCertificateError, match=f"sendMessage: .* of 127.0.0.1:{secure.port} "):
            drive(server, verify=True, retries=1).run(post)
        assert secure.received == []

    def test_a_ca_bundle_makes_a_certificate_trusted(self, drive, serve_tls, certificate, post):
        server = serve_tls()
        driver = drive(server, verify=str(certificate["good"]))
        assert driver.run(post).reference_id == "ref-1"
        assert driver.run(post).reference_id == "ref-1"
        assert {request.connection for request in server.received} == {1}

    def test_a_certificate_of_another_host_is_refused(self, drive, serve_tls, certificate, post):
        server = serve_tls("other")
        with pytest.raises(KaizalaCertificateError, match="IP address mismatch"):
            drive(server, verify=str(certificate["other"])).run(post)
        assert server.received == []

    def test_a_missing_ca_bundle_is_a_wrong_argument_whatever_the_scheme(
        self, drive, server, serve_tls, tmp_path, post
    ):
        file = str(tmp_path / "missing.pem")
        for there in (serve_tls(), server):
            driver = drive(there, verify=file)
            with pytest.raises(
                KaizalaInputError,
                match=re.escape(f"extra verify: the file or folder {file!r} does not exist"),
            ):
                driver.run(post)
            assert (driver.sleeps, there.received) == ([], [])

    def test_a_ca_bundle_without_certificates_is_reported_and_not_retried(
        self, drive, serve_tls, tmp_path, post
    ):
        file = tmp_path / "junk.pem"
        file.write_text("not a certificate")
        driver = drive(serve_tls(), verify=str(file))
        with pytest.raises(KaizalaCertificateError, match="nothing was sent"):
            driver.run(post)
        assert driver.sleeps == []

    def test_https_to_a_server_that_speaks_http_was_never_connected(self, drive, server, post):
        driver = drive(server, api_root=server.root.replace("http:", "https:"), connect=0.3, retries=1)
        with pytest.raises(KaizalaUnreachableError) as caught:
            driver.run(post)
        assert not isinstance(caught.value, KaizalaCertificateError)
        assert len(driver.sleeps) == 1
        assert server.received == []

    def test_faults_after_the_handshake_are_an_unknown_outcome(self, drive, serve_tls, certificate, post):
        server = serve_tls()
        server.script = [server.pieces()]
        with pytest.raises(KaizalaUnknownOutcomeError):
            drive(server, verify=str(certificate["good"])).run(post)
        assert len(server.calls) == 1

    @pytest.mark.parametrize(
        "head", [b"Content-Length: 9999\r\n\r\n", b"Connection: close\r\n\r\n", b"X-Drip: "]
    )
    def test_the_total_timeout_ends_a_reply_that_drips_in_over_tls(
        self, drive, serve_tls, certificate, post, head
    ):
        server = serve_tls()
        server.script = [server.pieces(b"HTTP/1.1 200 OK\r\n" + head, gap=0.02, forever=b" ")]
        begun = time.monotonic()
        with pytest.raises(KaizalaUnknownOutcomeError):
            drive(server, verify=str(certificate["good"]), total=0.4, read=30).run(post)
        assert time.monotonic() - begun < 4

    def test_a_tls_handshake_that_never_comes_was_never_connected(self, drive, server, serve, post):
        deaf = serve(listen=False)
        deaf._listener.listen(8)
        server.endpoint = deaf.root.replace("http:", "https:")
        begun = time.monotonic()
        with pytest.raises(KaizalaUnreachableError):
            drive(server, connect=0.2, read=30, retries=0).run(post)
        assert time.monotonic() - begun < 4


class TestTrustedCertificates:
    """One decision for both libraries, which read different variables of the environment by themselves."""

    @pytest.fixture
    def folder(self, certificate, tmp_path):
        """Return a folder as OpenSSL reads one: each certificate under the hash of its subject."""
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("openssl computes the hash that a folder of certificates needs")
        command = [openssl, "x509", "-in", str(certificate["good"]), "-noout", "-hash"]
        name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        shutil.copy(certificate["good"], tmp_path / f"{name}.0")
        return tmp_path

    @pytest.mark.parametrize("proxies", [None, {}])
    @pytest.mark.parametrize("variable", CA_VARIABLES)
    def test_each_variable_of_the_environment_holds(
        self, drive, serve_tls, certificate, folder, post, monkeypatch, variable, proxies
    ):
        named = folder if variable == "SSL_CERT_DIR" else certificate["good"]
        monkeypatch.setenv(variable, str(named))
        assert drive(serve_tls(), proxies=proxies).run(post).reference_id == "ref-1"

    def test_a_folder_may_be_named_by_the_connection(self, drive, serve_tls, folder, post):
        assert drive(serve_tls(), verify=str(folder)).run(post).reference_id == "ref-1"

    @pytest.mark.parametrize(("first", "second"), [*itertools.pairwise(CA_VARIABLES)])
    def test_the_first_variable_wins(self, drive, serve_tls, certificate, post, monkeypatch, first, second):
        monkeypatch.setenv(first, str(certificate["good"]))
        monkeypatch.setenv(second, str(certificate["other"]))
        assert drive(serve_tls()).run(post).reference_id == "ref-1"
        monkeypatch.setenv(first, str(certificate["other"]))
        monkeypatch.setenv(second, str(certificate["good"]))
        with pytest.raises(KaizalaCertificateError):
            drive(serve_tls()).run(post)

    @pytest.mark.parametrize("variable", CA_VARIABLES)
    def test_the_connection_wins_over_the_environment(
        self, drive, serve_tls, certificate, post, monkeypatch, variable
    ):
        monkeypatch.setenv(variable, str(certificate["other"]))
        assert drive(serve_tls(), verify=str(certificate["good"])).run(post).reference_id == "ref-1"

    @pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")  # asked for
    def test_verification_that_is_off_stays_off(self, drive, serve_tls, certificate, post, monkeypatch):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate["other"]))
        assert drive(serve_tls(), verify=False).run(post).reference_id == "ref-1"

    def test_a_missing_ca_bundle_of_the_environment_is_reported_with_its_variable(
        self, drive, serve_tls, tmp_path, post, monkeypatch
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
        with pytest.raises(
            KaizalaCertificateError, match=r"no CA bundle '.*missing.pem', named by SSL_CERT_FILE"
        ):
            drive(serve_tls()).run(post)


class TestProxies:
    def test_a_proxy_of_the_settings_is_used(self, drive, proxy, post):
        drive(proxy, api_root=NOWHERE, proxies={"http": proxy.root}).run(post)
        assert [request.target.partition("/v1/")[0] for request in proxy.received] == [NOWHERE] * 2
        assert proxy.calls[0].headers["host"] == "kaizala.localhost:9"

    def test_a_proxy_may_require_a_password(self, drive, proxy, post):
        address = proxy.root.replace("//", "//me:pass%40word@")
        drive(proxy, api_root=NOWHERE, proxies={"http": address}).run(post)
        wanted = "Basic " + base64.b64encode(b"me:pass@word").decode()
        assert [request.headers["proxy-authorization"] for request in proxy.received] == [wanted] * 2

    def test_a_proxy_of_the_environment_is_used(self, drive, proxy, post, monkeypatch):
        monkeypatch.setenv("http_proxy", proxy.root)
        drive(proxy, api_root=NOWHERE, proxies=None).run(post)
        assert len(proxy.received) == 2

    def test_proxies_of_the_environment_are_ignored_if_the_settings_name_some(
        self, drive, server, proxy, post, monkeypatch
    ):
        monkeypatch.setenv("http_proxy", proxy.root)
        server.otherwise = server.answer(200, GOOD)
        drive(server, proxies={}).run(post)
        assert proxy.received == []

    def test_a_proxy_that_is_down_was_never_connected(self, drive, server, serve, post):
        down = serve(listen=False)
        driver = drive(server, proxies={"http": down.root}, retries=2)
        with pytest.raises(KaizalaUnreachableError):
            driver.run(post)
        assert server.received == []
        assert len(driver.sleeps) == 2

    @pytest.mark.parametrize("address", ["nonsense", "ftp://127.0.0.1:3128", "http://"])
    def test_an_invalid_proxy_address_was_never_connected(self, drive, server, address, post):
        with pytest.raises(KaizalaUnreachableError, match="proxies"):
            drive(server, proxies={"http": address}, retries=0).run(post)
        assert server.received == []


class TestTunnels:
    @pytest.fixture
    def drive_through(self, drive, proxy, serve_tls, certificate):
        """Drive through the proxy: the token comes over plain http, the call goes over TLS."""
        secure = serve_tls()
        secure.endpoint = secure.root

        def make(**options):
            options = {"proxies": {"https": proxy.root}, "verify": str(certificate["good"]), **options}
            return drive(secure, **options), secure

        return make

    def test_a_call_goes_through_the_tunnel(self, drive_through, proxy, post):
        proxy.otherwise = tunnel
        driver, secure = drive_through()
        assert driver.run(post).reference_id == "ref-1"
        assert len(secure.calls) == 1
        assert {request.method for request in proxy.received} == {"CONNECT"}
        assert "accesstoken" not in proxy.received[0].headers

    @pytest.mark.parametrize(
        "make",
        [
            lambda proxy: proxy.answer(502, b"", close=True),
            lambda proxy: proxy.answer(407, b"", close=True),
            lambda proxy: proxy.pieces(),
            lambda proxy: proxy.pieces(b"HTTP/1.1 200 OK\r\n\r\n"),
            lambda proxy: proxy.silence(),
        ],
        ids=["502", "407", "dropped", "dropped after the 200", "silence"],
    )
    def test_a_refused_tunnel_was_never_connected(self, drive_through, proxy, post, make):
        token_once = [tunnel]
        refuse = make(proxy)

        def behave(connection, request):
            return (token_once.pop() if token_once else refuse)(connection, request)

        proxy.otherwise = behave
        driver, secure = drive_through(retries=1, connect=0.3, read=0.3)
        secure.token = lambda: {
            **type(secure).token(secure),
            "endpointUrl": secure.root.replace("127.0.0.1", "localhost"),
        }
        driver.client.settings.__dict__["allowed_hosts"] = ("localhost",)
        with pytest.raises(KaizalaUnreachableError):
            driver.run(post)
        assert len(driver.sleeps) == 1
        assert secure.calls == []

    def test_an_untrusted_certificate_behind_a_proxy_is_recognised(self, drive_through, proxy, post):
        proxy.otherwise = tunnel
        driver, secure = drive_through(verify=True)
        with pytest.raises(
            KaizalaCertificateError, match=f"127.0.0.1:{secure.port} .*self-signed certificate"
        ):
            driver.run(post)
        assert driver.sleeps == []
        assert secure.received == []

    def test_a_drop_inside_the_tunnel_is_an_unknown_outcome(self, drive_through, proxy, post):
        proxy.otherwise = tunnel
        driver, secure = drive_through()
        secure.script = [secure.pieces()]
        with pytest.raises(KaizalaUnknownOutcomeError):
            driver.run(post)
        assert len(secure.calls) == 1


class TestOtherCredentials:
    def test_passwords_of_netrc_are_not_sent(self, drive, server, post, monkeypatch, tmp_path):
        file = tmp_path / ".netrc"
        file.write_text(
            "machine 127.0.0.1 login me password netrc-password\ndefault login me password netrc-password\n"
        )
        file.chmod(0o600)
        monkeypatch.setenv("NETRC", str(file))
        monkeypatch.setenv("HOME", str(tmp_path))
        server.otherwise = server.answer(200, GOOD)
        drive(server, proxies=None).run(post)
        assert len(server.received) == 2
        assert not [request for request in server.received if "authorization" in request.headers]

    def test_a_token_that_cannot_be_a_header_is_not_shown(self, drive, server, post):
        server.token = lambda: {**type(server).token(server), "accessToken": "line\r\nbreak"}
        with pytest.raises(KaizalaError) as caught:
            drive(server, retries=0).run(post)
        assert "break" not in str(caught.value)
        assert server.calls == []
