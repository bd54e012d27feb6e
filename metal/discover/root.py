"""Redfish service roots of many addresses: what each says to anybody, and which certificate it shows. No login."""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from metal.discover.sight import RedfishRoot
from metal.settings.endpoint import with_port
from metal.waiting import Deadline, Run

__all__ = ["parse_root", "service_roots"]

_AT_ONCE = 128
_LARGEST = 65536


def service_roots(
    addresses: Sequence[str], port: int, *, run: Run, rate: float, patience: float = 5.0
) -> dict[str, RedfishRoot]:
    """Ask every address for its service root, over HTTPS; who does not answer as one is left out.

    Takes no less than addresses / `rate`, and about addresses / 128 times `patience` where nobody answers at all.

    :param rate: connections begun a second.
    :param patience: seconds for a connection, and for the answer after it.
    :raises Cancelled: the run was cancelled.
    """
    began = run.clock()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    with httpx.Client(verify=_anybody(), trust_env=False, limits=limits, timeout=patience) as client:

        def one(number: int, address: str) -> RedfishRoot | None:
            run.pause(began + number / rate - run.clock())
            try:
                return _root(client, address, port, run.deadline(2 * patience))
            except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
                return None

        with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="redfish") as threads:
            roots = list(threads.map(one, range(len(addresses)), addresses))
    return {address: root for address, root in zip(addresses, roots, strict=True) if root is not None}


def _root(client: httpx.Client, address: str, port: int, deadline: Deadline) -> RedfishRoot | None:
    with client.stream("GET", f"https://{with_port(address, port)}/redfish/v1/") as response:
        stream = response.extensions.get("network_stream")
        session = stream.get_extra_info("ssl_object") if stream is not None else None
        certificate = session.getpeercert(True) if session is not None else None
        body = b""
        for piece in response.iter_bytes():
            body += piece
            if len(body) > _LARGEST or deadline.passed:
                return None
    return parse_root(response.status_code, body, certificate or b"")


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
        fingerprint=f"sha256:{hashlib.sha256(certificate).hexdigest()}" if certificate else "",
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
