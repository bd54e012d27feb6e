"""One change of a resource, under its ETag: whoever changed it in between is not overwritten unseen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from metal.bmc.redfish.http import Answer
from metal.bmc.redfish.messages import describe

__all__ = ["PASSING", "Asks", "patch"]

PASSING = (409, 412, 428, 429, 503)
"""Answers that another attempt may change: the state was in the way, not the request."""

_PRECONDITION = (412, 428)


class Asks(Protocol):
    def request(
        self, method: str, path: str, what: str, *, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Answer:
        """Ask, and have the answer whatever its status."""


def patch(link: Asks, what: str, read: Callable[[], tuple[Mapping[str, Any], str, str]], tried: list[str]) -> Answer:
    """Write it; where the ETag was not the right one, once more with the present one.

    :param what: the change in field terms, for errors.
    :param read: what to write as things are now, the path to write it to, and the ETag found there.
    :param tried: takes the attempt that was turned down for its ETag.
    :raises BmcError: what a request raises.
    """
    before = ""
    while True:
        body, path, tag = read()
        # A weak tag matches nothing by the book; a BMC that compares so wants it without its mark.
        matched = tag.removeprefix("W/") if before and tag == before else tag
        answer = link.request(
            "PATCH", path, f"write the {what}", body=body, headers={"If-Match": matched} if tag else {}
        )
        if answer.status not in _PRECONDITION or before:
            return answer
        tried.append(f"{what} with ETag {tag or 'none'}: {describe(answer)}")
        before = tag or "none"
