"""Why a link is taken down, and what that means for the machine under it."""

from __future__ import annotations

from enum import StrEnum

from metal.settings.fleet import OnLeave

__all__ = ["SEEN_WRONG", "Leaving", "is_dissolving", "parting", "unseen", "wipes"]


class Leaving(StrEnum):
    """The three ways out of a link."""

    NEW_LIFE = "the host goes on in a new life"
    REMOVED = "the host left the program"
    DESTROYED = "the stack is being destroyed"


def parting(why: Leaving, *, on_leave: OnLeave, on_destroy: OnLeave) -> OnLeave:
    """What becomes of chassis power when the last life ends; a host with a new life ahead is left as it is."""
    if why is Leaving.NEW_LIFE:
        return OnLeave.KEEP
    return on_leave if why is Leaving.REMOVED else on_destroy


def wipes(why: Leaving, *, on_leave: OnLeave, home: str, new_home: str | None) -> bool:
    """Whether the next life must begin with an install because the old pool asked for it on leaving.

    :param home: cluster, or purpose, of the life that ends.
    :param new_home: the same of the life to come; None where there is none.
    """
    return why is Leaving.NEW_LIFE and on_leave is OnLeave.REINSTALL and new_home is not None and home != new_home


SEEN_WRONG = ("unclaimed", "burn-in not passed", "on other metal", "not as expected")
"""What a look at a host's system finds wrong with it, in the words of `metal.host.ready.observe_ready`."""


def unseen(host: str, condition: str, *, in_system: bool) -> str | None:
    """What to say of a host that the last refresh could not look into; None where an update follows from it anyway.

    :param condition: of a link's outputs.
    :param in_system: the link is in the host's system, not in its BMC.
    """
    if condition in SEEN_WRONG or condition.startswith("claimed by "):
        return None
    if not in_system:
        return f"{host}: its BMC was not to be asked at the last refresh ({condition}); `pulumi refresh` looks again"
    if condition in ("host key", "refused"):
        return (
            f"{host}: showed another host key, or refused ours, at the last refresh ({condition}). "
            f"If its system was set up anew, raise hosts.{host}.generation: it is taken out and comes back as new"
        )
    return (
        f"{host}: was not to be asked at the last refresh ({condition}); what the state says of it is older. "
        "`pulumi refresh` looks again. If it is dead: hold it with evict: true, or take it out of its pool"
    )


def is_dissolving(why: Leaving, *, cluster_wanted: bool) -> bool:
    """Whether the whole cluster goes away, so that nobody needs to drain or hand over."""
    return why is Leaving.DESTROYED or not cluster_wanted
