"""Who was found, logged in to: over IPMI for the machine, over Redfish where that is all there is, and for its MACs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from metal.bmc.budget import Budget
from metal.bmc.redfish.systems import same_uuid
from metal.bmc.redfish.trust import Trust
from metal.discover.ask_ipmi import ask_ipmi
from metal.discover.ask_redfish import Systems, ask_redfish
from metal.discover.sight import Found, Machine
from metal.errors import BmcError, BmcFault, Cancelled, SettingsError
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import Credentials
from metal.settings.fleet import Limits
from metal.waiting import Run

__all__ = ["log_in"]

_AT_ONCE = 64
_MOST_WORDS = 300


def log_in(
    found: Sequence[Found],
    profile: str,
    *,
    pins: Mapping[str, str],
    ca: Path | None,
    trust_shown: bool,
    credentials: Credentials,
    run: Run,
    patience: float,
) -> list[Found]:
    """What was found, with the machines that they are; one for each system of a BMC that speaks Redfish alone.

    A password goes only to a certificate that is pinned or that an authority vouches for, or to the one that is shown
    where that was asked for. After a refused login there is no second one, over whichever protocol.

    :param pins: fingerprints that inventories have, by address.
    :param ca: PEM file of the authority; None for the system's own ones.
    :param trust_shown: take a certificate that is not pinned as it is shown.
    :param patience: seconds that a login or an answer is waited for.
    :raises SettingsError: the credential profile is missing.
    :raises Cancelled: the run was cancelled.
    """
    limits = Limits()
    budget = Budget(sessions=limits.bmc_sessions, per_subnet=limits.bmc_per_subnet)
    caller = _Caller(profile, pins, ca, trust_shown, credentials, budget, run, patience)
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="discover") as threads:
        return [each for several in threads.map(caller.ask, found) for each in several]


@dataclass(frozen=True)
class _Caller:
    profile: str
    pins: Mapping[str, str]
    ca: Path | None
    trust_shown: bool
    credentials: Credentials
    budget: Budget
    run: Run
    patience: float

    def ask(self, found: Found) -> list[Found]:
        """Whatever goes wrong with one BMC is its own trouble, and none of the others'."""
        try:
            return self._ask(found)
        except (Cancelled, SettingsError):
            raise
        except Exception as error:
            return [replace(found, trouble=_senseless(error))]

    def _ask(self, found: Found) -> list[Found]:
        if not found.ipmi:
            return self._systems(found)
        address = BmcAddress(found.address, found.address, found.port, BmcProtocol.IPMI, self.profile)
        try:
            machine = ask_ipmi(
                address, credentials=self.credentials, budget=self.budget, run=self.run, patience=self.patience
            )
        except BmcError as error:
            return [replace(found, trouble=_words(found, error))]
        seen = replace(found, machine=machine)
        return [self._with_macs(seen, machine) if found.redfish else seen]

    def _systems(self, found: Found) -> list[Found]:
        try:
            systems = self._over_redfish(found)
        except BmcError as error:
            return [replace(found, trouble=_words(found, error))]
        if not systems.machines:
            return [replace(found, trouble="shows no system")]
        found = replace(
            found,
            vouched=not self._trust(found).fingerprint,
            unshown="; ".join(f"{name}: {why}" for name, why in systems.unshown.items()),
        )
        if not systems.several:
            return [replace(found, machine=machine, sole=name) for name, machine in systems.machines.items()]
        return [replace(found, machine=machine, system=name) for name, machine in systems.machines.items()]

    def _with_macs(self, found: Found, machine: Machine) -> Found:
        try:
            systems = self._over_redfish(found)
        except BmcError as error:
            return replace(found, unread=_words(found, error))
        except (Cancelled, SettingsError):
            raise
        except Exception as error:  # what it said over IPMI stands
            return replace(found, unread=_senseless(error))
        if not systems.machines:
            return replace(found, unread="shows no system")
        fitting = [each for each in systems.machines.values() if not systems.several or _same(each, machine)]
        if len(fitting) != 1:
            number = len(systems.machines) + len(systems.unshown)
            return replace(found, unread=f"which of its {number} systems the machine is was not told")
        return replace(found, machine=replace(machine, macs=fitting[0].macs))

    def _over_redfish(self, found: Found) -> Systems:
        address = BmcAddress(found.address, found.address, found.redfish_port, BmcProtocol.REDFISH, self.profile)
        return ask_redfish(
            address,
            self._trust(found),
            credentials=self.credentials,
            budget=self.budget,
            run=self.run,
            patience=self.patience,
        )

    def _trust(self, found: Found) -> Trust:
        shown = found.redfish.fingerprint if found.redfish and self.trust_shown else ""
        return Trust(self.pins.get(found.address) or shown, self.ca)


def _same(one: Machine, other: Machine) -> bool:
    by_uuid = any(same_uuid(uuid, one.uuid) for uuid in other.uuids)
    return by_uuid or bool(set(one.serials) & set(other.serials))


def _senseless(error: Exception) -> str:
    return f"its answers make no sense: {type(error).__name__}: {error}"[:_MOST_WORDS]


def _words(found: Found, error: BmcError) -> str:
    words = error.what.removeprefix(f"BMC {found.address}: ")
    if error.fault is not BmcFault.CERTIFICATE:
        return words
    # "refused" would read as if the BMC had refused.
    return f"{words} ({error.seen}); no password was sent. --ca FILE, --trust-shown, or a fingerprint in --inventory"
