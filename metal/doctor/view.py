"""What an examination comes to, as plain values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from metal.plan.word import Word

__all__ = ["CHECKS", "Examination", "Finding", "Report", "Word"]

CHECKS = ("bmc", "session", "suites", "privilege", "firmware", "power", "boot", "ssh", "disk", "clock", "lock")


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    :ivar code: short and lasting, to leave it out by.
    :ivar ignored: it was said that this one does not count.
    """

    check: str
    code: str
    what: str
    cure: str
    ignored: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "code": self.code,
            "what": self.what,
            "cure": self.cure,
            "ignored": self.ignored,
        }


@dataclass(frozen=True)
class Examination:
    """One host.

    :ivar bmc: address of its BMC; empty for none.
    :ivar words: by check, each of :data:`CHECKS`.
    """

    host: str
    address: str
    bmc: str
    words: Mapping[str, Word]
    findings: tuple[Finding, ...] = ()

    @property
    def good(self) -> bool:
        return all(finding.ignored for finding in self.findings)

    def ignoring(self, codes: Collection[str]) -> Examination:
        """The same where findings of these codes do not count."""
        return replace(
            self, findings=tuple(replace(each, ignored=each.code in codes or each.ignored) for each in self.findings)
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "good": self.good,
            "address": self.address,
            "bmc": self.bmc,
            "checks": {check: self.words[check].to_dict() for check in CHECKS},
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True)
class Report:
    """Hosts by name, in the order of the settings."""

    hosts: Mapping[str, Examination]

    @property
    def good(self) -> bool:
        return all(host.good for host in self.hosts.values())

    def ignoring(self, codes: Collection[str]) -> Report:
        return Report({name: host.ignoring(codes) for name, host in self.hosts.items()})

    def to_dict(self) -> dict[str, Any]:
        return {"good": self.good, "hosts": {name: host.to_dict() for name, host in self.hosts.items()}}
