from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from cli import doctor, stack
from metal import doctor as room
from metal import site as site_module
from metal.doctor.view import CHECKS, Examination, Finding, Report, Word
from metal.errors import SettingsError
from metal.settings.fleet import Deadlines, DockerWish, Fleet, Limits, ReadyFloors

FLEET = Fleet("shop/prod", {}, {}, Limits(), Deadlines(), ReadyFloors(), DockerWish(), None)
WELL = dict.fromkeys(CHECKS, Word("-")) | {"bmc": Word("ipmi", True), "boot": Word("skipped", None, "[read-only]")}
OPEN = Finding("suites", "cipher-0", "it begins a login with cipher suite 0", "switch it off [on its channel]")


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Let the hosts come out like this; what was asked for."""
    seen: dict[str, object] = {}
    before = signal.getsignal(signal.SIGINT)
    (tmp_path / "Pulumi.yaml").touch()
    monkeypatch.chdir(tmp_path)

    def answer(report: Report) -> dict[str, object]:
        def examine(site, names, **how):
            seen.update(names=names, **how)
            return report

        monkeypatch.setattr(stack, "open_stack", lambda name: seen.update(stack=name) or (FLEET, None))
        monkeypatch.setattr(site_module.Site, "open", lambda *args, folder, pins: contextlib.nullcontext("the site"))
        monkeypatch.setattr(room, "examine", examine)
        return seen

    yield answer
    signal.signal(signal.SIGINT, before)


def report(*findings: Finding) -> Report:
    return Report({name: Examination(name, "10.0.0.1", "10.9.0.1", WELL, findings) for name in ("n10", "n2")})


def test_all_well(asked) -> None:
    seen = asked(report())
    done = CliRunner().invoke(doctor.app, ["n2", "n10", "--read-only", "--stack", "prod"])
    assert done.exit_code == 0, done.output
    head, first, second, *skipped = done.output.splitlines()
    assert head.split() == ["host", "BMC", *CHECKS[1:6], "boot", "flags", "SSH", "disk", "clock", "lock"]
    assert (first.split()[0], second.split()[0]) == ("n2", "n10")
    assert skipped[0] == "n2: boot flags: skipped: [read-only]"
    assert (seen["names"], seen["read_only"], seen["stack"]) == (["n2", "n10"], True, "prod")
    assert str(seen["ledger"]._folder).endswith(".metalswarm/ledger/shop.prod")  # type: ignore[attr-defined]


def test_findings_are_told_with_their_cures_and_by_the_exit_code(asked) -> None:
    asked(report(OPEN))
    done = CliRunner().invoke(doctor.app, [])
    assert done.exit_code == 1
    assert "n2: it begins a login with cipher suite 0 [cipher-0]\n  cure: switch it off [on its channel]" in done.output
    ignored = CliRunner().invoke(doctor.app, ["--ignore", "cipher-0"])
    assert ignored.exit_code == 0
    assert "n2: it begins a login with cipher suite 0 [ignored]" in ignored.output


def test_one_document_for_a_machine(asked) -> None:
    asked(report(OPEN))
    done = CliRunner().invoke(doctor.app, ["--json"])
    assert done.exit_code == 1
    assert json.loads(done.output) == report(OPEN).to_dict()


def test_bad_settings_are_the_error_that_ends_with_2(monkeypatch) -> None:
    def refuse(name):
        raise SettingsError(["pools.web: is wrong"])

    monkeypatch.setattr(stack, "open_stack", refuse)
    before = signal.getsignal(signal.SIGINT)
    try:
        done = CliRunner().invoke(doctor.app, [])
    finally:
        signal.signal(signal.SIGINT, before)
    assert isinstance(done.exception, SettingsError)


def test_the_list_of_commands_has_both_and_loads_neither_room() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from cli.main import app; "
        "done = CliRunner().invoke(app, ['--help']); "
        "assert 'doctor' in done.output and 'discover' in done.output, done.output; "
        "loaded = {'metal.doctor', 'metal.discover'} & set(sys.modules); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_code_that_no_finding_has_is_refused_before_anybody_is_asked(asked) -> None:
    seen = asked(report())
    done = CliRunner().invoke(doctor.app, ["--ignore", "foo"])
    assert isinstance(done.exception, SettingsError)
    assert "--ignore = foo: no such finding; allowed: anonymous, " in str(done.exception)
    assert seen == {}
