"""One Redfish process per lab host, beside its ipmi_sim: two protocols of one BMC, one machine behind them."""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.bmc.login import BmcLogin
from lab.errors import LabError
from lab.process import Daemon
from lab.redfish.certificate import Certificate, make_certificate, read_certificate
from lab.spec import HostSpec
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["certificate_of", "ensure_redfish", "redfish_daemon"]

_CHECKOUT = Path(__file__).resolve().parent.parent.parent


def redfish_daemon(host: HostSpec) -> Daemon:
    return Daemon(f"Redfish of {host.name}", host.bmc_directory / "redfish.pid", host.bmc_directory / "redfish.log")


def certificate_of(host: HostSpec) -> Certificate:
    """Made once, self-signed: what a user pins by its fingerprint."""
    pem = host.bmc_directory / "redfish.pem"
    return read_certificate(pem) if pem.exists() else make_certificate(pem, str(host.bmc))


def ensure_redfish(
    host: HostSpec,
    login: BmcLogin,
    *,
    deadline: Deadline,
    temper: Mapping[str, Any] | None = None,
    rules: Sequence[Mapping[str, Any]] = (),
) -> bool:
    """Start it unless it runs, and wait until it listens; True when it was started.

    :param temper: how it differs, as :class:`lab.redfish.temper.Temper` has it.
    :param rules: faults, as :class:`lab.redfish.rules.Rule` reads them.
    :raises LabError: with its last words, when it does not come up.
    """
    daemon = redfish_daemon(host)
    if daemon.process() and _listens(host):
        return False
    daemon.stop(deadline=deadline)
    configuration = host.bmc_directory / "redfish.json"
    configuration.parent.mkdir(parents=True, exist_ok=True)
    configuration.touch(mode=0o600)
    configuration.write_text(json.dumps(_describe(host, login, temper or {}, rules)))
    daemon.start(
        [sys.executable, "-m", "lab.redfish.serve", str(configuration)],
        deadline=deadline,
        env={"PYTHONPATH": str(_CHECKOUT)},
    )
    wait_until(
        "Redfish listens",
        lambda: True if _listens(host) else Pending(daemon.last_words() or "no answer"),
        deadline=deadline,
        fail=lambda what, seen: LabError(f"Redfish at {host.bmc} port {host.redfish_port} does not listen", seen=seen),
        interval=0.05,
        host=host.name,
    )
    return True


def _describe(
    host: HostSpec, login: BmcLogin, temper: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    # The machine's UUID, which its IPMI BMC gives as its GUID.
    known = uuid.UUID(hashlib.sha256(host.mac.encode()).hexdigest()[:32])
    return {
        "address": str(host.bmc),
        "port": host.redfish_port,
        "user": login.user,
        "password": login.password,
        "machine": str(host.machine_directory),
        "flags": str(host.bmc_directory / "bootflags"),
        "restore": str(host.bmc_directory / "restore"),
        "certificate": str(certificate_of(host).pem),
        "system": {"id": host.name, "uuid": str(known), "serial": f"LAB-{host.name}", "macs": [host.mac]},
        "temper": dict(temper),
        "rules": [dict(rule) for rule in rules],
    }


def _listens(host: HostSpec) -> bool:
    try:
        socket.create_connection((str(host.bmc), host.redfish_port), timeout=0.5).close()
    except OSError:
        return False
    return True
