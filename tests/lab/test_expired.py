"""Hosts that were away for too long: every certificate on them has ended. And one that was reinstalled meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.api import Lab
from lab.bmc.client import PowerAct
from metal.cluster.consul import MemberWish, ensure_member, living_api, observe_member
from metal.cluster.docker import observe_engine
from metal.cluster.swarm import ensure_node, observe_node
from metal.pki.authority import BOTH, Authority
from metal.settings.fleet import Artifact, Identity
from tests.lab.engines import SEED, MemoryRecord, Rack, reinstall, together
from tests.lab.members import reinstall_all
from tests.lab.ready_stack import small_lab
from tests.waiting import wait_for

pytestmark = pytest.mark.lab

HOSTS = ("n1", "n2")
_SWARM = "/var/lib/docker/swarm/certificates"
_PEM = serialization.Encoding.PEM


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("expire", 22) as lab:
        reinstall_all(lab, HOSTS)
        yield lab


@pytest.fixture(scope="module")
def rack(lab: Lab) -> Iterator[Rack]:
    rack = Rack(lab, ["n1"], ["n2"])
    # Two hosts' worth of one Consul server: the second one is its client.
    yield rack
    rack.site.close()


@pytest.fixture(scope="module")
def record() -> MemoryRecord:
    return MemoryRecord()


def member_wish(rack: Rack, host: str) -> MemberWish:
    url = f"{rack.lab.spec.mirror_url}/consul/1.15.4/consul"
    return MemberWish(
        host=host,
        access=rack.access(host),
        cluster="blue",
        server=host == "n1",
        servers={"n1": rack.access("n1").address},
        datacenter="dc1",
        artifact=Artifact("1.15.4", url, None, f"{url}.sha256"),
        identity=Identity(),
        life="g1",
    )


def bring_up(rack: Rack, record: MemoryRecord, host: str) -> str:
    """What an update does above a ready host, in its order; the id of the swarm node."""
    rack.engine(host)
    ensure_member(rack.site, member_wish(rack, host))
    return ensure_node(rack.site, rack.node_wish(host), record).node


def csr(rack: Rack, host: str, key: str) -> str:
    command = ["openssl", "req", "-new", "-key", key, "-subj", "/CN=request", "-config", "/dev/null"]
    script = f"printf '[req]\\ndistinguished_name=dn\\n[dn]\\n' >/tmp/req; {' '.join(command[:-1])} /tmp/req"
    return rack.ssh(host).script(script).stdout


def expire(rack: Rack, host: str, directory: str, owner: str) -> None:
    """Replace the certificate in a directory of ours by one of the same authority that ended."""
    ssh = rack.ssh(host)
    old = x509.load_pem_x509_certificate(ssh.read(f"{directory}/cert.pem") or b"")
    names = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    ended = Authority.of(SEED, "blue").sign(
        csr(rack, host, f"{directory}/key.pem"),
        names=names.get_values_for_type(x509.DNSName),
        addresses=[str(one) for one in names.get_values_for_type(x509.IPAddress)],
        usages=BOTH,
        days=1,
        now=datetime.now(UTC) - timedelta(days=10),
    )
    ssh.write(f"{directory}/cert.pem", ended, mode=0o644, owner=owner)


def rotate_swarm_authority(rack: Rack) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Give the swarm an authority whose key is known here: its own never leaves the managers."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "swarm-ca")])
    now = datetime.now(UTC)
    root = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    ssh = rack.ssh("n1")
    ssh.write("/root/ca.pem", root.public_bytes(_PEM), mode=0o600)
    # SwarmKit reads no PKCS#8 here (ca/certificates.go hands it to cfssl, which does read SEC1).
    form, plain = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ssh.write("/root/ca.key", key.private_bytes(_PEM, form, plain), mode=0o600)
    ssh.run(
        ["docker", "swarm", "ca", "--rotate", "--ca-cert", "/root/ca.pem", "--ca-key", "/root/ca.key", "--quiet"],
        timeout=120,
    )
    return root, key


def expire_node(rack: Rack, host: str, root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey) -> None:
    """Replace a node's certificate and key by ones of the same identity whose time is over."""
    ssh = rack.ssh(host)
    seen = ssh.read(f"{_SWARM}/swarm-node.crt") or b""
    old = x509.load_pem_x509_certificate(seen)
    assert old.issuer == root.subject
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    names = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    ended = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now - timedelta(days=10))
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        .add_extension(names, False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False)
        .sign(root_key, hashes.SHA256())
    )
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ssh.write(f"{_SWARM}/swarm-node.crt", ended.public_bytes(_PEM), mode=0o644)
    ssh.write(f"{_SWARM}/swarm-node.key", key.private_bytes(_PEM, form, plain), mode=0o600)


