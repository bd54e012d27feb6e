"""What must hold for every input of the decisions, not only for the cases somebody thought of."""

from dataclasses import dataclass, replace
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from metal.plan.boot import BootDisk, BootSight, Install, Keep, MarkerSight, Probe, Refuse, decide_boot
from metal.plan.join import Adopt, BirthRecord, Initialise, JoinSight, LocalState, Role, decide_join
from metal.plan.leave import LeaveAct, LeaveSight, ListedNode, plan_leave
from metal.plan.majority import SIZES, majority, may_remove, tolerance
from metal.plan.override import judge
from metal.plan.quorum import Birth, Member, Membership, Rule, refusals
from metal.plan.steps import Kind, steps
from metal.plan.summary import summarise
from metal.plan.verdict import Wait

OURS = "metalswarm/dev"


@dataclass(frozen=True)
class ReadMarker:
    owner: str
    generation: int
    life: str
    state: str
    wipe: bool


markers = st.builds(
    ReadMarker,
    owner=st.sampled_from([OURS, "other/prod"]),
    generation=st.integers(0, 3),
    life=st.just("g1"),
    state=st.sampled_from(["claimed", "released"]),
    wipe=st.booleans(),
)
boot_sights = st.builds(
    BootSight,
    power_on=st.booleans(),
    marker=st.one_of(markers, st.sampled_from(MarkerSight)),
    owner=st.just(OURS),
    generation=st.integers(0, 3),
    wants_power=st.booleans(),
    blank=st.booleans(),
    lost=st.booleans(),
    has_bmc=st.booleans(),
    remembered=st.one_of(st.none(), st.integers(0, 3)),
    released_here=st.booleans(),
    wipe_remembered=st.booleans(),
    probed=st.booleans(),
)


@given(boot_sights)
def test_generation_0_never_installs_and_never_probes(sight: BootSight) -> None:
    assert not isinstance(decide_boot(replace(sight, generation=0)), Install | Probe)


@given(boot_sights)
def test_another_owners_claim_is_always_refused(sight: BootSight) -> None:
    marker = ReadMarker("other/prod", 1, "g1", "claimed", False)
    assert isinstance(decide_boot(replace(sight, marker=marker)), Refuse)


@given(boot_sights)
def test_an_install_of_a_running_host_has_a_witness(sight: BootSight) -> None:
    """Nothing that runs is wiped unless it is ours and that was asked for, or it was given up in so many words."""
    decision = decide_boot(sight)
    if isinstance(decision, Install) and sight.power_on:
        marker = sight.marker
        asked_by_marker = (
            isinstance(marker, ReadMarker)
            and marker.owner == OURS
            and (marker.wipe or marker.generation < sight.generation)
        )
        asked_by_this_run = (
            not (isinstance(marker, ReadMarker) and marker.owner == OURS)
            and sight.released_here
            and (sight.wipe_remembered or (sight.remembered or 0) < sight.generation)
        )
        given_up = marker is MarkerSight.UNREACHABLE and (sight.lost or sight.probed)
        assert asked_by_marker or asked_by_this_run or given_up


@given(boot_sights)
def test_an_install_cycles_what_runs_and_starts_what_does_not(sight: BootSight) -> None:
    decision = decide_boot(sight)
    if isinstance(decision, Install):
        assert decision.cycle == sight.power_on
        assert sight.has_bmc


@given(boot_sights)
def test_a_probe_is_followed_by_no_other(sight: BootSight) -> None:
    # A host that is off shows no marker, and nothing else is probed.
    if isinstance(sight.marker, MarkerSight) and isinstance(decide_boot(sight), Probe):
        for seen in MarkerSight:
            after = decide_boot(replace(sight, power_on=True, marker=seen, probed=True))
            assert isinstance(after, Install if seen is MarkerSight.UNREACHABLE else Refuse)


