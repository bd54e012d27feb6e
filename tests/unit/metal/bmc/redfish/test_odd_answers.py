"""Answers that no standard has: each is an error of this one BMC, or passed over, and never the end of a run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from lab.redfish.responder import Responder
from lab.redfish.server import Reply, Request
from lab.redfish.tree import SystemSpec, documents, normal
from metal.bmc import BmcPool, BootTarget
from metal.bmc.redfish.bmc import _etag
from metal.bmc.redfish.http import Answer
from metal.bmc.redfish.link import _pause_of
from metal.bmc.redfish.login import session_path
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from metal.settings.fleet import PowerRestore
from metal.waiting import Run
from tests.waiting import hurried

USER, PASSWORD = "admin", "secret-of-bmc"
SYSTEM = "/redfish/v1/Systems/1"
SESSIONS = "/redfish/v1/SessionService/Sessions"
ODD: tuple[Any, ...] = (7, "é", [1], {"a": 1}, {"@odata.id": "/é"})


@dataclass
class Odd(Responder):
    """Gives some documents, and headers of a login, as it is told to."""

    over: dict[str, Reply] = field(default_factory=dict)
    login: Mapping[str, str] = field(default_factory=dict)

    def _serve(self, request: Request, admitted: str | None) -> Reply:
        if request.method == "GET" and (odd := self.over.get(normal(request.path))):
            return odd
        return super()._serve(request, admitted)

    def _log_in(self, request: Request) -> Reply:
        reply = super()._log_in(request)
        return replace(reply, headers={**reply.headers, **self.login}, body={})


@pytest.fixture
def visit():
    """Opens a BMC and asks it several things; gives the first error of a BMC, and the lines that were told."""
    running = []

    def ask(*, off=False, hurry=False, **how):
        odd = Odd(USER, PASSWORD, tree=documents([SystemSpec()]), **how)
        running.append(odd)
        address = BmcAddress("n1", "127.0.0.1", odd.port, BmcProtocol.REDFISH, "rack", plain_http=True)
        lines: list[str] = []

        class Login:
            def bmc(self, profile: str) -> BmcLogin:
                return BmcLogin(USER, PASSWORD)

        pool = BmcPool(Login(), sessions=1, per_subnet=1, interval=0, patience=12)
        errors: list[BmcError] = []
        with (
            suppress(BmcError),
            pool.open(address, deadline=replace(hurried(40), progress=lines.append).deadline(12)) as bmc,
        ):
            for act in (
                bmc.power,
                *([lambda: bmc.power_off(soft=0)] if off else []),
                bmc.identity,
                bmc.guid,
                lambda: bmc.set_boot_device(BootTarget.OPTICAL, once=True, efi=True),
                bmc.power_restore,
                lambda: bmc.set_power_restore(PowerRestore.ON),
            ):
                try:
                    act()
                except BmcError as error:
                    errors.append(error)
        return odd, errors, lines

    yield ask
    for odd in running:
        odd.close()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000 + b"]" * 200_000,
        b'{"a":' * 200_000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b"\xff",
        b"[]",
        b"7",
        b"",
    ],
)
def test_a_body_that_is_no_map_or_has_no_bottom_is_empty(body):
    assert Answer(200, body=body).json() == {}


def test_a_body_nested_as_any_bmc_would_is_read():
    assert Answer(200, body=b'{"a":' * 20 + b"1" + b"}" * 20).json()


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("²", 1), ("9" * 5000, 10), ("٣", 1), ("-1", 1), ("", 1), ("0", 1), ("3", 3), ("30", 10), ("Wed, 21 Oct", 1)],
)
def test_a_wait_that_is_asked_for_is_held_within_reason(asked, seconds):
    assert _pause_of(Answer(503, {"retry-after": asked})) == seconds


@pytest.mark.parametrize(
    ("location", "body", "path"),
    [
        ("/s/1", b"", "/s/1"),
        ("https://bmc/s/1?x=1", b"", "/s/1"),
        ("Sessions/1", b"", f"{SESSIONS}/1"),
        ("https://[", b"", ""),
        ("https://[", b'{"@odata.id": "/s/2"}', "/s/2"),
        ("https://bmc", b'{"@odata.id": "/s/2"}', "/s/2"),
        ("/s/é", b"", ""),
        ("/s/a b", b"", ""),
        ("", b'{"@odata.id": 7}', ""),
        ("", b"[", ""),
    ],
)
def test_where_a_session_is(location, body, path):
    assert session_path(Answer(201, {"location": location}, body)) == path


@pytest.mark.parametrize(
    ("location", "left"), [("Sessions/1", 1), ("https://[", 1), ("https://bmc", 1), ("é", 1), (None, 0)]
)
def test_a_session_that_cannot_be_ended_is_told_and_fails_nothing(visit, location, left):
    odd, errors, lines = visit(login={"Location": location} if location else {})
    assert (errors, odd.logins, odd.open_sessions) == ([], 1, left)
    assert sum("did not end our session" in line for line in lines) == (1 if location and "Sess" not in location else 0)


@pytest.mark.parametrize("token", ["é", "a\tb"])
def test_a_session_whose_token_cannot_be_sent_is_ended_and_not_used(visit, token):
    odd, errors, lines = visit(login={"X-Auth-Token": token})
    assert (errors, odd.logins, odd.open_sessions) == ([], 1, 0)
    assert any("a token that cannot be sent" in line for line in lines)


@pytest.mark.parametrize("path", ["é", "/é", "/a b", "/a\nb", "https://other/x", "", "/\ud800"])
def test_a_path_that_cannot_be_asked_for_is_an_error_of_this_bmc(redfish, at, make_pool, path):
    responder = redfish()
    with make_pool().open(at(responder), deadline=Run().deadline(60)) as bmc:
        before = len(responder.log)
        with pytest.raises(BmcError) as caught:
            bmc._link.request("POST", path, f"write {path}", repeatable=False)
        assert caught.value.fault is BmcFault.PROTOCOL
        assert str(caught.value).isascii()
        assert len(responder.log) == before


@pytest.mark.parametrize(
    ("headers", "body", "tag"),
    [
        ({"etag": '"1"'}, b"", '"1"'),
        ({"etag": '"é"'}, b"", ""),
        ({}, b'{"@odata.etag": "\\u20ac"}', ""),
        ({}, b'{"@odata.etag": "a\\nb"}', ""),
        ({}, b"", ""),
    ],
)
def test_an_etag_that_cannot_be_said_back_is_none(headers, body, tag):
    assert _etag(Answer(200, headers, body)) == tag


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/redfish/v1", "Links"),
        ("/redfish/v1", "Links/Sessions"),
        ("/redfish/v1", "Vendor"),
        (SYSTEM, "UUID"),
        (SYSTEM, "Links"),
        (SYSTEM, "@Redfish.Settings"),
        (SYSTEM, "PowerRestorePolicy@Redfish.AllowableValues"),
        (SYSTEM, "Boot"),
        (SYSTEM, "Boot/BootSourceOverrideTarget@Redfish.AllowableValues"),
        (SYSTEM, "Actions"),
        (SYSTEM, "Actions/#ComputerSystem.Reset"),
        (SYSTEM, "Actions/#ComputerSystem.Reset/target"),
        (SYSTEM, "Actions/#ComputerSystem.Reset/@Redfish.ActionInfo"),
        (SYSTEM, "Actions/#ComputerSystem.Reset/ResetType@Redfish.AllowableValues"),
    ],
)
def test_a_property_of_another_shape_is_no_more_than_an_error_of_this_bmc(visit, path, key):
    for odd in ODD:
        document = documents([SystemSpec()])[path]
        if path == SYSTEM:
            document["PowerState"] = "On"
        *above, last = key.split("/")
        holder = document
        for name in above:
            holder = holder.setdefault(name, {})
        holder[last] = odd
        # Whatever it raises but BmcError fails the test.
        visit(hurry=True, off="Actions" in key, over={path: Reply(200, document)})


def test_what_is_refused_in_an_odd_way_is_an_error_of_this_bmc(visit):
    bodies: tuple[Any, ...] = ({"error": 7}, {"@Message.ExtendedInfo": 7})
    for body in bodies:
        visit(hurry=True, over={SYSTEM: Reply(503, body, {"Retry-After": "²"})})
