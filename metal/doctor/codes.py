"""The codes of all findings that there can be, for whoever leaves one out by its code."""

from __future__ import annotations

from collections.abc import Collection

from metal.errors import BmcFault, HostFault, InputError

__all__ = ["CODES", "check_codes"]

_BMC = ("busy", "failed", "settings", *(str(fault).replace(" ", "-") for fault in BmcFault))
_SSH = ("failed", "settings", "not-root", *(str(fault).replace(" ", "-") for fault in HostFault))

CODES = frozenset(
    {
        *(f"{check}-{fault}" for check in ("bmc", "login") for fault in _BMC),
        *(f"ssh-{fault}" for fault in _SSH),
        "anonymous",
        "boot-changed",
        "boot-not-kept",
        "cipher-0",
        "clock-skew",
        "disk-read-only",
        "login-slow",
        "no-authentication",
        "no-firmware",
        "no-ipmi-2",
        "no-power",
        "other-machine",
        "packages-locked",
        "privilege-low",
        "redfish-silent",
        "suite-broken",
        "suite-silent",
    }
)


def check_codes(given: Collection[str]) -> None:
    """:raises InputError: naming each that is no finding's code, and those that are."""
    unknown = [code for code in given if code not in CODES]
    if unknown:
        allowed = ", ".join(sorted(CODES))
        raise InputError([f"--ignore = {code}: no such finding; allowed: {allowed}" for code in unknown])
