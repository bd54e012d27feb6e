"""Ask every host and every cluster at once, each within its own deadline; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from metal.chassis.power import read_power
from metal.cluster.consul import CatalogMember, MemberWish, living_api, read_catalog
from metal.cluster.docker import EngineSeen, observe_engine
from metal.cluster.stackengine import RingNode, read_nodes
from metal.cluster.swarm.roster import read_swarm
from metal.cluster.swarm.view import Node
from metal.errors import Cancelled, MetalError
from metal.host.ready import observe_ready
from metal.host.wish import ReadySeen, ReadyWish
from metal.plan.burn_in import fingerprint
from metal.settings.fleet import ClusterWish, HostWish, ManagerDriver, PowerWish
from metal.site import Site
from metal.survey.judge import NOT_ASKED, consul_word, engine_word, power_word, ready_word, swarm_word
from metal.survey.view import FleetSurvey, HostSurvey, Word

__all__ = ["survey"]

T = TypeVar("T")

_AT_ONCE = 64
_CLUSTER_SECONDS = 20.0


@dataclass(frozen=True)
class _Answer(Generic[T]):
    """A value, or why there is none."""

    value: T | None = None
    why: str = ""
    error: MetalError | None = None


@dataclass(frozen=True)
class _ClusterAnswers:
    consul: _Answer[dict[str, CatalogMember]] = field(default_factory=_Answer)
    swarm: _Answer[tuple[Node, ...]] = field(default_factory=_Answer)
    manager: _Answer[dict[str, RingNode]] = field(default_factory=_Answer)


def survey(site: Site) -> FleetSurvey:
    """See what every host of the fleet is now. A host on hold is not dialled; who does not answer is said to."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="survey") as pool:
        clusters = {name: pool.submit(_ask_cluster, site, wish) for name, wish in site.fleet.clusters.items()}
        hosts = {name: pool.submit(_ask_host, site, host) for name, host in site.fleet.hosts.items()}
        answers = {name: future.result() for name, future in clusters.items()}
        found = {
            name: _host_survey(
                host,
                *hosts[name].result(),
                answers.get(host.cluster or "", _ClusterAnswers()),
                _is_external(site, host.cluster),
            )
            for name, host in site.fleet.hosts.items()
        }
    return FleetSurvey(found, tuple(line for name, seen in answers.items() for line in _strangers(site, name, seen)))


def _try(ask: Callable[[], T]) -> _Answer[T]:
    try:
        return _Answer(ask())
    except Cancelled:
        raise
    except MetalError as error:
        return _Answer(None, error.what + (f" ({error.seen})" if error.seen else ""), error)


def _ask_host(site: Site, host: HostWish) -> tuple[_Answer[str], ReadySeen | None, _Answer[EngineSeen]]:
    if host.hold:
        return _Answer(None, f"on hold: {host.hold}"), None, _Answer(None, "on hold")
    bmc = host.bmc
    power: _Answer[str] = _try(lambda: read_power(site, bmc)) if bmc else _Answer()
    if host.power is PowerWish.OFF or power.value == "off":
        return power, None, _Answer(None, "is off")
    wanted, passed = ReadyWish.of(site.fleet, host), fingerprint(host.ready.burn_in)
    ready = observe_ready(site, host.access, owner=site.fleet.owner, wish=wanted, burn_in=passed)
    if ready.condition == "unreachable":
        return power, ready, _Answer(None, "the host does not answer")
    return power, ready, _try(lambda: observe_engine(site, host.access))


def _ask_cluster(site: Site, cluster: ClusterWish) -> _ClusterAnswers:
    def catalogue() -> dict[str, CatalogMember]:
        wish = MemberWish.asking(site.fleet, cluster.name)
        with living_api(site, wish, deadline=site.run.deadline(_CLUSTER_SECONDS)) as api:
            return read_catalog(api, existing=wish.external is not None)

    has_manager = cluster.manager.driver is not ManagerDriver.NONE
    return _ClusterAnswers(
        consul=_try(catalogue),
        swarm=_try(lambda: read_swarm(site, cluster.name)),
        manager=_try(lambda: read_nodes(site, cluster.name)) if has_manager else _Answer(),
    )


