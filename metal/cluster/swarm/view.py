"""What one engine and the managers of a swarm say, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from metal.cluster.docker.api import DockerApi
from metal.cluster.swarm.labels import HOST_LABEL
from metal.host.ssh import Ssh
from metal.plan.join import LocalState, Role

__all__ = ["Local", "Node", "View", "observe_local", "observe_view"]


@dataclass(frozen=True)
class Local:
    """An engine's own word about its membership.

    :ivar name: the host name it reports to the managers.
    :ivar swarm: id of the swarm it is in; None where it is in none or does not know.
    :ivar role: None where it has none, or while it changes.
    :ivar error: what the engine complains about; empty when it does not.
    :ivar managers: addresses of the managers it knows, `ip:port`.
    """

    name: str
    state: LocalState
    node: str | None = None
    swarm: str | None = None
    role: Role | None = None
    error: str = ""
    managers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Node:
    """One line of the managers' list.

    :ivar name: the host name its engine reported.
    :ivar role: manager as long as it is wanted as one or still takes part in Raft.
    :ivar voter: whether it takes part in Raft.
    :ivar reachable: whether the leader reaches it as a manager.
    :ivar raft: its address as a manager; empty on workers.
    :ivar state: ready, down, unknown or disconnected.
    :ivar version: of `spec`; an update must name it.
    """

    id: str
    name: str
    role: Role
    voter: bool
    reachable: bool
    leader: bool
    raft: str
    address: str
    state: str
    availability: str
    labels: Mapping[str, str]
    version: int
    spec: Mapping[str, Any] = field(repr=False)

    @property
    def ready(self) -> bool:
        return self.state == "ready"

    @property
    def unheard(self) -> bool:
        """A new leader has not heard of it yet; it soon has, or calls the node down."""
        return self.state == "unknown"

    @property
    def down(self) -> bool:
        return self.state == "down"

    def is_of(self, host: str) -> bool:
        """Whether this is a life of `host`: by our label, or by name where there is no such label."""
        return self.labels.get(HOST_LABEL, self.name.partition(".")[0]) == host


@dataclass(frozen=True)
class View:
    """A swarm as one of its managers sees it.

    :ivar swarm: its id.
    """

    swarm: str
    nodes: tuple[Node, ...]

    @property
    def managers(self) -> tuple[str, ...]:
        """Who takes part in Raft; a node that is only wanted as manager has no vote to count."""
        return tuple(node.id for node in self.nodes if node.voter)

    @property
    def reachable(self) -> tuple[str, ...]:
        return tuple(node.id for node in self.nodes if node.voter and node.reachable)

    def node(self, node: str | None) -> Node | None:
        return next((one for one in self.nodes if one.id == node), None)

    def lives_of(self, host: str) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.is_of(host))


def observe_local(ssh: Ssh, api: DockerApi) -> Local:
    """Ask an engine about its membership, and read its node certificate.

    The certificate alone names a worker's swarm, and that of a node whose engine is in error or does not get in.

    :raises EngineSilent: the engine does not answer.
    Source: swarmkit, ca/certificates.go: common name is the node's id, organisation the cluster's, unit the role.
    """
    info = api.info()
    local = _local(info)
    if local.state is LocalState.INACTIVE:
        return local
    content = ssh.read(f"{info.get('DockerRootDir', '/var/lib/docker')}/swarm/certificates/swarm-node.crt")
    return _local(info, certificate=content) if content else local


def observe_view(api: DockerApi) -> View:
    """Ask a manager for the whole swarm.

    :raises EngineRefused: it is no manager, or there is no leader.
    """
    swarm = str(api.swarm()["ID"])
    return View(swarm, tuple(_node(entry) for entry in api.nodes()))


def _local(info: Mapping[str, Any], certificate: bytes | None = None) -> Local:
    said = info.get("Swarm") or {}
    state = LocalState(said.get("LocalNodeState") or "inactive")
    if state is LocalState.INACTIVE:
        return Local(str(info["Name"]), state)
    cluster = (said.get("Cluster") or {}).get("ID") or None
    role = (Role.MANAGER if said.get("ControlAvailable") else Role.WORKER) if state is LocalState.ACTIVE else None
    node = said.get("NodeID") or None
    if certificate:
        named, organisation, unit = _subject(certificate)
        cluster = cluster or organisation
        node = node or named
        # A demoted manager shows no control at once and fetches its worker's certificate later, from another manager.
        # Until it has it, it is neither, and a further demotion could leave it nobody to ask.
        if role is not None and unit != f"swarm-{role}":
            role = None
    return Local(
        name=str(info["Name"]),
        state=state,
        node=node,
        swarm=cluster,
        role=role,
        error=str(said.get("Error") or ""),
        managers=tuple(str(one["Addr"]) for one in said.get("RemoteManagers") or []),
    )


def _subject(certificate: bytes) -> tuple[str | None, str | None, str | None]:
    """Common name, organisation and organisational unit."""
    try:
        subject = x509.load_pem_x509_certificate(certificate).subject
    except ValueError:
        return None, None, None
    oids = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)
    found = [subject.get_attributes_for_oid(oid) for oid in oids]
    name, organisation, unit = (str(names[0].value) if names else None for names in found)
    return name, organisation, unit


def _node(entry: Mapping[str, Any]) -> Node:
    spec, manager = entry["Spec"], entry.get("ManagerStatus")
    status = entry.get("Status") or {}
    raft = manager or {}
    return Node(
        id=str(entry["ID"]),
        name=str((entry.get("Description") or {}).get("Hostname", "")),
        role=Role.MANAGER if manager or spec.get("Role") == "manager" else Role.WORKER,
        voter=bool(manager),
        reachable=raft.get("Reachability") == "reachable",
        leader=bool(raft.get("Leader")),
        raft=str(raft.get("Addr", "")),
        address=str(status.get("Addr", "")),
        state=str(status.get("State", "unknown")),
        availability=str(spec.get("Availability", "")),
        labels=dict(spec.get("Labels") or {}),
        version=int(entry["Version"]["Index"]),
        spec=spec,
    )
