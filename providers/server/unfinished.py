"""An update that failed on its way, told to the engine so that it is not forgotten.

The engine drops what a failed update wanted, and with it the knowledge that anything was begun. Where the change is
then taken back, nothing differs from the state any more, and what was half done would stay for ever. Told that a
resource is there and not initialised (`ErrorResourceInitFailed`), it updates that resource in the next run whether its
inputs differ or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.any_pb2 import Any as Packed
from pulumi.runtime.proto import provider_pb2, status_pb2

__all__ = ["Unfinished", "trailer"]


class Unfinished(Exception):
    """Raised from the error that ended an update, by whoever may have carried out a part of it."""

    @property
    def cause(self) -> Exception:
        """What ended it."""
        return self.__cause__ if isinstance(self.__cause__, Exception) else self


def trailer(code: int, reason: str, id_: str, outputs: Any) -> Sequence[tuple[str, bytes]]:
    """Trailing metadata of an answer that fails, by which the engine keeps the resource as one to be updated again.

    :param code: the answer's status code, as a number.
    :param reason: what the user reads.
    :param outputs: the resource's outputs from before, as the engine sent them (`google.protobuf.Struct`).
    """
    detail = Packed()
    detail.Pack(provider_pb2.ErrorResourceInitFailed(id=id_, properties=outputs, reasons=[reason]))
    status = status_pb2.Status(code=code, message=reason, details=[detail])
    return (("grpc-status-details-bin", status.SerializeToString()),)
