"""Hosts in a Consul that existed before: with an agent of ours, through somebody else's, and without any."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.api import Lab
from metal.cluster.consul import MemberWish, ensure_member, observe_member, remove_member
from metal.cluster.consul.reached import ReachedRecord
from metal.errors import ClusterError, PlanRefused
from metal.host.ssh import Ssh
from metal.plan.join import BirthRecord
from metal.settings.credentials import Credentials
from metal.settings.external import Agents, ExternalConsul
from metal.settings.fleet import Artifact, Deadlines, Identity
from metal.site import Site
from metal.waiting import Run
from tests.lab.engines import SEED, Rack
from tests.lab.handmade import GOSSIP, TOKEN
from tests.lab.members import reinstall_all
from tests.lab.ready_stack import small_lab
from tests.waiting import wait_for

pytestmark = pytest.mark.lab

HOSTS = ("n1", "n2", "n3")
_NODES = "kv/docker-swarm/docker/swarm/nodes"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("guest", 21) as lab:
        reinstall_all(lab, HOSTS)
        yield lab


def certificates(address: str) -> tuple[str, str, str]:
    """An authority of somebody else's, and a server certificate of it with its key."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)

    def made(name: str, public: ec.EllipticCurvePublicKey, *more: tuple[x509.ExtensionType, bool]) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hq")]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=30))
        )
        for extension, critical in more:
            builder = builder.add_extension(extension, critical)
        return builder.sign(authority_key, hashes.SHA256())

    names = [x509.DNSName(name) for name in ("server.hq.consul", "localhost")]
    names += [x509.IPAddress(ip_address(one)) for one in ("127.0.0.1", address)]
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    ca = made(
        "hq", authority_key.public_key(), (x509.BasicConstraints(True, None), True), (identifier, False), (usage, True)
    )
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    server = made("server.hq.consul", key.public_key(), (x509.SubjectAlternativeName(names), False), (issuer, False))
    pem = serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return (
        ca.public_bytes(pem).decode(),
        server.public_bytes(pem).decode(),
        key.private_bytes(pem, form, plain).decode(),
    )


