"""The trial of a boot override over Redfish: whatever a BMC makes of it, what stood before stands afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.redfish.responder import Responder
from lab.redfish.server import Reply, Request
from lab.redfish.temper import Mode, Temper
from lab.redfish.tree import SystemSpec, documents
from metal.bmc import BmcPool
from metal.bmc.redfish.bmc import RedfishBmc
from metal.doctor.boot_trip import trip_over_redfish
from metal.errors import Cancelled
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from metal.waiting import Run

USER, PASSWORD = "admin", "secret-of-bmc"
COMPANIONED = ("UefiTarget", "UefiBootNext", "UefiHttp")
LOSSY = ("SDCard", "RemoteDrive", "Recovery", "Floppy", "UsbCd", "UefiShell")
_SYSTEM = "/redfish/v1/Systems/1"


def standing(enabled: str, target: str, mode: str = "UEFI") -> dict[str, str]:
    return {
        "BootSourceOverrideEnabled": enabled,
        "BootSourceOverrideTarget": target,
        "BootSourceOverrideMode": mode,
    }


NOTHING, PXE = standing("Disabled", "None"), standing("Continuous", "Pxe")
TRIAL = standing("Once", "Hdd")
# The change is carried out and its answer lost: whoever was cancelled meanwhile notices before the next request.
LOST = {"match": {"method": "PATCH"}, "action": "lose", "count": 1}


@dataclass
class Meddled(Responder):
    """Calls `after` with each change that it has carried out."""

    after: Callable[[Meddled, Mapping[str, Any]], None] = field(default=lambda bmc, boot: None)

    def _patch(self, path: str, request: Request) -> Reply:
        reply = super()._patch(path, request)
        self.after(self, request.body["Boot"])
        return reply


class _OneLogin:
    def bmc(self, profile: str) -> BmcLogin:
        return BmcLogin(USER, PASSWORD)


@pytest.fixture
def opened() -> Callable[..., Any]:
    @contextmanager
    def _opened(
        before: Mapping[str, str], *, targets: tuple[str, ...] = (), run: Run | None = None, **how: Any
    ) -> Iterator[tuple[Meddled, RedfishBmc]]:
        after = how.pop("after", lambda bmc, boot: None)
        responder = Meddled(
            USER, PASSWORD, tree=documents([SystemSpec()]), temper=Temper(**how), certificate=None, after=after
        )
        responder.board.override.clear()
        responder.board.override |= before
        shown, listed = responder.tree[_SYSTEM]["Boot"], "BootSourceOverrideTarget@Redfish.AllowableValues"
        shown[listed] = ["None", "Pxe", "Hdd", "Cd", *targets]
        address = BmcAddress("n1", "127.0.0.1", responder.port, BmcProtocol.REDFISH, "rack", plain_http=True)
        pool = BmcPool(_OneLogin(), sessions=1, per_subnet=1, interval=0)
        try:
            with pool.open(address, deadline=(run or Run()).deadline(60)) as bmc:
                assert isinstance(bmc, RedfishBmc)
                yield responder, bmc
            assert responder.open_sessions == 0
        finally:
            responder.close()

    return _opened


@pytest.mark.parametrize("efi", [None, True, False])
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("before", [NOTHING, standing("Disabled", "None", "Legacy"), PXE])
def test_what_stood_stands_again_however_a_bmc_takes_the_mode(opened, before, mode, efi):
    with opened(before, mode=mode) as (bmc, seen_by):
        seen = trip_over_redfish(seen_by, skip="", efi=efi)
        assert bmc.board.override == before
        assert seen.left == seen.skipped == ""


@pytest.mark.parametrize("word", LOSSY)
def test_a_lasting_word_that_means_the_same_as_another_comes_back_itself(opened, word):
    before = standing("Continuous", word)
    with opened(before, targets=LOSSY) as (bmc, seen_by):
        seen = trip_over_redfish(seen_by, skip="")
        assert (seen.left, seen.skipped, seen.trouble) == ("", "", None)
        assert bmc.asked("PATCH")
        assert bmc.board.override == before


@pytest.mark.parametrize(
    ("word", "listed", "why"),
    [
        *((word, COMPANIONED, "might not come back with it") for word in COMPANIONED),
        *((word, (), "does not say that it takes") for word in LOSSY),
    ],
)
def test_over_a_word_that_might_not_come_back_nothing_is_tried(opened, word, listed, why):
    with opened(standing("Continuous", word), targets=listed) as (bmc, seen_by):
        seen = trip_over_redfish(seen_by, skip="")
        assert why in seen.skipped
        assert word in seen.skipped
        assert bmc.asked("PATCH") == 0


def test_over_an_override_that_waits_and_where_it_must_not_be_nothing_is_tried(opened):
    with opened(standing("Once", "Pxe")) as (bmc, seen_by):
        assert "waits for its boot" in trip_over_redfish(seen_by, skip="").skipped
        assert trip_over_redfish(seen_by, skip="armed").skipped == "armed"
        assert bmc.asked("PATCH") == 0


def test_a_target_that_is_not_in_force_may_change_and_is_not_told(opened):
    with opened(standing("Disabled", "Pxe")) as (bmc, seen_by):
        seen = trip_over_redfish(seen_by, skip="")
        assert (seen.left, seen.skipped, seen.trouble) == ("", "", None)
        assert bmc.board.override == NOTHING


def test_after_a_trial_that_was_refused_nothing_is_written(opened):
    before = standing("Disabled", "Pxe")
    with opened(before, mode=Mode.REFUSED) as (bmc, seen_by):
        seen = trip_over_redfish(seen_by, skip="", efi=True)
        assert seen.trouble is not None
        assert seen.left == ""
        assert bmc.asked("PATCH") == 1
        assert bmc.board.override == before


@pytest.mark.parametrize(
    ("before", "stuck", "left"),
    [
        (NOTHING, TRIAL, "Once Hdd, mode UEFI"),
        (PXE, TRIAL, "Once Hdd, mode UEFI"),
        (NOTHING, standing("Disabled", "None", "Legacy"), "no override, mode Legacy"),
    ],
)
def test_what_cannot_be_put_back_is_told_in_the_words_of_the_bmc(opened, before, stuck, left):
    def stick(bmc: Meddled, boot: Mapping[str, Any]) -> None:
        if boot["BootSourceOverrideTarget"] != "Hdd":
            bmc.board.override |= stuck

    with opened(before, after=stick) as (_, seen_by):
        assert trip_over_redfish(seen_by, skip="").left == left


def test_a_bmc_that_refuses_to_put_back_leaves_the_trial_and_that_is_told(opened):
    def refuse(bmc: Meddled, boot: Mapping[str, Any]) -> None:
        bmc.fault({"match": {"method": "PATCH"}, "action": "answer", "status": 400})

    with opened(NOTHING, after=refuse) as (_, seen_by):
        assert trip_over_redfish(seen_by, skip="").left == "Once Hdd, mode UEFI"


@pytest.mark.parametrize("before", [NOTHING, PXE])
def test_a_cancel_in_the_middle_puts_back_what_stood(opened, before):
    run = Run()
    with opened(before, run=run, after=lambda bmc, boot: run.cancel.set()) as (bmc, seen_by):
        bmc.fault(LOST)
        with pytest.raises(Cancelled):
            trip_over_redfish(seen_by, skip="")
        assert bmc.asked("PATCH") == 2
        assert bmc.board.override == before


def test_a_cancel_after_which_nothing_can_be_put_back_says_what_stands(opened):
    run = Run()

    def cut(bmc: Meddled, boot: Mapping[str, Any]) -> None:
        run.cancel.set()
        bmc.fault({"match": {"method": "PATCH"}, "action": "answer", "status": 400})

    with opened(PXE, run=run, after=cut) as (bmc, seen_by):
        bmc.fault(LOST)
        with pytest.raises(Cancelled) as caught:
            trip_over_redfish(seen_by, skip="")
    assert caught.value.seen == "the boot override was Continuous Pxe, mode UEFI and is now Once Hdd, mode UEFI"


@pytest.mark.parametrize("cancelled", [False, True])
@pytest.mark.parametrize("before", [NOTHING, PXE])
def test_what_somebody_else_sets_meanwhile_is_left_alone(opened, before, cancelled):
    run, theirs = Run(), standing("Once", "Cd")
    looks = 0

    def meddle(bmc: Meddled, boot: Mapping[str, Any]) -> None:
        # After the trial was read back: the look that comes next is the one that puts back.
        serve = bmc._document

        def document(path: str) -> Reply:
            nonlocal looks
            looks += path == _SYSTEM
            reply = serve(path)
            if looks == 1:
                bmc.board.override |= theirs
            return reply

        bmc._document = document  # type: ignore[method-assign]
        if cancelled:
            bmc.board.override |= theirs
            run.cancel.set()

    with opened(before, run=run, after=meddle) as (bmc, seen_by):
        if cancelled:
            bmc.fault(LOST)
            with pytest.raises(Cancelled, match="tried") as caught:
                trip_over_redfish(seen_by, skip="")
            assert "Once Cd" in str(caught.value.seen)
        else:
            seen = trip_over_redfish(seen_by, skip="")
            assert "somebody else set Once Cd" in seen.skipped
            assert seen.left == ""
        assert bmc.board.override == theirs
        assert bmc.asked("PATCH") == 1