@given(boot_sights)
def test_decided_again_after_it_was_carried_out_there_is_nothing_to_do(sight: BootSight) -> None:
    decision = decide_boot(sight)
    if isinstance(decision, Install | BootDisk | Keep) and sight.wants_power:
        installed = max(sight.generation, 0)
        marker = ReadMarker(OURS, installed, f"g{installed}", "claimed", False)
        assert isinstance(decide_boot(replace(sight, power_on=True, marker=marker)), Keep)


@given(st.integers(1, 50))
def test_what_is_tolerated_leaves_a_majority_and_one_more_does_not(members: int) -> None:
    assert members - tolerance(members) >= majority(members)
    assert members - tolerance(members) - 1 < majority(members)


names = st.sets(st.sampled_from("abcdefg"), min_size=1)


@settings(max_examples=400)
@given(names, names, names)
def test_may_remove_is_what_some_order_of_single_removals_can_do(
    members: set[str], alive: set[str], removing: set[str]
) -> None:
    """The arithmetic against a replay of Raft itself: each removal needs a live majority before and after."""

    def replay(order: tuple[str, ...]) -> bool:
        left, up = set(members), alive & members
        for name in order:
            if len(up) < majority(len(left)):
                return False
            left, up = left - {name}, up - {name}
            if not left or len(up) < majority(len(left)):
                return False
        return True

    going = removing & members
    # Dead ones first is the best order; within each kind the names are alike.
    best = tuple(sorted(going - alive)) + tuple(sorted(going & alive))
    assert may_remove(members, alive, removing) == replay(best)
    if len(going) <= 4 and not may_remove(members, alive, removing):
        assert not any(replay(order) for order in permutations(going)) or not going


BIRTH = Birth("10.0.0.0/8", 24, 4789, None, "dc1")


def _cluster(roles: dict[str, tuple[bool, bool, int]]) -> Membership:
    members = {
        name: Member("10.0.0." + name, gen, role, role, False, down) for name, (role, down, gen) in roles.items()
    }
    return Membership("blue", BIRTH, members)


clusters = st.dictionaries(
    st.sampled_from([str(number) for number in range(1, 9)]),
    st.tuples(st.booleans(), st.booleans(), st.integers(1, 2)),
    min_size=1,
).map(_cluster)


@given(clusters, clusters)
def test_a_change_that_passes_keeps_a_voter_and_a_quorum(old: Membership, new: Membership) -> None:
    if refusals(old, new) or len(old.managers) not in SIZES:
        return
    stay = {n for n in old.managers & new.managers if new.members[n].generation <= old.members[n].generation}
    assert stay
    assert len(new.managers) in SIZES
    assert len(new.up(new.managers)) >= majority(len(new.managers))
    assert len(old.managers - stay) <= max(tolerance(len(old.managers)), 2)


@given(clusters)
def test_no_change_is_refused_only_for_what_is_wrong_already(cluster: Membership) -> None:
    assert {refusal.rule for refusal in refusals(cluster, cluster)} <= {Rule.VOTERS, Rule.QUORUM}


@given(clusters)
def test_membership_survives_the_wire(cluster: Membership) -> None:
    assert Membership.from_dict(cluster.to_dict()) == cluster


@st.composite
def fleets(draw: st.DrawFn) -> Membership:
    """Managers and Consul servers chosen apart, with racks and holds."""
    members = {}
    for name in draw(st.sets(st.sampled_from("abcdefgh"), min_size=1)):
        held = draw(st.sampled_from([False, False, False, True]))
        manager, server = draw(st.booleans()), draw(st.booleans())
        down = held or draw(st.sampled_from([False, False, False, True]))
        rack = draw(st.sampled_from(["", "r1", "r2"]))
        members[name] = Member(
            f"10.0.0.{name}", draw(st.integers(1, 2)), manager, server, False, down, held=held, rack=rack
        )
    return Membership("blue", BIRTH, members)


@settings(max_examples=300)
@given(st.one_of(clusters, fleets()), st.one_of(clusters, fleets()))
def test_no_step_of_a_change_that_passes_leaves_no_majority(old: Membership, new: Membership) -> None:
    if refusals(old, new) or refusals(old, old):
        return
    for step in steps(old, new):
        assert step.swarm.spare >= 0, step
        assert step.consul.spare >= 0, step


