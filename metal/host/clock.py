"""How far a host's clock is from ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from metal.host.ssh import Ssh

__all__ = ["Skew", "in_step", "measure_skew", "skew_of"]

_SAMPLES = 3


@dataclass(frozen=True)
class Skew:
    """Seconds by which the host's clock is ahead of ours, known up to `error` either way."""

    seconds: float
    error: float

    def within(self, bound: float) -> bool:
        """Whether the clock can be within `bound`: what the measurement cannot tell is not held against the host."""
        return abs(self.seconds) - self.error <= bound

    def __str__(self) -> str:
        side = "ahead of" if self.seconds >= 0 else "behind"
        return f"{abs(self.seconds):.2f} s {side} ours (known to {self.error:.2f} s)"


def skew_of(before: float, remote: float, after: float) -> Skew:
    """The skew from one exchange: our clock before and after, the host's in between."""
    return Skew(remote - (before + after) / 2, (after - before) / 2)


def measure_skew(ssh: Ssh, *, clock: Callable[[], float] = time.time) -> Skew:
    """Ask a few times and keep the answer of the fastest exchange: the least is unknown about it."""
    best: Skew | None = None
    for _ in range(_SAMPLES):
        before = clock()
        remote = float(ssh.run(["date", "+%s.%N"]).stdout)
        seen = skew_of(before, remote, clock())
        if best is None or seen.error < best.error:
            best = seen
    assert best is not None
    return best


def in_step(ssh: Ssh) -> bool:
    """Whether the kernel says that a time service (any that tells it) holds its clock in step."""
    done = ssh.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"], check=False)
    return done.stdout.strip() == "yes"
