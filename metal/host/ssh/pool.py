"""All SSH connections of a run: one a host and one a jump host, shared by threads."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field

from metal.errors import HostError, HostFault, MetalError
from metal.host.ssh.failure import Verdict
from metal.host.ssh.keys import parse, same_key
from metal.host.ssh.link import Attempt, Endpoint, Link
from metal.host.ssh.loop import LoopThread
from metal.host.ssh.session import Ssh
from metal.settings.access import Access, Jump
from metal.settings.credentials import Credentials
from metal.settings.endpoint import with_port
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["SshPool"]

_RETRY_SECONDS = 1.0
_CLOSE_SECONDS = 5.0


@dataclass
class _Refusals:
    """How long logins have been refused, over the attempts of one connect."""

    since: float | None = None
    count: int = 0
    seen: str = field(default="")


class SshPool:
    """Connections by host. Reproducible: no agent, no ssh_config, no known_hosts of the user is looked at."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._loop = LoopThread("metalswarm-ssh")
        self._guard = threading.Lock()
        self._links: dict[str, Link] = {}
        self._jumps: dict[Jump, Link] = {}
        # Known for as long as somebody holds a handle, so that closing the pool ends what they use.
        self._retired: weakref.WeakSet[Link] = weakref.WeakSet()

    def connect(self, access: Access, *, deadline: Deadline, auth_grace: float = 6.0) -> Ssh:
        """A verified connection, kept and shared; made anew when the old one is dead or belongs to another key.

        With `access.host_key` None the first key seen is taken, and this pool then insists on it until :meth:`forget`.

        :param deadline: bounds all attempts; its run is watched for a cancel here and in every call of the result.
        :param auth_grace: seconds for which a refused login is tried again (keys may arrive late in a first boot).
        :raises HostError: HOST_KEY at once; AUTH after the grace; UNREACHABLE at the deadline.
        :raises SettingsError: the key profile has no secret.
        """
        link = self._link(access)
        refusals = _Refusals()
        run = deadline.run

        def probe() -> Ssh | Pending:
            try:
                self._loop.call(link.attempt(max(0.5, deadline.remaining)), cancel=run.cancel, host=access.host)
            except Attempt as failed:
                if failed.verdict is Verdict.FATAL:
                    raise _unreachable(access, "SSH cannot be set up", failed.seen, deadline) from None
                if failed.verdict is Verdict.REFUSED:
                    refusals.count += 1
                    refusals.since = run.clock() if refusals.since is None else refusals.since
                    if run.clock() - refusals.since >= auth_grace:
                        raise _refused(access, failed.seen, refusals.count) from None
                else:
                    refusals.since = None
                refusals.seen = failed.seen
                return Pending(failed.seen)
            return Ssh(access, link, self._loop, run)

        def fail(late: str, seen: str) -> MetalError:
            if refusals.since is not None:
                return _refused(access, seen, refusals.count)
            return _unreachable(access, f"does not answer by SSH within {deadline}", seen, deadline)

        return wait_until("SSH answers", probe, deadline=deadline, fail=fail, interval=_RETRY_SECONDS, host=access.host)

    def forget(self, host: str) -> None:
        """Forget the connection to `host` and the key learnt at first contact: what follows is a new life.

        Handles that others hold go on, with the key that they have verified.
        """
        with self._guard:
            link = self._links.pop(host, None)
            if link is not None:
                self._retire(link)

    def close(self) -> None:
        """Close every connection and end the background thread. Safe to call twice."""
        with self._guard:
            links = [*self._links.values(), *self._retired, *self._jumps.values()]
            self._links.clear()
            self._retired.clear()
            self._jumps.clear()
        for link in links:
            self._loop.finish(link.close(), seconds=_CLOSE_SECONDS)
        self._loop.close()

    def __enter__(self) -> SshPool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _link(self, access: Access) -> Link:
        """The link for `access`; one that goes elsewhere or insists on another key is retired."""
        wanted = self._endpoint(access)
        with self._guard:
            through = self._jump(access.jump) if access.jump else None
            link = self._links.get(access.host)
            if link is not None and _fits(link, wanted, through):
                return link
            if link is not None:
                self._retire(link)
            fresh = self._links[access.host] = Link(wanted, through)
            return fresh

    def _retire(self, link: Link) -> None:
        self._retired.add(link)
        self._loop.finish(link.retire(), seconds=_CLOSE_SECONDS)

    def _jump(self, jump: Jump) -> Link:
        link = self._jumps.get(jump)
        if link is None:
            endpoint = Endpoint(
                name=f"jump host {jump.address}",
                address=jump.address,
                port=jump.port,
                user=jump.user,
                key=jump.key,
                host_key=_checked_key(jump.host_key, f"jump host {jump.address}"),
                private_key=self._credentials.ssh_key(jump.key),
            )
            link = self._jumps[jump] = Link(endpoint, None)
        return link

    def _endpoint(self, access: Access) -> Endpoint:
        return Endpoint(
            name=access.host,
            address=access.address,
            port=access.port,
            user=access.user,
            key=access.key,
            host_key=_checked_key(access.host_key, access.host),
            private_key=self._credentials.ssh_key(access.key),
        )


def _fits(link: Link, wanted: Endpoint, through: Link | None) -> bool:
    have = link.endpoint
    if (have.address, have.port, have.user, have.key) != (wanted.address, wanted.port, wanted.user, wanted.key):
        return False
    if link.through is not through or have.private_key != wanted.private_key:
        return False
    if wanted.host_key is None:
        return True
    return link.host_key is not None and same_key(link.host_key, wanted.host_key)


def _checked_key(text: str | None, name: str) -> str | None:
    if text is None:
        return None
    try:
        parse(text)
    except ValueError as error:
        raise HostError(
            f"the pinned host key cannot be used: {error}",
            fault=HostFault.HOST_KEY,
            host=name,
            next_step="put `type base64` of `/etc/ssh/ssh_host_ed25519_key.pub` into the inventory",
        ) from None
    return text


def _refused(access: Access, seen: str, count: int) -> HostError:
    return HostError(
        f"the host does not accept the key of profile {access.key!r}",
        fault=HostFault.AUTH,
        host=access.host,
        tried=[f"{count} logins as {access.user!r} with that key only"],
        seen=seen,
        next_step=(
            f"put its public key into authorized_keys of {access.user!r} on the host, or correct ssh user and key "
            "in the inventory"
        ),
    )


def _unreachable(access: Access, what: str, seen: str, deadline: Deadline) -> HostError:
    way = f" through {access.jump.address}" if access.jump else ""
    return HostError(
        what,
        fault=HostFault.UNREACHABLE,
        host=access.host,
        tried=[f"ssh {access.user}@{with_port(access.address, access.port)}{way} for up to {deadline.seconds:.0f} s"],
        seen=seen,
        next_step="check power, console and network of the host, then run again",
    )
