"""What sights of BMCs and hosts come to, against golden ones: words, findings, cures."""

from __future__ import annotations

from pathlib import Path

import pytest

from metal.bmc.failure import failure
from metal.bmc.ipmi.channel import AuthCapabilities
from metal.bmc.protocol import BmcIdentity, BootDevice, BootTarget, Power
from metal.doctor.judge import judge
from metal.doctor.sight import BmcSight, BootSight, HostSight, Login, Machine, SshSight, Trouble
from metal.doctor.view import CHECKS, Examination, Report
from metal.errors import BmcFault, HostFault
from metal.host.clock import Skew
from metal.settings.access import BmcAddress, BmcProtocol

GOLDEN = Path(__file__).parents[3] / "golden" / "doctor"

N1 = Machine("n1", "10.77.1.11", "10.9.1.11")
ADDRESS = BmcAddress("n1", "10.9.1.11", 623, BmcProtocol.IPMI, "dell")
DOOR = AuthCapabilities(ipmi2=True, anonymous=False, null_user=False, no_authentication=False, channel_key=False)
IDENTITY = BmcIdentity("Dell", "0x0100", "4.40")
NO_OVERRIDE = BootDevice(BootTarget.DEFAULT)
SSH = SshSight(0.21, "debian-12", skew=Skew(-0.01, 0.004), lock="", read_only=())


def refused(fault: BmcFault, what: str, **seen: str) -> Trouble:
    return Trouble.of(failure(ADDRESS, fault, what, **seen))


def sight(**differs: object) -> BmcSight:
    """A BMC that is well, but for what differs."""
    well: dict[str, object] = {
        "pong": 0.002,
        "capabilities": DOOR,
        "offered": (3, 17),
        "open_door": False,
        "logins": (Login(3, 0.04, "administrator"), Login(17, 0.05, "administrator")),
        "identity": IDENTITY,
        "power": Power.ON,
        "boot": BootSight(NO_OVERRIDE),
    }
    return BmcSight(**well | differs)  # type: ignore[arg-type]


def only(trouble: Trouble, **differs: object) -> BmcSight:
    return BmcSight(logins=(Login(3, trouble=trouble),), **differs)  # type: ignore[arg-type]


