"""A tiny image made here, loaded on the hosts, and a service of it that answers from each replica's own host."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.waiting import wait_for

if TYPE_CHECKING:
    from tests.lab.stack import LabStack

__all__ = ["IMAGE", "busybox_image", "replicated_service"]

IMAGE = "metalswarm/probe:1"
PORT = 8088


def busybox_image(folder: Path) -> Path:
    """A root file system with busybox and a page, as a tar for `docker import`."""
    subprocess.run(["apt-get", "download", "busybox-static"], cwd=folder, check=True, capture_output=True)
    package = next(folder.glob("busybox-static_*.deb"))
    subprocess.run(["dpkg-deb", "-x", package, folder / "tree"], check=True)
    found = [path for path in (folder / "tree").rglob("busybox") if path.is_file() and path.stat().st_mode & 0o100]
    target = folder / "probe.tar"
    with tarfile.open(target, "w") as out:
        out.add(found[0], arcname="bin/busybox")
        page = b"metalswarm\n"
        entry = tarfile.TarInfo("www/index.html")
        entry.size = len(page)
        out.addfile(entry, io.BytesIO(page))
    return target


@contextmanager
def replicated_service(stack: LabStack, *, replicas: int) -> Iterator[list[str]]:
    """A service published in host mode on workers; yields the addresses its replicas run on."""
    spec = {
        "Name": "probe",
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": IMAGE,
                "Command": ["/bin/busybox", "httpd", "-f", "-p", str(PORT), "-h", "/www"],
            },
            "Placement": {"Constraints": ["node.role==worker"], "MaxReplicas": 1},
        },
        "Mode": {"Replicated": {"Replicas": replicas}},
        "EndpointSpec": {
            "Mode": "dnsrr",
            "Ports": [{"TargetPort": PORT, "PublishedPort": PORT, "PublishMode": "host", "Protocol": "tcp"}],
        },
    }
    stack.docker("/services/create", method="POST", json=spec)
    try:
        filters = json.dumps({"service": ["probe"], "desired-state": ["running"]})

        def running() -> list[str]:
            tasks = stack.docker("/tasks", params={"filters": filters})
            return [task["NodeID"] for task in tasks if task["Status"]["State"] == "running"]

        wait_for(f"{replicas} running tasks", lambda: len(running()) == replicas, seconds=90)
        nodes = {node["id"]: name for name, node in stack.swarm_nodes().items()}
        yield sorted({stack.address(nodes[node]) for node in running()})
    finally:
        stack.docker("/services/probe", method="DELETE")
