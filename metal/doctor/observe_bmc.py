"""One BMC looked at: what it says to anybody, then what it says after a login."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from metal.bmc.budget import Budget
from metal.bmc.doorstep import SUITE_0
from metal.bmc.failure import failure
from metal.bmc.pool import BmcPool
from metal.bmc.protocol import Bmc
from metal.bmc.redfish.bmc import RedfishBmc
from metal.bmc.rmcp.wire import Unreachable
from metal.bmc.visit import SUITES, LoggedIn, Visit, visit
from metal.doctor.boot_trip import trip, trip_over_redfish
from metal.doctor.sight import BmcSight, Login, Trouble
from metal.errors import BmcError, BmcFault, Cancelled, MetalError, SettingsError
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import Credentials
from metal.waiting import Deadline, Run

__all__ = ["observe_bmc"]

T = TypeVar("T")

# A silent BMC in the same subnet may be waited for before; each is bounded, so that nobody waits for ever.
_TURN_SECONDS = 3600.0
_SILENT_PATIENCE = 5.0
# Logins and answers that one look waits for, one after the other, at most.
_WAITS = 4
# Logged in with a wrong one twice, some BMCs lock the account.
_LOCKING = (BmcFault.AUTH, BmcFault.PRIVILEGE)


@dataclass(frozen=True)
class _Trial:
    """How the boot flags are tried.

    :ivar skip: why they must not be.
    :ivar efi: mode that is asked for.
    """

    skip: str
    efi: bool | None


def observe_bmc(
    address: BmcAddress,
    *,
    credentials: Credentials,
    budget: Budget,
    pool: BmcPool,
    run: Run,
    patience: float,
    skip_boot: str,
    efi: bool | None = None,
) -> BmcSight:
    """Look at a BMC without raising for what is wrong with it. Changes nothing, but for the trial of the boot flags.

    It is asked by the protocol and with the profile that a run would use now.

    :param budget: shared by everybody who looks.
    :param pool: that a run would use.
    :param patience: seconds that a BMC is given for a login or an answer; one that has not said anything yet gets less,
        so that it does not keep others from their turn. The whole look takes no more than four times as long.
    :param skip_boot: why the boot flags must not be tried.
    :param efi: the boot mode that a run would ask for.
    :raises Cancelled: the run was cancelled.
    """
    trial = _Trial(skip_boot, efi)
    try:
        with pool.used(address, deadline=run.deadline(patience * _WAITS)) as used:
            auto, stands_in = address.protocol is BmcProtocol.AUTO, pool.stands_in(address)
            if used.protocol is not BmcProtocol.IPMI:
                seen = _by_protocol(used, pool, run.deadline(patience * _WAITS), trial)
                return replace(seen, auto=auto)
            with visit(used, credentials=credentials, budget=budget, turn=run.deadline(_TURN_SECONDS)) as held:
                seen = _look(held, run.deadline(patience * _WAITS), patience, trial)
                return replace(seen, auto=auto, stands_in=stands_in)
    except Cancelled:
        raise
    except MetalError as error:  # of this host, whatever it is: the others are looked at
        return BmcSight(str(address.protocol), trouble=Trouble.of(error))


def _look(held: Visit, deadline: Deadline, patience: float, trial: _Trial) -> BmcSight:
    try:
        with held.doorstep(deadline) as door:
            seen = BmcSight(pong=door.ping(), capabilities=door.capabilities())
            if seen.pong is not None or seen.capabilities is not None:
                seen = replace(seen, offered=door.cipher_suites(), open_door=door.opens(SUITE_0))
    except Unreachable as error:
        closed = failure(held.address, BmcFault.UNREACHABLE, "nothing answers there", seen=str(error))
        return BmcSight(trouble=Trouble.of(closed))
    talks = seen.pong is not None or seen.capabilities is not None
    limit = patience if talks else min(patience, _SILENT_PATIENCE)
    first = Login(None)
    try:
        with held.login(deadline, patience=limit) as opened:
            first = _login(opened)
            seen = _ask(replace(seen, logins=(first,)), opened, held, trial)
    except (BmcError, SettingsError) as error:
        return replace(seen, logins=(Login(SUITES[0].number, trouble=Trouble.of(error)),))
    return replace(seen, logins=(first, *_other_suites(held, deadline, patience, first)))


def _ask(seen: BmcSight, opened: LoggedIn, held: Visit, trial: _Trial) -> BmcSight:
    identity, identity_trouble = _try(opened.bmc.identity)
    power, power_trouble = _try(opened.bmc.power)
    boot = trip(opened, held, skip=trial.skip, efi=trial.efi) if power is not None else None
    return replace(
        seen,
        identity=identity,
        identity_trouble=identity_trouble,
        power=power,
        power_trouble=power_trouble,
        boot=boot,
    )


def _other_suites(held: Visit, deadline: Deadline, patience: float, first: Login) -> tuple[Login, ...]:
    """A login with each suite that the first one was not made with."""
    logins = []
    for suite in SUITES:
        if suite.number == first.suite:
            continue
        # Of a suite that got no answer before, the same silence again is enough to know.
        limit = min(patience, first.unanswered.get(suite.number, patience))
        try:
            with held.login(deadline, suites=(suite,), patience=limit) as opened:
                logins.append(_login(opened))
        except BmcError as error:
            logins.append(Login(suite.number, trouble=Trouble.of(error)))
            if error.fault in _LOCKING:
                break
    return tuple(logins)


def _login(opened: LoggedIn) -> Login:
    return Login(opened.suite, opened.seconds, opened.privilege.name.lower(), unanswered=opened.unanswered)


def _by_protocol(address: BmcAddress, pool: BmcPool, deadline: Deadline, trial: _Trial) -> BmcSight:
    protocol = str(address.protocol)
    run = deadline.run
    began = run.clock()
    try:
        with pool.open(address, deadline=deadline) as bmc:
            return _ask_by_protocol(bmc, protocol, run.clock() - began, trial)
    except (BmcError, SettingsError) as error:
        return BmcSight(protocol, logins=(Login(None, trouble=Trouble.of(error)),))


def _ask_by_protocol(bmc: Bmc, protocol: str, seconds: float, trial: _Trial) -> BmcSight:
    identity, identity_trouble = _try(bmc.identity)
    power, power_trouble = _try(bmc.power)
    boot = None
    if power is not None and isinstance(bmc, RedfishBmc):
        boot = trip_over_redfish(bmc, skip=trial.skip, efi=trial.efi)
    return BmcSight(
        protocol,
        logins=(Login(None, seconds),),
        identity=identity,
        identity_trouble=identity_trouble,
        power=power,
        power_trouble=power_trouble,
        boot=boot,
    )


def _try(ask: Callable[[], T]) -> tuple[T | None, Trouble | None]:
    try:
        return ask(), None
    except BmcError as error:
        return None, Trouble.of(error)
