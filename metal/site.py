"""What every act is given: the wanted state, the secrets, the connections, and how to stop."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from metal.errors import HostError, HostFault, MetalError
from metal.partings import Partings
from metal.places import Places
from metal.settings.access import Access
from metal.settings.credentials import Credentials
from metal.settings.fleet import Fleet
from metal.waiting import Run

if TYPE_CHECKING:
    from metal.bmc import BmcPool
    from metal.bmc.passwords.record import Records
    from metal.host.ssh import SshPool

__all__ = ["Death", "Deaths", "Site", "ledger_folder"]


def ledger_folder(root: Path, owner: str) -> Path:
    """Where this workstation keeps what it knows of one stack's metal: in the ignored folder of its project.

    :param owner: `project/stack`.
    """
    return root / ".metalswarm" / "ledger" / owner.replace("/", ".")


@dataclass(frozen=True)
class Death:
    """This run's verdict that a host will not answer as itself any more.

    :ivar how: as a clause that follows the host's name.
    :ivar proven: its power is off by its BMC's word, or the user has given it up.
    :ivar other_system: something else answers at its address, with another host key, or takes its name by the settings.
    """

    how: str
    proven: bool
    other_system: bool = False

    def check_left(self, host: str) -> None:
        """What is on the machine itself may be left as it is: it does not run, or it is gone with its system.

        :raises HostError: neither is known.
        """
        if not (self.proven or self.other_system):
            raise HostError(
                f"{self.how}, so what runs there cannot be told and is not left behind unsaid",
                fault=HostFault.UNREACHABLE,
                host=host,
                tried=["SSH, once for all layers of the host in this run"],
                next_step="make it reachable, switch it off, or set lost: true in the inventory to give it up",
            )


@dataclass
class _About:
    """What is known of one host; its lock is held while somebody finds out."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    death: Death | None = None


class Deaths:
    """The verdicts of one run, shared by every site made from the same one."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._hosts: dict[str, _About] = {}

    @contextmanager
    def about(self, host: str) -> Iterator[_About]:
        """What is known of a host, for one thread at a time: whoever comes second finds the first one's verdict."""
        with self._guard:
            found = self._hosts.setdefault(host, _About())
        with found.lock:
            yield found

    def known(self, host: str) -> Death | None:
        """A verdict that was come to, without waiting for one."""
        with self._guard:
            found = self._hosts.get(host)
        return found.death if found is not None else None

    def forget(self, host: str) -> None:
        """The host has shown itself in a new life."""
        with self._guard:
            self._hosts.pop(host, None)


class _Pools:
    """The connections of one site, made at first use: a preview that reaches nothing loads no client."""

    def __init__(self, fleet: Fleet, credentials: Credentials, folder: Path) -> None:
        self._fleet = fleet
        self._credentials = credentials
        self._folder = folder
        self._guard = threading.Lock()
        self.places = Places()
        self.partings = Partings()
        self._ssh: SshPool | None = None
        self._bmcs: BmcPool | None = None
        self._closed = False
        self.deaths = Deaths()

    @property
    def ssh(self) -> SshPool:
        with self._guard:
            self._check_open()
            if self._ssh is None:
                from metal.host.ssh import SshPool

                self._ssh = SshPool(self._credentials)
            return self._ssh

    @property
    def bmcs(self) -> BmcPool:
        with self._guard:
            self._check_open()
            if self._bmcs is None:
                from metal.bmc import BmcPool

                limits = self._fleet.limits
                self._bmcs = BmcPool(
                    self._credentials,
                    sessions=limits.bmc_sessions,
                    per_subnet=limits.bmc_per_subnet,
                    records=self.bmc_records,
                    root=self._folder,
                    memory=self._ledger / "protocols",
                )
            return self._bmcs

    @property
    def bmc_records(self) -> Records:
        from metal.bmc.passwords.record import Records

        return Records(self._ledger / "bmc")

    @property
    def _ledger(self) -> Path:
        return ledger_folder(self._folder, self._fleet.owner)

    def close(self) -> None:
        with self._guard:
            ssh, self._ssh = self._ssh, None
            self._bmcs = None
            self._closed = True
        if ssh is not None:
            ssh.close()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the site is closed")


