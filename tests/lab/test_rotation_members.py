"""Consul moved to another CA, gossip key and tokens without a restart, and the container manager to another key."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from metal.cluster.consul import MemberReport, ensure_member, living_api, observe_member, wait_formed
from metal.cluster.consul.gossip import read_keyring
from metal.cluster.stackengine import RingNode, StackEngine, ensure_manager_node, read_nodes
from metal.cluster.stackengine import wait_formed as ring_formed
from metal.errors import ClusterError, HostError
from metal.pki.authority import BOTH, Authority
from metal.pki.client import client_certificate
from metal.pki.secrets import ClusterSecrets
from metal.pki.succession import generation_of, generations_in
from metal.plan.renewal import is_due
from metal.settings.fleet import Identity
from metal.waiting import Run
from tests.lab.members import KEY, NEXT_KEY, SEED, Members, reinstall_all, within
from tests.lab.ready_stack import small_lab

pytestmark = pytest.mark.lab

SERVERS = ["n1", "n2", "n3"]
ALL = [*SERVERS, "n4"]


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Members]:
    with small_lab("rotcons", 50, hosts=4) as lab:
        reinstall_all(lab, ALL)
        members = Members(lab, tmp_path_factory.mktemp("rotation"), SERVERS, ["n4"])
        members.together(lambda site, name: ensure_member(site, members.consul(name)), SERVERS)
        ensure_member(members.site, members.consul("n4"))
        yield members
        members.site.close()


def rotate(members: Members, names: list[str] = ALL, **numbers: int) -> list[MemberReport]:
    members.identity.update(numbers)
    members.want(SERVERS, ["n4"])
    return members.together(lambda site, name: ensure_member(site, members.consul(name)), names)


def secrets_of(**numbers: int) -> ClusterSecrets:
    return ClusterSecrets.derive(SEED, "blue", Identity(**numbers))


def pids(members: Members, names: list[str] = ALL) -> list[str]:
    return [members.main_pid(name, "consul.service") for name in names]


def status(members: Members, host: str, token: str, path: str = "acl/token/self") -> str:
    """What an agent answers a token."""
    words = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", "/etc/consul.d/tls/ca.pem"]
    return (
        members.ssh(host)
        .run([*words, "-H", "@-", f"https://localhost:8501/v1/{path}"], stdin=f"X-Consul-Token: {token}")
        .stdout
    )


def rpc(members: Members, host: str, *, shown: int, trusted: int) -> bool:
    """Whether a Consul server's RPC port takes a certificate of one authority, and shows one of another."""
    context = ssl.create_default_context(cadata=Authority.of(SEED, "blue", trusted).certificate)
    certificate, key = client_certificate(Authority.of(SEED, "blue", shown), "tests", 1)
    folder = members.folder / f"rpc{shown}"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "cert.pem").write_text(certificate)
    (folder / "key.pem").write_text(key)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with socket.create_connection((members.site.access(host).address, 8300), timeout=10) as plain:
        plain.sendall(b"\x03")  # Consul's mark of a TLS connection
        try:
            with context.wrap_socket(plain, server_hostname="server.dc1.consul") as wrapped:
                wrapped.sendall(b"\x00")
                wrapped.settimeout(1)
                return wrapped.recv(1) != b""
        except TimeoutError:
            return True  # it waits for the rest of the request
        except (ssl.SSLError, OSError):
            return False


class Client(threading.Thread):
    """Writes and reads with the wanted secrets, or those still in use, all the time."""

    def __init__(self, members: Members) -> None:
        super().__init__()
        self.members, self.rounds, self.failures = members, 0, []
        self.stop = threading.Event()

    def run(self) -> None:
        site, wish = self.members.site, self.members.consul("n1")
        while not self.stop.wait(0.1):
            try:
                with living_api(site, wish, deadline=Run().deadline(3)) as api:
                    api.put("kv/tests/rotation", str(self.rounds).encode())
                    assert api.get("kv/tests/rotation", consistent="")
                    alive = {
                        check["Node"] for check in api.get("health/state/passing") if check["CheckID"] == "serfHealth"
                    }
                    assert alive == set(ALL), alive
            except Exception as error:
                self.failures.append(repr(error))
            self.rounds += 1


