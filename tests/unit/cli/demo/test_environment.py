from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from cli.demo.engine import Engine
from cli.demo.environment import CHECKOUT, Demo


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    demo = Demo(tmp_path / "a folder")
    demo.prepare(pulumi=tmp_path / "bin" / "pulumi", ssh_key=tmp_path / "key", bmc_login=tmp_path / "login")
    return demo


def test_everything_is_private(demo: Demo) -> None:
    assert demo.folder.stat().st_mode & 0o777 == 0o700
    files = [path for path in demo.folder.rglob("*") if path.is_file()]
    assert files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_no_secret_is_in_the_env_file(demo: Demo) -> None:
    text = demo.env_file.read_text()
    assert demo.seed_file.read_text().strip() not in text
    assert (demo.folder / "manager-key").read_text().strip() not in text


def test_secrets_are_made_once(demo: Demo, tmp_path: Path) -> None:
    before = demo.seed_file.read_text(), (demo.folder / "manager-key").read_text()
    demo.prepare(pulumi=tmp_path / "other" / "pulumi", ssh_key=tmp_path / "key", bmc_login=tmp_path / "login")
    assert (demo.seed_file.read_text(), (demo.folder / "manager-key").read_text()) == before
    assert len(base64.b64decode(before[0])) == 32
    assert "/other:" in demo.env_file.read_text()


def test_our_commands_see_what_a_shell_sees(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_STACK", "prod")
    monkeypatch.setenv("METALSWARM_BMC_DEFAULT", "leaked")
    ours = demo.variables()
    assert ours["PULUMI_STACK"] == "dev"
    assert "METALSWARM_BMC_DEFAULT" not in ours
    shown = subprocess.run(
        ["sh", "-c", '. "$0"; env', str(demo.env_file)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name, value in ours.items():
        if name.startswith(("PULUMI_", "METALSWARM_")) or name == "PATH":
            assert f"{name}={value}" in shown


def test_lock_of_a_dead_engine_is_taken_off_and_that_of_a_living_one_kept(demo: Demo) -> None:
    folder = demo.state / ".pulumi" / "locks" / "organization" / "metalswarm" / "dev"
    folder.mkdir(parents=True)
    with subprocess.Popen(["true"]) as ended:
        pass
    owners = {
        "dead": {"pid": ended.pid, "hostname": socket.gethostname()},
        "living": {"pid": os.getpid(), "hostname": socket.gethostname()},
        "elsewhere": {"pid": ended.pid, "hostname": "another-machine.invalid"},
    }
    for name, owner in owners.items():
        (folder / f"{name}.json").write_text(json.dumps(owner))
    (folder / "torn.json").write_text("{")
    Engine(demo, Path("pulumi")).drop_dead_locks()
    assert sorted(path.stem for path in folder.iterdir()) == ["elsewhere", "living", "torn"]


def test_state_torn_by_a_kill_is_the_version_before_and_a_whole_one_is_left_alone(demo: Demo) -> None:
    folder = demo.state / ".pulumi" / "stacks" / "metalswarm"
    folder.mkdir(parents=True)
    state, before = folder / "dev.json", folder / "dev.json.bak"
    before.write_text('{"version": 1}')
    for torn in ("", '{"version": 2, "checkp'):
        state.write_text(torn)
        Engine(demo, Path("pulumi")).mend_torn_state()
        assert state.read_text() == '{"version": 1}'
    state.write_text('{"version": 3}')
    Engine(demo, Path("pulumi")).mend_torn_state()
    assert state.read_text() == '{"version": 3}'
    state.write_text("")
    before.write_text("{")
    Engine(demo, Path("pulumi")).mend_torn_state()
    assert state.read_text() == "", "nothing is made up where both are torn"


def test_torn_attributes_of_the_state_go_and_the_state_stays(demo: Demo) -> None:
    folder = demo.state / ".pulumi" / "stacks" / "metalswarm"
    folder.mkdir(parents=True)
    state, attributes = folder / "dev.json", folder / "dev.json.attrs"
    state.write_text('{"version": 3}')
    attributes.write_text('{"user.content_type":"text/plain"}')
    Engine(demo, Path("pulumi")).mend_torn_state()
    assert attributes.exists()
    attributes.write_text("")
    Engine(demo, Path("pulumi")).mend_torn_state()
    assert not attributes.exists()
    assert state.read_text() == '{"version": 3}'


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Demo:
    """A demo after a run, with all that the product writes of its stack, where the product writes it."""
    from metal.chassis.ledger import Entry
    from metal.rescue.backup import backup_folder
    from metal.settings.load import load_stack_file
    from providers import presence, process, stall

    monkeypatch.chdir(tmp_path)
    demo = Demo(tmp_path / ".metalswarm" / "demo")
    demo.prepare(pulumi=tmp_path / "pulumi", ssh_key=tmp_path / "key", bmc_login=tmp_path / "login")
    owner = f"metalswarm/{demo.stack}"
    process.ledger(owner).write("n1", Entry(1))
    backups = backup_folder(load_stack_file(CHECKOUT / "Pulumi.dev.yaml", root=CHECKOUT, owner=owner), "blue", tmp_path)
    backups.mkdir(parents=True)
    for path in (backups / "blue.backup", presence.presence_path(owner), stall.note_path(owner)):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / ".metalswarm" / "cache").mkdir()
    return demo


def test_a_removed_demo_leaves_the_cache_and_nothing_else(written: Demo) -> None:
    written.remove()
    assert [path.name for path in written.folder.parent.iterdir()] == ["cache"]
    written.remove()  # nothing is there, and that is all right


def test_what_is_another_stacks_outlives_the_demo(written: Demo) -> None:
    others = [written.folder.parent / kind / "shop.prod" / "x" for kind in ("ledger", "backups")]
    for path in others:
        path.parent.mkdir()
        path.touch()
    written.remove()
    assert all(path.exists() for path in others)
    assert not (written.folder.parent / "run").exists()


def test_without_a_demo_nothing_is_taken_for_one(written: Demo) -> None:
    written.env_file.unlink()
    written.remove()
    assert not written.folder.exists()
    assert all(trace.exists() for trace in written.traces)
