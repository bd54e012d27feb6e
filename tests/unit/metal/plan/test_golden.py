"""Every decision against its cases: tests/golden/plan/<decision>/<case>.json holds what is seen and what follows."""

import dataclasses
import json
import types
import typing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from metal.plan.boot import BootSight, MarkerSight, decide_boot
from metal.plan.join import JoinSight, decide_join
from metal.plan.leave import LeaveSight, LeaveStep, plan_leave
from metal.plan.override import judge
from metal.plan.quorum import Membership
from metal.plan.rolling import wave_lines
from metal.plan.rotation import CaMember, Keyring, ca_step, keyring_step
from metal.plan.steps import Vote, rack_losses, steps
from metal.plan.summary import summarise

CASES = Path(__file__).parents[3] / "golden" / "plan"


@dataclass(frozen=True)
class ReadMarker:
    owner: str
    generation: int
    life: str
    state: str
    wipe: bool = False


def build(kind: Any, data: Any) -> Any:
    """A value of a type from plain JSON, strictly: a misspelt key in a case file is an error."""
    if isinstance(kind, types.UnionType):
        return None if data is None else build(next(arm for arm in kind.__args__ if arm is not type(None)), data)
    if typing.get_origin(kind) is tuple:
        return tuple(build(typing.get_args(kind)[0], item) for item in data)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{key: build(hints[key], value) for key, value in data.items()})  # type: ignore[operator]
    return data


def spell(decision: Any) -> Any:
    return json.loads(json.dumps({"decision": type(decision).__name__, **dataclasses.asdict(decision)}))


def boot(case: dict[str, Any]) -> Any:
    seen = dict(case["sight"])
    marker = seen.pop("marker")
    read = MarkerSight(marker) if isinstance(marker, str) else ReadMarker(**marker)
    return spell(decide_boot(BootSight(**seen, marker=read)))


def join(case: dict[str, Any]) -> Any:
    return spell(decide_join(build(JoinSight, case["sight"])))


def leave(case: dict[str, Any]) -> Any:
    plan = plan_leave(build(LeaveSight, case["sight"]))
    if not isinstance(plan, tuple):
        return spell(plan)
    return [f"{step.act} {step.node}" if step.node else str(step.act) for step in plan if isinstance(step, LeaveStep)]


def _change(case: dict[str, Any]) -> tuple[Membership | None, Membership]:
    """Members are written as `manager server container g2 down held %r1 @10.0.0.9`, to be read at a glance."""
    return tuple(_membership(case[side], case) if case.get(side) else None for side in ("old", "new"))  # type: ignore[return-value]


def _membership(hosts: dict[str, str], case: dict[str, Any]) -> Membership:
    birth = {
        "address_pool": "10.0.0.0/8",
        "subnet_size": 24,
        "data_path_port": 4789,
        "interface": None,
        "datacenter": "dc1",
        **(case.get("new_birth", {}) if hosts is case["new"] else {}),
    }
    members = {}
    for number, (name, text) in enumerate(sorted(hosts.items())):
        words = text.split()
        members[name] = {
            "address": next((word[1:] for word in words if word[0] == "@"), f"10.0.0.{name[1:] or number}"),
            "generation": next((float(word[1:]) for word in words if word[0] == "g"), 1.0),
            "manager": "manager" in words,
            "consul_server": "server" in words,
            "container_manager": "container" in words,
            "down": "down" in words or "held" in words,
            **({"kept": True} if "kept" in words else {}),
            "held": "held" in words,
            "rack": next((word[1:] for word in words if word[0] == "%"), ""),
            "evicted": "evicted" in words,
        }
    return Membership.from_dict({"cluster": "blue", "birth": birth, "members": members})


def quorum(case: dict[str, Any]) -> Any:
    judged = judge(*_change(case), case.get("overrides", ()))
    told = [f"{refusal.rule}: {refusal}" for refusal in judged.refused]
    told += [f"waived {refusal.rule}: {refusal.reason}" for refusal in judged.waived]
    return told + [f"idle {name}" for name in judged.idle]


def steps_(case: dict[str, Any]) -> Any:
    """`reinstall n2 [Swarm Consul] 3/4 3/4`: what, who, whose votes it touches, up/voters of Swarm and of Consul."""
    old, new = _change(case)
    told = [
        f"{step.kind} {' '.join(step.hosts)} [{' '.join(vote for vote in Vote if vote in step.votes)}] "
        f"{step.swarm.up}/{step.swarm.count} {step.consul.up}/{step.consul.count}"
        for step in steps(old, new)
    ]
    return told + [f"{loss.vote} without {loss.rack}: {loss.remain}/{loss.voters}" for loss in rack_losses(new)]


def summary(case: dict[str, Any]) -> Any:
    return list(summarise(*_change(case)))


def rotation(case: dict[str, Any]) -> Any:
    """A member is written as the authorities that it trusts and the one of its certificate: `1 2 leaf 1`."""
    if "keyring" in case:
        turn = keyring_step(case["wanted"], build(Keyring, case["keyring"]))
        return turn and f"{turn.verb} {turn.key}"
    members = {}
    for name, text in case["members"].items():
        trusts, _, leaf = text.partition("leaf")
        members[name] = CaMember(frozenset(map(int, trusts.split())), int(leaf) if leaf else None)
    step = ca_step(case["wanted"], members, case.get("silent", ()))
    return f"{step.phase} {', '.join(step.hosts)}".strip()


def waves(case: dict[str, Any]) -> Any:
    before = {"engine": {"package": "docker.io", "version": "20.10.24*", "daemon": {}}, "consul": {}, "reboot": {}}
    after = {**before, **case.get("after", {})}
    return list(wave_lines(*_change(case), {**before, **case.get("before", {})}, after, case["pools"]))


DECISIONS = {
    "boot": boot,
    "join": join,
    "leave": leave,
    "quorum": quorum,
    "rotation": rotation,
    "steps": steps_,
    "summary": summary,
    "waves": waves,
}


def test_every_decision_has_cases() -> None:
    assert {folder.name for folder in CASES.iterdir()} == set(DECISIONS)


@pytest.mark.parametrize("path", sorted(CASES.glob("*/*.json")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_case(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    assert DECISIONS[path.parent.name](case) == case["expect"]