@pytest.mark.demand("U53", "U61")
def test_everything_is_rotated_at_once_under_a_client_and_nothing_old_works_after_it(members: Members) -> None:
    before = pids(members)
    assert rpc(members, "n1", shown=1, trusted=1)
    members.identity.update(ca=2, gossip=2, acl=2)
    members.want(SERVERS, ["n4"])
    client = Client(members)
    client.start()
    try:
        reports = members.together(lambda site, name: ensure_member(site, members.consul(name)), ALL)
    finally:
        client.stop.set()
        client.join()
    assert [report.unfinished for report in reports] == [""] * 4
    assert client.failures == []
    assert client.rounds > 10
    assert pids(members) == before
    assert wait_formed(members.site, "blue").voters == ("n1", "n2", "n3")
    old, new = secrets_of(), secrets_of(gossip=2, acl=2)
    for name in ALL:
        ssh = members.ssh(name)
        assert json.loads(ssh.read("/var/lib/consul/serf/local.keyring") or b"") == [new.gossip_key]
        bundle = (ssh.read("/etc/consul.d/tls/ca.pem") or b"").decode()
        assert generations_in(SEED, "blue", bundle, range(1, 4)) == {2, 3}
        leaf = (ssh.read("/etc/consul.d/tls/cert.pem") or b"").decode()
        assert generation_of(SEED, "blue", leaf, range(1, 4)) == 2
    for name in SERVERS:
        for token in (old.management_token, old.agent_token(name), old.swarm_token(name), old.agent_token("n4")):
            assert status(members, name, token) == "403"
        assert status(members, name, new.management_token) == "200"
        assert status(members, name, new.agent_token(name)) == "200"
        assert rpc(members, name, shown=2, trusted=2)
        assert not rpc(members, name, shown=1, trusted=2)
        assert not rpc(members, name, shown=2, trusted=1)
    # A client agent believes an old answer for half a minute.
    within(60, lambda: status(members, "n4", old.management_token) == "403")


@pytest.mark.demand("U61")
def test_a_second_look_changes_nothing_and_no_secret_lies_open(members: Members) -> None:
    before, lines = pids(members), len(members.lines)
    stamps = [members.ssh(name).run(["stat", "-c", "%Y", "/run/consul/secrets"]).stdout for name in ALL]
    rotate(members)
    assert pids(members) == before
    assert [members.ssh(name).run(["stat", "-c", "%Y", "/run/consul/secrets"]).stdout for name in ALL] == stamps
    assert not [line for line in members.lines[lines:] if "CA " in line or "key" in line]
    for number in (1, 2):
        one = secrets_of(gossip=number, acl=number)
        for name in ALL:
            ssh = members.ssh(name)
            pattern = "\n".join((one.gossip_key, one.management_token, one.agent_token(name), one.swarm_token(name)))
            script = (
                "umask 077; p=$(mktemp); cat >$p; "
                "find /etc /var /run -xdev -type f -perm /o+r -size -4000k -print0 | xargs -0 -r grep -lsFf $p; "
                "grep -lsaFf $p /proc/[0-9]*/cmdline; journalctl -q --no-pager | grep -Ff $p; rm -f $p; true"
            )
            found = ssh.run(["sh", "-c", script], stdin=pattern).stdout.split()
            assert found == []
            assert not any(part in line for part in pattern.split() for line in members.lines)
    keyring = members.ssh("n4").run(["stat", "-c", "%a %U", "/var/lib/consul/serf/local.keyring"]).stdout
    assert keyring.split() == ["600", "consul"]


@pytest.mark.demand("U53")
def test_a_member_that_was_down_comes_in_with_its_own_update(members: Members) -> None:
    members.ssh("n4").run(["systemctl", "stop", "consul.service"])
    rotate(members, SERVERS, ca=3, gossip=3, acl=3)
    assert status(members, "n1", secrets_of(acl=2).management_token) == "200"
    assert any("stays for n4" in line for line in members.lines)
    # It starts by itself with the old key, as after a reboot, and nobody hears it.
    members.ssh("n4").run(["systemctl", "start", "consul.service"])
    rotate(members, ["n4"])
    assert observe_member(members.site, members.consul("n4")).serf == "passing"
    assert status(members, "n1", secrets_of(acl=2).management_token) == "403"
    with living_api(members.site, members.consul("n1"), deadline=members.run.deadline(30)) as api:
        assert read_keyring(api).keys == {secrets_of(gossip=3).gossip_key: 4}
        descriptions = [token["Description"] for token in api.get("acl/tokens")]
    assert len([line for line in descriptions if "n4" in line]) == 2
    assert len([line for line in descriptions if line.startswith("management")]) == 1


@pytest.mark.parametrize(
    ("word", "numbers"),
    [
        pytest.param("key is installed", {"gossip": 4}, marks=pytest.mark.full),
        ("key is put into use", {"gossip": 5}),
        pytest.param(": trust on", {"ca": 5}, marks=pytest.mark.full),
        (": leaf on", {"ca": 6}),
        pytest.param(": drop on", {"ca": 7}, marks=pytest.mark.full),
    ],
)
def test_a_run_that_dies_in_between_is_taken_up_again(members: Members, word: str, numbers: dict[str, int]) -> None:
    class KilledError(Exception):
        pass

    def die(line: str) -> None:
        if word in line:
            raise KilledError

    members.identity.update(numbers)
    members.want(SERVERS, ["n4"])
    with pytest.raises(KilledError):
        ensure_member(members.site.with_run(Run(progress=die)), members.consul("n2"))
    with members.catalog("n1") as catalog:
        assert all(member.alive for member in catalog().values())
    reports = rotate(members)
    assert [report.unfinished for report in reports] == [""] * 4
    with living_api(members.site, members.consul("n1"), deadline=members.run.deadline(30)) as api:
        assert len(read_keyring(api).keys) == 1
    ca = members.identity["ca"]
    assert rpc(members, "n1", shown=ca, trusted=ca)
    assert not rpc(members, "n1", shown=ca - 1, trusted=ca)


