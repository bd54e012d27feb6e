"""Look at every address of a range: ping, Redfish service root, and where there is a credential, a login."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from metal.discover.login import log_in
from metal.discover.match import Known, Match, match
from metal.discover.root import service_roots
from metal.discover.sight import Found
from metal.discover.sweep import sweep
from metal.settings.credentials import Credentials
from metal.settings.fleet import HostFacts
from metal.waiting import Run

__all__ = ["Discovery", "Wish", "discover", "known_hosts"]


@dataclass(frozen=True)
class Wish:
    """What is looked for, and how hard.

    :ivar profile: credential profile to log in with; empty for no login.
    :ivar redfish_port: 0 for no Redfish.
    :ivar rate: datagrams, and connections, begun a second.
    :ivar patience: seconds that the last answer to a ping is waited for.
    :ivar login_patience: seconds that a login or an answer in a session is waited for.
    :ivar ca: PEM file of the authority of Redfish certificates; None for the system's own ones.
    :ivar trust_shown: log in over Redfish to who shows a certificate that no authority vouches for.
    """

    profile: str = ""
    port: int = 623
    redfish_port: int = 443
    rate: float = 500.0
    patience: float = 1.0
    login_patience: float = 15.0
    ca: Path | None = None
    trust_shown: bool = False


@dataclass(frozen=True)
class Discovery:
    """What was found.

    :ivar looked: addresses looked at.
    :ivar sent: datagrams sent to find them.
    """

    matches: tuple[Match, ...]
    looked: int = 0
    sent: int = 0
    known: tuple[Known, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        return {
            "addresses": self.looked,
            "datagrams": self.sent,
            "found": [
                each.found.to_dict()
                | {"verdict": each.verdict.name.lower(), "host": each.known.host if each.known else None}
                for each in self.matches
            ],
        }


def discover(
    addresses: Sequence[str],
    wish: Wish,
    *,
    known: Sequence[Known] = (),
    credentials: Credentials,
    run: Run,
) -> Discovery:
    """Look at every address. Nothing is changed anywhere.

    :raises SettingsError: the credential profile has no secret.
    :raises Cancelled: the run was cancelled.
    """
    if wish.profile:
        credentials.bmc(wish.profile)  # before anything is sent
    run.progress(f"pings {len(addresses)} addresses")
    pinged = sweep(addresses, wish.port, run=run, rate=wish.rate, patience=wish.patience)
    roots = {}
    if wish.redfish_port:
        run.progress(f"{len(pinged.pongs)} answer a ping; asks for Redfish service roots")
        roots = service_roots(addresses, wish.redfish_port, run=run, rate=wish.rate)
    found = [
        Found(
            address,
            port=wish.port,
            ipmi=address in pinged.pongs,
            redfish=roots.get(address),
            redfish_port=wish.redfish_port,
        )
        for address in addresses
        if address in pinged.pongs or address in roots
    ]
    if wish.profile:
        run.progress(f"logs in to {len(found)} BMCs")
        found = log_in(
            found,
            wish.profile,
            pins={address: each.fingerprint for each in known if each.fingerprint for address in each.bmc_addresses},
            ca=wish.ca,
            trust_shown=wish.trust_shown,
            credentials=credentials,
            run=run,
            patience=wish.login_patience,
        )
    return Discovery(match(found, known), len(addresses), pinged.sent, tuple(known))


def known_hosts(facts: Mapping[str, HostFacts], files: Mapping[str, str]) -> tuple[Known, ...]:
    """What inventory files say, as far as machines are told by it; names of BMCs are looked up.

    :param files: the file of each host.
    """
    return tuple(
        Known(
            name,
            files[name],
            serial=host.serial or "",
            uuid=host.uuid or "",
            bmc=host.bmc.address if host.bmc else "",
            bmc_addresses=_addresses(host.bmc.address) if host.bmc else (),
            system=host.bmc.system if host.bmc else "",
            fingerprint=host.bmc.fingerprint if host.bmc else "",
        )
        for name, host in facts.items()
    )


def _addresses(name: str) -> tuple[str, ...]:
    try:
        return (str(ip_address(name)),)
    except ValueError:
        pass
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(where[0]) for *_, where in answers))
