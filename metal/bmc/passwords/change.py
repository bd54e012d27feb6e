"""Changes a BMC's password from one credential profile's to another's; cut anywhere, the next call goes on.

The new password lies in the stack's secrets (or the environment) before anything begins, so the record on the disk
needs only the names of the two profiles. It is written before the BMC is told, and says which one works when a login
has shown it. No more than two logins are begun without a yes: most BMCs lock an account after three wrong ones.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from metal.bmc.door import Door
from metal.bmc.failure import failure
from metal.bmc.ipmi import users
from metal.bmc.ipmi.completion import describe
from metal.bmc.passwords.plan import begun, candidates, concluded, next_login, refuse_password
from metal.bmc.passwords.record import Change, Phase, Records, spell
from metal.bmc.pool import BmcCredentials, BmcPool
from metal.bmc.rmcp.session import NoReply, Session
from metal.bmc.rmcp.wire import Unreachable
from metal.errors import BmcError, BmcFault, SettingsError
from metal.plan.verdict import Refuse
from metal.settings.access import BmcAddress
from metal.settings.credentials import BmcLogin
from metal.waiting import Deadline

__all__ = ["ensure_password"]

# Between accepting a password and keeping it, BMCs take their time; a login too early would count as a wrong one.
_APPLIES = 3.0
_LOOK_AGAIN = 0.5
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
            change = replace(change, tried=(), refused=())
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

    def _settle(self, change: Change | None) -> tuple[str, Session]:
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

    def _try(self, change: Change, profile: str, *, patience: float | None = None) -> tuple[Change, Session | None]:
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

    def _set(self, before: str, session: Session) -> None:
        """From a session that was opened with `before` to a login with what is wanted."""
        user = self._user(session, self._logins[before])
        change = begun(self._at, before, self._wanted, self._since)
        self._records.write(self._door.address, change)
        accepted = self._put(session, user, self._wanted)
        kept = accepted is not False and self._keeps(session, user)
        if kept and accepted:
            change = replace(change, kept=True)
            self._records.write(self._door.address, change)
        if not kept:
            self._put(session, user, before)
        for profile in (self._wanted, before) if kept else (before, self._wanted):
            change, fresh = self._verify(change, profile, session)
            if fresh:
                fresh.close()
                self._conclude(profile)
                break
            if profile == self._wanted:
                change = replace(change, kept=False)
                self._records.write(self._door.address, change)
                self._put(session, user, before)
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

    def _verify(self, change: Change, profile: str, session: Session) -> tuple[Change, Session | None]:
        """A login beside the open session, by which the old password can still be put back; else after it."""
        try:
            return self._try(change, profile, patience=_SECOND_LOGIN)
        except BmcError as error:
            self._tried.append(f"a second session: {error.what}")
            session.close()
        return self._try(change, profile)

    def _put(self, session: Session, user: int, profile: str) -> bool | None:
        """Set a password; whether the BMC accepts it, None where no answer came."""
        try:
            code = self._door.ask(session, users.set_password(user, self._logins[profile].password)).code
        except (NoReply, Unreachable) as error:
            self._tried.append(f"Set User Password of profile '{profile}': {error}")
            return None
        self._tried.append(f"Set User Password of profile '{profile}': {describe(code) if code else 'accepted'}")
        return code == 0

    def _keeps(self, session: Session, user: int) -> bool:
        """Whether the BMC says that it keeps the new password; True where it cannot say, after a moment."""
        limit = self._door.deadline.within(_APPLIES)
        test = users.test_password(user, self._logins[self._wanted].password)
        while True:
            try:
                code: int | None = self._door.ask(session, test).code
            except (NoReply, Unreachable):
                code = None
            if code == 0:
                return True
            if limit.remaining <= _LOOK_AGAIN:
                break
            self._door.deadline.run.pause(_LOOK_AGAIN, host=self._door.address.host)
        if code not in users.TEST_FAILED:
            return True
        self._tried.append("Set User Password, test: the BMC keeps another one")
        return False

    def _user(self, session: Session, login: BmcLogin) -> int:
        """The number of the login's user: the one of that name, of several the one with its password."""
        named = [number for number in self._numbers(session) if self._name(session, number) == login.user]
        found = named
        if len(named) > 1:
            with suppress(NoReply, Unreachable):
                found = [n for n in named if not self._door.ask(session, users.test_password(n, login.password)).code]
        if len(found) == 1:
            return found[0]
        raise failure(
            self._door.address,
            BmcFault.COMMAND,
            f"{'several users are' if named else 'no user is'} called {login.user}, as it tells",
            seen=f"{len(named)} users of that name, {len(found)} of them with the password of now",
            next_step="its password was not touched. See `ipmitool user list`; if the BMC does not tell its users, set "
            f"the password by the vendor's means, and name profile '{self._wanted}' in the inventory",
        )

    def _numbers(self, session: Session) -> range:
        try:
            reply = self._door.ask(session, users.GET_USER_ACCESS)
        except (NoReply, Unreachable):
            reply = None
        most = users.decode_user_count(reply.data) if reply and not reply.code and reply.data else users.MOST_USERS
        return range(users.FIRST_USER, most + 1)

    def _name(self, session: Session, number: int) -> str:
        try:
            reply = self._door.ask(session, users.get_user_name(number))
        except (NoReply, Unreachable):
            return ""
        return "" if reply.code else users.decode_user_name(reply.data)

    def _conclude(self, works: str) -> None:
        kept = concluded(self._at, self._named, works, self._since)
        if kept:
            self._records.write(self._door.address, kept)
        else:
            self._records.forget(self._door.address.host)