def names_listed(rack: Rack) -> list[str]:
    return sorted(rack.docker("n1", "node", "ls", "--format", "{{.Hostname}} {{.Status}}").splitlines())


@pytest.mark.demand("U48")
def test_a_host_whose_certificates_ended_while_it_was_off_comes_back(rack: Rack, record: MemoryRecord) -> None:
    before = dict(zip(HOSTS, (bring_up(rack, record, host) for host in HOSTS), strict=True))
    root, root_key = rotate_swarm_authority(rack)
    wait_for(
        "n2 has a certificate of the new authority",
        lambda: (
            x509.load_pem_x509_certificate(rack.ssh("n2").read(f"{_SWARM}/swarm-node.crt") or b"").issuer
            == root.subject
        ),
        seconds=120,
    )
    ssh = rack.ssh("n2")
    ssh.run(["systemctl", "stop", "docker.socket", "docker", "consul"])
    expire_node(rack, "n2", root, root_key)
    expire(rack, "n2", "/etc/docker/metalswarm", "root:root")
    expire(rack, "n2", "/etc/consul.d/tls", "consul:consul")
    ssh.run(["sync"])
    rack.lab.host("n2").kill()
    wait_for("n2 is down for the managers", lambda: names_listed(rack) == ["n1 Ready", "n2 Down"], seconds=90)
    rack.lab.host("n2").power(PowerAct.ON)
    rack.lab.host("n2").wait_for_ssh()
    rack.site.ssh.forget("n2")

    # What a refresh sees, so that the next update acts.
    state = lambda: rack.docker("n2", "info", "--format", "{{.Swarm.LocalNodeState}} {{.Swarm.Error}}")  # noqa: E731
    wait_for("the engine says what is wrong", lambda: "expired" in state(), seconds=60)
    assert observe_engine(rack.site, rack.access("n2")).renewal_due(datetime.now(UTC))
    assert observe_node(rack.site, rack.node_wish("n2")).local == "error"
    assert observe_member(rack.site, member_wish(rack, "n2")).serf != "passing"

    after = bring_up(rack, record, "n2")
    assert after != before["n2"], "an ended certificate cannot be renewed: it has joined as new"
    assert names_listed(rack) == ["n1 Ready", "n2 Ready"], "and left no phantom"
    assert not observe_engine(rack.site, rack.access("n2")).renewal_due(datetime.now(UTC))
    assert observe_member(rack.site, member_wish(rack, "n2")).serf == "passing"
    assert bring_up(rack, record, "n2") == after


def test_a_reinstalled_host_takes_its_old_place_in_consul(rack: Rack, record: MemoryRecord) -> None:
    """The node id is the same in every life, so the name is never reserved for a life that is over."""
    wish = member_wish(rack, "n2")

    def entry() -> dict[str, str]:
        with living_api(
            rack.site, replace(wish, host="n1", access=rack.access("n1")), deadline=rack.run.deadline(30)
        ) as api:
            nodes = {node["Node"]: node["ID"] for node in api.get("catalog/nodes")}
        return {name: nodes.get(name, "") for name in HOSTS}

    before, machine = entry(), rack.ssh("n2").read("/etc/machine-id")
    reinstall(rack.lab, "n2")
    rack.site.ssh.forget("n2")
    assert rack.ssh("n2").read("/etc/machine-id") != machine
    together(lambda: bring_up(rack, record, "n2"))
    assert entry() == before
    for host in HOSTS:
        journal = rack.ssh(host).run(["journalctl", "-q", "--no-pager", "-u", "consul"]).stdout
        assert "reserved" not in journal
        assert "conflict" not in journal.lower()
    assert names_listed(rack) == ["n1 Ready", "n2 Ready"]
    config = json.loads(rack.ssh("n2").read("/etc/consul.d/metalswarm.json") or b"")
    assert config["node_id"] == before["n2"]