def test_a_member_that_cannot_be_reached_keeps_the_old_authority_in_use(members: Members) -> None:
    was = members.identity["ca"]
    # Trusts only what it did before it was told of the next one, so that nobody may go ahead.
    other = Ed25519PrivateKey.generate().public_key()
    members.pins["n4"] = other.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    reports = rotate(members, SERVERS, ca=was + 2)
    assert all("n4 cannot be reached or told" in report.unfinished for report in reports)
    assert rpc(members, "n1", shown=was, trusted=was)
    members.pins.clear()
    assert [report.unfinished for report in rotate(members)] == [""] * 4
    assert not rpc(members, "n1", shown=was, trusted=was + 2)


@pytest.mark.demand("U39")
def test_a_certificate_near_its_end_is_renewed_without_a_restart(members: Members) -> None:
    before, ssh, now = pids(members), members.ssh("n3"), datetime.now(UTC)
    request = ssh.run(["openssl", "req", "-new", "-key", "/etc/consul.d/tls/key.pem", "-subj", "/CN=x"]).stdout
    names = ["server.dc1.consul", "localhost"]
    short = Authority.of(SEED, "blue", members.identity["ca"]).sign(
        request, names=names, addresses=["127.0.0.1"], usages=BOTH, days=20
    )
    ssh.write("/etc/consul.d/tls/cert.pem", short, mode=0o644, owner="consul:consul")
    ssh.run(["systemctl", "reload", "consul.service"])
    assert is_due(observe_member(members.site, members.consul("n3")).not_after, now, days=30)
    report = ensure_member(members.site, members.consul("n3"))
    assert not is_due(report.not_after, now, days=365)
    script = "openssl s_client -connect 127.0.0.1:8501 </dev/null | openssl x509 -noout -checkend 31536000"
    shown = ssh.run(["sh", "-c", script])
    assert "will not expire" in shown.stdout
    assert pids(members) == before


class RingClient(threading.Thread):
    """Asks the ring for its nodes all the time, with one of two keys."""

    def __init__(self, members: Members) -> None:
        super().__init__()
        self.members, self.rounds, self.failures = members, 0, []
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.wait(0.1):
            answers = [
                answer for name in SERVERS for key in (KEY, NEXT_KEY) if (answer := nodes(self.members, name, key))
            ]
            if not answers or max(sum(node.admin and node.active for node in answer) for answer in answers) < 2:
                self.failures.append(answers)
            self.rounds += 1


def nodes(members: Members, host: str, key: str) -> tuple[RingNode, ...]:
    """What a node answers a key; nothing when it refuses it."""
    try:
        with StackEngine().open(members.ssh(host), key) as api:
            return api.nodes()
    except (ClusterError, HostError):
        return ()


@pytest.mark.demand("U61")
def test_the_container_manager_takes_another_key_node_by_node_and_refuses_the_old_one(members: Members) -> None:
    members.together(lambda site, name: ensure_manager_node(site, members.manager(name)), ALL)
    founded = read_nodes(members.site, "blue")
    members.manager_key = "next"
    members.want(SERVERS, ["n4"])
    client = RingClient(members)
    client.start()
    try:
        members.together(lambda site, name: ensure_manager_node(site, members.manager(name)), ALL)
    finally:
        client.stop.set()
        client.join()
    assert client.failures == []
    assert client.rounds > 3
    assert ring_formed(members.site, "blue").admins == ("n1", "n2", "n3")
    moved = read_nodes(members.site, "blue")
    assert {name: (node.admin, node.active) for name, node in moved.items()} == {
        name: (node.admin, True) for name, node in founded.items()
    }
    for name in ALL:
        assert nodes(members, name, NEXT_KEY)
        assert not nodes(members, name, KEY)
        ssh = members.ssh(name)
        places = ["/etc", "/var/lib/stackengine", "/var/log", "/run/stackengine"]
        held = {key: ssh.run(["grep", "-rlF", key, *places], check=False).stdout.split() for key in (KEY, NEXT_KEY)}
        assert held == {KEY: [], NEXT_KEY: ["/etc/sysconfig/stackengine"]}
        assert ssh.run(["stat", "-c", "%a %U", "/etc/sysconfig/stackengine"]).stdout.split() == ["600", "root"]
    before = [members.main_pid(name, "stackengine.service") for name in ALL]
    members.together(lambda site, name: ensure_manager_node(site, members.manager(name)), ALL)
    assert [members.main_pid(name, "stackengine.service") for name in ALL] == before
    assert not any(key in line for key in (KEY, NEXT_KEY) for line in members.lines)
