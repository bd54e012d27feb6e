from __future__ import annotations

import json

import pytest

from metal.cluster.docker.daemon import daemon_json, foreign_keys, listening_drop_in, without_ours
from metal.cluster.docker.started import Started, restart_reasons
from metal.cluster.docker.swarm_port import port_units
from metal.cluster.docker.wish import EngineReport, EngineWish
from metal.errors import PlanRefused
from metal.settings.access import Access

DEBIAN = """
[Service]
Type=notify
EnvironmentFile=-/etc/default/docker
ExecStart=/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS
ExecReload=/bin/kill -s HUP $MAINPID
"""
UPSTREAM = """
[Service]
ExecStart=/usr/bin/dockerd -H fd:// \\
  --containerd=/run/containerd/containerd.sock
"""


def test_user_keys_stay_and_ours_are_added() -> None:
    written = json.loads(daemon_json({"log-driver": "local"}, host="n1", in_swarm=True))
    assert written["log-driver"] == "local"
    assert written["tlsverify"] is True
    assert written["tlskey"].endswith("/key.pem")
    assert "hosts" not in written


@pytest.mark.parametrize("key", ["hosts", "tls", "tlsverify", "tlscacert", "tlscert", "tlskey"])
def test_nobody_opens_the_engine_by_its_configuration(key: str) -> None:
    with pytest.raises(PlanRefused, match=key):
        daemon_json({key: False}, host="n1", in_swarm=False)


def test_live_restore_is_refused_in_a_swarm_only() -> None:
    with pytest.raises(PlanRefused, match="live-restore"):
        daemon_json({"live-restore": True}, host="n1", in_swarm=True)
    assert "live-restore" in daemon_json({"live-restore": True}, host="n1", in_swarm=False)


def test_settings_of_others_are_named_before_they_are_lost() -> None:
    wanted = daemon_json({"log-driver": "local"}, host="n1", in_swarm=True)
    assert foreign_keys('{"data-root": "/srv", "log-driver": "local"}', None, wanted) == ["data-root"]
    assert foreign_keys('{"log-driver": "journald"}', None, wanted) == ["log-driver"]
    assert foreign_keys('{"log-driver": "local"}', None, wanted) == []
    assert foreign_keys("{", None, wanted) == ["(the file is not JSON)"]
    assert foreign_keys(None, None, wanted) == []
    # What was changed in a file of ours is drift, and is set right.
    assert foreign_keys('{"data-root": "/srv"}', wanted, wanted) == []


def test_removal_leaves_the_user_s_keys() -> None:
    written = daemon_json({"log-driver": "local"}, host="n1", in_swarm=True)
    assert json.loads(without_ours(written) or "") == {"log-driver": "local"}
    assert without_ours(daemon_json({}, host="n1", in_swarm=True)) is None
    assert without_ours("not json") == "not json"


@pytest.mark.parametrize(
    ("fragment", "command"),
    [
        (
            DEBIAN,
            "/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock"
            " -H tcp://0.0.0.0:2376 $DOCKER_OPTS",
        ),
        (UPSTREAM, "/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock -H tcp://0.0.0.0:2376"),
        (
            "[Service]\nExecStart=/usr/bin/dockerd\n",
            "/usr/bin/dockerd -H unix:///var/run/docker.sock -H tcp://0.0.0.0:2376",
        ),
    ],
)
def test_the_packaged_command_is_extended(fragment: str, command: str) -> None:
    lines = listening_drop_in(fragment, host="n1", address="10.0.0.1").splitlines()
    assert lines[:2] == ["[Service]", "ExecStart="]
    assert " ".join(lines[2].removeprefix("ExecStart=").split()) == command


def test_a_unit_without_dockerd_is_refused() -> None:
    with pytest.raises(PlanRefused, match="dockerd"):
        listening_drop_in("[Service]\nExecStart=/usr/bin/podman system service\n", host="n1", address="10.0.0.1")


def test_restart_reasons() -> None:
    fields = {"package": "1", "configuration": "{}", "unit": "u", "certificate": "c", "authority": "a"}
    now = Started.of(**fields)
    assert restart_reasons(now.to_json(), now) == ()
    assert restart_reasons(None, now) != ()
    assert restart_reasons("{", now) != ()
    assert restart_reasons("[]", now) != ()
    for key in fields:
        assert restart_reasons(Started.of(**{**fields, key: "other"}).to_json(), now) == (f"{key} changed",)


def test_swarm_port_units() -> None:
    socket, service = port_units(2475, "/usr/lib/systemd/systemd-socket-proxyd", "10.0.0.1")
    assert "ListenStream=0.0.0.0:2475\n" in socket
    assert "ExecStart=/usr/lib/systemd/systemd-socket-proxyd 127.0.0.1:2376\n" in service


@pytest.mark.demand("R3")
def test_the_engine_of_a_host_with_an_ipv6_address_listens_on_both_families() -> None:
    unit = listening_drop_in("[Service]\nExecStart=/usr/bin/dockerd\n", host="n1", address="fd00::1")
    assert unit.endswith("-H tcp://[::]:2376\n")
    socket, _ = port_units(2475, "/usr/lib/systemd/systemd-socket-proxyd", "fd00::1")
    assert "ListenStream=[::]:2475\n" in socket


def test_certificate_is_for_every_name_the_host_is_reached_by() -> None:
    def wish(address: str) -> EngineWish:
        return EngineWish("n1", Access("n1", address, 22, "root", "default", False), "blue", "docker.io", "*")

    assert wish("10.0.0.1").subjects() == (("n1", "localhost"), ("127.0.0.1", "10.0.0.1"))
    assert wish("fd00::1").subjects() == (("n1", "localhost"), ("127.0.0.1", "fd00::1"))
    assert wish("n1.example.net").subjects() == (("n1", "localhost", "n1.example.net"), ("127.0.0.1",))


def test_report_outputs_hold_nothing_volatile() -> None:
    report = EngineReport("20", "20-1", "c", "2030", "a", "tcp://", restarted=("unit changed",))
    assert "restarted" not in report.to_dict()
