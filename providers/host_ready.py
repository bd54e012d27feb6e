"""HostReady: a host that answers, is the right one, is enough, and carries our marker."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import DiffResult, Resource

from metal.plan.leaving import SEEN_WRONG, wipes
from metal.settings.expectations import BurnIn
from metal.settings.fleet import OnLeave
from providers import process
from providers.access import pinned_access
from providers.link import Link, former_name

if TYPE_CHECKING:
    from metal.host.wish import ReadyReport, ReadyWish

__all__ = ["HostReady"]


class HostReadyProvider(Link):
    # Its own output: an input of the links above, never of this one.
    quiet = ()
    disruptive = frozenset({"burn_in", "reboot"})

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['host']}/{props['life']}/ready"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.chassis.life import begin_life
        from metal.chassis.wish import ChassisWish
        from metal.cluster.burn_in import ensure_burned_in
        from metal.cluster.reboot import ensure_rebooted
        from metal.cluster.wave import Layer, rolling

        owner = str(props["owner"])
        site = process.site(owner)
        # Within a life the key that was seen first stays the only one; a new life begins with a first contact.
        access = pinned_access({**props, "host_key": before.get("host_key")})
        chassis = None if "machine_id" in before else ChassisWish.of(site.fleet.hosts[str(props["host"])], owner)
        wish = replace(_wish(props), was=former_name(props, before), known=_known(before))
        report = begin_life(site, access, wish, process.ledger(owner), chassis)
        process.learn_host_key(str(props["host"]), report.host_key, current=True)
        known = replace(access, host_key=report.host_key)
        with rolling(site, access.host, known, Layer.SYSTEM) as disrupt:
            burned = ensure_burned_in(site, known, _burn_in(props), disrupt=disrupt)
            ensure_rebooted(
                site,
                known,
                str(props.get("reboot", "")),
                begins="machine_id" not in before,
                reached=str(before.get("reboot", "")),
                disrupt=disrupt,
            )
        return _outputs(replace(report, burn_in=burned or report.burn_in))

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        # Asked for every host of the program before anything that dials it as a peer.
        process.learn_host_key(str(news["host"]), olds.get("host_key"), current=True)
        return super().diff(id_, olds, news)

    def look(self, props: dict[str, Any]) -> dict[str, Any]:
        from metal.host.ready import observe_ready
        from metal.plan.burn_in import fingerprint

        owner = str(props["owner"])
        wish = replace(_wish(props), known=_known(props))
        passed = fingerprint(_burn_in(props))
        seen = observe_ready(process.site(owner), pinned_access(props), owner=owner, wish=wish, burn_in=passed)
        if seen.report is None:
            process.warn(f"{props['host']}: {seen.condition}: {seen.cause}")
            return {"condition": seen.condition}
        return _outputs(seen.report)

    def drifted(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        # Silence heals or is the power link's to mend; what is not as it must be has to be mended, claimed or told.
        condition = str(olds.get("condition", ""))
        return ("condition",) if condition in SEEN_WRONG or condition.startswith("claimed by ") else ()

    def undo(self, props: dict[str, Any]) -> None:
        from metal.chassis.life import end_life

        owner, host = str(props["owner"]), str(props["host"])
        site = process.site(owner)
        wanted, facts = site.fleet.hosts.get(host), site.fleet.facts(host)
        wipe = wipes(
            process.leaving(host),
            on_leave=OnLeave(props["on_leave"]),
            home=str(props["home"]),
            new_home=(wanted.cluster or wanted.purpose.value) if wanted else None,
        )
        end_life(
            site,
            pinned_access(props),
            _wish(props),
            process.ledger(owner),
            machine_id=str(props["machine_id"]),
            wipe=wipe,
            bmc=facts.bmc if facts else None,
            lost=bool(facts and facts.lost),
        )


class HostReady(Resource, module="metalswarm", name="HostReady"):
    """Outputs: `host_key` (pinned for this life), `machine_id`, `os`, `arch`, `cpus`, `report` (which metal it is and
    what that is made of, what was asked of it and holds, what it has passed)."""

    host_key: pulumi.Output[str]
    machine_id: pulumi.Output[str]
    os: pulumi.Output[str]
    arch: pulumi.Output[str]
    cpus: pulumi.Output[int]
    report: pulumi.Output[dict[str, Any]]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        computed = dict.fromkeys(("host_key", "machine_id", "os", "arch", "cpus", "report"))
        super().__init__(HostReadyProvider(), name, {**props, **computed}, opts)


def _wish(props: dict[str, Any]) -> ReadyWish:
    from metal.host.wish import ReadyWish

    named = {key: props[key] for key in ("host", "owner", "generation", "life")}
    return ReadyWish.from_dict({**named, **props["floors"], **props["expect"]})


def _known(outputs: dict[str, Any]) -> dict[str, Any]:
    """Which metal this life has shown until now; empty where it has not, or an earlier version did not keep it."""
    return dict((outputs.get("report") or {}).get("metal") or {})


def _burn_in(props: dict[str, Any]) -> BurnIn | None:
    return BurnIn.from_dict(props["burn_in"]) if props.get("burn_in") else None


def _outputs(report: ReadyReport) -> dict[str, Any]:
    # Neither kernel nor the memory it has: both change without anybody's wish, and a refresh would show them as drift.
    return {
        "host_key": report.host_key,
        "machine_id": report.machine_id,
        "os": report.os,
        "arch": report.arch,
        "cpus": report.cpus,
        "report": {
            "metal": report.fingerprint,
            "hardware": dict(report.hardware),
            "met": list(report.met),
            "burn_in": report.burn_in,
        },
    }
