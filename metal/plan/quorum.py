"""A cluster's membership as a value, and which changes of it are refused before anything is touched."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from metal.plan.majority import SIZES, majority, may_remove, tolerance
from metal.settings.fleet import EngineRule, Fleet

__all__ = ["Birth", "Member", "Membership", "Refusal", "Rule", "membership", "refusals"]


@dataclass(frozen=True)
class Member:
    """One host of a cluster.

    :ivar generation: a raised one means that the host leaves, is reinstalled and comes back as new.
    :ivar down: on hold or lost; counts as failed.
    :ivar kept: its engine is left as it runs.
    :ivar evicted: on hold, and taken out by the living members: it has no vote until it comes back.
    :ivar held: on hold: nothing about it changes.
    :ivar rack: its failure domain; empty where none is given.
    """

    address: str
    generation: int
    manager: bool
    consul_server: bool
    container_manager: bool
    down: bool
    kept: bool = False
    evicted: bool = False
    held: bool = False
    rack: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values; what is left out has its default, so that a new field changes no plan that does not use it."""
        optional = ("kept", "evicted", "held", "rack")
        return {key: value for key, value in asdict(self).items() if value or key not in optional}


@dataclass(frozen=True)
class Birth:
    """Settings that a swarm and its Consul datacenter get at birth and keep for life.

    :ivar consul: `own`, or `external` for one that existed before.
    """

    address_pool: str
    subnet_size: int
    data_path_port: int
    interface: str | None
    datacenter: str
    consul: str = "own"


@dataclass(frozen=True)
class Membership:
    """Who is in a cluster, and as what."""

    cluster: str
    birth: Birth
    members: Mapping[str, Member]

    @property
    def managers(self) -> frozenset[str]:
        return frozenset(name for name, member in self.members.items() if member.manager)

    @property
    def consul_servers(self) -> frozenset[str]:
        return frozenset(name for name, member in self.members.items() if member.consul_server)

    def up(self, names: Collection[str]) -> frozenset[str]:
        """Those of `names` that are in the cluster and count as running."""
        return frozenset(name for name in names if name in self.members and not self.members[name].down)

    def to_dict(self) -> dict[str, Any]:
        return {
            "cluster": self.cluster,
            "birth": _spoken(asdict(self.birth), consul="own"),
            "members": {name: self.members[name].to_dict() for name in sorted(self.members)},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Membership:
        """Read back :meth:`to_dict`; numbers may have become floats on the way through an engine."""
        birth = data["birth"]
        return cls(
            cluster=str(data["cluster"]),
            birth=Birth(
                address_pool=str(birth["address_pool"]),
                subnet_size=int(birth["subnet_size"]),
                data_path_port=int(birth["data_path_port"]),
                interface=birth.get("interface") or None,
                datacenter=str(birth["datacenter"]),
                consul=str(birth.get("consul", "own")),
            ),
            members={
                str(name): Member(
                    address=str(member["address"]),
                    generation=int(member["generation"]),
                    manager=bool(member["manager"]),
                    consul_server=bool(member["consul_server"]),
                    container_manager=bool(member["container_manager"]),
                    down=bool(member["down"]),
                    kept=bool(member.get("kept", False)),
                    evicted=bool(member.get("evicted", False)),
                    held=bool(member.get("held", False)),
                    rack=str(member.get("rack", "")),
                )
                for name, member in data["members"].items()
            },
        )


class Rule(StrEnum):
    """What a refusal goes by, and the name that overrides it."""

    VOTERS = "voters"
    TOLERANCE = "tolerance"
    QUORUM = "quorum"
    LAST = "last"
    BIRTH = "birth"
    ADDRESS = "address"
    # Not judged from memberships, and waived by the same list: other metal under a host's name, and a worker pool that
    # is emptied while services need it.
    IDENTITY = "identity"
    NEEDED = "needed"


@dataclass(frozen=True)
class Refusal:
    """Why a change is not begun."""

    rule: Rule
    reason: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.next_step}"


def membership(fleet: Fleet, cluster: str) -> Membership:
    """The wanted membership of one cluster."""
    wish = fleet.clusters[cluster]
    return Membership(
        cluster=cluster,
        birth=Birth(
            wish.swarm.address_pool,
            wish.swarm.subnet_size,
            wish.swarm.data_path_port,
            wish.swarm.interface,
            wish.consul.datacenter,
            "external" if wish.consul.external else "own",
        ),
        members={
            host.name: Member(
                address=host.access.address,
                generation=host.generation,
                manager=host.is_manager,
                consul_server=host.is_consul_server,
                container_manager=host.is_container_manager,
                down=host.hold is not None or host.lost,
                kept=host.engine is EngineRule.KEEP,
                evicted=host.evict,
                held=host.hold is not None,
                rack=host.rack or "",
            )
            for host in fleet.members(cluster)
        },
    )


