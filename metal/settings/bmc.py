"""One host's BMC from what the inventory says of it and from its file's defaults."""

from __future__ import annotations

import ssl
from pathlib import Path

from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.inventory_model import BmcDefaults, BmcModel, HostModel
from metal.settings.problems import Problems

__all__ = ["read_bmc"]

_IPMI_PORT, _REDFISH_PORT, _HTTP_PORT = 623, 443, 80
_OF_REDFISH = ("fingerprint", "ca", "plain_http", "system")


def read_bmc(
    name: str, host: HostModel, common: BmcDefaults, root: Path, problems: Problems, file: str
) -> BmcAddress | None:
    """None for a host without a BMC, or when what is said of it is wrong.

    :param root: the project's folder, where the path of `ca` starts.
    """
    own = host.bmc
    if own.absent or own.address is None:
        return None
    protocol = own.protocol or common.protocol or BmcProtocol.IPMI
    before = len(problems.lines)
    _check(name, own, common, protocol, root, problems, file)
    credentials = own.credentials or common.credentials
    if credentials is None:
        problems.add(
            ("hosts", name, "bmc"),
            "has no credentials",
            "credentials: <profile> here, in racks.<rack>.bmc or in defaults.bmc",
            file=file,
        )
    if credentials is None or len(problems.lines) > before:
        return None
    if protocol is BmcProtocol.IPMI:
        return BmcAddress(name, own.address, _port(own, common, protocol), protocol, credentials)
    plain = bool(common.plain_http if own.plain_http is None else own.plain_http)
    usual = _HTTP_PORT if plain else _REDFISH_PORT
    return BmcAddress(
        name,
        own.address,
        _port(own, common, protocol, usual),
        protocol,
        credentials,
        redfish_port=own.redfish_port or _redfish_port(common) or usual if protocol is BmcProtocol.AUTO else 443,
        fingerprint=own.fingerprint or "",
        ca="" if own.fingerprint or plain else own.ca or common.ca or "",
        plain_http=plain,
        system=own.system or "",
        # What the host's system is known by, where the BMC has several.
        serial="" if own.system else host.serial or "",
        uuid="" if own.system else host.uuid or "",
    )


def _port(own: BmcModel, common: BmcDefaults, protocol: BmcProtocol, redfish: int = _REDFISH_PORT) -> int:
    if protocol is BmcProtocol.REDFISH:
        return own.port or _redfish_port(common) or redfish
    # A default port belongs to the default protocol, and `auto` calls that of IPMI `port`.
    return own.port or (None if common.protocol is BmcProtocol.REDFISH else common.port) or _IPMI_PORT


def _redfish_port(common: BmcDefaults) -> int | None:
    """That of Redfish, by the defaults."""
    return (common.port if common.protocol is BmcProtocol.REDFISH else None) or common.redfish_port


def _check(
    name: str,
    own: BmcModel,
    common: BmcDefaults,
    protocol: BmcProtocol,
    root: Path,
    problems: Problems,
    file: str,
) -> None:
    path = ("hosts", name, "bmc")
    if protocol is BmcProtocol.IPMI:
        for key in _OF_REDFISH:
            if getattr(own, key):
                problems.add((*path, key), "is about Redfish", "protocol: redfish or auto beside it", file=file)
    if own.redfish_port and protocol is not BmcProtocol.AUTO:
        problems.add(
            (*path, "redfish_port"), f"does nothing with protocol {protocol}", "port; or protocol: auto", file=file
        )
    plain = common.plain_http if own.plain_http is None else own.plain_http
    if own.fingerprint and (own.ca or plain):
        other = "ca" if own.ca else "plain_http"
        problems.add((*path, other), "does not go with fingerprint", "one of the two", file=file)
    elif own.ca and plain:
        problems.add((*path, "ca"), "does not go with plain_http", "one of the two", file=file)
    if protocol is not BmcProtocol.IPMI and not own.fingerprint and not plain:
        _check_authority(
            (*path, "ca") if own.ca else ("defaults", "bmc", "ca"), own.ca or common.ca, root, problems, file
        )


def _check_authority(path: tuple[str, ...], ca: str | None, root: Path, problems: Problems, file: str) -> None:
    if ca is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=root / ca)
    except OSError as error:  # of which a file without a certificate is one
        why = error.strerror if not isinstance(error, ssl.SSLError) else "no certificate in it"
        problems.add(path, f"cannot be used ({why})", "the authority's certificate in PEM", value=ca, file=file)
