"""The StackEngine driver: binary, key, unprivileged user, unit, and the controller's HTTP API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from metal.cluster.stackengine import files
from metal.cluster.stackengine.driver import ManagerApi, NodeSettings, RingNode, Running
from metal.errors import ClusterError
from metal.host.artifact import digest_of, fetch
from metal.host.service import ensure_active, ensure_unit, observe_unit, remove_unit, stop
from metal.host.ssh import Ssh
from metal.waiting import Deadline

__all__ = ["StackEngine"]

_WEB_PORT = 8000
_SECONDS = 10.0

# The docker group is there on hosts with an engine; the user must be in it before its first start all the same.
_USER = """
user=$1 data=$2
getent group docker >/dev/null || groupadd --system docker
getent passwd "$user" >/dev/null ||
  useradd --system --user-group --home-dir "$data" --no-create-home --shell /usr/sbin/nologin "$user"
id -nG "$user" | tr ' ' '\\n' | grep -qx docker || usermod --append --groups docker "$user"
"""

_CLEAR = 'rm -rf -- "$1" "$2"'


class StackEngine:
    """The vendor's install contract (binary, flags, /etc/sysconfig, probes); works for any binary that honours it."""

    def observe(self, ssh: Ssh) -> Running | None:
        config = ssh.read(files.CONFIG)
        arguments = files.parse_arguments(config.decode("utf-8", "replace")) if config is not None else None
        if arguments is None:
            return None
        data = ssh.run(["test", "-e", files.DATA], check=False).rc == 0
        return Running(arguments.admin, arguments.seed, arguments.bind, data)

    def key_of(self, ssh: Ssh) -> str | None:
        config = ssh.read(files.CONFIG)
        return files.parse_key(config.decode("utf-8", "replace")) if config is not None else None

    def ensure(self, ssh: Ssh, settings: NodeSettings, *, deadline: Deadline) -> bool:
        ssh.script(_USER, files.USER, files.DATA)
        digest = digest_of(ssh, settings.artifact)
        fetch(ssh, settings.artifact.url, digest, files.BINARY, 0o755)
        config, unit = files.render_config(settings), files.render_unit()
        edition = files.edition_of(config, unit, digest)
        ssh.write(files.EDITION, edition, mode=0o644)
        ssh.write(files.CONFIG, config, mode=0o600)
        ensure_unit(ssh, files.UNIT, unit)
        up = observe_unit(ssh, files.UNIT).up
        loaded = ssh.read(files.LOADED_EDITION) if up else None
        return ensure_active(ssh, files.UNIT, deadline=deadline, restarted=loaded != edition.encode())

    def stop(self, ssh: Ssh, *, deadline: Deadline) -> None:
        stop(ssh, files.UNIT, deadline=deadline)

    def clear(self, ssh: Ssh, *, deadline: Deadline) -> None:
        remove_unit(ssh, files.UNIT, deadline=deadline)
        for path in (files.CONFIG, files.EDITION):
            ssh.remove(path)
        ssh.script(_CLEAR, files.DATA, files.LOG_FOLDER)

    @contextmanager
    def open(self, ssh: Ssh, key: str) -> Iterator[ManagerApi]:
        # The loopback port, inside the SSH connection: the key crosses no network unencrypted.
        with (
            ssh.tunnel_port(_WEB_PORT) as socket,
            httpx.Client(
                transport=httpx.HTTPTransport(uds=str(socket)),
                base_url=f"http://localhost:{_WEB_PORT}",
                headers={"Authorization": f"Bearer {key.strip()}"},
                timeout=_SECONDS,
                trust_env=False,
            ) as client,
        ):
            yield _Api(ssh.access.host, client)


class _Api:
    """The controller's API on one host."""

    def __init__(self, host: str, client: httpx.Client) -> None:
        self._host = host
        self._client = client

    def version(self) -> str:
        version = self._text("/version", "Release")
        self._text("/public/signup.html", "StackEngine Controller")
        return version.strip()

    def nodes(self) -> tuple[RingNode, ...]:
        rows: list[dict[str, Any]] = self._call("GET", "/api/nodes").json()
        return tuple(
            RingNode(
                name=str(row["name"]),
                address=str(row["address"]),
                admin=row["role"] == "admin",
                active=row["state"] == "Active",
                registered_with=str(row["registered_with"]),
            )
            for row in rows
        )

    def enter(self, key: str, *, use: bool) -> None:
        self._call("PUT", "/api/licence", body={"key": key.strip(), "use": use})

    def remove(self, name: str) -> bool:
        return self._call("DELETE", f"/api/nodes/{quote(name, safe='')}", ok=(200, 404)).status_code == 200

    def _text(self, path: str, word: str) -> str:
        text = self._call("GET", path).text
        if word not in text:
            raise ClusterError(
                "what answers is no StackEngine controller",
                host=self._host,
                tried=[f"GET :{_WEB_PORT}{path}"],
                seen=text[:100],
                next_step=f"look at what listens on port {_WEB_PORT} there",
            )
        return text

    def _call(
        self, method: str, path: str, *, ok: tuple[int, ...] = (200,), body: dict[str, Any] | None = None
    ) -> httpx.Response:
        shown = f"{method} :{_WEB_PORT}{path}"
        log = f"look at {files.LOG_FOLDER}/stackengine.log on the host"
        try:
            response = self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            seen = str(error) or type(error).__name__
            raise ClusterError(
                "the controller does not answer", host=self._host, tried=[shown], seen=seen, next_step=log
            ) from None
        if response.status_code not in ok:
            raise ClusterError(
                "the controller refused a request",
                host=self._host,
                tried=[shown],
                seen=f"{response.status_code}: {response.text.strip()[:200]}",
                next_step="see that all nodes have the same key (manager.key)" if response.status_code == 401 else log,
            )
        return response
