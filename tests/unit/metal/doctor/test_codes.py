"""Codes that findings are left out by."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from metal.doctor import codes
from metal.doctor.codes import CODES, check_codes
from metal.errors import SettingsError


def test_every_code_of_a_finding_is_known() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(codes.__file__).parent.glob("judge_*.py")]
    written = {code for text in sources for code in re.findall(r'Finding\(\s*"[^"]+",\s*"([^"]+)"', text)}
    assert len(written) > 10
    assert written <= CODES


def test_a_code_that_no_finding_has_is_refused_with_those_that_there_are() -> None:
    check_codes(["cipher-0", "login-busy", "bmc-no-session-slot"])
    with pytest.raises(SettingsError, match=r"--ignore = foo: no such finding; allowed: .*cipher-0.*ssh-host-key"):
        check_codes(["cipher-0", "foo"])
