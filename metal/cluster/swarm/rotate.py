"""Rotates what belongs to a swarm as a whole: its join tokens, and its own authority. Nobody is evicted by either."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from metal.cluster.docker.api import DockerApi, EngineRefused, EngineSilent, EngineUnready
from metal.cluster.swarm.living import LivingManagers
from metal.cluster.swarm.turn import turn
from metal.errors import ClusterError
from metal.plan.rotation import is_behind
from metal.site import Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["CA_LABEL", "JOIN_LABEL", "authority_left", "rotate_swarm"]

# On the swarm's own spec: written in the same step as the rotation, so that each number rotates exactly once.
JOIN_LABEL = "metalswarm.join"
CA_LABEL = "metalswarm.ca"

_PASSING = (EngineSilent, EngineUnready)


def rotate_swarm(site: Site, cluster: str, *, join: int = 1, ca: int = 1) -> str:
    """Have the join tokens and the authority of a cluster's swarm rotated as often as the settings say.

    Managers join in turns, and the rotation takes one of them, so that no token is read before and used after it.

    :param join: rotation number of the join tokens; `ca` that of the swarm's authority.
    :returns: what is not finished and comes to its end by itself; empty where nothing is left.
    :raises ClusterError: not within the deadline `swarm`.
    """
    deadline = site.run.deadline(site.fleet.deadlines.swarm)
    many = len(site.fleet.clusters[cluster].managers) if cluster in site.fleet.clusters else 1
    mine = site.run.deadline(site.fleet.deadlines.swarm * max(1, many))
    with turn(site.fleet.owner, cluster, host=cluster, deadline=mine):
        _update(site, cluster, JOIN_LABEL, join, lambda spec: spec, tokens=True, deadline=deadline)
        _update(site, cluster, CA_LABEL, ca, _forced, tokens=False, deadline=deadline)
    return _await_authority(site, cluster, deadline) if ca > 1 else ""


def _update(
    site: Site,
    cluster: str,
    label: str,
    wanted: int,
    change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    *,
    tokens: bool,
    deadline: Deadline,
) -> None:
    def probe(api: DockerApi) -> bool | Pending:
        swarm = api.swarm()
        spec = swarm["Spec"]
        labels = dict(spec.get("Labels") or {})
        if not is_behind(labels.get(label), wanted):
            return True
        labels[label] = str(wanted)
        try:
            api.swarm_update(int(swarm["Version"]["Index"]), {**change(spec), "Labels": labels}, rotate_tokens=tokens)
        except EngineRefused as error:
            if "out of sequence" in (error.seen or ""):
                return Pending("somebody else changed the swarm")
            raise
        site.run.progress(f"{cluster}: {'the join tokens are' if tokens else 'the authority of the swarm is'} rotated")
        return True

    _ask(site, cluster, "the swarm takes the rotation", probe, deadline)


def _forced(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    # Source: Docker Engine API, CAConfig.ForceRotate: a counter; any raise makes a new root.
    config = dict(spec.get("CAConfig") or {})
    return {**spec, "CAConfig": {**config, "ForceRotate": int(config.get("ForceRotate") or 0) + 1}}


def _await_authority(site: Site, cluster: str, deadline: Deadline) -> str:
    """Wait until every node shows a certificate of the new root; nodes that are down get theirs when they are back."""
    what = f"every node of {cluster} has a certificate of the new root"
    return str(_ask(site, cluster, what, lambda api: authority_left(api.swarm(), api.nodes()), deadline))


def authority_left(swarm: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]]) -> str | Pending:
    """What keeps a rotation of the swarm's authority from its end: empty for nothing, text for what only a return ends.

    While it goes on all trust the old root, and the swarm names the issuer that certificates are to have; at its end
    they trust the new one. Pure.

    Source: swarmkit, ca/certificates.go (IssuerFromAPIRootCA) and ca/reconciler.go; docker/cli,
    cli/command/swarm/progress.
    """
    shared = swarm.get("TLSInfo") or {}
    rotating = bool(swarm.get("RootRotationInProgress"))
    field = "CertIssuerPublicKey" if rotating else "TrustRoot"
    behind = {
        str(node["Description"].get("Hostname", node["ID"])): node["Status"]["State"] == "ready"
        for node in nodes
        if (node["Description"].get("TLSInfo") or {}).get(field) != shared.get(field)
    }
    if not behind:
        return Pending("the managers agree on the new root") if rotating else ""
    ready = sorted(name for name, is_ready in behind.items() if is_ready)
    if ready:
        return Pending(f"not yet: {', '.join(ready)}")
    return f"the swarm's old root is trusted until {', '.join(sorted(behind))} is back or removed"


def _ask(site: Site, cluster: str, what: str, probe: Callable[[DockerApi], Any], deadline: Deadline) -> Any:
    living = LivingManagers(site, cluster)

    def look() -> Any:
        with living.open(None) as found:
            return probe(found[0]) if found is not None else Pending(living.seen)

    return wait_until(
        what,
        look,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step="look at `docker node ls` and `docker swarm ca` on a manager, then run again; "
            "what was rotated is not rotated twice",
        ),
        host=cluster,
        passing=_PASSING,
    )
