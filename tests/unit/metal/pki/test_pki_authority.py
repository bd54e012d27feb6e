from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from metal.pki.authority import BOTH, Authority, Usage
from metal.pki.client import client_certificate
from metal.pki.plan import CertificateSeen, CertificateWish, foreign_namesake, signing_reason

SEED = bytes(range(32))
BLUE = Authority.of(SEED, "blue", 1)
NOW = datetime.now(UTC)


def request(key: ec.EllipticCurvePrivateKey, asked: str = "evil.example") -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, asked)])
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(asked)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return csr.public_bytes(serialization.Encoding.PEM).decode()


def server_pair(days: int = 30) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = BLUE.sign(
        request(key), names=["n1", "localhost"], addresses=["127.0.0.1", "10.77.0.11"], usages=BOTH, days=days
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate, pem.decode()


def test_authority_is_byte_identical_every_time() -> None:
    assert Authority.of(SEED, "blue", 1).certificate == BLUE.certificate
    # Another version of this code or of a library must not give a running cluster another authority.
    assert BLUE.fingerprint == "c0f9b2a61f71098e814e33f1996d7ff16ec3938b85bfa2a52dbf796ded91755d"


def test_authorities_differ_by_cluster_generation_and_seed() -> None:
    others = [Authority.of(SEED, "green", 1), Authority.of(SEED, "blue", 2), Authority.of(SEED[::-1], "blue", 1)]
    assert len({BLUE.fingerprint, *(other.fingerprint for other in others)}) == 4
    assert len({BLUE.parsed.serial_number, *(other.parsed.serial_number for other in others)}) == 4


def test_repr_shows_no_key() -> None:
    assert "private" not in repr(BLUE).lower()
    assert "_key" not in repr(BLUE)


def test_only_what_the_caller_names_is_signed() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = BLUE.sign(request(key), names=["n1"], addresses=["10.77.0.11"], usages={Usage.SERVER}, days=30)
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert "evil" not in str(certificate.subject)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["n1"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["10.77.0.11"]
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert certificate.public_key() == key.public_key()


def test_forged_request_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    der = bytearray(x509.load_pem_x509_csr(request(key).encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(ValueError, match="signature"):
        BLUE.sign(forged, names=["n1"], addresses=[], usages=BOTH, days=1)


def test_certificate_never_outlives_its_authority() -> None:
    pem, _ = server_pair(days=365 * 40)
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert certificate.not_valid_after_utc == BLUE.parsed.not_valid_after_utc


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_openssl_accepts_the_chain(tmp_path: Path) -> None:
    certificate, _ = server_pair()
    (tmp_path / "ca.pem").write_text(BLUE.certificate)
    (tmp_path / "cert.pem").write_text(certificate)
    for purpose in ("sslserver", "sslclient"):
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", "ca.pem", "cert.pem"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def handshake(tmp_path: Path, client: tuple[str, str] | None) -> str:
    """Talk TLS 1.3 over a socket pair; return what the server read, or raise what either side raised."""
    certificate, key = server_pair()
    for name, text in (("ca", BLUE.certificate), ("cert", certificate), ("key", key)):
        (tmp_path / name).write_text(text)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    server.load_verify_locations(tmp_path / "ca")
    server.verify_mode = ssl.CERT_REQUIRED
    asking = ssl.create_default_context(cafile=str(tmp_path / "ca"))
    if client:
        (tmp_path / "ccert").write_text(client[0])
        (tmp_path / "ckey").write_text(client[1])
        asking.load_cert_chain(tmp_path / "ccert", tmp_path / "ckey")
    left, right = socket.socketpair()
    left.settimeout(5)
    right.settimeout(5)
    failure: list[BaseException] = []

    def ask() -> None:
        try:
            with asking.wrap_socket(right, server_hostname="10.77.0.11") as wrapped:
                wrapped.sendall(b"hello")
                wrapped.recv(1)
        except OSError as error:
            failure.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        with server.wrap_socket(left, server_side=True) as wrapped:
            return wrapped.recv(5).decode()
    finally:
        left.close()
        thread.join()
        right.close()


def test_mutual_tls_works(tmp_path: Path) -> None:
    assert handshake(tmp_path, client_certificate(BLUE, "operator", 1)) == "hello"


def test_mutual_tls_refuses_none_and_foreign(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, None)
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, client_certificate(Authority.of(SEED, "green", 1), "operator", 1))
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, client_certificate(BLUE, "operator", 1, now=NOW - timedelta(days=3)))


WISH = CertificateWish(("n1", "localhost"), ("127.0.0.1", "10.77.0.11"), BOTH, renew_before_days=10)


def seen(days: int = 30) -> CertificateSeen:
    certificate, key = server_pair(days)
    private = serialization.load_pem_private_key(key.encode(), None)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return CertificateSeen(public.decode(), certificate)


def test_a_good_certificate_stays() -> None:
    assert signing_reason(seen(), WISH, BLUE, NOW) is None


@pytest.mark.parametrize(
    ("found", "wish", "authority", "later", "reason"),
    [
        (CertificateSeen(None, None), WISH, BLUE, 0, "no private key"),
        (CertificateSeen(seen().public_key, None), WISH, BLUE, 0, "no certificate"),
        (CertificateSeen(seen().public_key, "rubbish"), WISH, BLUE, 0, "cannot be read"),
        (CertificateSeen(seen().public_key, seen().certificate), WISH, BLUE, 0, "do not belong together"),
        (seen(), WISH, Authority.of(SEED, "blue", 2), 0, "authority changed"),
        (seen(), WISH, BLUE, 21, "it ends on"),
        (seen(), WISH, BLUE, 31, "it ends on"),
        (seen(), WISH, BLUE, -2, "valid only from"),
        (seen(), CertificateWish(("n1",), WISH.addresses, BOTH, 10), BLUE, 0, "names or addresses"),
        (seen(), CertificateWish(WISH.names, ("10.77.0.12",), BOTH, 10), BLUE, 0, "names or addresses"),
        (seen(), CertificateWish(WISH.names, WISH.addresses, frozenset({Usage.SERVER}), 10), BLUE, 0, "usages"),
    ],
)
def test_reasons_to_sign_anew(
    found: CertificateSeen, wish: CertificateWish, authority: Authority, later: int, reason: str
) -> None:
    given = signing_reason(found, wish, authority, NOW + timedelta(days=later))
    assert given is not None
    assert reason in given


def test_a_certificate_that_ends_with_its_authority_is_not_signed_for_ever() -> None:
    end = BLUE.parsed.not_valid_after_utc
    assert signing_reason(seen(365 * 40), WISH, BLUE, end - timedelta(days=1)) is None
    assert signing_reason(seen(365 * 40), WISH, BLUE, end + timedelta(days=1)) is not None


def test_the_same_name_from_another_seed_is_told_from_another_cluster() -> None:
    other = Authority.of(SEED[::-1], "blue", 1).certificate
    assert foreign_namesake(other, BLUE)
    for own in (None, "", "no certificate", BLUE.certificate):
        assert not foreign_namesake(own, BLUE)
    for meant in (Authority.of(SEED, "green", 1), Authority.of(SEED, "blue", 2)):
        assert not foreign_namesake(meant.certificate, BLUE)
