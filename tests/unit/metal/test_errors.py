"""How an error is spelled for the one who reads it."""

from __future__ import annotations

from metal.errors import BmcError, BmcFault, MetalError


def test_what_was_tried_many_times_in_a_row_is_said_once() -> None:
    tried = ("login 1, suite 3: busy", "login 2, suite 3: busy", "ping", "login 3, suite 3: busy", "ping", "ping")
    error = MetalError("no", tried=tried)
    assert str(error) == "no\n  tried: 2x login, suite 3: busy; ping; login 3, suite 3: busy; 2x ping"
    assert error.tried == tried


def test_a_busy_bmc_has_a_word_of_its_own_and_no_retry_rule() -> None:
    assert BmcError("x", fault=BmcFault.TIMEOUT, code=0xC0).word == "busy"
    assert BmcError("x", fault=BmcFault.TIMEOUT).word == "timeout"
    assert BmcError("x", fault=BmcFault.COMMAND, code=0xC0).word == "command refused"
