"""A boot override set, read back and taken away again: whether this BMC keeps what it accepts."""

from __future__ import annotations

from dataclasses import replace

from metal.bmc.ipmi.bmc import IpmiBmc
from metal.bmc.ipmi.bootflags import GET_BOOT_FLAGS, GET_BOOT_FLAGS_BYTES, set_boot_flags
from metal.bmc.ipmi.completion import require
from metal.bmc.ipmi.link import IpmiLink
from metal.bmc.protocol import BootDevice, BootTarget
from metal.bmc.redfish.bmc import RedfishBmc
from metal.bmc.redfish.standing import Overtaken, Standing, why_not_kept
from metal.bmc.rmcp.frames import Request
from metal.bmc.visit import LoggedIn, Visit
from metal.doctor.sight import BootSight, Trouble
from metal.errors import BmcError, BmcFault, Cancelled
from metal.waiting import Run

__all__ = ["trip", "trip_over_redfish"]

_BACK_SECONDS = 20.0
_CLEARING = 3
_GET_CLEARING = Request(0x00, 0x09, bytes((_CLEARING, 0, 0)))


def _trial(efi: bool | None) -> BootDevice:
    """What is set for a moment: if everything fails in that moment, the machine boots from its disk once more."""
    return BootDevice(BootTarget.DISK, once=True, efi=efi)


def trip(opened: LoggedIn, visit: Visit, *, skip: str, efi: bool | None = None) -> BootSight:
    """Set one boot from disk, read it back, put back byte for byte what was there before.

    Not tried while a one-time override waits for its boot: that one is somebody's, and it would not survive a BMC that
    fails in the middle. What was there is put back after any failure and after a cancel, in a session of its own.

    :param skip: why it must not be tried; empty where it may.
    :param efi: the mode that a run would ask for.
    :raises Cancelled: the run was cancelled; what was there is back, or could not be put back.
    """
    try:
        before = opened.bmc.boot_device()
        if skip or before.once:
            return BootSight(before, skipped=skip or f"an override waits for its boot ({before})")
        flags = _flags(opened.link)
        clearing = _clearing(opened.link)
    except BmcError as error:
        return BootSight(trouble=Trouble.of(error))
    trouble: Trouble | None = None
    trial = _trial(bool(efi))
    try:
        opened.bmc.set_boot_device(trial.target, once=trial.once, efi=trial.efi)
    except BmcError as error:
        trouble = _told(error, efi)
    except Cancelled:
        _put_back_alone(visit, flags, clearing, trial)
        raise
    try:
        now = _put_back(opened.bmc, opened.link, flags, clearing, trial)
    except _Theirs as theirs:
        return BootSight(before, skipped=f"somebody else set {theirs} meanwhile, which was left alone")
    except (BmcError, Cancelled) as error:
        now = _put_back_alone(visit, flags, clearing, trial)
        if isinstance(error, Cancelled):
            raise
    return BootSight(before, trouble=trouble, left=now)


class _Theirs(Exception):
    """What stands now is neither what was there before nor what was set here."""


def _flags(link: IpmiLink) -> bytes:
    what = "Get System Boot Options"
    return require(link.address, what, link.request(GET_BOOT_FLAGS, what), GET_BOOT_FLAGS_BYTES)[2:]


def _clearing(link: IpmiLink) -> bytes:
    """Boot flag valid bit clearing, one byte; empty where the BMC does not have it."""
    reply = link.request(_GET_CLEARING, "Get System Boot Options")
    return reply.data[2:3] if reply.code == 0 else b""


