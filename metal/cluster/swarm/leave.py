"""Takes a host out of its swarm, alive or dead, and leaves no ghost behind."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from metal.chassis.death import reach_or_fence
from metal.cluster.docker.api import DockerApi, EngineSilent, EngineUnready
from metal.cluster.docker.swarm_port import remove_swarm_port
from metal.cluster.patience import patience
from metal.cluster.swarm.entry import leave
from metal.cluster.swarm.listed import await_node, demote, remove
from metal.cluster.swarm.living import LivingManagers
from metal.cluster.swarm.parting import await_failed, await_parting, take_work
from metal.cluster.swarm.patience import before_demotion
from metal.cluster.swarm.record import SwarmRecord
from metal.cluster.swarm.turn import turn
from metal.cluster.swarm.view import Local, Node, View, observe_local, observe_view
from metal.cluster.swarm.wish import NodeWish
from metal.errors import Cancelled, ClusterError, MetalError
from metal.host.service import observe_unit
from metal.host.ssh import Ssh
from metal.plan.join import BirthRecord, LocalState, Role
from metal.plan.leave import LeaveAct, LeaveSight, LeaveStep, ListedNode, plan_leave
from metal.plan.verdict import Wait
from metal.site import Death, Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["remove_node"]

_DEMOTION = (LeaveAct.DEMOTE, LeaveAct.AWAIT_WORKER)
_Living = tuple[DockerApi, View] | None


def remove_node(
    site: Site,
    wish: NodeWish,
    record: SwarmRecord | None,
    *,
    dissolving: bool = False,
    dead: bool = False,
    give_up: bool = False,
) -> None:
    """Take the host out of the swarm: drained, demoted, left, forgotten by id. Succeeds when it is already out.

    Its work runs elsewhere before anything else is taken; what is stuck at the deadline `drain` is dealt with as the
    settings say (`on_stuck`). A manager goes only after every other wanted manager is healthy and while the rest keep a
    majority. A host that does not answer within the deadline `evict` is fenced and evicted from the living side; a
    manager whose death is not proven only when swarm and Consul call it down.

    :param record: where the swarm's identity is kept; None only where the whole cluster and its Consul are gone.
    :param dissolving: the whole cluster goes away: nobody is drained or waited for, and the record goes with the last.
    :param give_up: where it is the last manager, the swarm ends with it, and so does the record.
    :param dead: it is known already that the host will not answer.
    :raises ClusterError: not in time; names the tasks that are still there, or what it waited for.
    :raises PlanRefused: services may run on no other node, and it does not come back.
    """
    if record is None and not dissolving:
        raise ValueError("the record is needed to tell the swarm of a cluster that stays")
    leaver = _Leaver(site, wish, record, dissolving, give_up)
    if not dead:
        leaver.reach()
    leaver.leave()


class _Leaver:
    def __init__(self, site: Site, wish: NodeWish, record: SwarmRecord | None, dissolving: bool, give_up: bool) -> None:
        self.site, self.wish, self.record, self.dissolving, self.give_up = site, wish, record, dissolving, give_up
        self.host = wish.host
        self.ssh: Ssh | None = None
        self.engine = False
        self.proven = True
        self.emptied = False
        self.failed = False
        self.unanswered: Deadline | None = None
        self.living = LivingManagers(site, wish.cluster, host=wish.host, access=wish.access, peers=wish.peers)

    def reach(self) -> None:
        """Connect, or come to the verdict that the host is dead; anything else that is wrong with it is an error."""
        found = reach_or_fence(self.site, self.wish.access)
        if isinstance(found, Death):
            self.site.run.progress(f"{self.host}: {found.how}; the living side removes it")
            self.proven = found.proven
            return
        self.ssh = found
        # A host that never had an engine, or whose engine is already stopped for good, is in no swarm.
        self.engine = observe_unit(self.ssh, "docker.service").up

    def leave(self) -> None:
        limits = self.site.fleet.deadlines
        deadline = self.site.run.deadline(limits.swarm if self.dissolving else patience(self.site, self.wish.cluster))
        wait_until(
            f"has left the swarm of {self.wish.cluster}",
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
        if self.ssh is not None:
            remove_swarm_port(self.ssh, deadline=self.site.run.deadline(limits.engine))

    def _step(self, deadline: Deadline) -> bool | Pending:
        """Look, plan, carry out what is left; True when nothing is."""
        with self._look() as (api, record, local, found):
            planned = self._plan(record, local, found)
            if isinstance(planned, Pending) or not planned:
                return planned if isinstance(planned, Pending) else self._close(record, found)
            # Only what touches the managers needs the turn; a long drain must not keep the others waiting. Those of a
            # cluster that goes away leave together: one that stays behind without a leader answers slowly.
            if planned[0].act not in _DEMOTION:
                self._carry_out(_head(planned), api, local, found, deadline)
                return Pending("left" if planned[-1] in _head(planned) else "looks again before the next step")
        mine = turn(self.site.fleet.owner, self.wish.cluster, host=self.host, deadline=deadline)
        with mine, self._look() as (api, record, local, found):
            again = self._plan(record, local, found)
            if isinstance(again, Pending) or not again:
                return again if isinstance(again, Pending) else self._close(record, found)
            if again[0].act not in _DEMOTION:
                return Pending("the cluster changed meanwhile")
            self._carry_out(_head(again), api, local, found, deadline)
            return Pending("demoted")

    def _plan(self, record: BirthRecord | None, local: Local | None, found: _Living) -> tuple[LeaveStep, ...] | Pending:
        view = found[1] if found else None
        recorded = record.swarm if record else None
        if view is None and recorded is not None and not self.dissolving:
            if self.give_up and (local is None or local.state is LocalState.INACTIVE):
                return ()
            return self._no_manager(recorded)
        self.unanswered = None
        planned = plan_leave(
            LeaveSight(
                dead=self.ssh is None,
                dissolving=self.dissolving,
                state=local.state if local else None,
                node_id=local.node if local else None,
                in_cluster=self._in_cluster(recorded, local),
                listed=_listed(view, self.host),
                managers=view.managers if view else (),
                reachable=view.reachable if view else (),
                emptied=self.emptied,
                failed=self.failed,
                proven=self.proven,
                give_up=self.give_up,
            )
        )
        if isinstance(planned, Wait):
            return Pending(planned.reason)
        if found and local and local.state is LocalState.ACTIVE and _is_becoming(found[1].node(local.node)):
            return Pending("is being made a manager at this moment")
        if found and any(step.act is LeaveAct.DEMOTE for step in planned):
            node = local.node if local else None
            waits = before_demotion(
                self.site, self.wish.cluster, found[1], host=self.host, node=node, asked=found[0].host
            )
            if waits:
                return Pending(waits)
        return planned

    def _no_manager(self, swarm: str) -> Pending:
        """A swarm without a leader gets the time of an election and some more, not that of an installation."""
        limit = self.site.fleet.deadlines.swarm
        self.unanswered = self.unanswered or self.site.run.deadline(limit)
        if self.unanswered.passed:
            raise ClusterError(
                f"no manager of the swarm {swarm} answered for {limit:.0f} s",
                host=self.host,
                seen=self.living.seen,
                next_step="bring a majority of the managers up, then run again",
            )
        return Pending(f"no manager of the swarm {swarm} answers ({self.living.seen})")

    def _in_cluster(self, recorded: str | None, local: Local | None) -> bool:
        if local is None or local.state is LocalState.INACTIVE:
            return False
        if local.swarm is None:
            # Joining or broken: it was us who sent it there.
            return True
        if recorded is None:
            # In a cluster that goes away the record may be gone before the last node is.
            return self.dissolving
        return local.swarm == recorded

    def _carry_out(
        self, steps: tuple[LeaveStep, ...], api: DockerApi | None, local: Local | None, found: _Living, whole: Deadline
    ) -> None:
        limits, run = self.site.fleet.deadlines, self.site.run
        if local is not None:
            self.living.learn(addresses=local.managers)
        for step in steps:
            run.progress(f"{self.host}: {step.act}" + (f" {step.node}" if step.node else ""))
            if step.act is LeaveAct.LEAVE:
                assert api is not None
                assert self.ssh is not None
                leave(self.ssh, api, deadline=whole.within(limits.engine))
                continue
            assert found is not None
            assert step.node is not None
            manager, node = found[0], step.node
            if step.act is LeaveAct.DEMOTE:
                limit = whole.within(limits.swarm)
                demote(manager, observe_view(manager), node, deadline=limit, host=self.host)
            elif step.act is LeaveAct.AWAIT_WORKER:
                self._await_worker(api, deadline=whole.within(limits.swarm))
            elif step.act is LeaveAct.DRAIN:
                take_work(self.site, self.wish, manager, node, deadline=whole.within(limits.swarm))
            elif step.act is LeaveAct.AWAIT_EMPTY:
                await_parting(self.site, self.wish, manager, api, node)
                self.emptied = True
            elif step.act is LeaveAct.AWAIT_FAILED:
                await_failed(self.site, self.record, self.host)
                self.failed = True
            elif step.act is LeaveAct.AWAIT_DOWN:
                await_node(
                    manager,
                    node,
                    f"node {node} is down",
                    lambda seen: None if seen.down else f"it is {seen.state} at {seen.address}",
                    deadline=run.deadline(limits.evict),
                    host=self.host,
                    next_step="if the host is dead for SSH and alive for the swarm, stop its engine or its power; "
                    "if another machine has its host name, give that one another name",
                )
            else:
                remove(manager, node, deadline=run.deadline(limits.evict), host=self.host)

    def _await_worker(self, api: DockerApi | None, *, deadline: Deadline) -> None:
        assert api is not None
        assert self.ssh is not None
        ssh = self.ssh

        def probe() -> bool | Pending:
            local = observe_local(ssh, api)
            # One that falls into error on the way can leave all the same.
            done = local.role is Role.WORKER or local.state is LocalState.ERROR
            return done or Pending(" ".join(filter(None, (f"its engine says {local.role}", local.error))))

        wait_until(
            "knows that it is worker",
            probe,
            deadline=deadline,
            fail=lambda late, seen: ClusterError(late, seen=seen),
            host=self.host,
            passing=(EngineSilent, EngineUnready),
        )

    @contextmanager
    def _look(self) -> Iterator[tuple[DockerApi | None, BirthRecord | None, Local | None, _Living]]:
        """The host's engine, the record, the engine's word, and a living manager, each where there is one."""
        record = self._read_record()
        recorded = record.swarm if record else None
        with DockerApi(self.ssh) if self.ssh is not None and self.engine else nullcontext() as api:
            local = observe_local(self.ssh, api) if api is not None and self.ssh is not None else None
            if local is not None:
                self.living.learn(addresses=local.managers)
            if record is not None:
                self.living.learn(record.founder)
            if recorded is None or self.dissolving:
                yield api, record, local, None
                return
            with self.living.open(recorded) as found:
                yield api, record, local, found

    def _read_record(self) -> BirthRecord | None:
        try:
            return self.record.read() if self.record else None
        except Cancelled:
            raise
        except MetalError as error:
            if not self.dissolving:
                raise
            # Consul goes away together with the swarm and may already have lost its quorum.
            self.site.run.progress(f"{self.host}: the record cannot be read any more ({error.what})")
            return None

    def _close(self, record: BirthRecord | None, found: _Living) -> bool:
        """Forget the swarm when its last node has left a cluster that goes away, or its last manager was given up."""
        if self.give_up and found is None and record is not None and self.record is not None:
            # Who still works for the old swarm finds another one recorded, and joins that.
            return self.record.forget(replacing=record)
        if not self.dissolving or record is None or self.record is None:
            return True
        still = [name for name, local in self.living.locals_of(self.living.names) if _is_in(local, record.swarm)]
        if not still:
            try:
                self.record.forget(replacing=record)
            except Cancelled:
                raise
            except MetalError as error:
                self.site.run.progress(f"{self.host}: the record cannot be removed any more ({error.what})")
        return True


def _head(steps: tuple[LeaveStep, ...]) -> tuple[LeaveStep, ...]:
    """The first steps, as far as they all need the managers' turn or all do not."""
    needs = steps[0].act in _DEMOTION
    return tuple(itertools.takewhile(lambda step: (step.act in _DEMOTION) == needs, steps))


def _listed(view: View | None, host: str) -> tuple[ListedNode, ...]:
    lives = view.lives_of(host) if view else ()
    # Wanted as manager without a vote, a node can be removed and not demoted (swarmkit, manager/controlapi/node.go).
    return tuple(
        ListedNode(
            node.id,
            Role.MANAGER if node.voter else Role.WORKER,
            down=node.down,
            drained=node.availability == "drain",
        )
        for node in lives
    )


def _is_becoming(node: Node | None) -> bool:
    return node is not None and node.role is Role.MANAGER and not node.voter


def _is_in(local: Local, swarm: str | None) -> bool:
    return local.state is not LocalState.INACTIVE and (local.swarm is None or swarm is None or local.swarm == swarm)
