"""The artifact mirror's process and what it serves."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path

from lab.errors import LabError
from lab.image.base import ensure_image
from lab.mirror.artifacts import CONSUL_VERSION, STACKENGINE_VERSION, ensure_consul, ensure_stackengine, offer
from lab.mirror.links import put_link
from lab.mirror.packages import ensure_packages
from lab.process import Daemon
from lab.spec import LabSpec
from metal.waiting import Deadline, Pending, Run, wait_until

__all__ = ["ensure_mirror", "fill_mirror", "mirror_answers", "mirror_daemon"]

_CHECKOUT = Path(__file__).resolve().parent.parent.parent


def mirror_daemon(spec: LabSpec) -> Daemon:
    directory = spec.directory / "mirror"
    return Daemon("artifact mirror", directory / "server.pid", directory / "server.log")


def fill_mirror(spec: LabSpec, run: Run) -> Path:
    """Everything to serve, as links into the cache; returns the folder."""
    www = spec.directory / "mirror" / "www"
    www.mkdir(parents=True, exist_ok=True)
    packages = ensure_packages(spec.cache, ensure_image(spec.cache, run), run)
    put_link(www / "debian", packages)
    offer(ensure_consul(spec.cache, run), www / "consul" / CONSUL_VERSION / "consul")
    offer(ensure_stackengine(spec.cache, run), www / "stackengine" / STACKENGINE_VERSION / "stackengine")
    return www


def mirror_answers(spec: LabSpec, *, patience: float = 2.0) -> str | None:
    """None when the mirror serves its package index, else what went wrong."""
    try:
        # The address is the lab's own: no proxy of this machine stands between.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"{spec.mirror_url}/debian/Packages", method="HEAD")
        opener.open(request, timeout=patience).close()
    except (urllib.error.URLError, OSError) as error:
        return str(error)
    return None


def ensure_mirror(spec: LabSpec, run: Run, *, deadline: Deadline) -> bool:
    """Fill the mirror and start it unless it runs; True when it was started. Needs the network."""
    www = fill_mirror(spec, run)
    daemon = mirror_daemon(spec)
    if daemon.process() and mirror_answers(spec) is None:
        return False
    daemon.stop(deadline=deadline)
    daemon.start(
        [sys.executable, "-m", "lab.mirror.serve", str(spec.mirror_address), str(spec.mirror_port), str(www)],
        deadline=deadline,
        env={"PYTHONPATH": str(_CHECKOUT)},
    )

    def probe() -> bool | Pending:
        if daemon.process() is None:
            raise LabError("the artifact mirror ended at its start", seen=daemon.last_words())
        fault = mirror_answers(spec)
        return Pending(fault) if fault else True

    wait_until(
        "the artifact mirror answers",
        probe,
        deadline=deadline,
        fail=lambda what, seen: LabError(f"the artifact mirror at {spec.mirror_url} does not answer", seen=seen),
        interval=0.05,
    )
    return True