def _put_back(bmc: IpmiBmc, link: IpmiLink, flags: bytes, clearing: bytes, trial: BootDevice) -> str:
    """Write the old bytes; what stands now where that is something else, empty where it is what was before.

    :raises _Theirs: somebody else has set an override meanwhile; it is left alone.
    """
    standing = bmc.boot_device()
    # A BMC that drops the mode shows the trial without it; that one is nobody else's.
    if (
        replace(standing, efi=trial.efi) != trial
        and standing.target is not BootTarget.DEFAULT
        and _flags(link) != flags
    ):
        raise _Theirs(str(standing))
    what = "Set System Boot Options (boot flags)"
    require(link.address, what, link.request(set_boot_flags(flags), what))
    now = _flags(link)
    if not flags[0] & 0x80 and clearing:
        # With an override in force it stays as set for the trial: else the BMC would drop that one in a minute.
        link.request(
            Request(0x00, 0x08, bytes((_CLEARING,)) + clearing), "Set System Boot Options (valid bit clearing)"
        )
    valid = bool((flags[0] | now[0]) & 0x80)
    return "" if now == flags or not valid else str(bmc.boot_device())


def _put_back_alone(visit: Visit, flags: bytes, clearing: bytes, trial: BootDevice) -> str:
    """The same in a session and with a deadline of its own, whatever has become of the run."""
    try:
        with visit.login(Run().deadline(_BACK_SECONDS)) as opened:
            return _put_back(opened.bmc, opened.link, flags, clearing, trial)
    except _Theirs:
        return ""
    except BmcError:
        return f"{trial}, or what was before: the BMC does not answer any more"


def _told(error: BmcError, efi: bool | None) -> Trouble:
    """A failure to keep the flags, whose own cure speaks of a run that would have gone on."""
    if error.fault is not BmcFault.NOT_APPLIED:
        return Trouble.of(error)
    mode = "" if efi is None else "where it drops the mode only, set that in its firmware and take boot_mode out; else "
    return Trouble(
        f"it accepts a boot override and does not keep it: {'; '.join(error.tried)}",
        f"{mode}"
        "update its firmware; until then have the machine's own boot order put the network first, and let the "
        "installer say when to boot from disk",
        str(error.fault),
    )


def trip_over_redfish(bmc: RedfishBmc, *, skip: str, efi: bool | None = None) -> BootSight:
    """The same over Redfish, in the words of the BMC: several of them are one target to everybody else here.

    Not tried either over a lasting override that could not be put back as it is. The target of an override that is
    not in force may be another one afterwards: it says nothing.

    :raises Cancelled: the run was cancelled; what was there is back, or the error says what stands.
    """
    trial = _trial(efi)
    try:
        before = bmc.boot_device()
        boot = bmc.read_boot()[0]
    except BmcError as error:
        return BootSight(trouble=Trouble.of(error))
    kept = Standing.of(boot)
    if kept.in_force and kept.enabled == "Once":
        skip = skip or f"an override waits for its boot ({before})"
    if skip := skip or why_not_kept(boot):
        return BootSight(before, skipped=skip)
    trouble, refused = None, False
    try:
        bmc.set_boot_device(trial.target, once=trial.once, efi=trial.efi)
    except BmcError as error:
        trouble, refused = _told(error, efi), error.fault is BmcFault.COMMAND
    except Cancelled as error:
        left, _ = _put_back_over_redfish(bmc, kept)
        if left:
            raise Cancelled(
                "cancelled while a boot override was tried",
                host=bmc.address.host,
                seen=f"the boot override was {kept} and is now {left}",
                next_step="set it by hand before the host is started again",
            ) from error
        raise
    left, theirs = _put_back_over_redfish(bmc, kept, refused=refused)
    if theirs and trouble is None:
        return BootSight(before, skipped=f"somebody else set {left} meanwhile, which was left alone")
    return BootSight(before, trouble=trouble, left=left)


def _put_back_over_redfish(bmc: RedfishBmc, kept: Standing, *, refused: bool = False) -> tuple[str, bool]:
    """What stands now where that is not what was kept, empty where it is; and whether it is somebody else's."""
    ours = Standing("Once", "Hdd", "")
    try:
        now = bmc.put_back_boot(kept, ours, refused=refused, seconds=_BACK_SECONDS)
    except Overtaken as overtaken:
        return str(overtaken), True
    except BmcError as error:
        if error.fault is BmcFault.COMMAND and error.seen:
            return error.seen, False
        return f"{ours}, or what was before: {error.what}", False
    return "" if now.same(kept) else str(now), False
