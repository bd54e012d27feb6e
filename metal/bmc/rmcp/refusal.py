"""What a refused login means to the reader."""

from __future__ import annotations

from collections.abc import Sequence

from metal.bmc.failure import failure
from metal.bmc.rmcp.rakp import LoginRefused, Status
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress

__all__ = ["refusal"]

_FAULTS: dict[int, tuple[BmcFault, str]] = {
    Status.NO_RESOURCES: (BmcFault.NO_SLOT, "has no free session"),
    Status.NO_RESOURCES_FOR_ROLE: (BmcFault.NO_SLOT, "has no free session for this privilege"),
    Status.INVALID_AUTHENTICATION: (BmcFault.SUITE, "refuses the cipher suite"),
    Status.INVALID_INTEGRITY: (BmcFault.SUITE, "refuses the cipher suite"),
    Status.INVALID_CONFIDENTIALITY: (BmcFault.SUITE, "refuses the cipher suite"),
    Status.NO_SUITE_MATCH: (BmcFault.SUITE, "refuses the cipher suite"),
    Status.INVALID_ROLE: (BmcFault.PRIVILEGE, "refuses this user the privilege operator"),
    Status.ROLE_REFUSED: (BmcFault.PRIVILEGE, "refuses this user the privilege operator"),
    Status.INVALID_NAME_LENGTH: (BmcFault.AUTH, "refuses the length of the user name"),
    Status.UNAUTHORIZED_NAME: (BmcFault.AUTH, "does not know the user"),
    Status.INVALID_CHECK_VALUE: (BmcFault.AUTH, "wrong password"),
}

# A BMC gives a locked account out as one that it does not know.
_LOCKED = (
    ". If user and password are right, the account may be locked, by earlier runs with a wrong password or by others: "
    "wait until it opens again (mostly 5 to 30 minutes), or open it on the BMC itself"
)


def refusal(address: BmcAddress, refused: LoginRefused, tried: Sequence[str]) -> BmcError:
    """The error for a login that was refused with a status (table 13-15)."""
    fault, what = _FAULTS.get(refused.status, (BmcFault.PROTOCOL, "refuses the login"))
    if fault is BmcFault.AUTH:
        what += f" (credential profile '{address.credentials}')"
    error = failure(address, fault, what, tried=tried, seen=str(refused), code=refused.status)
    if refused.status == Status.UNAUTHORIZED_NAME:
        error.next_step = f"{error.next_step}{_LOCKED}"
    return error
