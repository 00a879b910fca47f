"""The outbound client over TLS: the connection goes to the checked address, the certificate must be the name's."""

import datetime
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hub import connection_pools, outbound

NAME = "hooks.example.com"
DAY = datetime.timedelta(days=1)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass
class Receiver:
    """A TLS server on loopback; `names` are those that clients asked for by SNI, `heads` their requests."""

    port: int = 0
    connections: int = 0
    names: list[str | None] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)


def issue(name: str, by: Issued | None, *, expired: bool = False, authority: bool = False) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    alternative: x509.GeneralName = (
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 30 * DAY)
        .not_valid_after(now - DAY if expired else now + DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    return Issued(builder.sign(by.key if by else key, hashes.SHA256()), key)


@pytest.fixture(scope="module")
def authority() -> Issued:
    """The only one that the client trusts."""
    return issue("Test authority", None, authority=True)


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch, authority: Issued) -> None:
    """Every name leads to this machine, which may be reached, and one authority is trusted."""
    trusting = ssl.create_default_context(
        cadata=authority.certificate.public_bytes(serialization.Encoding.PEM).decode()
    )
    real = socket.getaddrinfo
    monkeypatch.setattr(outbound, "_settings", lambda: outbound.OutboundSettings(allow_loopback_targets=True))
    monkeypatch.setattr(outbound, "_tls_context", lambda: trusting)
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *given, **named: real("127.0.0.1", *given, **named))
    connection_pools.pools().clear()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Any]:
    """Opens a receiver with a certificate: `serve(issued)`."""
    with ExitStack() as opened:

        def open_receiver(issued: Issued) -> Receiver:
            file = tmp_path / f"{issued.certificate.serial_number}.pem"
            file.write_bytes(
                issued.key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
                + issued.certificate.public_bytes(serialization.Encoding.PEM)
            )
            listener = opened.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
            receiver = Receiver(listener.getsockname()[1])
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(file)
            context.sni_callback = lambda _socket, name, _context: receiver.names.append(name)
            Thread(target=_accept, args=(listener, context, receiver), daemon=True).start()
            return receiver

        yield open_receiver


def _accept(listener: socket.socket, context: ssl.SSLContext, receiver: Receiver) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        receiver.connections += 1
        Thread(target=_answer, args=(connection, context, receiver), daemon=True).start()


def _answer(connection: socket.socket, context: ssl.SSLContext, receiver: Receiver) -> None:
    connection.settimeout(10)
    with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as line:
        head = b""
        while part := line.recv(65_536):
            head += part
            if head.endswith(b"\r\n\r\n{}"):
                receiver.heads.append(head)
                head = b""
                line.sendall(ANSWER)


def send(port: int, host: str = NAME, seconds: float = 5) -> outbound.Response:
    return outbound.send("POST", f"https://{host}:{port}/hook", headers={}, body=b"{}", seconds=seconds)


def test_the_name_is_in_the_handshake_the_certificate_and_the_host_header(serve: Any, authority: Issued) -> None:
    receiver = serve(issue(NAME, authority))
    assert [send(receiver.port).body for _ in range(2)] == [b"ok", b"ok"]
    assert receiver.names == [NAME], "the second request takes the kept connection"
    assert all(f"\r\nHost: {NAME}:{receiver.port}\r\n".encode() in head for head in receiver.heads)


def test_a_dot_at_the_end_of_a_name_is_none_of_the_certificates(serve: Any, authority: Issued) -> None:
    receiver = serve(issue(NAME, authority))
    assert send(receiver.port, f"{NAME}.").status == 200
    assert receiver.names == [NAME]


def test_an_address_may_have_a_certificate(serve: Any, authority: Issued) -> None:
    assert send(serve(issue("127.0.0.1", authority)).port, "127.0.0.1").status == 200


@pytest.mark.parametrize("case", ["another name", "address alone", "expired", "signed by itself", "unknown authority"])
def test_a_wrong_certificate_is_no_connection(serve: Any, authority: Issued, case: str) -> None:
    stranger = issue("Stranger", None, authority=True)
    receiver = serve(
        {
            "another name": lambda: issue("other.example.com", authority),
            "address alone": lambda: issue("127.0.0.1", authority),
            "expired": lambda: issue(NAME, authority, expired=True),
            "signed by itself": lambda: issue(NAME, None),
            "unknown authority": lambda: issue(NAME, stranger),
        }[case]()
    )
    with pytest.raises(outbound.OutboundError) as caught:
        send(receiver.port)
    assert caught.value.reason == "tls_failed"
    assert receiver.heads == [], "not a byte of the request goes out"


def test_a_connection_kept_for_one_name_is_not_anothers(serve: Any, authority: Issued) -> None:
    receiver = serve(issue(NAME, authority))
    assert send(receiver.port).status == 200
    with pytest.raises(outbound.TlsFailed):
        send(receiver.port, "other.example.com")
    assert receiver.connections == 2
    assert len(receiver.heads) == 1


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x03\x40\x00"], ids=["silent", "half a record"])
def test_a_handshake_that_never_ends_is_left_in_time(sent: bytes) -> None:
    _handshake(sent, b"", "timed_out")


def test_a_handshake_that_drips_is_cut_in_time() -> None:
    _handshake(b"\x16\x03\x03\x40\x00", b"\x02", "timed_out")


@pytest.mark.parametrize("sent", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x28", b"\0" * 100])
def test_what_is_no_handshake_is_told(sent: bytes) -> None:
    _handshake(sent, b"", "tls_failed")


def _handshake(first: bytes, drops: bytes, reason: str) -> None:
    """A server that answers the client's hello with `first`, then a drop now and then."""
    left = Event()

    def script(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.settimeout(10)
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(first)
            for _ in range(500) if drops else ():
                connection.sendall(drops)
                Event().wait(0.02)
            while connection.recv(65_536):
                pass
        left.set()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        Thread(target=script, args=(listener,), daemon=True).start()
        with pytest.raises(outbound.OutboundError) as caught:
            send(listener.getsockname()[1], seconds=0.5)
        assert caught.value.reason == reason
        assert left.wait(5), "the connection is closed"


def test_a_handshake_that_ends_early_is_told() -> None:
    def script(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        Thread(target=script, args=(listener,), daemon=True).start()
        with pytest.raises(outbound.OutboundError) as caught:
            send(listener.getsockname()[1])
    assert caught.value.reason in ("tls_failed", "closed_early")
