"""How a cluster whose quorum is lost comes back: decided from what still answers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from metal.plan.majority import majority
from metal.plan.verdict import Refuse

__all__ = ["Recovery", "RescueSight", "Voter", "decide_recovery"]


@dataclass(frozen=True)
class Voter:
    """One host that is wanted as Swarm manager, as Consul server, or both.

    :ivar answers: over SSH.
    :ivar power: `on`, `off`, or empty where no BMC says.
    :ivar raft: when it last wrote to the swarm's raft log (seconds); None where it has none.
    :ivar consul: it holds the data of a server of a formed cluster.
    """

    host: str
    manager: bool
    server: bool
    answers: bool
    power: str = ""
    raft: int | None = None
    consul: bool = False


@dataclass(frozen=True)
class RescueSight:
    """What is known of a cluster's control plane.

    :ivar swarm: hosts whose managers take part in the raft of a swarm that has a leader, the one that was asked first;
        empty where none has.
    :ivar consul_leads: some server knows a leader.
    """

    voters: tuple[Voter, ...]
    swarm: tuple[str, ...]
    consul_leads: bool

    @property
    def left_over(self) -> tuple[str, ...]:
        """Living managers of a raft that was given up: a recovery was cut short before they had joined again."""
        return tuple(v.host for v in self.voters if self.swarm and v.raft is not None and v.host not in self.swarm)


@dataclass(frozen=True)
class Recovery:
    """What is to be done, in this order.

    :ivar fence: silent hosts whose chassis is on; they are switched off first.
    :ivar dead: hosts that are given up; they come back only as new.
    :ivar servers: Consul servers that go on as the whole of their cluster; empty where Consul has its quorum.
    :ivar founder: the manager that goes on as the whole of the swarm; None where the swarm has its quorum.
    :ivar rejoin: living managers whose raft is given up for the founder's; they join it again.
    :ivar through: the manager that they join through.
    """

    fence: tuple[str, ...]
    dead: tuple[str, ...]
    servers: tuple[str, ...]
    founder: str | None
    rejoin: tuple[str, ...]
    through: str = ""

    def lines(self) -> tuple[str, ...]:
        """What will be done, for the person who has to agree."""
        told = []
        if self.fence:
            told.append(f"switched off, so that they cannot form a second cluster: {', '.join(self.fence)}")
        if self.dead:
            told.append(f"given up for good, with what only they hold: {', '.join(self.dead)}")
        if self.servers:
            told.append(f"the whole of Consul from now on: {', '.join(self.servers)}")
        if self.founder:
            told.append(f"the only manager of the swarm from now on: {self.founder}")
        if self.rejoin:
            told.append(f"joins it again as manager: {', '.join(self.rejoin)}")
        return tuple(told)


def decide_recovery(
    sight: RescueSight, *, given_up: Collection[str] = (), founder: str | None = None
) -> Recovery | Refuse:
    """What brings the control plane back, or why nothing should.

    :param given_up: hosts that a person says are dead for good.
    :param founder: the manager that a person has chosen; None takes the one whose raft log is the youngest.
    """
    leads = bool(sight.swarm)
    if leads and sight.consul_leads:
        if sight.left_over:
            return Recovery((), (), (), None, sight.left_over, sight.swarm[0])
        return Refuse("Swarm and Consul both have their quorum", "nothing is to be recovered")
    dead = tuple(voter for voter in sight.voters if not voter.answers)
    alive = tuple(voter for voter in sight.voters if voter.answers)
    answering = [name for name in given_up if any(voter.host == name for voter in alive)]
    if answering:
        return Refuse(
            f"{', '.join(answering)} answers over SSH", "name only hosts that are dead, or switch it off first"
        )
    for what, has_leader, wanted, left in (
        ("Swarm managers", leads, _named(sight, "manager"), [v.host for v in alive if v.raft is not None]),
        ("Consul servers", sight.consul_leads, _named(sight, "server"), [v.host for v in alive if v.consul]),
    ):
        if has_leader:
            continue
        if not left:
            return Refuse(f"of the {what} none is left", "restore a backup: see docs/operations.md, Quorum lost")
        if len(left) >= majority(len(wanted)):
            return Refuse(
                f"of the {len(wanted)} {what} a majority answers ({', '.join(left)}), so its quorum is not lost",
                "look why they elect no leader: their ports, clocks and journals",
            )
    unproven = sorted(voter.host for voter in dead if not voter.power and voter.host not in given_up)
    if unproven:
        return Refuse(
            f"nothing shows that {', '.join(unproven)} is off, and one that comes back could form a second cluster",
            "switch it off or cut its network, then say so: " + " ".join(f"--dead {name}" for name in unproven),
        )
    managers = [voter for voter in alive if voter.raft is not None]
    best = max(managers, key=lambda voter: (voter.raft or 0, voter.host == founder), default=None)
    chosen = founder or (best.host if best else None)
    if not leads and chosen not in {voter.host for voter in managers}:
        return Refuse(f"{chosen} is no manager that is left", f"name one of {', '.join(v.host for v in managers)}")
    return Recovery(
        fence=tuple(sorted(voter.host for voter in dead if voter.power == "on")),
        dead=tuple(sorted(voter.host for voter in dead)),
        servers=() if sight.consul_leads else tuple(sorted(voter.host for voter in alive if voter.consul)),
        founder=None if leads else chosen,
        rejoin=sight.left_over if leads else tuple(sorted(v.host for v in managers if v.host != chosen)),
        through=sight.swarm[0] if leads else chosen or "",
    )


def _named(sight: RescueSight, what: str) -> list[str]:
    return [voter.host for voter in sight.voters if getattr(voter, what)]