@dataclass(frozen=True)
class Site:
    """What every act is given. Made once a process by :meth:`open`, narrowed to one operation by :meth:`with_run`.

    :ivar fleet: the whole wanted state, resolved.
    :ivar credentials: secrets by profile.
    :ivar run: how this operation is cancelled and tells its progress.
    """

    fleet: Fleet
    credentials: Credentials
    run: Run
    _pools: _Pools = field(repr=False, compare=False)
    _pins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    _replaced: Collection[str] = field(default=(), repr=False, compare=False)
    _settled: Collection[str] = field(default=(), repr=False, compare=False)

    @classmethod
    def open(
        cls,
        fleet: Fleet,
        credentials: Credentials,
        run: Run,
        *,
        pins: Mapping[str, str] | None = None,
        replaced: Collection[str] = (),
        settled: Collection[str] = (),
        folder: Path | None = None,
    ) -> Site:
        """A site without any connection yet; they are made when first used.

        :param pins: host keys seen at first contact and kept since, by host name; may grow while the site is open.
        :param replaced: hosts under whose name this run puts other metal; may grow likewise.
        :param settled: hosts whose place in their swarm is right by the state, so that this run leaves it; likewise.
        :param folder: the project's; None for the present one.
        """
        pools = _Pools(fleet, credentials, folder or Path.cwd())
        return cls(fleet, credentials, run, pools, {} if pins is None else pins, replaced, settled)

    @property
    def ssh(self) -> SshPool:
        """SSH connections, shared by every site made from this one."""
        return self._pools.ssh

    @property
    def bmcs(self) -> BmcPool:
        """BMC sessions, shared likewise, within the fleet's limits."""
        return self._pools.bmcs

    @property
    def bmc_records(self) -> Records:
        """Which BMCs had their password changed: on this workstation's disk."""
        return self._pools.bmc_records

    @property
    def deaths(self) -> Deaths:
        """Which hosts were found dead in this run, shared likewise."""
        return self._pools.deaths

    @property
    def places(self) -> Places:
        """Who is being disrupted in this run, shared likewise."""
        return self._pools.places

    @property
    def partings(self) -> Partings:
        """Who is leaving a swarm in this run, and who has left, shared likewise."""
        return self._pools.partings

    def with_run(self, run: Run) -> Site:
        """The same site for another operation: same connections, own cancel and progress."""
        return replace(self, run=run)

    def access(self, host: str) -> Access:
        """How a host of the inventory is reached, in a pool or not, with the key that it must show where one is known.

        :raises MetalError: the inventory does not know it.
        """
        facts = self.fleet.facts(host)
        if facts is None:
            raise MetalError(
                "not in the inventory", host=host, next_step="add it to the inventory, or correct the name"
            )
        access = facts.access
        return access if access.host_key else replace(access, host_key=self._pins.get(host))

    def is_replaced(self, host: str) -> bool:
        """Whether this run puts other metal under the host's name."""
        return host in self._replaced

    def is_settled(self, host: str) -> bool:
        """Whether this run leaves the host's place in its swarm as it is."""
        return host in self._settled

    def is_gone(self, host: str, error: HostError) -> bool:
        """Whether an error of reaching a host's old system only says that other metal has taken its place.

        Nobody answers, or somebody else does: another key is shown, or ours does not open.
        """
        faults = (HostFault.UNREACHABLE, HostFault.TIMEOUT, HostFault.HOST_KEY, HostFault.AUTH)
        return self.is_replaced(host) and error.fault in faults

    def close(self) -> None:
        """End every connection. Safe to call twice; also called for a site made by :meth:`with_run`, it ends all."""
        self._pools.close()

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
