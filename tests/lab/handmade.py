"""A swarm and a Consul set up by hand on a lab's hosts, as somebody without this program would."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.api import Lab
from tests.engine.project import CHECKOUT, Outcome, Project
from tests.lab.containers import IMAGE
from tests.lab.members import reinstall_all
from tests.waiting import wait_for

__all__ = ["TOKEN", "AdoptedStack", "HandMade"]

TOKEN = "7f9d1c8e-5a5b-4a4e-9a51-0d2f3c4b5a69"
GOSSIP = base64.b64encode(bytes(range(100, 132))).decode()

_UNIT = """\
[Unit]
Description=Consul by hand
After=network-online.target
[Service]
ExecStart=/opt/consul/consul agent -config-file=/opt/consul/consul.json
Restart=on-failure
[Install]
WantedBy=multi-user.target
"""


@dataclass
class HandMade:
    """:ivar managers: of the swarm; the first one is Consul's only server.
    :ivar workers: the rest.
    """

    lab: Lab
    managers: Sequence[str]
    workers: Sequence[str] = ()

    @property
    def hosts(self) -> list[str]:
        return [*self.managers, *self.workers]

    def address(self, host: str) -> str:
        return str(self.lab.spec.machine(host).address)

    def ssh(self, host: str, command: str, *, stdin: bytes | str = "", check: bool = True) -> str:
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR")
        flags = [flag for option in options for flag in ("-o", option)]
        done = subprocess.run(
            ["ssh", "-i", str(self.lab.ssh_key), *flags, f"root@{self.address(host)}", command],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=180,
            check=False,
        )
        assert not check or done.returncode == 0, f"{host}: {command}\n{(done.stdout + done.stderr).decode()}"
        return done.stdout.decode().strip()

    def everywhere(self, act: Any, hosts: Sequence[str]) -> None:
        with ThreadPoolExecutor(len(hosts)) as threads:
            list(threads.map(act, hosts))

    def build(self) -> None:
        """Fresh systems, then Docker, a swarm, and Consul with ACLs and a gossip key."""
        reinstall_all(self.lab, self.hosts)
        self.everywhere(self._engine, self.hosts)
        first, *others = self.managers
        self.ssh(first, f"docker swarm init --advertise-addr {self.address(first)} --default-addr-pool 172.31.0.0/16")
        for role, joining in (("manager", others), ("worker", self.workers)):
            token = self.ssh(first, f"docker swarm join-token -q {role}")
            for host in joining:
                self.ssh(host, f"docker swarm join --token {token} {self.address(first)}:2377")

    def _engine(self, host: str) -> None:
        daemon = json.dumps({"log-driver": "json-file", "mtu": 1400})
        self.ssh(host, "mkdir -p /etc/docker && cat >/etc/docker/daemon.json", stdin=daemon)
        self.ssh(
            host,
            "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && "
            "apt-get -q -y install --no-install-recommends docker.io curl",
        )

    def build_consul(self) -> None:
        self.everywhere(self._agent, self.hosts)
        self.everywhere(
            lambda host: wait_for(f"Consul on {host}", lambda: bool(self.consul(host, "status/leader"))), self.hosts
        )

    def _agent(self, host: str) -> None:
        server = host == self.managers[0]
        config = {
            "datacenter": "hq",
            "server": server,
            "data_dir": "/opt/consul/data",
            "bind_addr": self.address(host),
            "encrypt": GOSSIP,
            "retry_join": [self.address(self.managers[0])],
            "acl": {
                "enabled": True,
                "default_policy": "deny",
                "tokens": {"agent": TOKEN, **({"initial_management": TOKEN} if server else {})},
            },
            **({"bootstrap_expect": 1} if server else {}),
        }
        url = f"{self.lab.spec.mirror_url}/consul/1.15.4/consul"
        self.ssh(
            host, f"mkdir -p /opt/consul/data && curl -sSf -o /opt/consul/consul {url} && chmod 755 /opt/consul/consul"
        )
        self.ssh(host, "umask 077; cat >/opt/consul/consul.json", stdin=json.dumps(config))
        self.ssh(host, "cat >/etc/systemd/system/consul-by-hand.service", stdin=_UNIT)
        self.ssh(host, "systemctl daemon-reload && systemctl enable --now consul-by-hand")

    def consul(self, host: str, path: str) -> Any:
        """GET on the API of the agent of a host."""
        said = self.ssh(host, f"curl -s -H @- http://127.0.0.1:8500/v1/{path}", stdin=f"X-Consul-Token: {TOKEN}\n")
        try:
            return json.loads(said)
        except ValueError:
            return None

    def serve(self, image: Path, *, replicas: int) -> None:
        """A service of the user's, and wait until all of it runs."""
        tar = image.read_bytes()
        self.everywhere(lambda host: self.ssh(host, f"docker import - {IMAGE}", stdin=tar), self.hosts)
        self.ssh(
            self.managers[0],
            f"docker service create --detach --name shop --no-resolve-image --replicas {replicas} {IMAGE} "
            "/bin/busybox sleep 86400",
        )
        wait_for("the service runs", lambda: len(self.running()) == replicas, seconds=120)

    def running(self) -> dict[str, str]:
        """Containers that run, by id, with when each was started and where."""
        found = {}
        for host in self.hosts:
            said = self.ssh(host, "docker ps -q --no-trunc | xargs -r docker inspect -f '{{.Id}} {{.State.StartedAt}}'")
            found |= {line.split()[0]: f"{host} {line.split()[1]}" for line in said.splitlines()}
        return found

    def processes(self, *units: str) -> dict[str, str]:
        """Main processes of units, by host."""
        shown = f"systemctl show --property=Id,MainPID,ExecMainStartTimestampMonotonic {' '.join(units)}"
        return {host: self.ssh(host, shown) for host in self.hosts}

    def nodes(self, through: str = "") -> dict[str, dict[str, Any]]:
        """The swarm's nodes by host name; a name that is listed twice fails the test."""
        manager = through or self.managers[0]
        said = self.ssh(manager, "docker node ls -q | xargs docker node inspect")
        entries = json.loads(said)
        names = [entry["Description"]["Hostname"] for entry in entries]
        assert len(set(names)) == len(names), names
        return dict(zip(names, entries, strict=True))


