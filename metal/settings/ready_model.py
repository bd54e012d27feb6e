"""`ready` as a user writes it, for the fleet and for a pool."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from metal.settings.expectations import Amount, BurnIn, DiskKind, DiskWish, Expectations, NicWish
from metal.settings.fleet import ReadyFloors
from metal.settings.inventory_model import Model
from metal.settings.problems import problem
from metal.settings.values import Duration, Flag, Mac, size_of

__all__ = ["BurnInModel", "DiskModel", "NicModel", "ReadyModel", "resolve_ready"]

_NONE = "none"
_KEYS = ("exactly", "at_least", "at_most")
_MOST = 1_000_000
_SPEED = r"(\d+(?:\.\d+)?) ?(Mb/s|Gb/s)"


def _release(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*-\d+(\.\d+)*", value):
        raise problem("is not a release", "id and version of os-release, like debian-12 or rocky-9.4")
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise problem("is of the wrong kind", "a whole number")
    if not 0 <= value <= _MOST:
        raise problem("is out of range", f"0 to {_MOST}")
    return value


def _positive(value: Any) -> int:
    if _number(value) < 1:
        raise problem("is out of range", "at least 1")
    return int(value)


def _speed(value: Any) -> int:
    if isinstance(value, str) and (match := re.fullmatch(_SPEED, value)):
        value = int(float(match[1]) * (1000 if match[2] == "Gb/s" else 1))
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _MOST * 10:
        raise problem("is not a link speed", "Mb/s, or text like 1Gb/s, 25Gb/s")
    return value


def _amount(read: Callable[[Any], int]) -> Callable[[Any], Amount]:
    """A validator for a plain amount, which is a floor, or a map that says how it is meant."""

    def validate(value: Any) -> Amount:
        if isinstance(value, Amount):
            return value
        if not isinstance(value, dict):
            return Amount(at_least=read(value))
        allowed = "exactly, or at_least and at_most"
        if not value or set(value) - set(_KEYS) or ("exactly" in value and len(value) > 1):
            raise problem("does not say how much", allowed)
        try:
            amount = Amount(**{key: read(part) for key, part in value.items()})
        except PydanticCustomError as error:
            context = error.context or {}
            raise problem(f"has a part that {context.get('what')}", str(context.get("allowed"))) from None
        if amount.at_least is not None and amount.at_most is not None and amount.at_least > amount.at_most:
            raise problem("leaves nothing between its two sides", "at_least up to at_most")
        return amount

    return validate


_PLAIN = PlainSerializer(Amount.to_dict)


def _schema(plain: list[dict[str, Any]]) -> WithJsonSchema:
    parts = {key: {"anyOf": plain} for key in _KEYS}
    exact = {"type": "object", "properties": parts, "additionalProperties": False, "minProperties": 1}
    return WithJsonSchema({"anyOf": [*plain, exact]})


_WHOLE: list[dict[str, Any]] = [{"type": "integer", "minimum": 0}]
Count = Annotated[Amount, PlainValidator(_amount(_number)), _PLAIN, _schema(_WHOLE)]
Some = Annotated[Amount, PlainValidator(_amount(_positive)), _PLAIN, _schema([{"type": "integer", "minimum": 1}])]
SizeAmount = Annotated[Amount, PlainValidator(_amount(size_of)), _PLAIN, _schema([*_WHOLE, {"type": "string"}])]
SpeedAmount = Annotated[
    Amount, PlainValidator(_amount(_speed)), _PLAIN, _schema([*_WHOLE, {"type": "string", "pattern": f"^{_SPEED}$"}])
]


def _glob(value: str) -> str:
    if not value or not value.isprintable() or "|" in value:
        raise problem("is not a glob", "one line of text, in which * stands for anything")
    return value


Glob = Annotated[str, AfterValidator(_glob)]


class DiskModel(Model):
    """Disks of one sort; what is left out is not looked at."""

    count: Count = Amount(at_least=1)
    kind: DiskKind | None = None
    size: SizeAmount | None = None
    model: Glob = Field(default="*", description="glob over the model that the disk tells")
    id: Glob = Field(default="*", description="glob over its names in /dev/disk/by-id")


class NicModel(Model):
    """Network cards of one sort; what is left out is not looked at."""

    count: Count = Amount(at_least=1)
    speed: SpeedAmount | None = Field(default=None, description="of the link, in Mb/s or like 25Gb/s")
    name: Glob = Field(default="*", description="glob over interface names")
    mac: Mac | None = None


def _command(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    if isinstance(value, str) and not value.strip():
        raise problem("is empty", "a shell command, or a list of them")
    return value


class BurnInModel(Model):
    command: Annotated[
        str,
        BeforeValidator(_command),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
    ]
    deadline: Duration = 3600


def _no_burn_in(value: Any) -> Any:
    return None if value == _NONE else value


def _or_none(schema: dict[str, Any]) -> None:
    """The word that takes the fleet's burn-in from a pool."""
    schema["anyOf"] = [part for part in schema["anyOf"] if part.get("type") != "null"] + [{"const": _NONE}]


def _globs(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class ReadyModel(Model):
    os: list[Annotated[str, AfterValidator(_release)]] = Field(default_factory=list)
    clock_skew: Duration = 5
    cpus: Some = Amount(at_least=1)
    memory: SizeAmount = Amount(at_least=512 * 1024 * 1024)
    kernel: Annotated[list[Glob], BeforeValidator(_globs)] = Field(
        default_factory=list, description="globs over the kernel's release, any of which fits"
    )
    time_sync: Flag = Field(default=False, description="the clock is held in step by a time service")
    disks: list[DiskModel] = Field(default_factory=list)
    nics: list[NicModel] = Field(default_factory=list)
    burn_in: Annotated[BurnInModel | None, BeforeValidator(_no_burn_in)] = Field(
        default=None, json_schema_extra=_or_none
    )


def resolve_ready(fleet: ReadyModel, pool: ReadyModel | None = None) -> ReadyFloors:
    """The whole of what a host must be: a key that the pool gives takes the place of the fleet's."""
    given = {key: getattr(pool, key) for key in pool.model_fields_set} if pool else {}
    ready = fleet.model_copy(update=given)
    plain = {name: _plain_floor(getattr(ready, name)) for name in ("cpus", "memory")}
    defaults = ReadyFloors()
    return ReadyFloors(
        os=tuple(ready.os),
        clock_skew=ready.clock_skew,
        cpus=defaults.cpus if plain["cpus"] is None else plain["cpus"],
        memory=defaults.memory if plain["memory"] is None else plain["memory"],
        expect=Expectations(
            cpus=ready.cpus if plain["cpus"] is None else None,
            memory=ready.memory if plain["memory"] is None else None,
            kernel=tuple(ready.kernel),
            time_sync=ready.time_sync,
            disks=tuple(
                DiskWish(one.count, one.kind, one.size, _some(one.model), _some(one.id)) for one in ready.disks
            ),
            nics=tuple(NicWish(one.count, one.speed, _some(one.name), one.mac or "") for one in ready.nics),
        ),
        burn_in=BurnIn(ready.burn_in.command, ready.burn_in.deadline) if ready.burn_in else None,
    )


def _plain_floor(amount: Amount) -> int | None:
    """The floor where there is nothing but one."""
    return amount.at_least if amount.at_most is None and amount.exactly is None else None


def _some(glob: str) -> str:
    return "" if glob == "*" else glob