WRONG_PASSWORD = refused(
    BmcFault.AUTH, "wrong password (credential profile 'dell')", seen="RAKP message 2: status 0x0f"
)
CASES: dict[str, tuple[Machine, HostSight]] = {
    "well": (N1, HostSight(sight(), SSH)),
    "off": (N1, HostSight(sight(power=Power.OFF), ssh_skipped="is off")),
    "silent": (
        N1,
        HostSight(
            only(refused(BmcFault.TIMEOUT, "no login within 5 s", seen="login 3, suite 3: no answer to OPEN_REQUEST")),
            SSH,
        ),
    ),
    "closed": (
        N1,
        HostSight(
            BmcSight(trouble=refused(BmcFault.UNREACHABLE, "nothing answers there", seen="Connection refused")), SSH
        ),
    ),
    "wrong-password": (N1, HostSight(only(WRONG_PASSWORD, pong=0.002, capabilities=DOOR, open_door=False), SSH)),
    "no-slot": (
        N1,
        HostSight(only(refused(BmcFault.NO_SLOT, "has no free session"), pong=0.01, capabilities=DOOR), SSH),
    ),
    "frozen-after-login": (
        N1,
        HostSight(
            sight(
                logins=(Login(3, 7.2, "administrator"),),
                identity=None,
                identity_trouble=refused(BmcFault.TIMEOUT, "no answer to Get Device ID within 15 s"),
                power=None,
                power_trouble=refused(BmcFault.TIMEOUT, "no answer to Get Chassis Status within 15 s"),
                boot=None,
            ),
            SSH,
        ),
    ),
    "open-doors": (
        N1,
        HostSight(
            sight(
                offered=(0, 1, 2, 3, 17),
                open_door=True,
                capabilities=AuthCapabilities(True, True, True, True, False),
                logins=(
                    Login(3, 0.04, "operator"),
                    Login(17, trouble=refused(BmcFault.SUITE, "refuses the cipher suite")),
                ),
            ),
            SSH,
        ),
    ),
    "suite-silent": (
        N1,
        HostSight(
            sight(
                logins=(
                    Login(17, 4.71, "administrator", unanswered={3: 4.5}),
                    Login(3, trouble=refused(BmcFault.TIMEOUT, "no login within 4.5 s")),
                )
            ),
            SSH,
        ),
    ),
    "flags-not-kept": (
        N1,
        HostSight(
            sight(boot=BootSight(NO_OVERRIDE, trouble=Trouble("it does not keep a boot override", "update"))),
            SSH,
        ),
    ),
    "flags-left": (
        N1,
        HostSight(sight(boot=BootSight(BootDevice(BootTarget.PXE), left="disk (once)")), SSH),
    ),
    "flags-skipped": (
        N1,
        HostSight(sight(boot=BootSight(BootDevice(BootTarget.PXE, once=True), skipped="an install is armed")), SSH),
    ),
    "no-bmc": (Machine("n2", "10.77.1.12"), HostSight(None, SSH)),
    "on-hold": (Machine("n3", "10.77.1.13", "10.9.1.13", untouched="on hold: RMA 4711"), HostSight()),
    "host-away": (
        N1,
        HostSight(sight(), SshSight(trouble=Trouble("does not answer", "check power", HostFault.UNREACHABLE))),
    ),
    "host-key": (
        N1,
        HostSight(sight(), SshSight(trouble=Trouble("shows another host key", "look", HostFault.HOST_KEY))),
    ),
    "host-not-well": (
        N1,
        HostSight(
            sight(),
            SshSight(
                0.2,
                "debian-12",
                skew=Skew(61.2, 0.01),
                lock="pid 812 (apt-get upgrade) holds /var/lib/dpkg/lock-frontend",
                read_only=("/etc", "/var"),
                mismatch=Trouble(
                    "another machine answers at this address: serial B, inventory A", "correct the inventory"
                ),
            ),
        ),
    ),
    "not-root": (N1, HostSight(sight(), SshSight(0.2, root=False))),
    "redfish": (
        N1,
        HostSight(
            BmcSight(
                "redfish", logins=(Login(None, 0.4),), identity=IDENTITY, power=Power.ON, boot=BootSight(NO_OVERRIDE)
            ),
            SSH,
        ),
    ),
}


def shown(found: Examination) -> str:
    lines = []
    for check in CHECKS:
        word = found.words[check]
        mark = {True: "good", False: "bad", None: "-"}[word.good]
        lines.append(f"{check}: {word.state} ({mark})" + (f" {word.detail}" if word.detail else ""))
    for finding in found.findings:
        lines += [f"[{finding.check}/{finding.code}] {finding.what}", f"  cure: {finding.cure}"]
    return "\n".join([*lines, f"good: {found.good}"]) + "\n"


@pytest.mark.parametrize("case", CASES)
def test_words_and_findings(case: str) -> None:
    assert shown(judge(*CASES[case])) == (GOLDEN / case).read_text(encoding="utf-8")


def test_every_golden_file_has_its_case() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.demand("U11")
@pytest.mark.parametrize("case", CASES)
def test_whatever_is_bad_has_a_finding_with_a_cure(case: str) -> None:
    found = judge(*CASES[case])
    bad = {check for check in CHECKS if found.words[check].good is False}
    assert bad == {finding.check for finding in found.findings}
    assert all(finding.what and finding.cure for finding in found.findings)
    assert found.good == (not bad)


def test_a_finding_that_was_said_not_to_count_is_shown_and_does_not_count() -> None:
    report = Report({"n1": judge(*CASES["open-doors"])})
    codes = [finding.code for finding in report.hosts["n1"].findings]
    assert codes == ["suite-broken", "privilege-low", "cipher-0", "anonymous", "no-authentication"]
    assert not report.ignoring(codes[:-1]).good
    well = report.ignoring(codes)
    assert well.good
    assert [finding["ignored"] for finding in well.to_dict()["hosts"]["n1"]["findings"]] == [True] * 5
