"""A BMC over Redfish: the `Bmc` protocol on one link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from metal.bmc.failure import failure
from metal.bmc.ipmi.chassis import ChassisControl
from metal.bmc.power import Between, Outcome, settled_power, switch_cycle, switch_off, switch_on
from metal.bmc.protocol import BmcIdentity, BootDevice, BootTarget, Power
from metal.bmc.quirks import BOOK, Treatment, asks_firmware, treatment_of
from metal.bmc.redfish.boot import decode_override
from metal.bmc.redfish.http import Answer, is_path, is_sendable
from metal.bmc.redfish.link import ROOT, RedfishLink
from metal.bmc.redfish.messages import describe
from metal.bmc.redfish.override import set_override
from metal.bmc.redfish.power import decode_power_state, offered_resets, reset_action, reset_type
from metal.bmc.redfish.restore import POLICY, read_restore, set_restore
from metal.bmc.redfish.service import Service
from metal.bmc.redfish.standing import Standing, put_back
from metal.bmc.redfish.systems import device_of, find_system, link_to
from metal.errors import BmcError, BmcFault
from metal.settings.fleet import PowerRestore

__all__ = ["RedfishBmc"]

_FRESH = 1.0  # seconds for which the look that opened the BMC counts as its state
_NOT_OFFERED = 405


class RedfishBmc:
    """See :class:`metal.bmc.protocol.Bmc` and :class:`metal.bmc.restore.RestoresPower`.

    Made by the pool; used by one thread at a time.

    :param service: what earlier sessions of this run know of the BMC.
    """

    def __init__(self, link: RedfishLink, service: Service) -> None:
        self._link = link
        self._service = service
        self.address = link.address
        self._treatment: Treatment = BOOK
        self._system: dict[str, Any] = {}
        self._path = ""
        self._tag = ""
        self._seen_at = float("-inf")
        self._firmware = ""

    def open(self) -> None:
        """Find the host's system and look at it.

        :raises BmcError: by fault; see :class:`RedfishLink` and :func:`find_system`.
        """
        service = self._service
        if not service.root:
            root = self._link.get(ROOT, public=True).json()
            if "RedfishVersion" not in root and not link_to(root, "Systems"):
                raise failure(
                    self.address, BmcFault.PROTOCOL, "does not speak Redfish", seen=f"{ROOT} is no service root"
                )
            service.root = root
        if is_path(sessions := link_to(service.root, "Links", "Sessions")):
            self._link.sessions = sessions
        self._learn()
        if self.address.host not in service.systems:
            service.systems[self.address.host] = find_system(self._link, service.root)
        self._path = service.systems[self.address.host]
        self._look()
        self._learn()
        self._seen_at = self._now()

    def power(self) -> Power:
        return settled_power(self, self._link.deadline)

    def power_on(self) -> None:
        switch_on(self, self._link.deadline)

    def power_off(self, *, soft: float) -> None:
        switch_off(self, self._link.deadline, soft=soft)

    def power_cycle(self) -> None:
        switch_cycle(self, self._link.deadline)

    def read(self) -> Power | Between:
        """Power now, as the power switch of this BMC."""
        return decode_power_state(self._look())

    def send(self, action: ChassisControl) -> Outcome:
        """Send one reset, as the power switch of this BMC.

        :raises BmcError: PRIVILEGE, UNREACHABLE, or what a login raises; never for a lost answer.
        """
        description = reset_action(self._system)
        info = description.get("@Redfish.ActionInfo")
        named = "ResetType@Redfish.AllowableValues" in description
        described = self._link.get(info).json() if isinstance(info, str) and not named else None
        offered = offered_resets(description, described)
        kind = reset_type(action, offered)
        if kind is None:
            return Outcome(f"not among the resets of this BMC ({', '.join(offered or ())})", _NOT_OFFERED)
        target = description.get("target") or f"{self._path}/Actions/ComputerSystem.Reset"
        try:
            answer = self._link.request(
                "POST", str(target), f"reset {kind}", body={"ResetType": kind}, repeatable=False
            )
        except BmcError as error:
            if error.fault is BmcFault.TIMEOUT and not self._link.deadline.passed:
                return Outcome(f"{kind}: no answer", None)
            raise
        return Outcome(f"{kind}: {describe(answer)}", 0 if answer.ok else answer.status)

    def boot_device(self) -> BootDevice:
        boot = self.read_boot()[0]
        try:
            return decode_override(boot)
        except ValueError as error:
            raise failure(self.address, BmcFault.PROTOCOL, "boot override makes no sense", seen=str(error)) from None

    def set_boot_device(self, target: BootTarget, *, once: bool, efi: bool | None) -> None:
        wanted = BootDevice(target) if target is BootTarget.DEFAULT else BootDevice(target, once, efi)
        set_override(self, self._link, wanted, self._treatment)

    def put_back_boot(self, before: Standing, ours: Standing, *, refused: bool, seconds: float) -> Standing:
        """Write the override that was there before ours; see :func:`put_back`.

        :param seconds: it has so much time of its own, also where the run is cancelled or its deadline over.
        """
        with self._link.outlasting(seconds):
            return put_back(self, self._link, before, ours, self._treatment, refused=refused)

    def read_boot(self) -> tuple[dict[str, Any], str, str]:
        """The `Boot` object of the state to come, the path to write it to, and its ETag; both may be elsewhere."""
        resource, path, tag = self._to_come("Boot", lambda found: "BootSourceOverrideTarget" in _boot_of(found))
        return _boot_of(resource), path, tag

    def power_restore(self) -> PowerRestore | None:
        return read_restore(self, self._link)

    def set_power_restore(self, policy: PowerRestore) -> None:
        set_restore(self, self._link, policy)

    def read_policy(self) -> tuple[dict[str, Any], str, str]:
        """The resource with the power restore policy of the state to come, its path, and its ETag."""
        return self._to_come(POLICY, lambda found: POLICY in found)

    def _to_come(self, what: str, shows: Callable[[dict[str, Any]], bool]) -> tuple[dict[str, Any], str, str]:
        """The resource that takes changes of a property, its path, and its ETag.

        A system that names a settings resource takes changes there (DSP0266, "Settings resource") for those properties
        which that resource has.
        """
        path = self._service.settings.get((self._path, what))
        if path is not None and path != self._path:
            answer = self._link.get(path)
            return answer.json(), path, _etag(answer)
        system = self._look()
        elsewhere = link_to(system, "@Redfish.Settings", "SettingsObject")
        if path is None and elsewhere:
            answer = self._link.get(elsewhere)
            if shows(answer.json()):
                self._service.settings[self._path, what] = elsewhere
                return answer.json(), elsewhere, _etag(answer)
        self._service.settings[self._path, what] = self._path
        return system, self._path, self._tag

    def identity(self) -> BmcIdentity:
        maker = str(self._system.get("Manufacturer") or self._service.root.get("Vendor") or "unknown")
        return BmcIdentity(maker, str(self._system.get("Model") or "unknown"), self._firmware_version())

    def guid(self) -> str:
        """Its kind in front: the numbers of other protocols are other ones."""
        digits = str(self._system.get("UUID") or "").lower()
        if len(set(digits) - {"-"}) > 1:
            return f"uuid:{digits}"
        serial = str(self._system.get("SerialNumber") or "").strip()
        return f"serial:{serial}" if serial else ""

    def _now(self) -> float:
        return self._link.deadline.run.clock()

    def _look(self) -> dict[str, Any]:
        """The system as it is now; the look that opened the BMC serves for the first one."""
        if self._now() - self._seen_at > _FRESH:
            try:
                answer = self._link.get(self._path)
            except BmcError:
                # Another system may be found there next time.
                self._service.systems.pop(self.address.host, None)
                self._service.root = {}
                raise
            self._system, self._tag = answer.json(), _etag(answer)
        self._seen_at = float("-inf")
        return self._system

    def _learn(self) -> None:
        device = device_of(self._service.root, self._system)
        if self._system and asks_firmware(device):
            device = replace(device, firmware=self._firmware_version())
        self._treatment = treatment_of(device)
        self._link.learn(busy=self._treatment.busy, full=self._treatment.full)

    def _firmware_version(self) -> str:
        manager = link_to(self._system, "Links", "ManagedBy")
        if not self._firmware and manager:
            self._firmware = str(self._link.get(manager).json().get("FirmwareVersion") or "")
        return self._firmware

    def close(self) -> None:
        self._link.close()


def _boot_of(resource: dict[str, Any]) -> dict[str, Any]:
    boot = resource.get("Boot")
    return boot if isinstance(boot, dict) else {}


def _etag(answer: Answer) -> str:
    """Empty for none, and for one that cannot be said back."""
    tag = answer.headers.get("etag") or str(answer.json().get("@odata.etag") or "")
    return tag if is_sendable(tag) else ""
