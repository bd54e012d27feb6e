"""What the sight of a BMC means: a word for each check, and findings with their cures. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from metal.doctor.sight import BmcSight, Login, Machine, Trouble
from metal.doctor.view import Finding, Word
from metal.errors import BmcFault

__all__ = ["SLOW_LOGIN", "bmc_findings", "bmc_words"]

SLOW_LOGIN = 3.0
"""Seconds: several of what a slow BMC needs, and a part of what `deadlines.bmc` gives each operation by itself."""

_IPMI = "ipmi"
_ADMINISTRATOR = "administrator"
_NOTHING = Word("-")

_CLOSE_SUITE_0 = (
    "switch cipher suite 0 off on its LAN channel: `ipmitool lan set <channel> cipher_privs` with an X in its first "
    "place, or the BMC's web page (RMCP+ ciphers); its firmware needs an update where it cannot be"
)


def bmc_words(machine: Machine, seen: BmcSight | None) -> dict[str, Word]:
    """A word for each check of the BMC.

    :param seen: None for a host without one, or one that is not dialled.
    """
    if seen is None:
        why = "untouched" if machine.untouched else "none"
        return {"bmc": Word(why, None, machine.untouched)} | dict.fromkeys(_REST, _NOTHING)
    words = {"bmc": _reach(seen), "session": _session(seen), "suites": _suites(seen)}
    opened = seen.opened
    if not opened:
        return words | dict.fromkeys(_REST[2:], _NOTHING)
    privilege = opened[0].privilege
    return words | {
        "privilege": Word(privilege or "not said", None if not privilege else privilege == _ADMINISTRATOR),
        "firmware": Word(seen.identity.firmware, True, f"{seen.identity.manufacturer} {seen.identity.product}")
        if seen.identity
        else Word("no answer", False),
        "power": Word(str(seen.power), True) if seen.power else Word("no answer", False),
        "boot": _boot(seen),
    }


_REST = ("session", "suites", "privilege", "firmware", "power", "boot")


def _reach(seen: BmcSight) -> Word:
    fault = _reach_trouble(seen)
    if fault is None:
        ping = "answers a ping" if seen.pong is not None else "does not answer a ping"
        return Word(_spoken(seen), True, ping if seen.protocol == _IPMI else "")
    if fault.fault == BmcFault.UNREACHABLE:
        return Word("closed", False, fault.what)
    silent = fault.fault == BmcFault.TIMEOUT and seen.pong is None
    return Word("silent" if silent else _spoken(seen), False, fault.what)


def _spoken(seen: BmcSight) -> str:
    return f"auto: {seen.protocol}" if seen.auto else seen.protocol


def _reach_trouble(seen: BmcSight) -> Trouble | None:
    """Why the BMC cannot be talked to at all."""
    if seen.trouble is not None:
        return seen.trouble
    if seen.opened or not seen.logins:
        return None
    trouble = seen.logins[0].trouble
    talks = seen.pong is not None or seen.capabilities is not None
    if trouble and trouble.fault in (BmcFault.UNREACHABLE, BmcFault.TIMEOUT) and not talks:
        return trouble
    return None


def _session(seen: BmcSight) -> Word:
    if _reach_trouble(seen) is not None or not seen.logins:
        return _NOTHING
    if not seen.opened:
        trouble = seen.logins[0].trouble
        assert trouble is not None
        return Word(trouble.fault or "refused", False, trouble.what)
    seconds = _own_seconds(seen)
    return Word(f"{seconds:.2f} s", seconds <= SLOW_LOGIN)


def _silent_suites(seen: BmcSight) -> dict[int, float]:
    """Cipher suites that got no answer in the first login nor when they were asked for alone, and for how long."""
    alone = {login.suite for login in seen.logins if login.trouble and login.trouble.fault == BmcFault.TIMEOUT}
    return {suite: waited for suite, waited in seen.opened[0].unanswered.items() if suite in alone}


def _own_seconds(seen: BmcSight) -> float:
    """What the first login took by itself."""
    return seen.opened[0].seconds - sum(_silent_suites(seen).values())


def _suites(seen: BmcSight) -> Word:
    works = [str(login.suite) for login in seen.opened if login.suite is not None]
    if not works:
        return _NOTHING
    offered = f"lists {', '.join(map(str, seen.offered))}" if seen.offered else "lists none"
    return Word(", ".join(works), True, offered)


def _is_open(seen: BmcSight) -> bool:
    return bool(seen.open_door) or (seen.open_door is None and 0 in (seen.offered or ()))


def _boot(seen: BmcSight) -> Word:
    boot = seen.boot
    if boot is None:
        return _NOTHING
    if boot.left:
        return Word("changed", False, f"now {boot.left}")
    if boot.trouble is not None:
        return Word("not kept", False, boot.trouble.what)
    before = f"set: {boot.before}" if boot.before else ""
    if boot.skipped:
        return Word("skipped", None, f"{boot.skipped}{'; ' if before else ''}{before}")
    return Word("kept", True, before)


def bmc_findings(seen: BmcSight | None) -> Iterator[Finding]:
    """What is wrong, in the order of the checks."""
    if seen is None:
        return
    unreached = _reach_trouble(seen)
    if unreached is not None:
        yield Finding("bmc", f"bmc-{_slug(unreached.fault)}", unreached.what, unreached.cure)
    elif seen.logins and not seen.opened:
        trouble = seen.logins[0].trouble
        assert trouble is not None
        yield Finding("session", f"login-{_slug(trouble.fault)}", trouble.what, trouble.cure)
    if seen.stands_in:
        yield Finding(
            "bmc",
            "redfish-silent",
            "it does not answer over Redfish, which it is known to speak (by an earlier run, or by the certificate in "
            "the inventory): IPMI stands in for this run",
            "see that Redfish (its web server) is enabled and runs, or reset the BMC: the next run looks for it again. "
            "If it is to stay with IPMI, protocol: ipmi in the inventory says so",
        )
    yield from _session_findings(seen)
    yield from _door_findings(seen)
    yield from _act_findings(seen)


def _session_findings(seen: BmcSight) -> Iterator[Finding]:
    if not seen.opened:
        return
    first = seen.opened[0]
    if _own_seconds(seen) > SLOW_LOGIN:
        yield Finding(
            "session",
            "login-slow",
            f"a session takes {_own_seconds(seen):.1f} s to open; more than {SLOW_LOGIN:g} s are slow",
            "raise deadlines.bmc if logins fail at times, look for other programs that poll this BMC, or reset it",
        )
    silent = _silent_suites(seen)
    for suite, waited in silent.items():
        yield Finding(
            "suites",
            "suite-silent",
            f"a login with cipher suite {suite} gets no answer, not even a refusal: every login of a run waits "
            f"{waited:.1f} s for one before suite {first.suite} is asked for, which works",
            f"update its firmware, or enable suite {suite} on its LAN channel; until then nothing fails for it as long "
            f"as deadlines.bmc is well above {waited:.1f} s",
        )
    for login in seen.logins:
        if login.trouble is not None and _is_offered(seen, login) and login.suite not in silent:
            yield Finding(
                "suites",
                "suite-broken",
                f"it lists cipher suite {login.suite}, and a login with it fails: {login.trouble.what}",
                "update its firmware, or switch that suite off; the other one is used meanwhile",
            )
    if first.privilege and first.privilege != _ADMINISTRATOR:
        yield Finding(
            "privilege",
            "privilege-low",
            f"the user of this credential profile gets no more than {first.privilege}",
            "power and boot device work with operator; for everything else (password, power-restore policy) give the "
            "user the privilege administrator on the BMC's LAN channel",
        )


def _is_offered(seen: BmcSight, login: Login) -> bool:
    return login.suite is not None and login.suite in (seen.offered or ())


def _door_findings(seen: BmcSight) -> Iterator[Finding]:
    if _is_open(seen):
        how = "begins a login with" if seen.open_door else "lists"
        yield Finding(
            "suites",
            "cipher-0",
            f"it {how} cipher suite 0: whoever reaches it and knows a user's name gets in without a password",
            _CLOSE_SUITE_0,
        )
    door = seen.capabilities
    if door is None:
        return
    if door.anonymous or door.null_user:
        who = "a login without name and password" if door.anonymous else "a user without a name"
        yield Finding(
            "suites",
            "anonymous",
            f"its LAN channel has {who} enabled",
            "disable user 1, or give it a name and a password: `ipmitool user disable 1`",
        )
    if door.no_authentication:
        yield Finding(
            "suites",
            "no-authentication",
            "its LAN channel takes IPMI 1.5 sessions with authentication type none: without any password",
            "take NONE out of the channel's types: `ipmitool lan set <channel> auth <level> MD5` for each level",
        )
    if not door.ipmi2:
        yield Finding(
            "suites",
            "no-ipmi-2",
            "it says that it does not speak IPMI 2.0",
            "enable RMCP+ on its LAN channel, or update its firmware",
        )


def _act_findings(seen: BmcSight) -> Iterator[Finding]:
    if not seen.opened:
        return
    for check, trouble in (("firmware", seen.identity_trouble), ("power", seen.power_trouble)):
        if trouble is not None:
            yield Finding(check, f"no-{check}", trouble.what, trouble.cure)
    boot = seen.boot
    if boot is None:
        return
    if boot.trouble is not None:
        yield Finding("boot", "boot-not-kept", boot.trouble.what, boot.trouble.cure)
    if boot.left:
        yield Finding(
            "boot",
            "boot-changed",
            f"its boot override was {boot.before} and is now {boot.left}: it could not be put back",
            "set it by hand before the host is started again: over IPMI, `ipmitool chassis bootdev none` takes it away",
        )


def _slug(fault: str) -> str:
    return fault.replace(" ", "-") or "failed"
