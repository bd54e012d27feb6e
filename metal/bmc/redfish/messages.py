"""What a BMC says of a request that it refuses: the messages of a Redfish error (DSP0266, "Error responses")."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from metal.bmc.redfish.http import Answer

__all__ = ["SLOT_MESSAGES", "argument_of", "describe", "names_any"]

SLOT_MESSAGES = frozenset({"SessionLimitExceeded"})
"""Keys of the Base message registry (DSP8011) that say: no more sessions."""

_SHOWN = 200
_LEFT_OUT = "(the password)"


def describe(answer: Answer, secrets: Collection[str] = ()) -> str:
    """An answer in words: its status, and what the BMC says itself.

    :param secrets: passwords that were sent; where the BMC says one back, it is left out, before anything is cut.
    """
    texts = [text for message in _messages(answer) if (text := _text(message, secrets))]
    said = "; ".join(dict.fromkeys(texts)) or _text(_error(answer), secrets)
    return f"HTTP {answer.status}" + (f" ({said[:_SHOWN]})" if said else "")


def names_any(answer: Answer, keys: Collection[str]) -> bool:
    """Whether a message of the answer is one of these: `Base.1.8.SessionLimitExceeded` is `SessionLimitExceeded`."""
    return any(_key(message) in keys for message in _messages(answer))


def argument_of(answer: Answer, keys: Collection[str]) -> str:
    """The first argument of the first message of the answer that is one of these; empty for none."""
    for message in _messages(answer):
        if _key(message) in keys:
            arguments = message.get("MessageArgs")
            if isinstance(arguments, list) and arguments and isinstance(arguments[0], str):
                return arguments[0]
    return ""


def _messages(answer: Answer) -> Iterator[dict[str, Any]]:
    data = answer.json()
    for holder in (_error(answer), data):
        messages = holder.get("@Message.ExtendedInfo")
        for message in messages if isinstance(messages, list) else ():
            if isinstance(message, dict):
                yield message


def _key(message: dict[str, Any]) -> str:
    named = message.get("MessageId")
    return named.rpartition(".")[2] if isinstance(named, str) else ""


def _error(answer: Answer) -> dict[str, Any]:
    error = answer.json().get("error")
    return error if isinstance(error, dict) else {}


def _text(message: dict[str, Any], secrets: Collection[str]) -> str:
    for key in ("Message", "message", "MessageId", "code"):
        said = message.get(key)
        if said and isinstance(said, str | int):
            text = str(said)
            # The longest first: one may be a part of another.
            for secret in sorted(filter(None, secrets), key=len, reverse=True):
                text = text.replace(secret, _LEFT_OUT)
            return " ".join(text.split())
    return ""
