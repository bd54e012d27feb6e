"""What else reads the power of many BMCs: ipmitool, and Ansible's community.general.ipmi_power."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench.bmc.rack import PORT, USER, Place

__all__ = ["Ansible", "NotMeasured", "ipmitool_parallel", "ipmitool_sequence"]

# `ansible` is the distribution that holds the collections; only one of them is taken out of it.
_CORE, _DISTRIBUTION = "ansible-core==2.18.19", "ansible==11.13.0"
_COLLECTION = "ansible_collections/community/general/"
_COMMAND = ("ipmitool", "-I", "lanplus", "-C", "3", "-U", USER, "-E", "-p", str(PORT), "-H")
_ASK = ("chassis", "power", "status")

_PLAYBOOK = """\
- hosts: all
  gather_facts: false
  connection: local
  tasks:
    - community.general.ipmi_power:
        name: "{{ inventory_hostname }}"
        port: %d
        user: %s
        password: "{{ lookup('ansible.builtin.env', 'IPMI_PASSWORD') }}"
        state: "on"
      check_mode: true
      register: answer
      failed_when: answer.powerstate is not defined
"""


class NotMeasured(Exception):
    """A peer could not be run here; why."""


def ipmitool_sequence(places: Sequence[Place], password: str) -> float:
    """Seconds for one `ipmitool` after the other."""
    began = time.monotonic()
    for place in places:
        done = subprocess.run(
            [*_COMMAND, place.address, *_ASK], capture_output=True, text=True, env=_environment(password), check=True
        )
        assert "Power is" in done.stdout
    return time.monotonic() - began


def ipmitool_parallel(places: Sequence[Place], password: str, at_once: int) -> float:
    """Seconds for one `ipmitool` a BMC, so many at once."""
    began = time.monotonic()
    done = subprocess.run(
        ["xargs", "-P", str(at_once), "-I", "{}", *_COMMAND, "{}", *_ASK],
        input="".join(f"{place.address}\n" for place in places),
        capture_output=True,
        text=True,
        env=_environment(password),
        check=True,
    )
    seconds = time.monotonic() - began
    assert done.stdout.count("Power is") == len(places), done.stderr[-500:]
    return seconds


class Ansible:
    """An environment of its own with Ansible and the one module, kept in `folder`.

    :raises NotMeasured: the package registry of this machine does not have it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._python = folder / "venv" / "bin" / "python"
        self._collections = folder / "collections"
        ready = folder / "ready"
        wanted = f"{_CORE} {_DISTRIBUTION} pyghmi=={version('pyghmi')}\n"
        if ready.exists() and ready.read_text() == wanted:
            return
        folder.mkdir(parents=True, exist_ok=True)
        venv.create(folder / "venv", with_pip=True, clear=True)
        self._pip("install", _CORE, f"pyghmi=={version('pyghmi')}")
        self._pip("download", "--no-deps", "--only-binary", ":all:", "--dest", str(folder), _DISTRIBUTION)
        wheel = next(folder.glob("ansible-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if name.startswith(_COLLECTION)]
            archive.extractall(self._collections, members)
        wheel.unlink()
        ready.write_text(wanted)

    @property
    def title(self) -> str:
        return f"{_CORE.replace('==', ' ')}, community.general of {_DISTRIBUTION.replace('==', ' ')}"

    def sweep(self, places: Sequence[Place], password: str, at_once: int) -> float:
        """Seconds for the module in check mode on every BMC, which reads and does not switch.

        :raises NotMeasured: a host failed.
        """
        inventory, playbook = self._folder / "hosts", self._folder / "sweep.yaml"
        inventory.write_text("".join(f"{place.address}\n" for place in places))
        playbook.write_text(_PLAYBOOK % (PORT, USER))
        environment = {
            **_environment(password),
            "ANSIBLE_COLLECTIONS_PATH": str(self._collections),
            "ANSIBLE_PYTHON_INTERPRETER": str(self._python),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_HOME": str(self._folder / "home"),
            "LC_ALL": "C.UTF-8",
        }
        command = [str(self._folder / "venv" / "bin" / "ansible-playbook"), "-i", str(inventory)]
        began = time.monotonic()
        done = subprocess.run(
            [*command, "-f", str(at_once), str(playbook)], capture_output=True, text=True, env=environment, check=False
        )
        seconds = time.monotonic() - began
        if done.returncode or done.stdout.count("failed=0") != len(places):
            raise NotMeasured(f"it failed on simulated BMCs: {(done.stderr or done.stdout)[-300:]}")
        return seconds

    def _pip(self, *arguments: str) -> None:
        command = [str(self._python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotMeasured(f"pip {arguments[0]}: {done.stderr.strip().splitlines()[-1:]}")


def _environment(password: str) -> dict[str, str]:
    return {**os.environ, "IPMI_PASSWORD": password, "PATH": f"{os.environ['PATH']}:{Path(sys.executable).parent}"}