def refusals(old: Membership | None, new: Membership) -> tuple[Refusal, ...]:
    """Everything in the step from `old` to `new` that would cost a cluster its quorum, its data or its addresses.

    :param old: None for a cluster that does not exist yet.
    """
    found = _voters(old, new, "managers", "Swarm managers")
    # The servers of an existing Consul are not ours to count.
    if new.birth.consul == "own":
        found += _voters(old, new, "consul_servers", "Consul servers")
    if old is not None:
        found += _birth(old, new)
        found += _addresses(old, new)
    return tuple(found)


def _voters(old: Membership | None, new: Membership, which: str, words: str) -> list[Refusal]:
    """The Raft rules, the same for both kinds of voter."""
    wanted: frozenset[str] = getattr(new, which)
    found = []
    if len(wanted) not in SIZES:
        found.append(
            Refusal(
                Rule.VOTERS,
                f"{len(wanted)} {words} are wanted",
                f"name an odd number of them: {', '.join(map(str, SIZES))}",
            )
        )
        if not wanted:
            return found
    up = new.up(wanted)
    if len(up) < majority(len(wanted)):
        found.append(
            Refusal(
                Rule.QUORUM,
                f"only {len(up)} of {len(wanted)} {words} would be up ({_names(wanted - up)} on hold or lost), "
                f"and {majority(len(wanted))} are needed",
                "bring them back, or name others one at a time",
            )
        )
    before: frozenset[str] = getattr(old, which) if old else frozenset()
    if old is None or not before:
        return found
    going = frozenset(name for name in before if name not in wanted or _is_reinstalled(old, new, name))
    gone = frozenset(name for name in wanted - before if new.members[name].down and not new.members[name].held)
    if gone:
        found.append(
            Refusal(
                Rule.QUORUM,
                f"{_names(gone)} would get a vote among the {words} and is lost",
                "name another host in its place",
            )
        )
    # One that is taken off hold, or put on it, in the same edit cannot be counted on.
    alive = frozenset(name for name in old.up(before) if name not in new.members or not new.members[name].down)
    departures = _departures(before, alive, going, wanted, words)
    if not departures and wanted != before and len(alive) < majority(len(before)):
        found.append(
            Refusal(
                Rule.QUORUM,
                f"only {len(alive)} of {len(before)} {words} are up ({_names(before - alive)} on hold or lost), "
                f"and {majority(len(before))} are needed to let others in",
                "bring them back first, and change who they are in a later update",
            )
        )
    return found + departures


def _departures(
    before: frozenset[str], alive: frozenset[str], going: frozenset[str], wanted: frozenset[str], words: str
) -> list[Refusal]:
    """:param alive: those of `before` that count as running all the while."""
    if not going:
        return []
    named = _names(going)
    if going == before:
        return [
            Refusal(
                Rule.LAST,
                f"all {words} would go in one update ({named}), and with them what they hold",
                "keep a majority of them as they are, and change the others in a later update",
            )
        ]
    # Three can come down to one only by losing two, for two are never wanted; live ones go one at a time.
    is_next_smaller = wanted < before and len(wanted) == len(before) - 2
    allowed = max(tolerance(len(before)), 2 if is_next_smaller and going == before - wanted else 0)
    if len(going) > allowed:
        return [
            Refusal(
                Rule.TOLERANCE,
                f"{len(going)} of {len(before)} {words} would go or be reinstalled in one update ({named}), "
                f"and {len(before)} of them tolerate {tolerance(len(before))}",
                f"change at most {allowed} of them in one update"
                if allowed
                else "add others first, so that there are 3",
            )
        ]
    down = _names(before - alive)
    if not may_remove(before, alive, going):
        return [
            Refusal(
                Rule.QUORUM,
                f"without {named} the {words} lose their quorum, as {down} is on hold or lost",
                "bring that one back first, or remove it alone",
            )
        ]
    return []


def _is_reinstalled(old: Membership, new: Membership, name: str) -> bool:
    return name in new.members and new.members[name].generation > old.members[name].generation


def _birth(old: Membership, new: Membership) -> list[Refusal]:
    return [
        Refusal(
            Rule.BIRTH,
            f"{field.name} is set at the cluster's birth and cannot change "
            f"(is {getattr(old.birth, field.name)}, wanted {getattr(new.birth, field.name)})",
            "put the old value back, or build a new cluster beside this one and move the hosts to it",
        )
        for field in fields(Birth)
        if getattr(old.birth, field.name) != getattr(new.birth, field.name)
    ]


def _addresses(old: Membership, new: Membership) -> list[Refusal]:
    """A voter is known to the others by its address (moby#41043, swarmkit#642)."""
    fixed = (old.managers | old.consul_servers) & (new.managers | new.consul_servers)
    return [
        Refusal(
            Rule.ADDRESS,
            f"{name} is a manager or Consul server and its address changes "
            f"({old.members[name].address} to {new.members[name].address})",
            "take it out of the cluster, change the address, and put it back; or raise its generation with it",
        )
        for name in sorted(fixed)
        if old.members[name].address != new.members[name].address and not _is_reinstalled(old, new, name)
    ]


def _spoken(values: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """Leave out what has its default, so that a plan made before the key existed stays the same."""
    return {key: value for key, value in values.items() if key not in defaults or value != defaults[key]}


def _names(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
