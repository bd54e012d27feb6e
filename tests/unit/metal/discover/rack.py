"""BMCs that answer a ping and nothing else, many on one loop; and a Redfish service with a certificate of its own."""

from __future__ import annotations

import http.server
import json
import selectors
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["PingRack", "RedfishService"]

_PONG = bytes.fromhex("0600ff06000011be40{tag}0010000011be000000008100000000000000".replace("{tag}", "00"))


class PingRack:
    """Answers pings at some addresses of loopback, all at one port.

    :param deaf: pings that each address receives and does not answer first.
    :param noise: sent before each pong.
    :ivar pings: received, by address.
    """

    def __init__(self, addresses: Sequence[str], *, deaf: int = 0, noise: bytes = b"") -> None:
        self.pings: Counter[str] = Counter()
        self._deaf, self._noise = deaf, noise
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self.port = 0
        for address in addresses:
            each = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            each.bind((address, self.port))
            self.port = each.getsockname()[1]
            self._sockets.append(each)
            self._selector.register(each, selectors.EVENT_READ, address)
        self._stop_read, self._stop_write = socket.socketpair()
        self._selector.register(self._stop_read, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                datagram, peer = key.fileobj.recvfrom(2048)  # type: ignore[union-attr]
                self.pings[key.data] += 1
                if self.pings[key.data] <= self._deaf:
                    continue
                if self._noise:
                    key.fileobj.sendto(self._noise, peer)  # type: ignore[union-attr]
                pong = _PONG[:9] + datagram[9:10] + _PONG[10:]
                key.fileobj.sendto(pong, peer)  # type: ignore[union-attr]

    def close(self) -> None:
        self._stop_write.send(b"x")
        self._thread.join()
        for each in (*self._sockets, self._stop_read, self._stop_write):
            each.close()
        self._selector.close()


class RedfishService:
    """Serves one document at `/redfish/v1/` over TLS.

    :ivar certificate: in DER.
    """

    def __init__(self, folder: Path, address: str, document: object, *, port: int = 0) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path == "/redfish/v1/" else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        class Listener(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

        self._server = Listener((address, port), Handler)
        self.address, self.port = address, self._server.server_address[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.certificate, pem = _certificate(folder, address)
        context.load_cert_chain(pem)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _certificate(folder: Path, name: str) -> tuple[bytes, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2020, 1, 1) + timedelta(days=1))  # long ended, as on many BMCs
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate.public_bytes(serialization.Encoding.DER), path