@given(st.none() | fleets(), fleets())
def test_every_change_is_one_step_and_what_is_unchanged_none(old: Membership | None, new: Membership) -> None:
    before = old.members if old else {}
    told = [(host, step.kind) for step in steps(old, new) for host in step.hosts]
    assert len(told) == len(set(told))
    for name in before.keys() | new.members.keys():
        was, will = before.get(name), new.members.get(name)
        kinds = {kind for host, kind in told if host == name}
        if was is None or will is None:
            held = will is not None and will.held
            assert kinds == {Kind.WAIT if held else Kind.JOIN if was is None else Kind.LEAVE}
        elif will.generation > was.generation or (was.manager, was.consul_server) != (will.manager, will.consul_server):
            assert kinds <= ({Kind.WAIT} if will.held else {Kind.REINSTALL, Kind.RISE, Kind.FALL})
            assert kinds
        else:
            assert not kinds


@given(st.none() | fleets(), fleets())
def test_the_steps_end_in_the_wanted_voters_and_the_same_input_gives_the_same_order(
    old: Membership | None, new: Membership
) -> None:
    planned = steps(old, new)
    turned = Membership(new.cluster, new.birth, dict(reversed(new.members.items())))
    assert planned == steps(old, turned)
    assert summarise(old, new) == summarise(old, turned)
    held = any(step.kind is Kind.WAIT for step in planned)
    again = any(step.kind is Kind.REINSTALL for step in planned)
    if planned and planned[-1].votes and not held and not again:
        assert planned[-1].swarm.count == len(new.managers)
        assert planned[-1].consul.count == len(new.consul_servers)


@given(st.none() | fleets(), fleets(), st.sets(st.sampled_from(Rule)))
def test_an_override_waives_its_own_rule_only(old: Membership | None, new: Membership, waived: set[Rule]) -> None:
    judged = judge(old, new, waived)
    assert {refusal.rule for refusal in judged.waived} <= waived
    assert not {refusal.rule for refusal in judged.refused} & waived
    assert set(judged.refused) | set(judged.waived) == set(refusals(old, new))
    assert not set(judged.idle) & {refusal.rule for refusal in judged.waived}


ids = st.sampled_from(["a", "b", "c", "w", "x"])
join_sights = st.builds(
    JoinSight,
    host=st.sampled_from(["n1", "n2"]),
    wanted=st.sampled_from(Role),
    wanted_managers=st.just(("n1", "n2", "n3")),
    state=st.sampled_from(LocalState),
    cluster_id=st.sampled_from([None, "S1", "S2"]),
    node_id=st.one_of(st.none(), ids),
    role=st.one_of(st.none(), st.sampled_from(Role)),
    record=st.one_of(
        st.none(),
        st.builds(BirthRecord, founder=st.sampled_from(["n1", "n2", "n9"]), swarm=st.sampled_from([None, "S1"])),
    ),
    managers=st.lists(ids, unique=True).map(tuple),
    reachable=st.lists(ids, unique=True).map(tuple),
    listed=st.sampled_from([None, True, False]),
    stale=st.lists(ids, unique=True).map(tuple),
)


@given(join_sights)
def test_a_recorded_swarm_is_never_born_again(sight: JoinSight) -> None:
    if sight.record is not None and sight.record.swarm is not None:
        assert not isinstance(decide_join(sight), Initialise | Adopt)


@given(join_sights)
def test_of_two_managers_at_one_record_one_gives_birth_at_most(sight: JoinSight) -> None:
    """Where a founder is recorded, everybody else waits for it."""
    if (
        sight.record is not None
        and sight.record.founder != sight.host
        and sight.record.founder in sight.wanted_managers
    ):
        assert not isinstance(decide_join(sight), Initialise | Adopt)


@given(join_sights)
def test_workers_never_give_birth(sight: JoinSight) -> None:
    assert not isinstance(decide_join(replace(sight, wanted=Role.WORKER)), Initialise | Adopt)


