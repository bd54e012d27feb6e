"""Waits for a host's place in the waves of its pool."""

from __future__ import annotations

from collections.abc import Callable

from metal.cluster.swarm.living import LivingManagers
from metal.cluster.swarm.view import Node, View
from metal.errors import ClusterError
from metal.places import WaveStopped
from metal.plan.join import Role
from metal.plan.waves import Place, place_of
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["await_host", "await_place", "away_hosts"]


def await_place(site: Site, place: Place, look: Callable[[], frozenset[str] | Pending]) -> None:
    """Wait for a host's place and take it; whoever takes it gives it back.

    :param look: which hosts of its pool are away now; asked only when the place is free in this process.
    :raises WaveStopped: a host before this one is not well.
    """
    deadline = site.run.deadline(_patience(site))
    idle = _Idle(site, place)

    def probe() -> bool | Pending:
        asked = site.places.take(place, really=False)
        if isinstance(asked, Pending):
            idle.reset()
            return asked
        away = frozenset[str]() if site.places.holds(place.host) else look()
        if isinstance(away, Pending):
            idle.wait(away.seen)
            return away
        taken = site.places.take(place, away=away)
        if isinstance(taken, Pending):
            idle.check(away - {place.host})
        return taken

    with site.places.waiting(place):
        wait_until(
            f"its place in the wave of {place.pool.name}",
            probe,
            deadline=deadline,
            fail=lambda late, seen: ClusterError(
                late,
                seen=seen,
                next_step="bring the hosts that are named back, or put them on hold; then run again",
            ),
            interval=0.5,
            host=place.host,
        )


def await_host(site: Site, host: str) -> None:
    """Take the place of a host whose system is about to go; whoever takes it gives it back when the new one stands.

    :raises WaveStopped: a host before this one is not well.
    :raises ClusterError: its place did not come in time.
    """
    place = place_of(site.fleet, host)
    if place is None:
        return
    cluster = site.fleet.hosts[host].cluster
    living = LivingManagers(site, cluster) if cluster else None

    def look() -> frozenset[str] | Pending:
        if living is None:
            return frozenset()
        with living.open(None) as found:
            # Who is to be removed from a swarm without a leader waits for one by itself.
            return away_hosts(site, host, found[1]) if found else frozenset()

    await_place(site, place, look)


def away_hosts(site: Site, host: str, view: View) -> frozenset[str]:
    """Hosts of the same pool that are wanted in the swarm and do not serve there: not ready, drained, or not in it.

    Those on hold or lost are not counted: the settings know of them.
    """
    pool = site.fleet.hosts[host].pool
    mates = [one for one in site.fleet.hosts.values() if one.pool == pool and not one.hold and not one.lost]
    return frozenset(one.name for one in mates if not any(map(_serves, view.lives_of(one.name))))


class _Idle:
    """How long a free place has not been taken, for something that this run does nothing about. For one thread."""

    def __init__(self, site: Site, place: Place) -> None:
        self._site, self._place = site, place
        self._since: float | None = None

    def check(self, away: frozenset[str]) -> None:
        """:raises WaveStopped: these hosts kept it waiting for as long as the deadline `swarm`."""
        if not away or any(self._site.places.is_under_way(host) for host in away):
            self.reset()
            return
        names = ", ".join(sorted(away))
        self.wait(f"{names} of {self._place.pool.name} is not ready, drained, or not in the swarm")

    def reset(self) -> None:
        self._since = None

    def wait(self, seen: str) -> None:
        """:raises WaveStopped: as above, for what was seen now."""
        if self._site.places.is_anybody_held(but=self._place.host):
            # A manager that restarts, or reboots, is soon back, or is told of by itself.
            self.reset()
            return
        now, limit = self._site.run.clock(), self._site.fleet.deadlines.swarm
        self._since = now if self._since is None else self._since
        if now - self._since < limit:
            return
        raise WaveStopped(
            f"not begun: the cluster cannot do without it, and has not been better for {limit:.0f} s",
            host=self._place.host,
            seen=seen,
            next_step="bring what is away back (`docker node ls` on a manager), or put it on hold; then run again",
        )


def _serves(node: Node) -> bool:
    return node.ready and node.availability == "active" and (node.role is Role.WORKER or node.reachable)


def _patience(site: Site) -> float:
    """Seconds within which every host has been changed in turn, installs among it: a last bound."""
    limits = site.fleet.deadlines
    install = limits.boot + limits.ssh + limits.ready + limits.packages
    burn_in = max((one.ready.burn_in.deadline for one in site.fleet.hosts.values() if one.ready.burn_in), default=0.0)
    each = install + limits.engine + limits.consul + limits.swarm + limits.drain + burn_in
    return each * max(1, len(site.fleet.hosts))
