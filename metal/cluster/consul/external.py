"""Reaching a Consul that existed before us: directly, or over SSH from a host that it answers."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from metal.cluster.consul.api import ConsulApi, call_timeout
from metal.cluster.consul.wish import MemberWish
from metal.errors import ClusterError, HostError
from metal.host.ssh import Ssh
from metal.settings.consul_secret import ConsulSecret
from metal.settings.external import ExternalConsul
from metal.site import Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["external_api", "open_external"]

_LOOK_SECONDS = 8.0


@contextmanager
def open_external(ssh: Ssh | None, external: ExternalConsul, secret: ConsulSecret) -> Iterator[ConsulApi]:
    """The API, open for the length of the block.

    :param ssh: the host that it is reached from; None for directly.
    """
    with ExitStack() as stack:
        verify: ssl.SSLContext | bool = _context(secret) if external.api.startswith("https:") else False
        if ssh is None:
            transport = httpx.HTTPTransport(verify=verify)
        else:
            address, port = external.endpoint
            path = stack.enter_context(ssh.tunnel_port(port, address))
            transport = httpx.HTTPTransport(uds=str(path), verify=verify)
        client = stack.enter_context(
            httpx.Client(
                transport=transport,
                base_url=external.api,
                timeout=call_timeout(),
                trust_env=False,
            )
        )
        yield ConsulApi(ssh.access.host if ssh else external.endpoint[0], client, (secret.token,))


@contextmanager
def external_api(site: Site, wish: MemberWish, *, without: str = "", deadline: Deadline) -> Iterator[ConsulApi]:
    """The API of the existing Consul of a wish, once it knows a leader.

    :param without: a host not to be asked.
    :raises ClusterError: nobody leads there, or it cannot be reached, until the deadline; says what each way said.
    """
    assert wish.external is not None
    external, secret = wish.external, wish.outside(site)

    def probe() -> tuple[str | None] | Pending:
        said: list[str] = []
        for name in _ways(site, wish, without):
            try:
                with open_external(_reach(site, wish, name, deadline), external, secret) as api:
                    if api.leader():
                        return (name,)
                    said.append(f"{name or external.api}: no leader")
            except (HostError, ClusterError) as error:
                said.append(f"{name or external.api}: {error.seen or error.what}")
        return Pending("; ".join(said) or "no host is known that could reach it")

    def fail(late: str, seen: str) -> ClusterError:
        return ClusterError(
            f"the Consul at {external.api} cannot be used, within {deadline}",
            seen=seen,
            next_step=f"bring it back, or correct clusters.{wish.cluster}.consul.external",
        )

    what = f"the Consul at {external.api} answers"
    (way,) = wait_until(what, probe, deadline=deadline, fail=fail, host=wish.host)
    with open_external(_reach(site, wish, way, deadline), external, secret) as api:
        yield api


def _ways(site: Site, wish: MemberWish, without: str) -> list[str | None]:
    """Hosts to reach it from, best first; None stands for directly."""
    assert wish.external is not None
    names = list(wish.external.through)
    if not names:
        if not wish.external.is_local:
            return [None]
        cluster = site.fleet.clusters.get(wish.cluster)
        names = list(dict.fromkeys([wish.host, *(cluster.hosts if cluster else ())]))
    known = [(name, site.fleet.facts(name)) for name in names if name != without]
    return [name for name, facts in known if facts is not None and facts.hold is None and not facts.lost]


def _reach(site: Site, wish: MemberWish, name: str | None, deadline: Deadline) -> Ssh | None:
    if name is None:
        return None
    access = wish.access if name == wish.host else site.access(name)
    return site.ssh.connect(access, deadline=deadline.look(_LOOK_SECONDS))


def _context(secret: ConsulSecret) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=secret.ca or None)
    if secret.certificate:
        # The ssl module takes a key from a file only; the folder is private and gone at once.
        with tempfile.TemporaryDirectory(prefix="ms-") as folder:
            paths = [Path(folder, name) for name in ("cert.pem", "key.pem")]
            for path, text in zip(paths, (secret.certificate, secret.key), strict=True):
                path.touch(mode=0o600)
                path.write_text(text)
            context.load_cert_chain(paths[0], paths[1])
    return context
