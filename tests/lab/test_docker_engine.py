"""The engine on a host that really boots: installed, reached over mutual TLS, changed, rotated, taken down."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from lab.api import Lab
from metal.cluster.docker import TLS_PORT, DockerApi, EngineRefused, EngineReport, observe_engine, remove_engine
from metal.cluster.docker.daemon import TLS_DIRECTORY
from metal.cluster.docker.swarm_port import ensure_swarm_port, remove_swarm_port
from metal.cluster.docker.tls import tls_context
from metal.errors import HostError, PlanRefused
from metal.host.service import observe_unit
from metal.pki.authority import Authority
from tests.lab.engines import SEED, Rack, reinstall

pytestmark = pytest.mark.lab

UNIT = "docker.service"


@pytest.fixture(scope="module")
def rack(lab: Lab) -> Iterator[Rack]:
    reinstall(lab, "n1")
    rack = Rack(lab, ["n1"])
    yield rack
    rack.site.close()
    lab.host("n1").kill()


@pytest.fixture(scope="module")
def first(rack: Rack) -> EngineReport:
    ssh = rack.ssh("n1")
    # A setting that somebody made before us is not dropped in silence, and nothing is installed meanwhile.
    ssh.write("/etc/docker/daemon.json", '{"log-level": "warn"}', mode=0o644)
    with pytest.raises(PlanRefused, match="log-level"):
        rack.engine("n1")
    assert observe_unit(ssh, UNIT).load == "not-found"
    ssh.remove("/etc/docker/daemon.json")
    return rack.engine("n1")


def ping(rack: Rack, port: int, authority: Authority, *, certificate: bool) -> int:
    context = tls_context(authority, with_certificate=certificate)
    with httpx.Client(verify=context, timeout=10, trust_env=False) as http:
        return http.get(f"https://{rack.access('n1').address}:{port}/_ping").status_code


def test_engine_runs_and_a_second_look_changes_nothing(rack: Rack, first: EngineReport) -> None:
    ssh = rack.ssh("n1")
    before = observe_unit(ssh, UNIT)
    assert before.up
    assert before.enabled
    again = rack.engine("n1")
    assert again.restarted == ()
    assert again.to_dict() == first.to_dict()
    assert observe_unit(ssh, UNIT).main_pid == before.main_pid
    assert ssh.run(["stat", "-c", "%a %U", f"{TLS_DIRECTORY}/key.pem"]).stdout.split() == ["600", "root"]


def test_only_a_client_with_a_certificate_gets_in(rack: Rack, first: EngineReport) -> None:
    blue, green = Authority.of(SEED, "blue"), Authority.of(SEED, "green")
    assert ping(rack, TLS_PORT, blue, certificate=True) == 200
    with pytest.raises(httpx.TransportError):
        ping(rack, TLS_PORT, blue, certificate=False)
    with pytest.raises(httpx.TransportError):
        ping(rack, TLS_PORT, green, certificate=True)


def test_swarm_port_leads_to_the_engine_moves_and_goes(rack: Rack, first: EngineReport) -> None:
    ssh, blue = rack.ssh("n1"), Authority.of(SEED, "blue")
    assert ensure_swarm_port(ssh, 2475, deadline=rack.run.deadline(30))
    assert not ensure_swarm_port(ssh, 2475, deadline=rack.run.deadline(30))
    assert ping(rack, 2475, blue, certificate=True) == 200
    with pytest.raises(httpx.TransportError):
        ping(rack, 2475, blue, certificate=False)
    assert ensure_swarm_port(ssh, 2476, deadline=rack.run.deadline(30))
    assert ping(rack, 2476, blue, certificate=True) == 200
    with pytest.raises(httpx.ConnectError):
        ping(rack, 2475, blue, certificate=True)
    assert remove_swarm_port(ssh, deadline=rack.run.deadline(30))
    assert not remove_swarm_port(ssh, deadline=rack.run.deadline(30))
    with pytest.raises(httpx.ConnectError):
        ping(rack, 2476, blue, certificate=True)


def test_a_change_restarts_once_also_when_the_run_died_in_between(rack: Rack, first: EngineReport) -> None:
    ssh = rack.ssh("n1")
    changed = rack.engine("n1", daemon={"labels": ["rack=r1"]})
    # The drifting or changed file makes the note of the last start void.
    assert changed.restarted
    assert json.loads(rack.docker("n1", "info", "--format", "{{json .Labels}}")) == ["rack=r1"]
    assert rack.engine("n1", daemon={"labels": ["rack=r1"]}).restarted == ()
    # What a run leaves that is killed after the write and before the restart:
    ssh.remove("/var/lib/metalswarm/docker/started.json")
    assert rack.engine("n1", daemon={"labels": ["rack=r1"]}).restarted


def test_an_engine_that_could_not_start_starts_as_soon_as_its_settings_are_mended(
    rack: Rack, first: EngineReport
) -> None:
    ssh = rack.ssh("n1")
    # Whoever asks an engine that may not start any more takes its socket down with it.
    asks = "while :; do docker version; done"
    ssh.run(["systemd-run", "--quiet", "--unit=asks", "--property=RuntimeMaxSec=120", "sh", "-c", asks])
    try:
        with pytest.raises(HostError, match="has failed") as told:
            rack.engine("n1", daemon={"no-such-key": True})
        assert "no-such-key" in str(told.value)
        assert rack.engine("n1", daemon={"labels": ["rack=r1"]}).restarted
    finally:
        ssh.run(["systemctl", "stop", "asks"], check=False)
    assert observe_engine(rack.site, rack.access("n1")).active


def test_a_stopped_engine_is_started(rack: Rack, first: EngineReport) -> None:
    ssh = rack.ssh("n1")
    ssh.run(["systemctl", "stop", "docker.socket", UNIT])
    assert not observe_engine(rack.site, rack.access("n1")).active
    rack.engine("n1", daemon={"labels": ["rack=r1"]})
    assert observe_engine(rack.site, rack.access("n1")).active


def test_api_tells_a_refusal_from_silence(rack: Rack, first: EngineReport) -> None:
    with DockerApi(rack.ssh("n1")) as api, pytest.raises(EngineRefused) as refused:
        api.swarm()
    assert refused.value.status == 503
    assert refused.value.host == "n1"
    assert "not a swarm manager" in str(refused.value)


def test_rotation_of_the_authority_shuts_out_the_old_one(rack: Rack, first: EngineReport) -> None:
    rotated = rack.engine("n1", ca=2)
    assert rotated.certificate != first.certificate
    assert rotated.restarted
    assert ping(rack, TLS_PORT, Authority.of(SEED, "blue", 2), certificate=True) == 200
    with pytest.raises(httpx.TransportError):
        ping(rack, TLS_PORT, Authority.of(SEED, "blue", 1), certificate=True)


def test_removal_keeps_data_takes_keys_and_can_be_repeated(rack: Rack, first: EngineReport) -> None:
    ssh = rack.ssh("n1")
    for _ in range(2):
        remove_engine(rack.site, rack.engine_wish("n1"))
        seen = observe_engine(rack.site, rack.access("n1"))
        assert (seen.installed, seen.active, seen.certificate) == (True, False, None)
    assert not observe_unit(ssh, UNIT).enabled
    assert ssh.run(["test", "-e", TLS_DIRECTORY], check=False).rc == 1
    assert ssh.run(["test", "-d", "/var/lib/docker"], check=False).rc == 0
    assert rack.engine("n1").restarted
