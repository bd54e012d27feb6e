"""What one provider process holds: the site it works on, and which hosts the program asked for in this run."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metal.plan.leaving import Leaving
from providers.server import runtime

if TYPE_CHECKING:
    from metal.chassis.ledger import Ledger
    from metal.pki.authority import Authority
    from metal.site import Site

__all__ = [
    "authority",
    "configure",
    "is_given_up",
    "is_lost",
    "is_open",
    "is_silent",
    "learn_host_key",
    "leaving",
    "ledger",
    "load_acts",
    "note_replaced",
    "note_settled",
    "note_silent",
    "outlived",
    "refuse_destroy",
    "remember",
    "say_once",
    "site",
    "warn",
]

_lock = threading.Lock()
_loading = threading.Lock()
_config: dict[str, str] = {}
_site: Site | None = None
_asked: set[tuple[str, str]] = set()
_pins: dict[str, str] = {}
_silent: set[str] = set()
_told: set[str] = set()
_replaced: set[str] = set()
_settled: set[str] = set()


def load_acts() -> None:
    """Import, once and in one thread, what operations need; called before each of them."""
    from importlib import import_module

    with _loading:
        import_module("providers.acts")


def configure(config: Mapping[str, Any]) -> None:
    """Take the stack's configuration; nothing is read or dialled until an act needs it."""
    with _lock:
        if _config:
            return
        _config.update({str(key): str(value) for key, value in config.items()})
    if not runtime.is_ours():
        runtime.warn(
            "metalswarm: the stock provider server runs only 4 operations at a time; "
            "keep `plugins.providers` in Pulumi.yaml as it is in the checkout"
        )


def site(owner: str) -> Site:
    """The site of this run, opened at first use and closed when the process ends.

    :raises SettingsError: the configuration that the engine handed over, or a file it names, is refused.
    """
    # Loaded here: the program and a preview import this module too, and must not pay for clients they never use.
    import json

    from metal.errors import SettingsError
    from metal.settings import load_fleet
    from metal.settings.credentials import Credentials
    from metal.site import Site
    from metal.waiting import Run

    global _site
    with _lock:
        if _site is None:
            text = _config.get("metalswarm:fleet")
            if text is None:
                raise SettingsError(["metalswarm:fleet: is missing; allowed: the fleet document"])
            fleet = load_fleet(json.loads(text), root=Path.cwd(), owner=owner)
            run = Run(cancel=runtime.cancel_event(), progress=runtime.progress, orphaned=runtime.is_orphaned)
            credentials = Credentials.from_config(_config, os.environ)
            _site = Site.open(
                fleet, credentials, run, pins=_pins, replaced=_replaced, settled=_settled, folder=Path.cwd()
            )
            runtime.at_exit(_site.close)
        return _site


def is_open() -> bool:
    """Whether any operation of this process has opened the site."""
    with _lock:
        return _site is not None


def authority(cluster: str, generation: int) -> Authority | None:
    """The authority that follows from this run's seed; None without one: a preview needs no secret.

    :param generation: rotation number.
    """
    from metal.errors import SettingsError
    from metal.pki.authority import Authority
    from metal.settings.credentials import Credentials

    try:
        with _lock:
            seed = Credentials.from_config(dict(_config), os.environ).seed()
    except SettingsError:
        return None
    return Authority.of(seed, cluster, generation)


def ledger(owner: str) -> Ledger:
    """What this workstation knows of the hosts of one stack, in the project's ignored folder."""
    from metal.chassis.ledger import Ledger

    return Ledger.of(Path.cwd(), owner)


def remember(kind: str, name: str) -> None:
    """The program registered this resource in this run (its check was called)."""
    with _lock:
        _asked.add((kind, name))


def warn(line: str) -> None:
    """Keep a line as a warning of the resource at hand."""
    runtime.warn(line)


def learn_host_key(host: str, key: object, *, current: bool) -> None:
    """Keep the key that a host showed at first contact, for acts on other hosts that dial it as a peer.

    :param key: from a link's outputs; anything but a text teaches nothing.
    :param current: HostReady's own word on the life that stands; any other link's counts only where nothing is known.
    """
    if not isinstance(key, str) or not key:
        return
    with _lock:
        if current:
            _pins[host] = key
        else:
            _pins.setdefault(host, key)


def note_replaced(host: str) -> None:
    """The settings of this run put other metal under the host's name: what was there is taken down as it can be."""
    with _lock:
        _replaced.add(host)


def note_settled(host: str) -> None:
    """By the state the host's place in its swarm is right: whoever waits for another one waits in vain."""
    with _lock:
        _settled.add(host)


def note_silent(host: str) -> None:
    """One look found nobody there: the other links of that host need not wait for the same answer in this run."""
    with _lock:
        _silent.add(host)


def is_silent(host: str) -> bool:
    with _lock:
        return host in _silent


def outlived(owner: str, host: str, life: str) -> bool:
    """Whether the system of that machine life is gone: this workstation has begun to install the host anew since.

    :param life: `g<generation>`, with or without what follows.
    """
    known = ledger(owner).read(host)
    if known is None or not life:
        return False
    if known.armed:
        return known.armed != life
    generation = life[1:].partition("-")[0]
    return generation.isdigit() and int(generation) < known.installed


def is_lost(owner: str, host: str) -> bool:
    """Whether the inventory has given this host up: it will never answer again, and nothing waits for it."""
    facts = site(owner).fleet.facts(host)
    return facts is not None and facts.lost


def is_given_up(owner: str, host: str) -> bool:
    """Whether nobody asks this host any more, and its cluster takes out what it holds of it: lost, or evicted."""
    facts = site(owner).fleet.facts(host)
    return facts is not None and facts.given_up


def say_once(subject: str, line: str) -> None:
    """Keep a line as a warning of the resource at hand, the first time in this process that it is about `subject`."""
    with _lock:
        if subject in _told:
            return
        _told.add(subject)
    runtime.warn(line)


def refuse_destroy(owner: str, *, cluster: str = "") -> None:
    """Let nothing be deleted in a destroy, or of a cluster that goes away, where the settings of now forbid it.

    :param cluster: that the resource belongs to; empty for one of no cluster.
    :raises PlanRefused: `limits.destroy` is `refuse`, and this run is a destroy or the settings have lost the cluster.
    """
    from metal.errors import PlanRefused
    from metal.settings.fleet import DestroyRule

    with _lock:
        destroying = not _asked
    fleet = site(owner).fleet
    if fleet.limits.destroy is not DestroyRule.REFUSE:
        return
    if destroying:
        raise PlanRefused(
            f"limits.destroy: refuse forbids destroying {owner}; nothing was touched",
            next_step="to really destroy it: set limits.destroy to allow, run `pulumi up`, then destroy",
        )
    if cluster and cluster not in fleet.clusters:
        raise PlanRefused(
            f"limits.destroy: refuse forbids dissolving cluster {cluster}, which the settings no longer name",
            next_step="put it back; or set limits.destroy to allow, run `pulumi up`, then take it out",
        )


def leaving(host: str) -> Leaving:
    """Why a link of this host is being deleted.

    The engine does not say. It does call `check` for every resource of a program before it deletes anything for it,
    and calls none in a destroy.
    """
    with _lock:
        if ("host", host) in _asked:
            return Leaving.NEW_LIFE
        return Leaving.REMOVED if _asked else Leaving.DESTROYED
