"""The program: the stack's configuration in, one chain of resources a host out."""

import os
from pathlib import Path

import pulumi

from components.fleet import build_fleet
from components.outputs import fleet_outputs
from components.sdk import trim
from components.settle import settle
from metal.errors import MetalError
from metal.plan.parallel import advice
from metal.settings import load_fleet

trim(os.environ)
owner = f"{pulumi.get_project()}/{pulumi.get_stack()}"
try:
    fleet = load_fleet(pulumi.Config().require_object("fleet"), root=Path.cwd(), owner=owner)
    for line in advice(fleet, os.environ):
        pulumi.log.warn(line)
except MetalError as error:
    raise pulumi.RunError(str(error)) from None


async def program() -> dict[str, object]:
    build_fleet(fleet)
    await settle(fleet.owner)
    return fleet_outputs(fleet)


pulumi.run(program)
