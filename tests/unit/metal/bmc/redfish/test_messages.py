"""What a BMC says of a refusal, whatever shape it says it in, and never with a password in it."""

from __future__ import annotations

import json

import pytest

from metal.bmc.redfish.http import Answer
from metal.bmc.redfish.messages import argument_of, describe, names_any

SECRET = "correct horse"


def refused(said: object, status: int = 400) -> Answer:
    return Answer(status, body=json.dumps({"error": said}).encode())


def extended(message: object) -> dict[str, object]:
    return {"@Message.ExtendedInfo": [message]}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (extended({"Message": f"{SECRET} is too short"}), "HTTP 400 ((the password) is too short)"),
        ({"message": f"'{SECRET}'"}, "HTTP 400 ('(the password)')"),
        # The cut falls into the password, and behind it.
        (extended({"Message": "x" * 195 + SECRET}), f"HTTP 400 ({'x' * 195}(the )"),
        (extended({"Message": "x" * 180 + SECRET}), f"HTTP 400 ({'x' * 180}(the password))"),
    ],
)
def test_a_password_that_a_bmc_says_back_is_left_out_before_the_cut(said, shown):
    # A part of the other one, and an empty one, which would be everywhere.
    assert describe(refused(said), secrets=("correct", SECRET, "")) == shown


@pytest.mark.parametrize(
    "said",
    [
        *(
            {"@Message.ExtendedInfo": odd, "message": "no"}
            for odd in (7, True, "text", {"Message": "x"}, [7, None, "text", [{"Message": "x"}]])
        ),
        extended({"Message": [["x"]], "MessageId": {"a": 1}, "message": "no"}),
        extended({"Message": "no", "MessageId": 5, "MessageArgs": 5}),
    ],
)
def test_messages_of_another_shape_are_passed_over(said):
    answer = refused(said)
    assert describe(answer) == "HTTP 400 (no)"
    assert not names_any(answer, {"5", "x"})
    assert argument_of(answer, {"5", "x"}) == ""
