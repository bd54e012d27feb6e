"""An operation that failed on its way, told to the engine so that it is not forgotten.

The engine drops what a failed operation wanted, and with it the knowledge that anything was begun. Where the change is
then taken back, nothing differs from the state any more, and what was half done would stay for ever. Told that the
resource is there and not initialised (`ErrorResourceInitFailed`), it updates that resource in the next run whether its
inputs differ or not, or has it deleted where nobody wants it any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2, status_pb2

from metal.plan.difference import BEGUN

__all__ = ["Unfinished", "known_of", "trailer"]


class Unfinished(Exception):
    """Raised from the error that ended a create or an update, by whoever may have carried out a part of it.

    :ivar id_: of the resource.
    """

    def __init__(self, text: str, *, id_: str) -> None:
        super().__init__(text)
        self.id_ = id_

    @property
    def cause(self) -> Exception:
        """What ended it."""
        return self.__cause__ if isinstance(self.__cause__, Exception) else self


def trailer(code: int, reason: str, id_: str, known: Struct) -> Sequence[tuple[str, bytes]]:
    """Trailing metadata of an answer that fails, by which the engine keeps the resource as one to be updated again.

    :param code: the answer's status code, as a number.
    :param reason: what the user reads.
    :param known: an update's outputs of before, or a create's inputs.
    """
    outputs = Struct()
    outputs.CopyFrom(known)
    outputs.fields.pop("hold", None)
    outputs[BEGUN] = True
    detail = Packed()
    detail.Pack(provider_pb2.ErrorResourceInitFailed(id=id_, properties=outputs, reasons=[reason]))
    status = status_pb2.Status(code=code, message=reason, details=[detail])
    return (("grpc-status-details-bin", status.SerializeToString()),)


def known_of(request: Any) -> Struct:
    """What a create's or an update's request says of the resource."""
    return request.olds if hasattr(request, "olds") else request.properties
