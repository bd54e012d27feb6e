"""Waiting for a system that answers before it has come up: scripts in a real shell, tools that answer as told."""

from __future__ import annotations

from pathlib import Path

import pytest

from metal.errors import HostError, HostFault
from metal.host.first_boot import await_booted, await_set_up
from metal.host.ssh import Completed
from metal.waiting import Run
from tests.unit.metal.host.packages.replay import Replay


@pytest.mark.demand("U37")
def test_a_first_boots_set_up_is_waited_for_with_a_limit(tmp_path: Path) -> None:
    host = Replay(tmp_path)
    host.program("systemctl", "#!/bin/sh\necho running\n")
    # Two looks at a set-up that goes on, then its end.
    host.program("cloud-init", f"#!/bin/sh\necho x >>{tmp_path}/looks\n[ $(wc -l <{tmp_path}/looks) -gt 2 ] && "
                 "echo 'status: done' || echo 'status: running'\n")  # fmt: skip
    with pytest.raises(HostError, match="cloud-init: running") as caught:
        await_set_up(host.ssh, Run().deadline(0.1))
    assert caught.value.fault is HostFault.NOT_READY
    assert "deadlines.packages" in str(caught.value)
    lines: list[str] = []
    await_set_up(host.ssh, Run(progress=lines.append).deadline(30))
    assert "waiting: the first boot's set-up ends (cloud-init: running)" in lines[0]
    assert "the first boot's set-up ends, after" in lines[-1]


def test_a_host_without_a_set_up_is_not_waited_for(tmp_path: Path) -> None:
    host = Replay(tmp_path)
    host.program("systemctl", "#!/bin/sh\necho starting\n")
    await_set_up(host.ssh, Run().deadline(0.1))


def test_a_system_that_starts_is_waited_for_and_what_it_starts_is_named(tmp_path: Path) -> None:
    host = Replay(tmp_path)
    host.program(
        "systemctl",
        "#!/bin/sh\ncase $1 in is-system-running) echo starting ;; "
        "list-jobs) echo '7 apt-daily.service start running' ;; esac\n",
    )
    with pytest.raises(HostError, match="starting apt-daily") as caught:
        await_booted(host.ssh, Run().deadline(0.1))
    assert caught.value.fault is HostFault.NOT_READY


def test_failed_units_are_named_and_tolerated_and_maintenance_is_not(tmp_path: Path) -> None:
    host, lines = Replay(tmp_path), list[str]()
    host.program(
        "systemctl",
        "#!/bin/sh\ncase $1 in is-system-running) echo degraded ;; "
        "list-units) echo 'kdump.service loaded failed' ;; esac\n",
    )
    await_booted(host.ssh, Run(progress=lines.append).deadline(5))
    assert lines == ["n1: booted with failed units, going on: kdump.service"]
    host.program("systemctl", "#!/bin/sh\necho maintenance\n")
    with pytest.raises(HostError, match="'maintenance'"):
        await_booted(host.ssh, Run().deadline(30))


def test_a_first_boot_that_ends_in_another_one_is_only_away(tmp_path: Path) -> None:
    class Away(Replay):
        looks = 0

        def script(self, text: str, *args: str, check: bool = True, **more: object) -> Completed:
            self.looks += 1
            if self.looks == 1:
                raise HostError("lost", fault=HostFault.UNREACHABLE, host="n1", seen="connection lost")
            return super().script(text, *args, check=check, **more)

    host, lines = Away(tmp_path), list[str]()
    host.program("cloud-init", "#!/bin/sh\necho 'status: done'\n")
    host.program("systemctl", "#!/bin/sh\necho running\n")
    await_set_up(host.ssh, Run(progress=lines.append).deadline(30))
    assert "connection lost" in lines[0]