@dataclasses.dataclass
class Headquarters:
    """Somebody else's Consul on n1: ACLs, gossip key, TLS."""

    lab: Lab
    rack: Rack
    site: Site
    ca: str

    def ssh(self, host: str) -> Ssh:
        return self.site.ssh.connect(self.rack.access(host), deadline=self.site.run.deadline(30))

    def ask(self, path: str) -> object:
        command = ["curl", "-s", "-H", "@-", "--cacert", "/opt/consul/ca.pem", f"https://localhost:8501/v1/{path}"]
        said = self.ssh("n1").run(command, stdin=f"X-Consul-Token: {TOKEN}\n", check=False).stdout
        return json.loads(said) if said.strip() else None

    def wish(self, host: str, external: ExternalConsul) -> MemberWish:
        url = f"{self.lab.spec.mirror_url}/consul/1.15.4/consul"
        return MemberWish(
            host=host,
            access=self.rack.access(host),
            cluster="blue",
            server=False,
            servers={},
            datacenter="hq",
            artifact=Artifact("1.15.4", url, None, f"{url}.sha256"),
            identity=Identity(),
            life="g1",
            external=external,
        )

    def external(self, **changes: object) -> ExternalConsul:
        fields: dict[str, object] = {
            "api": f"https://{self.rack.access('n1').address}:8501",
            "through": (),
            "agents": Agents.NONE,
            "servers": (),
            "credentials": "hq",
            **changes,
        }
        return ExternalConsul(**fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def headquarters(lab: Lab) -> Iterator[Headquarters]:
    rack = Rack(lab, ["n1"], ["n2", "n3"])
    address = rack.access("n1").address
    ca, certificate, key = certificates(address)
    secret = json.dumps({"token": TOKEN, "gossip": GOSSIP, "ca": ca})
    config = {
        "metalswarm:ssh-default": lab.ssh_key.read_text(),
        "metalswarm:seed": base64.b64encode(SEED).decode(),
        "metalswarm:consul-hq": secret,
    }
    fleet = rack.site.fleet
    cluster = dataclasses.replace(fleet.clusters["blue"], consul_servers=())
    limits = Deadlines(ssh=30, packages=120, consul=60, evict=5, probe=15)
    fleet = dataclasses.replace(fleet, clusters={"blue": cluster}, deadlines=limits)
    rack.site.close()
    site = Site.open(fleet, Credentials.from_config(config, {}), Run(progress=rack.lines.append))
    with site:
        found = Headquarters(lab, rack, site, ca)
        ssh = found.ssh("n1")
        for path, text in (("ca.pem", ca), ("cert.pem", certificate), ("key.pem", key)):
            ssh.write(f"/opt/consul/{path}", text, mode=0o600)
        agent = {
            "datacenter": "hq",
            "node_name": "hq-1",
            "server": True,
            "bootstrap_expect": 1,
            "data_dir": "/opt/consul/data",
            "bind_addr": address,
            "client_addr": "0.0.0.0",
            "ports": {"http": -1, "https": 8501},
            "encrypt": GOSSIP,
            "acl": {
                "enabled": True,
                "default_policy": "deny",
                "tokens": {"initial_management": TOKEN, "agent": TOKEN},
            },
            "tls": {
                "defaults": {
                    "ca_file": "/opt/consul/ca.pem",
                    "cert_file": "/opt/consul/cert.pem",
                    "key_file": "/opt/consul/key.pem",
                    "verify_outgoing": True,
                }
            },
        }
        ssh.write("/opt/consul/consul.json", json.dumps(agent), mode=0o600)
        url = f"{lab.spec.mirror_url}/consul/1.15.4/consul"
        ssh.run(["curl", "-sSf", "-o", "/opt/consul/consul", url], timeout=120)
        ssh.run(["chmod", "755", "/opt/consul/consul"])
        run = ["systemd-run", "--unit=hq-consul", "/opt/consul/consul", "agent", "-config-file=/opt/consul/consul.json"]
        ssh.run(run)
        wait_for("a leader at headquarters", lambda: bool(found.ask("status/leader")))
        wait_for("its catalogue", lambda: bool(found.ask("catalog/nodes")))
        yield found


def services(headquarters: Headquarters) -> dict[str, str]:
    rows = headquarters.ask("catalog/service/docker-swarm")
    assert isinstance(rows, list)
    return {row["Node"]: row["ServiceAddress"] for row in rows}


def test_an_agent_of_ours_joins_it_as_a_client_and_leaves_nothing_behind(headquarters: Headquarters) -> None:
    address = headquarters.rack.access("n1").address
    wish = headquarters.wish("n2", headquarters.external(agents=Agents.MANAGED, servers=(address,)))
    report = ensure_member(headquarters.site, wish)
    assert (report.server, report.version) == (False, "1.15.4")
    seen = observe_member(headquarters.site, wish)
    assert (seen.serf, seen.registered, seen.listed) == ("passing", True, True)
    assert services(headquarters) == {"n2": wish.address}
    ssh = headquarters.ssh("n2")
    config = json.loads(ssh.read("/etc/consul.d/metalswarm.json") or b"")
    assert config["acl"]["tokens"]["agent"] != TOKEN, "an agent gets a token of its own, not the one that made it"
    assert TOKEN.encode() not in (ssh.read("/etc/consul.d/docker-swarm.json") or b"")
    pid = headquarters.ssh("n2").run(["systemctl", "show", "--property=MainPID", "consul"]).stdout
    ensure_member(headquarters.site, wish)
    assert headquarters.ssh("n2").run(["systemctl", "show", "--property=MainPID", "consul"]).stdout == pid

    for _ in range(2):
        remove_member(headquarters.site, wish, dissolving=True)  # the Consul stays when the cluster goes
    assert services(headquarters) == {}
    assert "n2" not in [node["Node"] for node in headquarters.ask("catalog/nodes")]  # type: ignore[attr-defined]
    assert headquarters.ask(f"{_NODES}/?keys") is None
    tokens = headquarters.ask("acl/tokens")
    assert not [token for token in tokens if "n2" in token["Description"]]  # type: ignore[attr-defined]


def test_a_host_without_agent_is_a_node_that_stays_until_it_leaves(headquarters: Headquarters) -> None:
    wish = headquarters.wish("n3", headquarters.external())
    for _ in range(2):
        ensure_member(headquarters.site, wish)
    assert services(headquarters) == {"n3": wish.address}
    assert headquarters.ask(f"{_NODES}/{wish.address}:2376?keys") == [
        f"docker-swarm/docker/swarm/nodes/{wish.address}:2376"
    ]
    assert observe_member(headquarters.site, wish).serf == "passing"
    assert headquarters.ssh("n3").run(["ls", "/etc/consul.d", "/etc/metalswarm"], check=False).stdout == ""
    for _ in range(2):
        remove_member(headquarters.site, wish, dissolving=False)
    assert services(headquarters) == {}
    assert headquarters.ask("catalog/node/n3") is None
    assert headquarters.ask(f"{_NODES}/?keys") is None


def test_a_host_with_somebody_elses_agent_is_registered_with_that_one(headquarters: Headquarters) -> None:
    through_own = headquarters.external(api="https://127.0.0.1:8501")
    wish = headquarters.wish("n1", through_own)
    ensure_member(headquarters.site, wish)
    assert services(headquarters) == {"hq-1": wish.address}
    line = headquarters.ask(f"{_NODES}/{wish.address}:2376")
    assert isinstance(line, list)
    assert line[0]["Session"], "it ends with the host"
    # What vanished is seen and put back.
    end = f"https://localhost:8501/v1/session/destroy/{line[0]['Session']}"
    curl = ["curl", "-s", "-X", "PUT", "-H", "@-", "--cacert", "/opt/consul/ca.pem", end]
    headquarters.ssh("n1").run(curl, stdin=f"X-Consul-Token: {TOKEN}\n")
    assert observe_member(headquarters.site, wish).serf is None
    ensure_member(headquarters.site, wish)
    assert observe_member(headquarters.site, wish).serf == "passing"
    remove_member(headquarters.site, wish, dissolving=False)
    assert services(headquarters) == {}
    assert "hq-1" in [node["Node"] for node in headquarters.ask("catalog/nodes")]  # type: ignore[attr-defined]


def test_no_agent_of_ours_is_put_beside_another(headquarters: Headquarters) -> None:
    address = headquarters.rack.access("n1").address
    wish = headquarters.wish("n1", headquarters.external(agents=Agents.MANAGED, servers=(address,)))
    with pytest.raises(PlanRefused, match="not ours"):
        ensure_member(headquarters.site, wish)
    assert headquarters.ssh("n1").read("/etc/consul.d/metalswarm.json") is None


def test_the_record_is_kept_there_and_another_datacenter_refused(headquarters: Headquarters) -> None:
    external = headquarters.external()

    def record(**changes: object) -> ReachedRecord:
        return ReachedRecord(
            headquarters.site,
            "blue",
            host="n2",
            access=headquarters.rack.access("n2"),
            identity=Identity(),
            patience=10,
            external=dataclasses.replace(external, **changes),  # type: ignore[arg-type]
        )

    assert record().claim("n2", replacing=None)
    assert not record().claim("n3", replacing=None)
    assert record(api="https://127.0.0.1:8501", through=("n1",)).read() == BirthRecord("n2")
    assert record().forget(replacing=BirthRecord("n2"))
    with pytest.raises(ClusterError, match="cannot be used"):
        record(api=f"https://{headquarters.rack.access('n3').address}:8501").read()
    own = headquarters.external(api="https://127.0.0.1:8501")
    with pytest.raises(PlanRefused, match="datacenter"):
        ensure_member(headquarters.site, dataclasses.replace(headquarters.wish("n1", own), datacenter="dc9"))
