"""One host's sights held against what it should be. No I/O."""

from __future__ import annotations

from dataclasses import replace

from metal.doctor.judge_bmc import bmc_findings, bmc_words
from metal.doctor.judge_host import host_findings, host_words
from metal.doctor.sight import HostSight, Machine
from metal.doctor.view import Examination

__all__ = ["judge"]


def judge(machine: Machine, seen: HostSight) -> Examination:
    """Words and findings of one host."""
    words = bmc_words(machine, seen.bmc) | host_words(machine, seen)
    findings = (*bmc_findings(seen.bmc), *host_findings(machine, seen))
    bad = {finding.check for finding in findings}
    words = {check: replace(word, good=False) if check in bad else word for check, word in words.items()}
    return Examination(machine.host, machine.address, machine.bmc, words, findings)
