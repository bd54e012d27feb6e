"""The inventory file as a user writes it: what stands in the rack."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from metal.settings.access import BmcProtocol
from metal.settings.problems import problem
from metal.settings.values import (
    Address,
    Endpoint,
    Fingerprint,
    Flag,
    HostKey,
    Line,
    Mac,
    Name,
    Port,
    Profile,
    Reason,
    Text,
    Uuid,
)

__all__ = [
    "BmcDefaults",
    "BmcModel",
    "Defaults",
    "HostModel",
    "InventoryModel",
    "JumpModel",
    "Model",
    "RackModel",
    "SshModel",
]

_NO_BMC = "none"


class Model(BaseModel):
    """Unknown keys are errors everywhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SshModel(Model):
    """What is left out comes from the defaults, then from the program."""

    user: Text | None = None
    port: Port | None = None
    key: Profile | None = None
    sudo: Flag | None = None
    jump: Name | None = None


class BmcDefaults(Model):
    protocol: BmcProtocol | None = None
    port: Port | None = None
    credentials: Profile | None = None
    redfish_port: Port | None = None
    ca: Line | None = None
    plain_http: Flag | None = None


class BmcModel(BmcDefaults):
    """An address alone may stand for the map; `none` for a host without a BMC."""

    address: Endpoint | None = None
    fingerprint: Fingerprint | None = None
    system: Line | None = None
    absent: Flag = Field(default=False, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"absent": True} if value == _NO_BMC else {"address": value}
        if isinstance(value, dict):
            if "absent" in value:
                raise problem("absent is not a key", "bmc: none for a host without one")
            if "address" not in value:
                raise problem("has no address", "address, with port, protocol, credentials where they differ; or none")
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        schema.get("properties", {}).pop("absent", None)
        schema["required"] = ["address"]
        return {"anyOf": [{"type": "string", "description": "address of the BMC, or none"}, dict(schema)]}


class JumpModel(Model):
    address: Endpoint
    user: Text = "root"
    port: Port = 22
    key: Profile = "default"
    host_key: HostKey


class Defaults(Model):
    """For every host of the same file that does not say otherwise."""

    ssh: SshModel = SshModel()
    bmc: BmcDefaults = BmcDefaults()
    blank: Flag = False


class RackModel(Model):
    """For every host of the same file that stands in this rack and does not say otherwise."""

    bmc: BmcDefaults = BmcDefaults()


class HostModel(Model):
    address: Address
    bmc: BmcModel
    ssh: SshModel = SshModel()
    serial: Annotated[Text, Field(min_length=1)] | None = None
    uuid: Uuid | None = None
    macs: list[Mac] = []
    rack: Text | None = None
    host_key: HostKey | None = None
    hold: Reason | None = None
    evict: Flag = False
    lost: Flag = False
    protected: Flag = False
    blank: Flag | None = None
    was: Name | None = Field(default=None, description="the name that this server had until now")


class InventoryModel(Model):
    """Facts about servers, shared by every stack that names this file."""

    defaults: Defaults = Defaults()
    racks: dict[Text, RackModel] = {}
    jumps: dict[Name, JumpModel] = {}
    hosts: dict[Name, HostModel] = {}
