"""Redfish service roots of many addresses: what each says to anybody, and which certificate it shows. No login."""

from __future__ import annotations

import json
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from metal.bmc.redfish.http import Http
from metal.bmc.redfish.link import ROOT
from metal.bmc.redfish.trust import Trust, fingerprint_of
from metal.bmc.rmcp.wire import resolve
from metal.discover.sight import RedfishRoot
from metal.errors import Cancelled
from metal.waiting import Deadline, Run

__all__ = ["parse_root", "service_roots"]

_AT_ONCE = 128
_LARGEST = 65536


def service_roots(
    addresses: Sequence[str], port: int, *, run: Run, rate: float, patience: float = 5.0
) -> dict[str, RedfishRoot]:
    """Ask every address for its service root, over HTTPS; who does not answer as one is left out.

    Takes no less than addresses / `rate`, and at most addresses / 128 times twice `patience` where nobody answers.

    :param rate: connections begun a second.
    :param patience: half the seconds that a connection and its answer may take together.
    :raises Cancelled: the run was cancelled.
    """
    began = run.clock()
    context = _anybody()

    def one(number: int, address: str) -> RedfishRoot | None:
        run.pause(began + number / rate - run.clock())
        return _root(address, port, _Shown(context), run.deadline(2 * patience))

    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="redfish") as threads:
        roots = list(threads.map(one, range(len(addresses)), addresses))
    return {address: root for address, root in zip(addresses, roots, strict=True) if root is not None}


class _Shown(Trust):
    """Takes whatever certificate is shown, and keeps it: no secret is sent."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self._context = context
        self.certificate = b""

    def context(self) -> ssl.SSLContext:
        return self._context

    def check(self, certificate: bytes) -> None:
        self.certificate = certificate


def _root(address: str, port: int, shown: _Shown, deadline: Deadline) -> RedfishRoot | None:
    """One request, over which the deadline stands however slowly its answer comes; nothing is decompressed.

    :raises Cancelled: the run was cancelled.
    """
    http: Http | None = None
    try:
        http = Http(resolve(address, port), address, address, shown, deadline)
        answer = http.exchange("GET", ROOT, headers={}, body=None, limit=deadline)
    except Cancelled:
        raise
    except Exception:  # whatever it is that answers so: no Redfish service
        return None
    finally:
        if http is not None:
            http.close()
    if len(answer.body) > _LARGEST:
        return None
    return parse_root(answer.status, answer.body, shown.certificate)


def parse_root(status: int, body: bytes, certificate: bytes) -> RedfishRoot | None:
    """A service root from its answer; None for anything else.

    :param certificate: in DER; empty for none.
    """
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if status != 200 or not isinstance(data, dict):
        return None
    if "RedfishVersion" not in data and "ServiceRoot" not in str(data.get("@odata.type", "")):
        return None
    return RedfishRoot(
        version=_line(data.get("RedfishVersion")),
        vendor=_line(data.get("Vendor")),
        product=_line(data.get("Product")),
        fingerprint=fingerprint_of(certificate) if certificate else "",
    )


def _line(value: Any) -> str:
    return value.strip() if isinstance(value, str) and value.isprintable() and len(value) < 200 else ""


def _anybody() -> ssl.SSLContext:
    """Old BMCs too: no secret is sent, and nothing that is read is believed; the certificate is only written down."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
