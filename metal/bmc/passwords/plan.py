"""Which credential profile a BMC keeps, and what may be tried next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from metal.bmc.ipmi.users import LONGEST_PASSWORD
from metal.bmc.passwords.record import Change, Phase
from metal.plan.verdict import Refuse
from metal.settings.credentials import BmcLogin

__all__ = [
    "NotedProfile",
    "Standing",
    "begun",
    "candidates",
    "concluded",
    "finish",
    "is_exhausted",
    "next_login",
    "once_more",
    "profile_now",
    "refuse_password",
    "standing",
    "tried_so_far",
]

_SHORTEST = 8
_GUESSES = 2


class NotedProfile(str):
    """A profile that is used because a change of password was noted, and that knows the one which the settings name."""

    named: str

    def __new__(cls, profile: str, named: str) -> NotedProfile:
        noted = super().__new__(cls, profile)
        noted.named = named
        return noted


def profile_now(change: Change | None, named: str) -> str | None:
    """The profile to log in with; None while it is either of two.

    :param named: the profile that the settings name, of now or of the resource that is taken down.
    """
    if change is None:
        return named
    if change.phase is Phase.CHANGING:
        return None
    return change.after if named == change.before else named


def candidates(change: Change | None, named: str) -> tuple[str, ...]:
    """The profiles of which one works."""
    now = profile_now(change, named)
    return (change.before, change.after) if change and now is None else (now or named,)


def next_login(change: Change | None, named: str, wanted: str) -> str | Refuse:
    """The profile to log in with on the way to `wanted`.

    Most BMCs lock an account at the third wrong password in a row, so no more than two logins are begun without a yes.
    None is begun twice, except the one of which only the answer is missing and the BMC has said that it keeps it.
    """
    now = profile_now(change, named)
    if now is not None or change is None:
        return now or named
    if wanted not in (change.before, change.after):
        return Refuse(
            f"a change of its password from profile '{change.before}' to '{change.after}' was cut short, and is to be "
            f"finished before one to '{wanted}'",
            f"metalswarm bmc password {{host}} --to {change.after}",
        )
    left = _untried(change)
    if change.kept and change.after not in change.refused:
        left = [change.after]
    if left and len(change.tried) < _GUESSES:
        return left[0]
    left = _untried(change)
    other = f"; that of '{left[0]}' has not been tried" if left else ""
    each = f"that of '{left[0]}'" if left else "each once more"
    return Refuse(
        f"neither the password of profile '{change.before}' nor that of '{change.after}' is known to work: as many "
        f"logins were begun as it is safe to{other}",
        "a BMC that has locked the account refuses the right password too: wait until the lock is over (its manual "
        f"says how long), then `metalswarm bmc password {{host}} --to {wanted} --again` tries {each}. If that "
        f"fails, set the password of '{wanted}' by the vendor's means (`ipmitool user set password` on the host itself "
        f"needs none), then `metalswarm bmc password {{host}} --to {wanted} --again`",
    )


def once_more(change: Change) -> Change:
    """The change as it is to be gone on with where a person has said that passwords may be tried once more.

    One that has not been tried at all comes first: it may be the one that works, and the other may be the wrong one.
    """
    if change.tried and _untried(change):
        return replace(change, tried=tuple(dict.fromkeys(change.tried)), kept=False)
    return replace(change, tried=(), refused=())


def _untried(change: Change) -> list[str]:
    return [profile for profile in (change.after, change.before) if profile not in change.tried]


def begun(at: str, before: str, after: str, since: str) -> Change:
    return Change(at, before, after, Phase.CHANGING, since=since)


def concluded(at: str, named: str, works: str, since: str) -> Change | None:
    """What is kept of a change whose outcome a login has shown; None where the settings say it all."""
    return None if works == named else Change(at, named, works, Phase.CHANGED, since=since)


def refuse_password(before: BmcLogin, after: BmcLogin, profile: str) -> str:
    """Why the login of `profile` cannot be set in the place of `before`; empty where it can. Shows no password."""
    if before.user != after.user:
        return f"profile '{profile}' is for the user {after.user}; allowed: {before.user}, as the BMC is used now"
    size = len(after.password.encode())
    if not _SHORTEST <= size <= LONGEST_PASSWORD:
        return (
            f"the password of profile '{profile}' is {size} bytes long; allowed: {_SHORTEST} to "
            f"{LONGEST_PASSWORD}, and many BMCs take at most 16"
        )
    if not all("!" <= letter <= "~" for letter in after.password):
        return (
            f"the password of profile '{profile}' has other letters than those allowed: printable ASCII without spaces"
        )
    return ""


@dataclass(frozen=True)
class Standing:
    """What is known of one BMC's password, in words.

    :ivar works: the profile that works, or the two of which one does.
    :ivar settled: one of the settings' own naming; nothing is left to be done.
    :ivar todo: what is.
    """

    host: str
    named: str
    works: Sequence[str]
    settled: bool
    todo: str


def is_exhausted(change: Change) -> bool:
    """Whether the passwords were tried as often as it is safe to, without a yes."""
    return isinstance(next_login(change, change.before, change.after), Refuse)


def finish(host: str, change: Change) -> str:
    """The command that finishes a change which was cut short."""
    return f"metalswarm bmc password {host} --to {change.after}" + (" --again" if is_exhausted(change) else "")


def _how_far(change: Change) -> str:
    return f"cut short, {len(change.tried)} logins without a yes" if is_exhausted(change) else "cut short"


def tried_so_far(change: Change) -> str:
    """Which logins a change that was cut short has begun, and what came of them, in words."""
    if not change.tried:
        return "no login was tried: either password may be the right one"
    said = [
        f"that of '{profile}' " + ("was refused" if profile in change.refused else "got no answer that was heard")
        for profile in dict.fromkeys(change.tried)
    ]
    return f"logins were tried with {len(said)} of the two passwords: {'; '.join(said)}. None is tried again unasked"


def standing(host: str, named: str, change: Change | None) -> Standing:
    works = candidates(change, named)
    if change and len(works) > 1:
        return Standing(host, named, works, False, f"{_how_far(change)}: {finish(host, change)}")
    settled = works == (named,)
    todo = "" if settled else f"name {works[0]} as bmc.credentials in the inventory"
    return Standing(host, named, works, settled, todo)
