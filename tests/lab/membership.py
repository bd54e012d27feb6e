"""Who is a member of what, asked without any code of the program; and a stack of six hosts to ask about."""

from __future__ import annotations

from pathlib import Path

from lab.api import Lab
from tests.engine.project import Outcome
from tests.lab.stack import LabStack
from toolchain.pulumi import pulumi

__all__ = ["everywhere", "members", "said", "standing_stack"]


def standing_stack(folder: Path, lab: Lab) -> LabStack:
    """The dev stack, brought up: n1 to n3 managing, n4 and n5 working, n6 spare and off."""
    stack = LabStack(folder, pulumi(), lab)
    stack.fleet["deadlines"] |= {"ssh": 25}
    stack.fleet["hosts"] = {}
    stack.up().expect()
    return stack


def everywhere(stack: LabStack) -> dict[str, list[str]]:
    """Who is a member, once a line: of the swarm, of gossip, of Consul's catalogue and raft, of the controller."""
    nodes = stack.docker("/nodes")
    return {
        "swarm": sorted(node["Description"]["Hostname"] for node in nodes),
        "managers": sorted(node["Description"]["Hostname"] for node in nodes if node.get("ManagerStatus")),
        "gossip": sorted(one["Name"] for one in stack.consul("/v1/agent/members") if one["Status"] == 1),
        "catalogue": sorted(one["Node"] for one in stack.consul("/v1/catalog/nodes")),
        "raft": sorted(one["Node"] for one in stack.consul("/v1/operator/raft/configuration")["Servers"]),
        "controller": sorted(one["name"] for one in stack.stackengine("/api/nodes")),
    }


def members(managers: str, workers: str) -> dict[str, list[str]]:
    every, voters = sorted((managers + " " + workers).split()), sorted(managers.split())
    swarm = dict.fromkeys(("swarm", "gossip", "catalogue", "controller"), every)
    return {**swarm, "managers": voters, "raft": voters}


def said(outcome: Outcome, words: str) -> bool:
    return any(words in event["message"] for event in outcome.diagnostics()) or words in outcome.output
