"""One way to make a BMC's error: each class of failure with its cure."""

from __future__ import annotations

from collections.abc import Sequence

from metal.errors import BUSY_CODES, BmcError, BmcFault
from metal.settings.access import BmcAddress, BmcProtocol

__all__ = ["failure"]

_ONCE = (
    ". It is not tried twice in one run; but each run tries it once, and many BMCs lock an account after three wrong "
    "passwords: mend this before you run anything again"
)

_CURES = {
    BmcFault.TIMEOUT: "check that {where} is powered and reachable by UDP from here; a BMC that hangs needs its own "
    "reset or a power drain. If it is only slow, raise deadlines.bmc. `hold` takes the host out of the run",
    BmcFault.UNREACHABLE: "check address and port of the BMC in the inventory (now {where}), that IPMI over LAN is "
    "enabled on it, and the route and firewall between here and it",
    BmcFault.AUTH: "credential profile '{profile}' does not fit this BMC: set it with `pulumi config set --secret "
    "metalswarm:bmc-{profile}` (user:password), or name another profile at bmc.credentials of this host" + _ONCE,
    BmcFault.PRIVILEGE: "give the user of credential profile '{profile}' the privilege administrator (or at least "
    "operator) on the LAN channel of this BMC, or name another profile at bmc.credentials of this host",
    BmcFault.NO_SLOT: "other clients hold all sessions of this BMC: stop them (monitoring, a second run), wait a "
    "minute for idle sessions to end, or reset the BMC; then run again",
    BmcFault.CERTIFICATE: "compare the fingerprint with the one that the BMC itself shows (its web page or console): "
    "where it is the BMC's own, set bmc.fingerprint of this host to it, or bmc.ca to the authority that signed it. "
    "Where it is not, somebody else answers at {where}",
    BmcFault.SUITE: "enable IPMI cipher suite 3 or 17 on this BMC",
    BmcFault.PROTOCOL: "what answers at {where} does not keep to IPMI 2.0: check address and port in the inventory, "
    "then the BMC's firmware version",
    BmcFault.COMMAND: "look at the completion code; if the BMC is busy or just restarted, run again; else update its "
    "firmware",
    BmcFault.NOT_APPLIED: "look at the machine's console and its BMC's event log, then run again; it resumes",
}

# Where the password was changed by this program, so that the settings are asked last.
_CHANGED_CURE = (
    "credential profile '{profile}', which this workstation noted when it changed this BMC's password, does not fit: "
    "if the BMC has been set back since, `metalswarm bmc password {host} --forget` goes back to '{named}' of the "
    "settings; if not, set metalswarm:bmc-{profile} with `pulumi config set --secret`" + _ONCE
)

_BUSY_CURE = (
    "it is there, and has no time: its firmware is being updated, it has just started, or other programs ask it "
    "without a pause (monitoring, a second run). Wait some minutes and run again; one that stays busy needs its own "
    "reset. `hold` takes the host out of the run"
)

# Where the cure over Redfish is another one.
_REDFISH_CURES = {
    BmcFault.TIMEOUT: "check that {where} is powered and not restarting; a BMC that hangs needs its own reset or a "
    "power drain. If it is only slow, raise deadlines.bmc. `hold` takes the host out of the run",
    BmcFault.UNREACHABLE: "check address and port of the BMC in the inventory (now {where}), that Redfish (its web "
    "server) is enabled on it, and the route and firewall between here and it",
    BmcFault.PRIVILEGE: "give the user of credential profile '{profile}' the role Administrator (or Operator) on this "
    "BMC, or name another profile at bmc.credentials of this host",
    BmcFault.PROTOCOL: "what answers at {where} does not keep to Redfish: check address, port, plain_http and system "
    "in the inventory, then the BMC's firmware version; protocol: ipmi is the other way to it",
    BmcFault.COMMAND: "read what the BMC says; if it is busy or just restarted, run again; else update its firmware",
}


def failure(
    address: BmcAddress,
    fault: BmcFault,
    what: str,
    *,
    tried: Sequence[str] = (),
    seen: str | None = None,
    code: int | None = None,
    next_step: str | None = None,
) -> BmcError:
    """An error that names the BMC and what to do.

    :param what: the failure in one clause, without the host's name.
    :param code: IPMI completion code, RMCP+ status or HTTP status.
    :param next_step: in place of the cure that belongs to `fault`.
    """
    where = f"{address.address} port {address.port}"
    cures = _CURES if address.protocol is BmcProtocol.IPMI else {**_CURES, **_REDFISH_CURES}
    cure = cures[fault]
    named = getattr(address.credentials, "named", "")
    if fault is BmcFault.AUTH and named:
        cure = _CHANGED_CURE
    elif fault is BmcFault.TIMEOUT and code in BUSY_CODES:
        cure = _BUSY_CURE
    cure = cure.format(where=where, profile=address.credentials, host=address.host, named=named)
    return BmcError(
        f"BMC {address.address}: {what}",
        fault=fault,
        code=code,
        host=address.host,
        tried=tried,
        seen=seen,
        next_step=next_step or cure,
    )