class AdoptedStack:
    """A project whose inventory and stack file `metalswarm adopt` has written.

    :ivar said: what the command said.
    """

    def __init__(self, folder: Path, pulumi: Path, lab: Lab, environment: Mapping[str, str]) -> None:
        self.folder, self.lab = folder, lab
        self.project = Project(folder, pulumi, name="metalswarm")
        self.project.environment.update(environment)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "Pulumi.yaml").write_text("name: metalswarm\nruntime: python\n")
        self.said = ""

    def adopt(self, manager: str, *options: str, ok: bool = True) -> str:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "cli.main",
                "adopt",
                f"ssh://{self.lab.spec.machine(manager).address}",
                f"--key={self.lab.ssh_key}",
                "--stack=dev",
                f"--root={self.folder}",
                *options,
            ],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.said = done.stdout + done.stderr
        assert (done.returncode == 0) == ok, self.said
        return self.said

    def init(self) -> None:
        self.project.create((CHECKOUT / "__main__.py").read_text())

    @property
    def stack_file(self) -> Path:
        return self.folder / "Pulumi.dev.yaml"

    def fleet(self) -> dict[str, Any]:
        return dict(yaml.safe_load(self.stack_file.read_text())["config"]["metalswarm:fleet"])

    def inventory(self) -> dict[str, Any]:
        (name,) = self.fleet()["inventory"]
        return dict(yaml.safe_load((self.folder / name).read_text()))

    def edit(self, **changes: Any) -> None:
        """Replace sections of the fleet document."""
        document = yaml.safe_load(self.stack_file.read_text())
        document["config"]["metalswarm:fleet"].update(changes)
        self.stack_file.write_text(yaml.safe_dump(document))

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`metalswarm ...` in the project."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=self.folder,
            env={**self.project.variables, "PYTHONPATH": str(CHECKOUT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def replaced(self, outcome: Outcome) -> list[tuple[str, str]]:
        return [step for step in outcome.steps() if "replace" in step[0] or "delete" in step[0]]
