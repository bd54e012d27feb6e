"""One host of a lab, as a person with a hand on its plugs sees it."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from lab.bmc.client import PowerAct, ipmitool, power, power_is_on
from lab.bmc.flags import boot_clock, read_flags
from lab.bmc.login import BmcLogin, read_login
from lab.bmc.module import ensure_modules
from lab.bmc.service import answers, bmc_daemon, ensure_bmc
from lab.errors import LabError
from lab.faults.armed import ArmedFault, arm, armed, disarm
from lab.faults.kinds import Player, kind_named
from lab.faults.planted import plant_script, plants
from lab.faults.rule import Fault
from lab.inside import run_inside
from lab.machine.disk import MachineDisk
from lab.machine.power import is_on, pull_power
from lab.network import set_cable
from lab.redfish.service import ensure_redfish, redfish_daemon
from lab.spec import HostSpec, LabSpec
from metal.waiting import Deadline, Pending, Run, wait_until

__all__ = ["HostStatus", "LabHost"]


@dataclass(frozen=True)
class HostStatus:
    """:ivar boot: boot device the next boot will obey, "default" when the flags are not valid.
    :ivar firmware: what the machine decided at its last start.
    :ivar unclaimed: installs in a row that nobody claimed.
    :ivar faults: those that are armed, in words.
    """

    name: str
    address: str
    bmc: str
    power: bool
    bmc_answers: bool
    ssh_answers: bool
    boot: str
    firmware: str
    installs: int
    unclaimed: int
    faults: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


class LabHost:
    """Actions on one machine; power acts go through its BMC by real IPMI."""

    seconds = 30.0

    def __init__(self, lab: LabSpec, spec: HostSpec, run: Run) -> None:
        self._lab = lab
        self.spec = spec
        self.name = spec.name
        self._run = run
        self._disk = MachineDisk(spec.machine_directory)

    @property
    def _login(self) -> BmcLogin:
        return read_login(self._lab.bmc_login)

    @property
    def _deadline(self) -> Deadline:
        return self._run.deadline(self.seconds)

    def power(self, act: PowerAct) -> None:
        """Send one chassis control command; its effect takes its time."""
        power(self.spec, self._login, act)

    def power_is_on(self) -> bool:
        """Asks the BMC."""
        return power_is_on(self.spec, self._login)

    def set_boot(self, device: str, *, lasting: bool = False) -> None:
        """Boot device of the next boot, by IPMI.

        :param device: pxe, disk, cdrom, bios, safe, floppy or none.
        :param lasting: of all boots.
        """
        options = ["options=persistent"] if lasting else []
        # Otherwise the BMC drops the flags when nobody boots the machine within a minute (IPMI 2.0, table 28-14).
        ipmitool(self.spec, self._login, "raw", "0x00", "0x08", "0x03", "0x08")
        ipmitool(self.spec, self._login, "chassis", "bootdev", device, *options)

    def plug(self) -> bool:
        """Start the BMC, with each protocol that it speaks."""
        started = ensure_bmc(self.spec, self._login, ensure_modules(self._lab.cache), deadline=self._deadline)
        if self.spec.redfish_port:
            started |= ensure_redfish(self.spec, self._login, deadline=self._deadline)
        return started

    def unplug(self) -> bool:
        """End the BMC's processes; the machine keeps its power."""
        ended = redfish_daemon(self.spec).stop(deadline=self._deadline)
        return bmc_daemon(self.spec).stop(deadline=self._deadline) or ended

    def kill(self) -> bool:
        """Take the machine's power away without its BMC."""
        return pull_power(self._lab, self.spec, deadline=self._deadline)

    def unplug_network(self) -> None:
        """Pull the host's cable out of the switch; it goes on running, and its BMC answers."""
        set_cable(self._lab, self.name, plugged=False)

    def plug_network(self) -> None:
        """Put the cable back."""
        set_cable(self._lab, self.name, plugged=True)

    def ignore_network_boot(self, ignore: bool = True) -> None:
        """Make the firmware boot from disk whatever the boot device is, as one with a wrong boot order does."""
        kind = "network-boot-ignored"
        if ignore:
            self.fault(kind)
        elif kind in {fault.kind for fault in self.faults()}:
            self.clear_faults(kind)

    def fault(
        self,
        kind: str,
        *,
        count: int | None = None,
        seconds: float | None = None,
        chance: float | None = None,
        seed: int = 1,
    ) -> None:
        """Arm a fault of :mod:`lab.faults.kinds`, while the host runs or not; one of the same kind is armed anew.

        The first that its BMC plays swaps ipmi_sim for the small BMC, which ends open sessions.

        :param count, seconds: as the kind says.
        :param chance: of faults that come by chance; `seed` makes them the same every time.
        :raises LabError: no such kind, values that make no sense for it, or a system that could not be reached.
        """
        fault = arm(self.spec, kind, count=count, seconds=seconds, chance=chance, seed=seed)
        if kind_named(kind).player is Player.BMC:
            self._settle_bmc()
        else:
            self._plant([fault], wanted=True)

    def clear_faults(self, kind: str | None = None) -> tuple[str, ...]:
        """Clear one kind of fault, or all; returns the kinds that were armed.

        :raises LabError: that kind is not armed, or a system could not be reached to put right what the fault did.
        """
        gone = disarm(self.spec, kind)
        if any(kind_named(fault.kind).player is Player.BMC for fault in gone):
            self._settle_bmc()
        self._plant(gone, wanted=False)
        return tuple(fault.kind for fault in gone)

    def faults(self) -> tuple[ArmedFault, ...]:
        """Those that are armed, over or not."""
        return armed(self.spec)

    def _settle_bmc(self) -> None:
        """Have the program that its faults need, where the BMC is plugged in."""
        if bmc_daemon(self.spec).process():
            self.plug()

    def _plant(self, faults: Iterable[Fault], *, wanted: bool) -> None:
        """Put faults into a system that runs, or take them out; one that is off gets them at its next start."""
        if not is_on(self.spec):
            return
        for plant in plants(faults):
            if wanted and not plant.now:
                continue
            self.wait_for_ssh()
            run_inside(self._lab, self.spec, plant_script(plant, wanted=wanted))

    def reset_counter(self) -> None:
        self._disk.reset_counter()

    def ssh_answers(self, *, patience: float = 0.5) -> bool:
        """Whether an SSH server greets at the host's address within `patience` seconds."""
        try:
            with socket.create_connection((str(self.spec.address), 22), timeout=patience) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def wait_for_ssh(self, *, seconds: float = 60.0) -> None:
        """:raises LabError: when no SSH server greets within `seconds`, with what the machine is doing."""
        wait_until(
            "SSH answers",
            lambda: True if self.ssh_answers() else Pending(self._doing()),
            deadline=self._run.deadline(seconds),
            fail=lambda what, seen: LabError("SSH does not answer", seen=seen),
            interval=0.1,
            host=self.name,
        )

    def _doing(self) -> str:
        status = self.status()
        return f"power is {'on' if status.power else 'off'}, firmware said: {status.firmware or 'nothing'}"

    def status(self) -> HostStatus:
        """What can be seen without asking the BMC's account."""
        flags = read_flags(self.spec.bmc_directory / "bootflags")
        disk = self._disk.observe()
        firmware = self.spec.machine_directory / "firmware"
        on = is_on(self.spec)
        return HostStatus(
            name=self.name,
            address=str(self.spec.address),
            bmc=f"{self.spec.bmc}:{self.spec.bmc_port}",
            power=on,
            bmc_answers=answers(self.spec, patience=0.3),
            ssh_answers=on and self.ssh_answers(),
            boot=flags.device + (" (lasting)" if flags.persistent else "") if flags.valid(boot_clock()) else "default",
            firmware=firmware.read_text().strip() if firmware.exists() else "",
            installs=self._disk.installs(),
            unclaimed=disk.unclaimed,
            faults=tuple(str(fault) for fault in self.faults()),
        )
