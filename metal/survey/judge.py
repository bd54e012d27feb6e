"""What a host's layers say, held against what is wanted of it. Pure."""

from __future__ import annotations

from metal.cluster.consul.catalog import CatalogMember
from metal.cluster.docker.wish import EngineSeen
from metal.cluster.swarm.view import Node
from metal.errors import BmcError, BmcFault, MetalError, SettingsError
from metal.host.wish import ReadySeen
from metal.plan.join import Role
from metal.settings.fleet import HostWish, PowerWish, Purpose
from metal.survey.view import Word

__all__ = ["NOT_ASKED", "bmc_state", "consul_word", "engine_word", "power_word", "ready_word", "swarm_word"]

NOT_ASKED = Word("-", None)


_NO_LOGIN = (BmcFault.AUTH, BmcFault.PRIVILEGE, BmcFault.NO_SLOT, BmcFault.SUITE)


def bmc_state(error: MetalError) -> str:
    """What an error says of a BMC, in a word or two: most of them have answered."""
    if isinstance(error, SettingsError):
        return "not asked"
    if not isinstance(error, BmcError):
        return "error"
    if error.word == "busy":
        return "busy"
    if error.fault in (BmcFault.TIMEOUT, BmcFault.UNREACHABLE):
        return "no answer"
    if error.fault is BmcFault.CERTIFICATE:
        return "other certificate"
    return "no login" if error.fault in _NO_LOGIN else "error"


def power_word(host: HostWish, state: str | None, error: MetalError | None = None) -> Word:
    """:param state: `on`, `off`, or None where the BMC did not say, for the reason that `error` gives."""
    if host.bmc is None:
        return Word("no BMC", None)
    if state is None:
        if error is None:
            return Word("no answer", False)
        what = "; ".join(error.problems) if isinstance(error, SettingsError) else error.brief
        return Word(bmc_state(error), False, what, error.cure or "mend what the line above names")
    return Word(state, state == host.power.value)


def ready_word(host: HostWish, seen: ReadySeen | None) -> Word:
    """The ready state, where the host is wanted on and was looked at."""
    if host.power is PowerWish.OFF or seen is None:
        return NOT_ASKED
    cause = " ".join(seen.cause.split())
    return Word(seen.condition, seen.ready, cause or (seen.report.os if seen.report else ""))


def engine_word(host: HostWish, seen: EngineSeen | None, why: str = "") -> Word:
    """:param why: what kept the host from being asked, where it was not."""
    wanted = host.purpose.has_docker
    if seen is None:
        return Word("no answer", False, why) if wanted else NOT_ASKED
    if not seen.active:
        return Word("stopped" if seen.installed else "none", False) if wanted else NOT_ASKED
    return Word(seen.version or "silent", (seen.version is not None) if wanted else False)


def consul_word(host: HostWish, member: CatalogMember | None, why: str = "", *, external: bool = False) -> Word:
    """:param member: None where the catalogue does not list the host, or, with `why`, where nobody could be asked.
    :param external: the Consul is not ours, and who serves it none of our business.
    """
    if host.purpose is not Purpose.SWARM:
        return NOT_ASKED
    if member is None:
        return Word("no answer" if why else "absent", False, why)
    role = "leader" if member.leader else "server" if member.voter else "client"
    if not member.alive:
        return Word(f"{role}, failed", False)
    if member.voter != host.is_consul_server and not external:
        wanted = "server" if host.is_consul_server else "client"
        return Word(f"{role}, wanted as {wanted}", False, f"its agent is {role}, wanted {wanted}")
    return Word(role if member.swarm_passing else f"{role}, node not passing", member.swarm_passing)


def swarm_word(host: HostWish, node: Node | None, why: str = "") -> Word:
    """:param node: None where the managers do not list the host, or, with `why`, where nobody could be asked."""
    if host.purpose is not Purpose.SWARM:
        return NOT_ASKED
    if node is None:
        return Word("no answer" if why else "absent", False, why)
    role = "leader" if node.leader else node.role.value
    wanted = Role.MANAGER if host.is_manager else Role.WORKER
    if not node.ready or node.availability != host.availability.value:
        lacks = f"is {node.state} and {node.availability}, wanted ready and {host.availability.value}"
        return Word(f"{role}, {node.state}, {node.availability}", False, f"its node {node.id} {lacks}")
    if node.role is not wanted:
        lacks = f"is {node.role.value}, wanted {wanted.value}"
        return Word(f"{role}, wanted as {wanted.value}", False, f"its node {node.id} {lacks}")
    if node.role is Role.MANAGER and not node.reachable:
        lacks = "is not reached as a manager by the leader"
        return Word(f"{role}, unreachable", False, f"its node {node.id} {lacks}")
    return Word(role, True, f"node {node.id}")
