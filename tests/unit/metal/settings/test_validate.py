"""`metalswarm validate` over several files: what each one is, and which servers two stacks claim."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli.validate import app
from metal.settings.validate import FileKind, kind_of

ROOT = Path(__file__).parents[4]
PROD = ROOT / "examples" / "prod"


def stack(folder: Path, name: str, inventory: str, hosts: list[str], **more: object) -> str:
    fleet = {"inventory": [inventory], "pools": {f"{name}-pool": {"purpose": "ready", "hosts": hosts}}, **more}
    path = folder / f"Pulumi.{name}.yaml"
    path.write_text(yaml.safe_dump({"config": {"metalswarm:fleet": fleet}}))
    return str(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: probe\n")
    hosts = {f"n{i}": {"address": f"10.0.0.{i}", "bmc": "none"} for i in range(1, 4)}
    (tmp_path / "one.yaml").write_text(yaml.safe_dump({"hosts": {**hosts, "n3": {**hosts["n3"], "serial": "S3"}}}))
    # The same servers by other names: n2 by its address, n3, moved to another address, by its serial.
    others = {
        "db2": {"address": "10.0.0.2", "bmc": "none"},
        "db3": {"address": "10.0.9.3", "bmc": "none", "serial": "s3"},
    }
    (tmp_path / "two.yaml").write_text(yaml.safe_dump({"hosts": others}))
    return tmp_path


def run(*files: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(files))
    return done.exit_code, done.output


def test_a_server_that_two_stacks_claim_is_found_under_any_name(folder: Path) -> None:
    dev = stack(folder, "dev", "one.yaml", ["n1", "n2", "n3"])
    prod = stack(folder, "prod", "two.yaml", ["db2", "db3"])
    code, said = run(dev, prod, str(folder / "one.yaml"))
    assert code == 1
    assert f"{prod}: pools.prod-pool: db2 is claimed by {dev} too as n2 (pools.dev-pool; the same address)" in said
    assert f"{prod}: pools.prod-pool: db3 is claimed by {dev} too as n3 (pools.dev-pool; the same serial)" in said
    assert said.count("is claimed by") == 2


def test_stacks_that_share_an_inventory_and_no_host_are_right(folder: Path) -> None:
    dev, prod = stack(folder, "dev", "one.yaml", ["n1"]), stack(folder, "prod", "one.yaml", ["n2", "n3"])
    assert run(dev, prod)[0] == 0
    assert run(dev, dev)[0] == 0, "a file given twice is one stack"
    both = stack(folder, "third", "one.yaml", ["n1", "n2"])
    code, said = run(dev, prod, both)
    assert code == 1
    assert said.count("is claimed by") == 2


def test_an_included_file_is_taken_for_what_it_is(folder: Path) -> None:
    code, said = run(str(PROD / "fleet" / "defaults.yaml"))
    assert code == 0, said
    assert "valid by itself: to be included" in said
    (folder / "habits.yaml").write_text("limits: {max_unavailble: 2}\npools: {web: {hosts: [n1], generation: -1}}\n")
    code, said = run(str(folder / "habits.yaml"))
    assert code == 1
    assert "limits.max_unavailble: unknown key (did you mean max_unavailable?)" in said
    assert "pools.web.generation" in said
    assert "address" not in said


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"config": {}}, FileKind.STACK),
        ({"docker": {}}, FileKind.INCLUDE),
        ({"hosts": {"n1": {"generation": 2}}}, FileKind.INCLUDE),
        ({"hosts": {"n1": {"adress": "10.0.0.1", "bmc": "none"}}}, FileKind.INVENTORY),
        ({"defaults": {}, "hosts": {"n1": {"hold": "RMA"}}}, FileKind.INVENTORY),
        ({}, FileKind.INVENTORY),
    ],
)
def test_what_a_file_is_goes_by_its_keys(data: dict, kind: FileKind) -> None:
    assert kind_of(data) is kind


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}\n", "---\n"])
def test_a_file_that_holds_nothing_is_no_inventory_and_says_what_could_stand_in_it(folder: Path, text: str) -> None:
    (folder / "nothing.yaml").write_text(text)
    code, said = run(str(folder / "nothing.yaml"))
    assert code == 1
    assert "nothing.yaml: holds nothing; allowed: an inventory, with hosts; a file to include" in said
    (folder / "Pulumi.new.yaml").write_text(text)
    code, said = run(str(folder / "Pulumi.new.yaml"))
    assert code == 1
    assert "Pulumi.new.yaml: config.metalswarm:fleet: is missing; allowed: the fleet document" in said


def test_a_stack_file_goes_by_its_name_too(folder: Path) -> None:
    (folder / "Pulumi.new.yaml").write_text("encryptionsalt: v1:abc\n")
    code, said = run(str(folder / "Pulumi.new.yaml"))
    assert code == 1
    assert "config.metalswarm:fleet: is missing" in said
    assert "unknown key" not in said


@pytest.mark.parametrize(
    ("inventory", "cause"),
    [
        (["gone.yaml"], "gone.yaml: cannot be read"),
        (["one.yaml", "gone.yaml"], "gone.yaml: cannot be read"),
        (["torn.yaml"], "torn.yaml: line 2: is not YAML"),
        (["nothing.yaml"], 'inventory = ["nothing.yaml"]: names no host at all'),
        ([], "inventory: is missing"),
    ],
)
def test_one_inventory_file_that_cannot_be_used_is_one_problem(folder: Path, inventory: list[str], cause: str) -> None:
    (folder / "torn.yaml").write_text("hosts:\n  n1: {address: 10.0.0.1]\n")
    (folder / "nothing.yaml").write_text("")
    one = yaml.safe_load((folder / "one.yaml").read_text())
    one["hosts"]["n1"]["ssh"] = {"jump": "bastion-of-the-other-file"}
    (folder / "one.yaml").write_text(yaml.safe_dump(one))
    pools = {
        "web": {"cluster": "blue", "hosts": ["n1", "n2"]},
        "spare": {"purpose": "free", "hosts": ["n3", "n4", "n5"]},
    }
    fleet = {
        "inventory": inventory,
        "pools": pools,
        "clusters": {"blue": {"managers": ["n1"]}},
        "hosts": {"n4": {"hold": "x"}},
    }
    (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": {"metalswarm:fleet": fleet}}))
    code, said = run(str(folder / "Pulumi.dev.yaml"))
    assert code == 1
    (line,) = [line for line in said.splitlines() if line.startswith("  ")]
    assert cause in line


def test_one_missing_include_is_one_problem(folder: Path) -> None:
    pools = {"web": {"cluster": "blue", "hosts": ["n1"]}}
    code, said = run(stack(folder, "dev", "one.yaml", [], include=["gone.yaml"], pools=pools))
    assert code == 1
    (line,) = [line for line in said.splitlines() if line.startswith("  ")]
    assert "gone.yaml: cannot be read" in line
