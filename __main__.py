"""The program: the stack's configuration in, one chain of resources a host out."""

import os
from pathlib import Path

import pulumi

from components.fleet import build_fleet
from components.outputs import fleet_outputs
from metal.errors import MetalError
from metal.plan.parallel import advice
from metal.settings import load_fleet

owner = f"{pulumi.get_project()}/{pulumi.get_stack()}"
try:
    fleet = load_fleet(pulumi.Config().require_object("fleet"), root=Path.cwd(), owner=owner)
    for line in advice(fleet, os.environ):
        pulumi.log.warn(line)
except MetalError as error:
    raise pulumi.RunError(str(error)) from None

build_fleet(fleet)
for name, value in fleet_outputs(fleet).items():
    pulumi.export(name, value)
