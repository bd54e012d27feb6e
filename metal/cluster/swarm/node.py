"""Brings a host to its place in the swarm and keeps it there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from metal.cluster.docker.api import DockerApi, EngineSilent, EngineUnready
from metal.cluster.docker.observe import has_tls
from metal.cluster.docker.swarm_port import ensure_swarm_port, remove_swarm_port
from metal.cluster.patience import patience
from metal.cluster.swarm.entry import await_local, initialise, join, join_addresses, leave
from metal.cluster.swarm.labels import merged_labels
from metal.cluster.swarm.listed import await_node, prune, set_availability, set_labels
from metal.cluster.swarm.living import LivingManagers
from metal.cluster.swarm.own import OwnEngine
from metal.cluster.swarm.patience import before_demotion
from metal.cluster.swarm.record import SwarmRecord
from metal.cluster.swarm.role import change_role
from metal.cluster.swarm.turn import turn
from metal.cluster.swarm.view import Local, Node, View, observe_view
from metal.cluster.swarm.wish import NodeReport, NodeWish
from metal.errors import ClusterError, PlanRefused
from metal.plan.join import (
    Adopt,
    BirthRecord,
    Demote,
    Initialise,
    Join,
    JoinMove,
    JoinSight,
    LeaveThenJoin,
    Promote,
    Role,
    decide_join,
)
from metal.plan.override import waives
from metal.plan.quorum import Rule
from metal.plan.verdict import Keep, Refuse, Wait
from metal.settings.endpoint import with_port
from metal.site import Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["ensure_node"]

_Living = tuple[DockerApi, View] | None
_Look = tuple[BirthRecord | None, Local, _Living]


def ensure_node(site: Site, wish: NodeWish, record: SwarmRecord) -> NodeReport:
    """Have the host in its cluster's swarm, in its role, ready, active and labelled; managers with the swarm's port.

    Idempotent, and resumes after a crash at any point. One manager of a cluster is changed at a time, and the next one
    only after it is healthy; workers join all at once.

    :param record: where the swarm's identity is kept; it decides who gives birth.
    :raises ClusterError: not in time; says what is missing.
    :raises PlanRefused: the host is in another swarm, or its name is not its own.
    """
    return _Member(site, wish, record).ensure()


class _Member:
    def __init__(self, site: Site, wish: NodeWish, record: SwarmRecord) -> None:
        self.site, self.wish, self.record = site, wish, record
        self.host = wish.host
        self.ssh = site.ssh.connect(wish.access, deadline=site.run.deadline(site.fleet.deadlines.ssh))
        self.living = LivingManagers(site, wish.cluster, host=wish.host, access=wish.access, peers=wish.peers)
        self.api = DockerApi(self.ssh)
        self.own = OwnEngine(self.ssh, self.api, site.run)

    def ensure(self) -> NodeReport:
        with self.api:
            local = self.own.look()
            self._check_name(local)
            deadline = self._deadline(local)
            return wait_until(
                f"is {self.wish.role} in the swarm of {self.wish.cluster}",
                lambda: self._step(deadline),
                deadline=deadline,
                fail=lambda late, seen: ClusterError(
                    late,
                    seen=seen,
                    next_step="mend what was last seen, then run again; every step looks before it acts",
                ),
                host=self.host,
                passing=(EngineSilent, EngineUnready),
            )

    def _deadline(self, local: Local) -> Deadline:
        """Managers take turns, and a demotion waits for the manager that takes over, which may be installed first."""
        if local.role is Role.MANAGER and self.wish.role is Role.WORKER:
            return self.site.run.deadline(patience(self.site, self.wish.cluster))
        cluster = self.site.fleet.clusters.get(self.wish.cluster)
        turns = len(cluster.managers) if cluster and self.wish.role is Role.MANAGER else 1
        return self.site.run.deadline(self.site.fleet.deadlines.swarm * max(1, turns))

    def _check_name(self, local: Local) -> None:
        if local.name.partition(".")[0] != self.host:
            raise PlanRefused(
                f"its host name is {local.name}; in a swarm names tell the nodes apart",
                host=self.host,
                next_step=f"run there: hostnamectl set-hostname {self.host} && systemctl restart docker; "
                "or correct the name in the inventory",
            )

    def _step(self, deadline: Deadline) -> NodeReport | Pending:
        """Look, decide, do one move; the report when nothing is left to be done."""
        with self._look() as (record, local, found):
            move = decide_join(self._sight(record, local, found))
            if isinstance(move, Keep):
                return self._settle(local, found, deadline)
            if isinstance(move, Wait):
                return Pending(self._why(move, found))
            if isinstance(move, Refuse):
                raise PlanRefused(move.reason, host=self.host, next_step=move.next_step)
            if not self._needs_turn(move):
                return self._carry_out(move, local, found, deadline)
        with turn(self.site.fleet.owner, self.wish.cluster, host=self.host, deadline=deadline):
            with self._look() as (record, local, found):
                # The cluster may have changed while others had their turn.
                again = decide_join(self._sight(record, local, found))
                if type(again) is not type(move):
                    return Pending(f"the cluster changed meanwhile: {again.reason}")
                done = self._carry_out(again, local, found, deadline)
            if not self.own.error_seconds:
                return done
            with self._look() as (record, local, found):
                # A change of role that ended in error is mended in the same turn.
                mend = decide_join(self._sight(record, local, found))
                return self._carry_out(mend, local, found, deadline) if isinstance(mend, LeaveThenJoin) else done

    @contextmanager
    def _look(self) -> Iterator[_Look]:
        """The record, this engine's word, and a living manager of the recorded swarm, where there is one."""
        record = self.record.read()
        local = self.own.look()
        self.living.learn(addresses=local.managers)
        if record is None or record.swarm is None:
            yield record, local, None
            return
        self.living.learn(record.founder)
        with self.living.open(record.swarm) as found:
            yield record, local, found

    def _sight(self, record: BirthRecord | None, local: Local, found: _Living) -> JoinSight:
        view = found[1] if found else None
        cluster = self.site.fleet.clusters.get(self.wish.cluster)
        return JoinSight(
            host=self.host,
            wanted=self.wish.role,
            wanted_managers=cluster.managers if cluster else (),
            state=local.state,
            cluster_id=local.swarm,
            node_id=local.node,
            role=local.role,
            record=record,
            managers=view.managers if view else (),
            reachable=view.reachable if view else (),
            listed=view.node(local.node) is not None if view and local.node else None,
            stale=_stale(view, self.host, local) if view else (),
            error_seconds=self.own.error_seconds,
            former=self.wish.former,
        )

    def _why(self, move: Wait, found: object) -> str:
        return move.reason if found else f"{move.reason} ({self.living.seen})"

    def _needs_turn(self, move: JoinMove) -> bool:
        return self.wish.role is Role.MANAGER or not isinstance(move, Join) or bool(move.prune)

    def _carry_out(
        self,
        move: JoinMove,
        local: Local,
        found: _Living,
        deadline: Deadline,
    ) -> Pending:
        if isinstance(move, Demote) and found is not None and (waits := self._before_demotion(local, *found)):
            return Pending(waits)
        self.site.run.progress(f"{self.host}: {move.reason}")
        if isinstance(move, Initialise):
            return self._initialise(move, deadline)
        if isinstance(move, Adopt):
            done = self.record.complete(self.host, move.swarm, replacing=move.replacing)
            return Pending("recorded its swarm" if done else "another host changed the record")
        if found is None:
            return Pending(self.living.seen)
        manager, view = found
        if isinstance(move, Join):
            self._prune(manager, move.prune, deadline)
            return self._join(manager, view, deadline)
        if isinstance(move, LeaveThenJoin):
            leave(self.ssh, self.api, deadline=deadline.within(self.site.fleet.deadlines.engine))
            self._prune(manager, move.prune, deadline, left=local.node)
            return self._join(manager, observe_view(manager), deadline)
        assert local.node is not None
        assert isinstance(move, Promote | Demote)
        limit = deadline.within(self.site.fleet.deadlines.swarm)
        changed = change_role(self.own, manager, local.node, self.wish.role, deadline=limit)
        return Pending(f"became {self.wish.role}" if changed else "its engine is in error after the change of role")

    def _before_demotion(self, local: Local, manager: DockerApi, view: View) -> str | None:
        return before_demotion(self.site, self.wish.cluster, view, host=self.host, node=local.node, asked=manager.host)

    def _unrecorded(self) -> str | None:
        """Another host that manages a swarm which is not recorded: its store was given up, and it was not."""
        cluster = self.site.fleet.clusters.get(self.wish.cluster)
        if cluster is None or not waives(cluster.override, Rule.LAST):
            return None
        others = self.living.locals_of(tuple(name for name in cluster.managers if name != self.host))
        return next((name for name, local in others if local.role is Role.MANAGER), None)

    def _initialise(self, move: Initialise, deadline: Deadline) -> Pending:
        other = self._unrecorded()
        if other is not None:
            return Pending(f"{other} manages a swarm that is not recorded yet, and must record it first")
        claimed = move.replacing
        if claimed is None or claimed.founder != self.host:
            if not self.record.claim(self.host, replacing=claimed):
                return Pending("another host was faster to claim the birth")
            claimed = BirthRecord(self.host)
        initialise(self.api, self.wish)
        born = await_local(self.ssh, self.api, "knows its swarm", lambda local: local.swarm, deadline=deadline)
        if not self.record.complete(self.host, born, replacing=claimed):
            return Pending("another host took over the birth")
        return Pending(f"gave birth to the swarm {born}")

    def _join(self, manager: DockerApi, view: View, deadline: Deadline) -> Pending:
        cluster = self.site.fleet.clusters.get(self.wish.cluster)
        lasting = cluster.managers if cluster else ()
        join(self.api, self.wish, manager, view, lasting=lasting)
        node = await_local(
            self.ssh,
            self.api,
            "is in the swarm",
            lambda local: local.node if local.role else None,
            deadline=deadline,
            managers=join_addresses(view, lasting),
        )
        self._await_healthy(manager, node, deadline)
        return Pending("joined")

    def _settle(self, local: Local, found: _Living, deadline: Deadline) -> NodeReport | Pending:
        """The host is where it shall be: labels, availability, health, former lives, port."""
        if found is None or local.node is None or local.swarm is None:
            return Pending(f"no manager of its swarm answers ({self.living.seen})")
        manager, view = found
        node = self._await_healthy(manager, local.node, deadline)
        stale = _stale(view, self.host, local)
        if stale:
            with turn(self.site.fleet.owner, self.wish.cluster, host=self.host, deadline=deadline):
                self._prune(manager, stale, deadline)
        labels = merged_labels(node.labels, self.wish.labels, self.host)
        set_labels(manager, node, labels, deadline=deadline, host=self.host)
        set_availability(manager, node.id, self.wish.availability, deadline=deadline, host=self.host)
        endpoint = ""
        # A kept engine answers behind our TLS port only if it was ours before.
        if self.wish.role is Role.MANAGER and (not self.wish.keep or has_tls(self.ssh)):
            ensure_swarm_port(self.ssh, self.wish.swarm.port, deadline=deadline)
            endpoint = f"tcp://{with_port(self.wish.access.address, self.wish.swarm.port)}"
        else:
            remove_swarm_port(self.ssh, deadline=deadline)
        return NodeReport(local.swarm, node.id, self.wish.role, node.address, endpoint)

    def _prune(
        self, manager: DockerApi, nodes: tuple[str, ...], deadline: Deadline, *, left: str | None = None
    ) -> None:
        # A node that nobody answers for is down within half a minute, also after a change of leader.
        limit = deadline.within(self.site.fleet.deadlines.evict)
        for node in nodes:
            prune(manager, node, left=node == left, deadline=limit, host=self.host)

    def _await_healthy(self, manager: DockerApi, node: str, deadline: Deadline) -> Node:
        def missing(found: Node) -> str | None:
            if not found.ready:
                return f"the managers call it {found.state}"
            if self.wish.role is Role.MANAGER and not found.reachable:
                return "not yet reachable as a manager"
            return None

        return await_node(manager, node, "healthy in the managers' list", missing, deadline=deadline, host=self.host)


def _stale(view: View, host: str, local: Local) -> tuple[str, ...]:
    return tuple(node.id for node in view.lives_of(host) if node.id != local.node)
