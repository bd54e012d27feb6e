"""The labs that stand here: each folder says in lab.json as what its lab was made."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from pathlib import Path

from lab.errors import LabError
from lab.spec import LabSpec

__all__ = ["keep_standing", "lab_file", "read_standing", "refuse_another", "standing_names"]


def lab_file(directory: Path) -> Path:
    return directory / "lab.json"


def read_standing(directory: Path) -> LabSpec | None:
    """The lab in a folder as it was made; None where there is none.

    :raises LabError: when its description cannot be read.
    """
    try:
        said = json.loads(lab_file(directory).read_text())
        # A folder that was moved is still this lab's.
        return replace(LabSpec.from_dict(said), directory=directory)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as broken:
        raise LabError(
            f"{lab_file(directory)} does not describe a lab",
            seen=f"{type(broken).__name__}: {broken}",
            next_step="remove that file, then `metalswarm lab down` with the options that the lab was made with",
        ) from broken


def keep_standing(spec: LabSpec) -> None:
    """Write the lab's description into its folder, whole or not at all."""
    spec.directory.mkdir(parents=True, exist_ok=True)
    new = lab_file(spec.directory).with_suffix(".new")
    new.write_text(json.dumps(spec.to_dict(), indent=2) + "\n")
    os.replace(new, lab_file(spec.directory))


def standing_names(folder: Path) -> tuple[str, ...]:
    """Names of the labs whose folders are in this one."""
    return tuple(sorted(file.parent.name for file in folder.glob(f"*/{lab_file(Path()).name}")))


def refuse_another(stands: LabSpec, asked: LabSpec, *, next_step: str) -> None:
    """Refuse what a standing lab is not.

    :raises LabError: with each value that differs.
    """
    values = [(field.name, getattr(stands, field.name), getattr(asked, field.name)) for field in fields(LabSpec)]
    other = [f"{name} {made} (asked for: {wanted})" for name, made, wanted in values if made != wanted]
    if other:
        raise LabError(
            f"another lab stands in {stands.directory}",
            seen=f"lab {stands.name} was made with " + ", ".join(other),
            next_step=next_step,
        )
