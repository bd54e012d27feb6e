"""The shape that every resource of ours shares: inputs echoed, no I/O before an act, holds respected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown

from metal.errors import BmcFault, Cancelled, HostFault, MetalError, PlanRefused
from metal.plan.difference import BEGUN, compare, is_in_swarm, plain, wants_eviction
from metal.plan.leaving import Leaving, unseen
from providers import process, waves
from providers.presence import presence, presence_path
from providers.server import runtime
from providers.server.unfinished import Unfinished
from providers.stall import note_path, stalls

__all__ = ["Link", "former_name", "taken_away"]

_SILENT = (BmcFault.TIMEOUT, BmcFault.UNREACHABLE, HostFault.UNREACHABLE, HostFault.TIMEOUT)


class Link(ResourceProvider):
    """Translates create, read, update and delete of one resource into one call of `metal` each.

    Subclasses have no attributes of their own: the engine's state holds a reference to the class, nothing else.
    """

    # The serialised provider is a reference to a class; encrypting it would cost time and protect nothing.
    serialize_as_secret_always = False

    # Inputs whose change, or unknown value, asks for a new life of the link.
    replaces: ClassVar[tuple[str, ...]] = ("up",)
    # Inputs that follow from another link and ask for nothing by themselves.
    quiet: ClassVar[tuple[str, ...]] = ("host_key",)
    # Inputs, or outputs that drift, whose update takes the host out of service for a while.
    disruptive: ClassVar[frozenset[str]] = frozenset()
    # Whether the link lives in the host's installed system, and so ends with it.
    in_system: ClassVar[bool] = True
    # Whether the link is a membership that the living side can end for a host on hold (`evict`).
    evicts: ClassVar[bool] = False
    # Whether the link is the host's place in a swarm, or stands on it.
    in_swarm: ClassVar[bool] = False

    def identity(self, props: dict[str, Any]) -> str:
        """The id, from names and life only."""
        raise NotImplementedError

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        """Make it so, whether it is already or not.

        :param before: the link's outputs until now; empty for a new life.
        :returns: the outputs beyond the echoed inputs.
        """
        raise NotImplementedError

    def undo(self, props: dict[str, Any]) -> None:
        """Take it down; succeeds when it is gone."""
        raise NotImplementedError

    def look(self, props: dict[str, Any]) -> dict[str, Any]:
        """Live values of the outputs beyond the echoed inputs; the same as :meth:`act` gave where nothing changed."""
        return {}

    def refusals(self, olds: dict[str, Any], news: dict[str, Any]) -> list[CheckFailure]:
        """What a preview has to refuse.

        :param olds: inputs of the last run; empty for a resource that does not exist yet.
        :param news: inputs of this run; members may be unknown.
        """
        return []

    def drifted(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        """Outputs that are not what they must be."""
        return ()

    def extra_replaces(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        """Inputs that ask for a new life of the link for more than being different; never asked under a hold."""
        return ()

    def configure(self, req: ConfigureRequest) -> None:
        process.configure(req.config._props)

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        process.remember("host" if "host" in news else "cluster", str(news.get("host") or news.get("cluster")))
        return CheckResult(news, self.refusals(plain(olds or {}), plain(news)))

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        seen, wish = plain(olds), plain(news)
        more = () if wish.get("hold") else self.extra_replaces(seen, wish)
        verdict = compare(
            olds,
            news,
            replaces=self.replaces,
            quiet=self.quiet,
            is_unknown=lambda value: isinstance(value, Unknown),
            drifted=() if wish.get("hold") else self.drifted(seen, wish),
        )
        replaces = sorted({*verdict.replaces, *more})
        self._say_condition(seen)
        evicts = self.evicts and wants_eviction(seen, wish)
        rolls = sorted(self.disruptive.intersection(verdict.updates))
        if rolls and not replaces:
            # Its plan's words are of what changed since the last update; this is what is left to be done of it.
            how = "drained in its wave" if is_in_swarm(wish) else "in no swarm, so changed without a drain"
            runtime.progress(f"{wish['host']}: {how}: {', '.join(rolls)}")
        return DiffResult(
            changes=bool(replaces or verdict.updates or evicts),
            replaces=replaces,
            stables=[],
            delete_before_replace=True,
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        with stalls.operation():
            process.load_acts()
            wish = plain(props)
            _announce(wish)
            id_ = self.identity(wish)
            with _not_forgotten(id_, self.evicts):
                return CreateResult(id_, self._make(wish, {}))

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        with stalls.operation():
            process.load_acts()
            before, wish = plain(olds), plain(news)
            _announce(before)
            # A cluster's are plans and barriers: one refused is not begun, and the next preview compares again.
            with _not_forgotten(id_, "host" in before):
                if self.evicts and wants_eviction(before, wish):
                    return UpdateResult(self._evict(wish, before))
                if wish.get("hold") and not before.get("pending"):
                    # Asked for by the engine, because the last one failed: it is put off.
                    return UpdateResult({**before, BEGUN: True})
                # What a hold put off has no outputs yet: its first update begins its life.
                return UpdateResult(self._make(wish, {} if before.get("pending") else before))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        with stalls.operation():
            process.load_acts()
            return self._see(id_, props)

    def _see(self, id_: str, props: dict[str, Any]) -> ReadResult:
        seen = plain(props)
        self._learn(seen)
        if self._hold(seen) or seen.get("pending"):
            return ReadResult(id_, dict(props))
        host = str(seen.get("host", ""))
        if self.in_system and host and process.is_silent(host):
            return ReadResult(id_, {**dict(props), "condition": "unreachable"})
        try:
            known = {key: value for key, value in props.items() if key != "condition"}
            return ReadResult(id_, {**known, **self.look(seen)})
        except Cancelled:
            raise
        except MetalError as error:
            if self.in_system and host and getattr(error, "fault", None) in _SILENT:
                process.note_silent(host)
            # One raising read stops the refresh of every other resource, so what cannot be asked is reported instead.
            process.warn(f"{error}\n  kept: the values known from before")
            return ReadResult(id_, {**dict(props), "condition": _condition(error)})

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        seen = plain(props)
        try:
            with stalls.operation():
                process.load_acts()
                _announce(seen)
                with waves.under_way(seen):
                    self._take_down(seen)
        except BaseException as error:
            waves.note_failure(seen, error)
            if self._has_new_life(seen):
                stalls.stuck(str(seen["host"]), self._link(), note=note_path(str(seen["owner"])))
            raise

    def _make(self, wish: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        try:
            with waves.under_way(wish):
                made = self._carry_out(wish, before)
        except BaseException as error:
            waves.note_failure(wish, error)
            raise
        waves.note_made(self._link(), wish)
        return made

    def _link(self) -> str:
        return type(self).__name__.removesuffix("Provider")

    def _has_new_life(self, seen: dict[str, Any]) -> bool:
        return "host" in seen and process.leaving(str(seen["host"])) is Leaving.NEW_LIFE

    def _take_down(self, seen: dict[str, Any]) -> None:
        self._forbid(seen)
        with waves.parting(seen) if self.in_swarm else nullcontext():
            self._end(seen)

    def _end(self, seen: dict[str, Any]) -> None:
        if seen.get("pending"):
            return
        self._learn(seen)
        hold = self._hold(seen)
        if hold:
            process.warn(f"{seen['host']}: on hold ({hold}): left as it is")
        elif self._is_outlived(seen):
            # A run that was cut short took it down; the engine asks again because the new one is still to be made.
            process.warn(f"{seen['host']}: the system that held this link is gone already")
        else:
            if self._has_new_life(seen):
                waves.await_new_life(seen)
            self.undo(seen)

    def _is_outlived(self, seen: dict[str, Any]) -> bool:
        if not self.in_system or "host" not in seen:
            return False
        return process.outlived(str(seen["owner"]), str(seen["host"]), _life(seen))

    def _forbid(self, seen: dict[str, Any]) -> None:
        # The engine refuses a protected resource only when its turn comes, after all that is deleted before it.
        process.refuse_destroy(str(seen["owner"]), cluster=str(seen.get("cluster", "")))

    def _learn(self, seen: dict[str, Any]) -> None:
        if "host" in seen:
            process.learn_host_key(str(seen["host"]), seen.get("host_key"), current=False)

    def _carry_out(self, wish: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        hold = wish.pop("hold", "")
        if hold:
            # Registered so that the program stays whole; the first update after the hold does what is pending.
            return {**wish, "pending": str(hold), **({"evicted": True} if wish.get("evict") and self.evicts else {})}
        made = self.act(wish, before)
        hidden = sorted(set(made) & set(wish))
        if hidden:  # an output under an input's name would show as a change for ever
            raise RuntimeError(f"{type(self).__name__}: outputs {hidden} hide inputs")
        return {**wish, **made}

    def _evict(self, wish: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        """Have the living side end the membership; what is left is as if the host had never been there."""
        self._learn(before)
        self.undo({**wish, **before})
        return self._carry_out(wish, {})

    def _say_condition(self, seen: dict[str, Any]) -> None:
        """What the last refresh could not see would else be said nowhere until something is to change there."""
        host, condition = str(seen.get("host", "")), str(seen.get("condition", ""))
        line = unseen(host, condition, in_system=self.in_system) if host and condition else None
        if line:
            process.say_once(f"{host} {'system' if self.in_system else 'BMC'}", line)

    def _hold(self, props: dict[str, Any]) -> str:
        """Why the host of this resource must not be dialled; empty where it may."""
        if "host" not in props:
            return ""
        facts = process.site(str(props["owner"])).fleet.facts(str(props["host"]))
        return (facts.hold or "") if facts else ""


@contextmanager
def _not_forgotten(id_: str, may_be_begun: bool) -> Iterator[None]:
    """Have a link whose operation fails here kept as one that was begun.

    Of what a failed create leaves behind, only a membership concerns others than its host; and only a link that is in
    the state is taken down when nobody wants it any more.
    """
    try:
        yield
    except PlanRefused:
        raise  # nothing was touched
    except Exception as error:
        if not may_be_begun:
            raise
        raise Unfinished(str(error), id_=id_) from error


def _announce(props: dict[str, Any]) -> None:
    presence.announce(presence_path(str(props["owner"])))


def taken_away(olds: dict[str, Any], news: dict[str, Any], *names: str) -> tuple[str, ...]:
    """Inputs that are left out where they have their default, and that the last run had: they ask for an update."""
    return tuple(name for name in names if olds.get(name) and name not in news)


def former_name(props: dict[str, Any], before: dict[str, Any]) -> str | None:
    """The name that the host had when this link last acted; None where it is the same."""
    was = before.get("host")
    return str(was) if was and was != props["host"] else None


def _life(props: dict[str, Any]) -> str:
    """The machine life that a link belongs to; its own, or that of the link below, whose id begins with it."""
    return str(props.get("life") or str(props.get("up", "")).partition("/")[2].partition("/")[0])


def _condition(error: MetalError) -> str:
    """One or two words that stay the same for as long as the failure does."""
    fault = getattr(error, "fault", None)
    return "unreachable" if fault in _SILENT else str(fault or "not known")
