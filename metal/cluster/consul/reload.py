"""Has a running agent take tokens, certificates and service from its files."""

from __future__ import annotations

from metal.cluster.consul import paths
from metal.cluster.consul.api import ConsulRefused, ConsulSilent, open_api
from metal.cluster.consul.keys import AgentKeys
from metal.errors import ClusterError
from metal.host.ssh import Ssh
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["reload_agent"]


def reload_agent(ssh: Ssh, keys: AgentKeys, *, deadline: Deadline) -> None:
    """Reload, and have the agent's word for it.

    :raises ClusterError: it did not in time.
    """

    def probe() -> bool | Pending:
        try:
            with open_api(ssh, keys) as api:
                api.put("agent/reload")
        except (ConsulRefused, ConsulSilent) as failed:
            # One whose secrets are out of date is cut off from the servers, and cannot ask them whether we may; one
            # whose certificate has ended is not to be talked to before it shows the new one.
            if isinstance(failed, ConsulSilent) and "CERTIFICATE_VERIFY_FAILED" not in (failed.seen or ""):
                raise
            ssh.run(["systemctl", "reload", "--", paths.UNIT], check=False)
            return Pending(failed.seen or failed.what)
        return True

    wait_until(
        "the agent takes its secrets from its files",
        probe,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step=f"look at `journalctl -u {paths.UNIT}` there and on the servers, then run again",
        ),
        host=ssh.access.host,
        passing=(ConsulSilent,),
    )
