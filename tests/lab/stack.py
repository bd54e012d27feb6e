"""The real program on the real engine and a lab of its own: one stack, edited and brought up again and again."""

from __future__ import annotations

import base64
import copy
import json
import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import yaml

from lab.api import Lab
from metal.pki.authority import Authority
from metal.pki.client import client_certificate
from metal.pki.secrets import ClusterSecrets
from metal.settings.fleet import Identity
from tests.engine.project import CHECKOUT, Outcome, Project
from tests.lab.containers import IMAGE

__all__ = ["ApiRefusedError", "LabStack", "fleet_document"]

SEED = base64.b64encode(bytes(range(32))).decode()
MANAGER_KEY = "tests-only-stackengine-key-4711"


def fleet_document(lab: Lab, **changes: Any) -> dict[str, Any]:
    """The dev stack on this lab: blue with n1-n3 managing and n4, n5 working; n6 spare and off."""
    document = yaml.safe_load((CHECKOUT / "Pulumi.dev.yaml").read_text())["config"]["metalswarm:fleet"]
    text = json.dumps(document).replace("10.77.0.", str(lab.spec.subnet.network_address).rsplit(".", 1)[0] + ".")
    document = {**json.loads(text), "inventory": ["inventory.yaml"], **changes}
    document.pop("include", None)
    return document


class ApiRefusedError(Exception):
    """An HTTP API on a host said no."""


