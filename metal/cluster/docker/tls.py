"""Proves that an engine's TLS port lets in who has a certificate and nobody else."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

import httpx

from metal.errors import ClusterError
from metal.host.ssh import Ssh
from metal.pki.authority import Authority
from metal.pki.client import client_certificate
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["check_tls", "tls_context"]

_CALL_SECONDS = 10.0


def check_tls(ssh: Ssh, port: int, *, authority: Authority, deadline: Deadline) -> None:
    """Ask the engine from the host itself: with a certificate of `authority`, and without one.

    :param port: on the host's loopback address.
    :raises ClusterError: a client with a certificate gets no answer in time, or one without gets one.
    """
    host = ssh.access.host
    with ssh.tunnel_port(port) as path:
        trusted = tls_context(authority, with_certificate=True)
        wait_until(
            f"port {port} answers a client with a certificate",
            lambda: _answers(path, trusted),
            deadline=deadline,
            fail=lambda late, seen: ClusterError(
                late,
                host=host,
                tried=[f"GET https://localhost:{port}/_ping from the host itself"],
                seen=ssh.tunnel_failure(path) or seen,
                next_step="look at `journalctl -u docker` and at what else listens on that port",
            ),
            host=host,
        )
        answer = _ask(path, tls_context(authority, with_certificate=False))
        if isinstance(answer, int):
            raise ClusterError(
                f"port {port} answers a client that has no certificate",
                host=host,
                tried=[f"GET https://localhost:{port}/_ping without a certificate"],
                seen=f"HTTP status {answer}",
                next_step="close the port in a firewall; then look for another -H or tls setting in the engine's unit",
            )


def _answers(path: Path, context: ssl.SSLContext) -> bool | Pending:
    answer = _ask(path, context)
    return True if answer == 200 else Pending(str(answer))


def _ask(path: Path, context: ssl.SSLContext) -> int | str:
    """The HTTP status, or why there is none."""
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path), verify=context), timeout=_CALL_SECONDS) as http:
            return http.get("https://localhost/_ping").status_code
    except httpx.TransportError as error:
        return f"{type(error).__name__}: {error}"


def tls_context(authority: Authority, *, with_certificate: bool) -> ssl.SSLContext:
    """Return a context that trusts `authority` alone and shows a fresh client certificate of it, or none."""
    context = ssl.create_default_context(cadata=authority.certificate)
    if with_certificate:
        certificate, key = client_certificate(authority, "metalswarm check", 1)
        # The ssl module takes a key from a file only; the folder is private and gone at once.
        with tempfile.TemporaryDirectory(prefix="ms-") as folder:
            for name, text in (("cert.pem", certificate), ("key.pem", key)):
                file = Path(folder, name)
                file.touch(mode=0o600)
                file.write_text(text)
            context.load_cert_chain(Path(folder, "cert.pem"), Path(folder, "key.pem"))
    return context
