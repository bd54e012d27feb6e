"""What was observed of one host and its BMC, as plain values; nothing is judged here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from metal.bmc.ipmi.channel import AuthCapabilities
from metal.bmc.protocol import BmcIdentity, BootDevice, Power
from metal.errors import BmcError, HostError, MetalError, SettingsError
from metal.host.clock import Skew

__all__ = ["BmcSight", "BootSight", "HostSight", "Login", "Machine", "SshSight", "Trouble"]


@dataclass(frozen=True)
class Trouble:
    """An error as plain values.

    :ivar fault: the class of failure, as its enumeration spells it; "busy" where a BMC said so.
    """

    what: str
    cure: str = ""
    fault: str = ""

    @classmethod
    def of(cls, error: MetalError) -> Trouble:
        if isinstance(error, SettingsError):
            return cls("; ".join(error.problems), error.next_step or "", "settings")
        fault = error.word if isinstance(error, BmcError) else str(error.fault) if isinstance(error, HostError) else ""
        seen = f": {error.seen}" if error.seen and error.seen not in error.what else ""
        return cls(" ".join(f"{error.what}{seen}".split()), " ".join((error.next_step or "").split()), fault)


@dataclass(frozen=True)
class Login:
    """One attempt to open a session.

    :ivar suite: cipher suite asked for; None where the protocol has none.
    :ivar privilege: that the session got, in words; empty where it is not known.
    :ivar unanswered: seconds of it for which a suite that was asked for first, by its number, got no answer.
    :ivar trouble: why there is none.
    """

    suite: int | None
    seconds: float = 0.0
    privilege: str = ""
    trouble: Trouble | None = None
    unanswered: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class BootSight:
    """Whether a boot override can be set, read back and taken away again.

    :ivar before: what was set.
    :ivar skipped: why it was not tried.
    :ivar trouble: it was not kept as set, or could not be asked.
    :ivar left: what is set now, where that is not what was before.
    """

    before: BootDevice | None = None
    skipped: str = ""
    trouble: Trouble | None = None
    left: str = ""


@dataclass(frozen=True)
class BmcSight:
    """One BMC.

    :ivar auto: the protocol was found, and not named by the settings.
    :ivar stands_in: it is spoken to over IPMI because Redfish does not answer, which it is known to speak.
    :ivar pong: seconds until it answered a ping; None: it did not.
    :ivar offered: cipher suites that it lists; None: it lists none.
    :ivar open_door: it begins a login with cipher suite 0; None: it did not say.
    :ivar identity_trouble, power_trouble: why there is no answer to that.
    :ivar trouble: what kept it from being asked at all.
    """

    protocol: str = "ipmi"
    pong: float | None = None
    capabilities: AuthCapabilities | None = None
    offered: tuple[int, ...] | None = None
    open_door: bool | None = None
    logins: tuple[Login, ...] = ()
    identity: BmcIdentity | None = None
    identity_trouble: Trouble | None = None
    power: Power | None = None
    power_trouble: Trouble | None = None
    boot: BootSight | None = None
    trouble: Trouble | None = None
    auto: bool = False
    stands_in: bool = False

    @property
    def opened(self) -> tuple[Login, ...]:
        return tuple(login for login in self.logins if login.trouble is None)


@dataclass(frozen=True)
class SshSight:
    """One host over SSH.

    :ivar seconds: until the login was done.
    :ivar release: `id-version` of its system.
    :ivar mismatch: the machine is not the one that the inventory describes.
    :ivar read_only: folders that have to be written to and cannot be; None: it was not asked.
    :ivar lock: who holds the package manager's lock; empty: it is free; None: it was not asked.
    """

    seconds: float = 0.0
    release: str = ""
    root: bool = True
    skew: Skew | None = None
    lock: str | None = None
    read_only: tuple[str, ...] | None = None
    mismatch: Trouble | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True)
class HostSight:
    """What was found of one host. None where it was not asked, for the reason in `ssh_skipped`."""

    bmc: BmcSight | None = None
    ssh: SshSight | None = None
    ssh_skipped: str = ""


@dataclass(frozen=True)
class Machine:
    """What the settings say of a host, as far as it matters here.

    :ivar bmc: its BMC's address; empty for none.
    :ivar untouched: why the host is not dialled at all; empty otherwise.
    """

    host: str
    address: str
    bmc: str = ""
    untouched: str = ""
    clock_bound: float = field(default=5.0)
