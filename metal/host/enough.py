"""Whether a host is what its pool's `ready` asks for."""

from __future__ import annotations

from metal.errors import HostError, HostFault
from metal.host import plan
from metal.host.clock import Skew, in_step, measure_skew
from metal.host.cure import CLOCK_CURE, cure, looked_at
from metal.host.facts import Facts
from metal.host.ssh import Ssh
from metal.host.wish import ReadyWish
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["check_enough"]


def check_enough(ssh: Ssh, wish: ReadyWish, facts: Facts, deadline: Deadline) -> None:
    """Hold a host against what `ready` asks for.

    Only a clock is waited for: what a first boot sets last, and what nothing else can mend by itself.

    :raises HostError: NOT_READY: with every shortfall, and a cure for each sort of them.
    """

    def clock() -> bool | Pending:
        skew = measure_skew(ssh)
        lacking = plan.clock_lacks(wish, skew, in_step=not wish.expect.time_sync or in_step(ssh))
        return Pending(lacking) if lacking else True

    lacking = plan.shortfalls(wish, facts, Skew(0.0, 0.0))
    if lacking:
        skew = measure_skew(ssh)
        raise HostError(
            "the host does not meet what ready asks for",
            fault=HostFault.NOT_READY,
            host=wish.host,
            tried=[", ".join(looked_at(wish))],
            seen="; ".join(plan.shortfalls(wish, facts, skew)),
            next_step=cure(wish, facts, skew),
        )
    wait_until(
        "its clock is right",
        clock,
        deadline=deadline,
        fail=lambda late, seen: HostError(
            late,
            fault=HostFault.NOT_READY,
            host=wish.host,
            tried=["date" + (", timedatectl" if wish.expect.time_sync else "")],
            seen=seen,
            next_step=CLOCK_CURE,
        ),
        interval=2,
        host=wish.host,
    )