leave_sights = st.builds(
    LeaveSight,
    dead=st.booleans(),
    dissolving=st.booleans(),
    state=st.one_of(st.none(), st.sampled_from(LocalState)),
    node_id=st.one_of(st.none(), ids),
    in_cluster=st.booleans(),
    listed=st.lists(
        st.builds(ListedNode, id=ids, role=st.sampled_from(Role), down=st.booleans(), drained=st.booleans()),
        unique_by=lambda node: node.id,
    ).map(tuple),
    managers=st.lists(ids, unique=True).map(tuple),
    reachable=st.lists(ids, unique=True).map(tuple),
    emptied=st.booleans(),
    proven=st.booleans(),
)


@given(leave_sights)
def test_nobody_is_removed_as_manager_and_everybody_listed_is_removed(sight: LeaveSight) -> None:
    plan = plan_leave(sight)
    if isinstance(plan, Wait) or sight.dissolving:
        return
    acts = [(step.act, step.node) for step in plan]
    for node in sight.listed:
        assert (LeaveAct.REMOVE, node.id) in acts
        if node.role is Role.MANAGER:
            assert acts.index((LeaveAct.DEMOTE, node.id)) < acts.index((LeaveAct.REMOVE, node.id))
    assert len(acts) == len(set(acts))


@given(leave_sights)
def test_a_plan_demotes_only_what_the_arithmetic_allows(sight: LeaveSight) -> None:
    plan = plan_leave(sight)
    if not isinstance(plan, Wait):
        demoted = [step.node for step in plan if step.act is LeaveAct.DEMOTE and step.node in sight.managers]
        left, up = list(sight.managers), list(sight.reachable)
        for node in demoted:
            assert may_remove(left, up, [str(node)])
            left.remove(str(node))
            up = [name for name in up if name != node]


@given(leave_sights)
def test_a_dead_host_is_asked_nothing(sight: LeaveSight) -> None:
    plan = plan_leave(replace(sight, dead=True, state=None))
    if not isinstance(plan, Wait):
        assert not any(step.act in (LeaveAct.LEAVE, LeaveAct.DRAIN, LeaveAct.AWAIT_EMPTY) for step in plan)


def _after(sight: LeaveSight, act: LeaveAct, node: str | None) -> LeaveSight:
    """What is seen when that step was carried out and did what it is for."""
    listed = {one.id: one for one in sight.listed}
    if act is LeaveAct.LEAVE:
        left = sight.node_id or ""
        gone = {**listed, left: replace(listed[left], down=True)} if left in listed else listed
        return replace(sight, state=LocalState.INACTIVE, in_cluster=False, listed=tuple(gone.values()))
    if act is LeaveAct.AWAIT_EMPTY:
        return replace(sight, emptied=True)
    if act is LeaveAct.AWAIT_FAILED:
        return replace(sight, failed=True)
    if node is None or act is LeaveAct.AWAIT_WORKER:
        return sight
    if act is LeaveAct.REMOVE:
        del listed[node]
    elif act is LeaveAct.DEMOTE:
        listed[node] = replace(listed[node], role=Role.WORKER)
        rest = {"managers": tuple(one for one in sight.managers if one != node)}
        rest["reachable"] = tuple(one for one in sight.reachable if one != node)
        sight = replace(sight, **rest)
    else:
        listed[node] = replace(listed[node], **{"down" if act is LeaveAct.AWAIT_DOWN else "drained": True})
    return replace(sight, listed=tuple(listed.values()))


@given(leave_sights)
def test_a_leave_that_looks_again_after_each_step_comes_to_its_end(sight: LeaveSight) -> None:
    """Looking again, as after a crash, must not ask for what was just done."""
    for _ in range(40):
        plan = plan_leave(sight)
        if isinstance(plan, Wait) or not plan:
            return
        # A demotion and the wait for its effect are carried out in one go.
        for step in plan[:2] if plan[0].act is LeaveAct.DEMOTE else plan[:1]:
            sight = _after(sight, step.act, step.node)
    raise AssertionError(f"does not end: {plan}")