class LabStack:
    """A stack `dev` of the checkout's own program, in a folder of its own.

    :ivar fleet: the fleet document; edit it between runs.
    :ivar inventory: the inventory; edit it likewise.
    :ivar said: output and events of every run so far.
    """

    def __init__(self, folder: Path, pulumi: Path, lab: Lab, fleet: dict[str, Any] | None = None) -> None:
        self.lab = lab
        self.fleet = fleet or fleet_document(lab)
        self.inventory: dict[str, Any] = copy.deepcopy(lab.inventory(profile="default"))  # type: ignore[arg-type]
        self.project = Project(folder, pulumi, name="metalswarm")
        self.said: list[str] = []
        login = lab.bmc_login
        self.project.environment.update(
            {
                "METALSWARM_SEED": SEED,
                "METALSWARM_BMC_DEFAULT": f"{login.user}:{login.password}",
                "METALSWARM_SSH_DEFAULT_FILE": str(lab.ssh_key),
                "METALSWARM_MANAGER_DEFAULT": MANAGER_KEY,
                "PULUMI_CONTINUE_ON_ERROR": "true",
            }
        )
        self._write()
        self.project.create((CHECKOUT / "__main__.py").read_text())

    def _write(self) -> None:
        self.project.folder.mkdir(parents=True, exist_ok=True)
        (self.project.folder / "inventory.yaml").write_text(yaml.safe_dump(self.inventory))
        (self.project.folder / "Pulumi.dev.yaml").write_text(self._stack_file())

    def _stack_file(self) -> str:
        path = self.project.folder / "Pulumi.dev.yaml"
        before = yaml.safe_load(path.read_text()) if path.exists() else {}
        config = {**(before.get("config") or {}), "metalswarm:fleet": self.fleet}
        return yaml.safe_dump({**before, "config": config})

    def up(self, *arguments: str, timeout: float = 600) -> Outcome:
        self._write()
        return self._kept(self.project.up(*arguments, timeout=timeout))

    def preview(self, *arguments: str) -> Outcome:
        self._write()
        return self._kept(self.project.preview(*arguments))

    def refresh(self, *arguments: str) -> Outcome:
        return self._kept(self.project.refresh(*arguments))

    def destroy(self, *arguments: str, timeout: float = 600) -> Outcome:
        return self._kept(self.project.destroy(*arguments, timeout=timeout))

    def _kept(self, outcome: Outcome) -> Outcome:
        self.said.append(outcome.output + json.dumps(outcome.events))
        return outcome

    def move(self, host: str, pool: str) -> None:
        """The edit a user makes: take a host out of its pool and put it into another."""
        for members in self.fleet["pools"].values():
            if host in members["hosts"]:
                members["hosts"].remove(host)
        self.fleet["pools"][pool]["hosts"].append(host)

    # What the living system says, asked without any code of the program.

    def address(self, host: str) -> str:
        return str(self.lab.spec.machine(host).address)

    def ssh(self, host: str, command: str, *, check: bool = True) -> str:
        done = subprocess.run(
            [*self._ssh_command(host), command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert not check or done.returncode == 0, f"{host}: {command}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def metalswarm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command as a user runs it, in the project's folder."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=self.project.folder,
            env=self.project.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def tls(self, cluster: str = "blue", *, certificate: bool = True) -> ssl.SSLContext:
        authority = Authority.of(base64.b64decode(SEED), cluster, self.identity(cluster).ca)
        context = ssl.create_default_context(cadata=authority.certificate)
        if certificate:
            folder = self.project.folder / "client"
            folder.mkdir(mode=0o700, exist_ok=True)
            pem, key = client_certificate(authority, "tests", 1)
            (folder / "cert.pem").write_text(pem)
            with os.fdopen(os.open(folder / "key.pem", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
                out.write(key)
            context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        return context

    def docker(self, path: str, *, host: str = "n1", port: int = 2475, cluster: str = "blue", **kw: Any) -> Any:
        """GET (or `method=`) on the Docker API of a manager, through its swarm port with the client certificate."""
        with httpx.Client(verify=self.tls(cluster), timeout=30) as client:
            answer = client.request(kw.pop("method", "GET"), f"https://{self.address(host)}:{port}{path}", **kw)
        answer.raise_for_status()
        return answer.json() if answer.content.strip().startswith((b"{", b"[")) else answer.text

    def swarm_nodes(self, host: str = "n1", *, cluster: str = "blue") -> dict[str, dict[str, Any]]:
        nodes = self.docker("/nodes", host=host, cluster=cluster)
        return {
            # One that is just joining has not yet said its name.
            node["Description"].get("Hostname") or node["ID"]: {
                "id": node["ID"],
                "role": node["Spec"]["Role"],
                "availability": node["Spec"]["Availability"],
                "state": node["Status"]["State"],
                "labels": node["Spec"].get("Labels") or {},
            }
            for node in nodes
        }

    def consul(self, path: str, *, host: str = "n1", token: str | None = None) -> Any:
        """GET on the Consul API of a host's own agent; the token goes in by standard input."""
        token = token or self._secrets().management_token
        ca = "--cacert /etc/consul.d/tls/ca.pem"
        done = self._curl(host, f"{ca} https://localhost:8501{path}", f'header = "X-Consul-Token: {token}"')
        return json.loads(done)

    def consul_all(self, paths: list[str], *, host: str, token: str) -> list[Any]:
        """GET of several paths in one go, in their order."""
        urls = " ".join(f"'https://localhost:8501{path}'" for path in paths)
        told = self._curl(host, f"--cacert /etc/consul.d/tls/ca.pem {urls}", f'header = "X-Consul-Token: {token}"')
        answers, decoder = [], json.JSONDecoder()
        while told := told.strip():
            answer, end = decoder.raw_decode(told)
            answers.append(answer)
            told = told[end:]
        assert len(answers) == len(paths)
        return answers

    def stackengine(self, path: str, *, host: str = "n1", key: str = MANAGER_KEY) -> Any:
        done = self._curl(
            host, f"-k https://{self.address(host)}:8443{path}", f'header = "Authorization: Bearer {key}"'
        )
        return json.loads(done)

    def derived_secrets(self) -> list[str]:
        """What the seed gave the cluster's members until now, rotated out or not."""
        found = [SEED]
        wanted = self.identity()
        for number in range(1, max(wanted.gossip, wanted.acl) + 1):
            secrets = ClusterSecrets.derive(base64.b64decode(SEED), "blue", Identity(gossip=number, acl=number))
            found += [secrets.gossip_key, secrets.management_token]
            found += [token(f"n{i}") for token in (secrets.agent_token, secrets.swarm_token) for i in range(1, 7)]
        return found

    def readable_by_all(self, host: str, patterns: list[str]) -> list[str]:
        """Files of a host that hold one of the patterns and can be read by anybody, and journal lines with one."""
        script = (
            "umask 077; p=$(mktemp); cat >$p; "
            "find /etc /var /run /srv /opt /usr/local -xdev -type f -perm /o+r -size -4000k -print0 "
            "| xargs -0 -r grep -lsFf $p; journalctl -q --no-pager | grep -Ff $p; rm -f $p; true"
        )
        done = subprocess.run(
            [*self._ssh_command(host), script],
            input="\n".join(patterns) + "\n",
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout.splitlines()

    def load_image(self, host: str, tar: Path) -> None:
        with tar.open("rb") as content:
            done = subprocess.run(
                [*self._ssh_command(host), f"docker import - {IMAGE}"],
                stdin=content,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        assert done.returncode == 0, done.stderr

    def _secrets(self, cluster: str = "blue") -> ClusterSecrets:
        return ClusterSecrets.derive(base64.b64decode(SEED), cluster, self.identity(cluster))

    def identity(self, cluster: str = "blue") -> Identity:
        """The rotation numbers in the settings as they are now."""
        return Identity(**(self.fleet["clusters"].get(cluster) or {}).get("identity", {}))

    def _curl(self, host: str, arguments: str, config: str) -> str:
        done = subprocess.run(
            [
                *self._ssh_command(host),
                f"curl --silent --show-error --fail-with-body --max-time 20 --config - {arguments}",
            ],
            input=config,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise ApiRefusedError(f"{host}: {arguments}: {done.stdout.strip()} {done.stderr.strip()}")
        return done.stdout

    def _ssh_command(self, host: str) -> list[str]:
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "ConnectTimeout=5")
        flags = [flag for option in (*options, "LogLevel=ERROR") for flag in ("-o", option)]
        return ["ssh", "-i", str(self.lab.ssh_key), *flags, f"root@{self.address(host)}"]

    def links(self, outcome: Outcome, kind: str = "resourcePreEvent") -> list[tuple[str, str, str]]:
        """(operation, link, name) of every step on a resource of ours, in order; without those that stayed the same."""
        found = []
        for operation, urn in outcome.steps(kind):
            types, name = urn.split("::")[2], urn.split("::")[-1]
            link = types.split("$")[-1].split(":")[-1]
            if "dynamic/" in types and operation != "same":
                found.append((operation, link, name))
        return found

    def touched(self, outcome: Outcome) -> set[str]:
        """Names of hosts and clusters on which anything but `same` happened."""
        return {name for _, _, name in self.links(outcome)}
