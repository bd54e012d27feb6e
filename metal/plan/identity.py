"""Whether other metal has come under a host's name, from what the settings and the BMCs say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metal.plan.verdict import Refuse

__all__ = ["differences", "is_replaced", "other_bmc", "refuse_other_metal"]


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """How the inventory's identity of a host now contradicts that of the last run, one clause each; empty if not.

    What one side does not give contradicts nothing. A serial that stays tells that new MACs are a new card.

    :param old: serial, uuid (texts, empty where not given) and macs (a list), as of the last run.
    :param new: the same as of now.
    """
    found, agreed = [], False
    for what in ("serial", "uuid"):
        was, will = str(old.get(what) or "").lower(), str(new.get(what) or "").lower()
        if was and will:
            agreed = agreed or was == will
            if was != will:
                found.append(f"{what} {old[what]} became {new[what]}")
    was_macs, will_macs = set(old.get("macs") or ()), set(new.get("macs") or ())
    if not agreed and not found and was_macs and will_macs and not was_macs & will_macs:
        found.append(f"MACs {', '.join(sorted(was_macs))} became {', '.join(sorted(will_macs))}")
    return tuple(found)


def refuse_other_metal(olds: Mapping[str, Any], news: Mapping[str, Any]) -> Refuse | None:
    """Refuse other metal under an old name, for as long as the generation does not say that a new system is wanted.

    :param olds: the first link's inputs of the last run; empty for a host that was in no pool.
    :param news: its inputs now.
    """
    changed = differences(olds.get("expect") or {}, news.get("expect") or {})
    if not olds or not changed or int(news["generation"]) > int(olds["generation"]):
        return None
    return Refuse(
        f"{news['host']}: other metal under its name ({'; '.join(changed)}), and what runs under it stays as it is",
        "raise its generation to have the old node evicted and this one installed in its place; a server that only "
        "changed its name says so by `was`; a mistake in the inventory is corrected there, and where it was the old "
        f"value that was wrong, `override: [identity]` of its cluster says so. Without a BMC: take {news['host']} out "
        "of its pool, run `pulumi up`, and put it back",
    )


def is_replaced(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether a raised generation comes with other metal: another identity, or a BMC somewhere else."""
    if not olds or int(news["generation"]) <= int(olds["generation"]):
        return False
    was, will = olds.get("bmc") or {}, news.get("bmc") or {}
    # Another port alone is another protocol of the same BMC where the protocol changed too.
    keys = ("address",) if was.get("protocol") != will.get("protocol") else ("address", "port")
    moved = bool(was) and any(was.get(key) != will.get(key) for key in keys)
    moved = moved or bool(was.get("system") and will.get("system") and was["system"] != will["system"])
    return moved or bool(differences(olds.get("expect") or {}, news.get("expect") or {}))


def other_bmc(known: str, seen: str, *, address: str) -> Refuse | None:
    """Refuse a BMC that belongs to another machine than before; one that gives no GUID cannot be told apart.

    GUIDs of different protocols (Redfish's begins with its kind) are different numbers of one machine: nothing follows.

    :param known: GUID as of the last run, empty where it was not told.
    :param seen: GUID now, likewise.
    """
    if not known or not seen or known == seen or known.rpartition(":")[0] != seen.rpartition(":")[0]:
        return None
    return Refuse(
        f"the BMC at {address} belongs to another machine than before (GUID {seen}, was {known})",
        "correct bmc in the inventory; if the server was replaced, raise the host's generation; if only its board or "
        "its BMC was, `override: [identity]` of its cluster takes the new one over as it is",
    )