def _host_survey(
    host: HostWish,
    power: _Answer[str],
    ready: ReadySeen | None,
    engine: _Answer[EngineSeen],
    cluster: _ClusterAnswers,
    external: bool = False,
) -> HostSurvey:
    members, nodes, managed = cluster.consul, cluster.swarm, cluster.manager
    member = _member_of(host, members.value or {}, external)
    held = Word("on hold", None, host.hold) if host.hold else None
    return HostSurvey(
        host=host.name,
        address=host.access.address,
        purpose=host.purpose.value,
        cluster=host.cluster,
        power=held or power_word(host, power.value, power.error),
        ready=held or ready_word(host, ready),
        engine=held or engine_word(host, engine.value, engine.why),
        consul=_unless_held(host, consul_word(host, member, members.why, external=external)),
        swarm=_unless_held(host, swarm_word(host, _life_of(host.name, nodes.value or ()), nodes.why)),
        manager=_unless_held(host, _manager_word(host, managed)),
    )


def _unless_held(host: HostWish, word: Word) -> Word:
    """What the cluster says of a host on hold is shown and not held against it: nobody may put it right."""
    return replace(word, good=None) if host.hold else word


def _is_external(site: Site, cluster: str | None) -> bool:
    return cluster is not None and site.fleet.clusters[cluster].consul.external is not None


def _member_of(host: HostWish, members: dict[str, CatalogMember], external: bool) -> CatalogMember | None:
    """The host in the catalogue; somebody else's agents may go by other names than the inventory's."""
    named = members.get(host.name)
    if not external or (named and named.registered):
        return named
    here = (one for one in members.values() if one.registered and one.address == host.access.address)
    return next(here, named)


def _life_of(host: str, nodes: tuple[Node, ...]) -> Node | None:
    lives = [node for node in nodes if node.is_of(host)]
    return next((node for node in lives if node.ready), lives[0] if lives else None)


def _manager_word(host: HostWish, answer: _Answer[dict[str, RingNode]]) -> Word:
    if host.cluster is None or (answer.value is None and not answer.why):
        return NOT_ASKED
    node = (answer.value or {}).get(host.name)
    if node is None:
        return Word("no answer" if answer.why else "absent", False, answer.why)
    good = node.active and node.admin == host.is_container_manager
    role = "admin" if node.admin else "member"
    return Word(role if good else f"{role}, {'active' if node.active else 'inactive'}", good)


def _strangers(site: Site, cluster: str, seen: _ClusterAnswers) -> list[str]:
    """What a cluster knows and the settings do not want there; says what they want instead, where they know it."""
    wanted = set(site.fleet.clusters[cluster].hosts)
    lives = [node for node in seen.swarm.value or () if not any(node.is_of(name) for name in wanted)]
    doubles = [
        node
        for node in seen.swarm.value or ()
        if node not in lives and not node.ready and sum(_same_host(node, other) for other in seen.swarm.value or ()) > 1
    ]
    # An existing Consul has other users.
    members = set() if _is_external(site, cluster) else set(seen.consul.value or {})
    managed = set(seen.manager.value or {})
    return [
        *(f"swarm {cluster}: {_called(node)} {_wanted_of(site, _host_of(site, node))}" for node in lives),
        *(f"swarm {cluster}: {node.name} has an earlier life left (node {node.id}, {node.state})" for node in doubles),
        *(f"Consul {cluster}: {name} {_wanted_of(site, name)}" for name in sorted(members - wanted)),
        *(f"controller {cluster}: {name} {_wanted_of(site, name)}" for name in sorted(managed - wanted)),
    ]


def _called(node: Node) -> str:
    """An engine that joined and was not heard of since has no name."""
    return (
        f"{node.name} (node {node.id}, {node.state})"
        if node.name
        else f"a node without a name ({node.id}, {node.state})"
    )


def _host_of(site: Site, node: Node) -> str:
    return next((name for name in (*site.fleet.hosts, *site.fleet.unmanaged) if node.is_of(name)), node.name)


def _wanted_of(site: Site, name: str) -> str:
    host = site.fleet.hosts.get(name)
    if host is None:
        known = name in site.fleet.unmanaged
        return "is in the inventory and in no pool of the settings" if known else "is not in the settings"
    place = f"swarm {host.cluster}" if host.cluster else host.purpose.value
    return f"is in the pool {host.pool} of the settings ({place})"


def _same_host(node: Node, other: Node) -> bool:
    return node.name == other.name
