"""Changes a BMC's password from one credential profile's to another's; cut anywhere, the next call goes on.

The new password lies in the stack's secrets (or the environment) before anything begins, so the record on the disk
needs only the names of the two profiles. It is written before the BMC is told, and says which one works when a login
has shown it. No more than two logins are begun without a yes: most BMCs lock an account after three wrong ones.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from metal.bmc.account import Account, Door
from metal.bmc.failure import failure
from metal.bmc.passwords.plan import begun, candidates, concluded, next_login, once_more, refuse_password
from metal.bmc.passwords.record import Change, Phase, Records, spell
from metal.bmc.pool import BmcCredentials, BmcPool
from metal.errors import BmcError, BmcFault, SettingsError
from metal.plan.verdict import Refuse
from metal.settings.access import BmcAddress
from metal.settings.credentials import BmcLogin
from metal.waiting import Deadline

__all__ = ["ensure_password"]

# Between accepting a password and keeping it, BMCs take their time; a login too early would count as a wrong one.
_APPLIES = 3.0
_LOOK_AGAIN = 0.5
# Where an accepted password did not show, it may come true later still: before the old one is called the right one.
_APPLIES_LATE = 6.0
# With the first session still open, a BMC that has no second one is not waited for long.
_SECOND_LOGIN = 6.0


def ensure_password(
    pool: BmcPool,
    credentials: BmcCredentials,
    address: BmcAddress,
    wanted: str,
    *,
    deadline: Deadline,
    again: bool = False,
) -> bool:
    """Have the BMC keep the password of profile `wanted`; a login shows that it does. False where it did already.

    :param address: its `credentials` are the profile that the settings name.
    :param again: passwords that were tried may be tried once more.
    :raises BmcError: by fault; the record says which password works, or that it is one of the two.
    :raises SettingsError: a profile is missing, or its password cannot be set. Nothing was asked of the BMC.
    """
    with pool.alone(address, deadline=deadline) as (door, records):
        change = records.read(address)
        if change and again:
            change = once_more(change)
        logins = {profile: credentials.bmc(profile) for profile in {*candidates(change, address.credentials), wanted}}
        for login in logins.values():
            problem = refuse_password(login, logins[wanted], wanted)
            if problem:
                raise SettingsError([f"metalswarm:bmc-{wanted}: {problem}"])
        return _Act(door, records, logins, wanted).run(change)


class _Act:
    def __init__(self, door: Door, records: Records, logins: dict[str, BmcLogin], wanted: str) -> None:
        self._door = door
        self._records = records
        self._logins = logins
        self._wanted = wanted
        self._named = door.address.credentials
        self._at = spell(door.address)
        self._since = datetime.now(UTC).isoformat(timespec="seconds")
        self._tried: list[str] = []

    def run(self, change: Change | None) -> bool:
        cut = change is not None and change.phase is Phase.CHANGING
        works, session = self._settle(change)
        try:
            if works == self._wanted:
                self._conclude(works)
                return cut
            self._set(works, session)
            return True
        finally:
            session.close()

    def _settle(self, change: Change | None) -> tuple[str, Account]:
        """The profile that works now, and a session that shows it."""
        while True:
            profile = next_login(change, self._named, self._wanted)
            if isinstance(profile, Refuse):
                raise failure(
                    self._door.address,
                    BmcFault.AUTH,
                    profile.reason,
                    tried=self._tried,
                    next_step=profile.next_step.format(host=self._door.address.host),
                )
            if change is None or change.phase is not Phase.CHANGING:
                return profile, self._door.login(profile, self._logins[profile])
            change, session = self._try(change, profile)
            if session:
                return profile, session

    def _try(self, change: Change, profile: str, *, patience: float | None = None) -> tuple[Change, Account | None]:
        """One login, noted before it is begun; None where the BMC refuses the password."""
        told = replace(change, tried=(*change.tried, profile))
        self._records.write(self._door.address, told)
        try:
            session = self._door.login(profile, self._logins[profile], patience=patience)
        except BmcError as error:
            if error.fault is BmcFault.AUTH:
                self._tried.append(f"login with profile '{profile}': {error.seen}")
                told = replace(told, refused=(*told.refused, profile))
                self._records.write(self._door.address, told)
                return told, None
            self._records.write(self._door.address, change)  # it said nothing about the password
            raise
        self._tried.append(f"login with profile '{profile}': accepted")
        return told, session

    def _set(self, before: str, session: Account) -> None:
        """From a session that was opened with `before` to a login with what is wanted."""
        session.find()
        change = begun(self._at, before, self._wanted, self._since)
        self._records.write(self._door.address, change)
        accepted = self._put(session, self._wanted)
        kept = accepted is not False and self._keeps(session)
        if kept and accepted:
            change = replace(change, kept=True)
            self._records.write(self._door.address, change)
        if not kept:
            self._put(session, before)
        for profile in (self._wanted, before) if kept else (before, self._wanted):
            change, fresh = self._verify(change, profile, session)
            if fresh:
                fresh.close()
                self._conclude(profile)
                break
            if profile == self._wanted:
                change = replace(change, kept=False)
                self._records.write(self._door.address, change)
                self._put(session, before)
                if accepted:
                    self._door.deadline.run.pause(_APPLIES_LATE, host=self._door.address.host)
        else:
            self._settle(change)  # raises: both were tried
            return
        if profile != self._wanted:
            raise failure(
                self._door.address,
                BmcFault.NOT_APPLIED,
                f"does not keep the password of profile '{self._wanted}'; that of '{before}' works as before",
                tried=self._tried,
                seen=self._tried[-1],
                next_step="BMCs have rules of their own for passwords: at most 16 bytes, letters of three kinds, none "
                "that was used before. Set another value for the profile (metalswarm:bmc-"
                f"{self._wanted}), and run again",
            )

    def _verify(self, change: Change, profile: str, session: Account) -> tuple[Change, Account | None]:
        """A login beside the open session, by which the old password can still be put back; else after it."""
        try:
            return self._try(change, profile, patience=_SECOND_LOGIN)
        except BmcError as error:
            self._tried.append(f"a second session: {error.what}")
            session.close()
        return self._try(change, profile)

    def _put(self, session: Account, profile: str) -> bool | None:
        """Set a password; whether the BMC accepts it, None where no answer came."""
        said = session.put(self._logins[profile].password)
        self._tried.append(f"set the password of profile '{profile}': {said.seen}")
        return said.accepted

    def _keeps(self, session: Account) -> bool:
        """Whether the BMC says that it keeps the new password; True where it cannot say, after a moment."""
        limit = self._door.deadline.within(_APPLIES)
        while True:
            said = session.keeps(self._logins[self._wanted].password)
            if said:
                return True
            if limit.remaining <= _LOOK_AGAIN:
                break
            self._door.deadline.run.pause(_LOOK_AGAIN, host=self._door.address.host)
        if said is None:
            return True
        self._tried.append("asked whether it keeps that password: it keeps another one")
        return False

    def _conclude(self, works: str) -> None:
        kept = concluded(self._at, self._named, works, self._since)
        if kept:
            self._records.write(self._door.address, kept)
        else:
            self._records.forget(self._door.address.host)
