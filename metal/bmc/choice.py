"""`protocol: auto`: which protocol a BMC is spoken to by, found once and remembered."""

from __future__ import annotations

import json
import os
import re
import threading
from dataclasses import replace
from pathlib import Path

from metal.bmc.failure import failure
from metal.bmc.presence import find_protocols
from metal.errors import BmcFault
from metal.settings.access import BmcAddress, BmcProtocol
from metal.waiting import Deadline

__all__ = ["ProtocolChoice"]

# Seconds that a look at both protocols may take; only a BMC that was never seen, or has changed, costs them.
_LOOK = 2.0

_Key = tuple[str, int, int]


class ProtocolChoice:
    """Remembers by endpoint: in the run, and in a folder for later runs.

    :param folder: None remembers for this run only.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._chosen: dict[_Key, BmcProtocol] = {}
        self._standing_in: set[_Key] = set()
        self._told_of_memory = False

    def settle(self, address: BmcAddress, deadline: Deadline) -> BmcAddress:
        """The same BMC with a protocol of its own, and that protocol's port.

        In a run each BMC is looked at once. The remembered protocol is taken as soon as it answers, and nobody waits
        for the other one. A BMC that is known to speak Redfish, by the memory or because the inventory names its
        certificate or its system, stays known for that: IPMI stands in where Redfish does not answer, for this run.

        :raises BmcError: UNREACHABLE, neither answers, or only IPMI where one BMC has several systems.
        :raises Cancelled: the run was cancelled.
        """
        if address.protocol is not BmcProtocol.AUTO:
            return address
        key = _key(address)
        with self._lock:
            known = self._chosen.get(key)
        if known is None:
            known = self._look(key, address, deadline)
            with self._lock:
                self._chosen[key] = known
        return _spoken(address, known)

    def forget(self, address: BmcAddress) -> None:
        """It has stopped answering: the next caller looks again."""
        with self._lock:
            self._chosen.pop(_key(address), None)
            self._standing_in.discard(_key(address))

    def stands_in(self, address: BmcAddress) -> bool:
        """Whether this run speaks IPMI to it in the place of Redfish, which it is known to speak."""
        with self._lock:
            return _key(address) in self._standing_in

    def _look(self, key: _Key, address: BmcAddress, deadline: Deadline) -> BmcProtocol:
        remembered = self._read(key)
        # Both are said of Redfish alone, and of this one BMC.
        pinned = bool(address.fingerprint or address.system)
        preferred = BmcProtocol.REDFISH if pinned else remembered or BmcProtocol.REDFISH
        answering = find_protocols(address, deadline.within(_LOOK), enough=preferred)
        if not answering:
            raise failure(
                address,
                BmcFault.UNREACHABLE,
                "answers neither over Redfish nor over IPMI",
                tried=(
                    f"Redfish service root, TCP port {address.redfish_port}",
                    f"RMCP presence ping, UDP port {address.port}",
                ),
                next_step="check the BMC's address in the inventory, that it has power, and the route and firewall "
                "between here and it; or name the protocol at bmc.protocol, which gives a slow BMC more time",
            )
        found = preferred if preferred in answering else next(iter(answering))
        if found is BmcProtocol.IPMI and (pinned or remembered is BmcProtocol.REDFISH):
            self._stand_in(key, address, deadline)
        elif found is not remembered:
            deadline.run.progress(f"{address.host}: its BMC is spoken to over {found}")
            self._write(key, found, deadline)
        return found

    def _stand_in(self, key: _Key, address: BmcAddress, deadline: Deadline) -> None:
        where = f"{address.address} port {address.redfish_port}"
        if address.system:
            raise failure(
                address,
                BmcFault.UNREACHABLE,
                f"does not answer over Redfish, and over IPMI nobody can say which of its systems is meant "
                f"('{address.system}' in the inventory)",
                tried=(f"Redfish service root, TCP port {address.redfish_port}", "RMCP presence ping: answered"),
                next_step=f"see that Redfish (its web server) is enabled and runs at {where}",
            )
        with self._lock:
            self._standing_in.add(key)
        deadline.run.progress(
            f"{address.host}: its BMC does not answer over Redfish ({where}), which it is known to speak: this run "
            "speaks IPMI to it, the next one looks for Redfish again"
        )

    def _path(self, key: _Key) -> Path | None:
        name = re.sub(r"[^0-9A-Za-z.-]", "_", "_".join(map(str, key)))
        return self._folder / f"{name}.json" if self._folder else None

    def _read(self, key: _Key) -> BmcProtocol | None:
        path = self._path(key)
        try:
            return BmcProtocol(json.loads(path.read_text(encoding="utf-8"))["protocol"]) if path else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None  # it only saves a look

    def _write(self, key: _Key, protocol: BmcProtocol, deadline: Deadline) -> None:
        """A memory that cannot be written to is told once in the run: the next one looks again, and that is all."""
        path = self._path(key)
        if path is None:
            return
        fresh = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps({"protocol": protocol.value}) + "\n", encoding="utf-8")
            fresh.replace(path)
        except OSError as error:
            with self._lock:
                told, self._told_of_memory = self._told_of_memory, True
            if not told:
                deadline.run.progress(
                    f"which protocol BMCs speak is not remembered: {path.parent} cannot be written to "
                    f"({error.strerror}); each run looks again until it can"
                )


def _key(address: BmcAddress) -> _Key:
    return address.address, address.port, address.redfish_port


def _spoken(address: BmcAddress, protocol: BmcProtocol) -> BmcAddress:
    port = address.redfish_port if protocol is BmcProtocol.REDFISH else address.port
    return replace(address, protocol=protocol, port=port)
