"""Consul: a host's membership and registration, the barrier of its servers, the swarm's birth record, the catalogue."""

from metal.cluster.consul.catalog import CatalogMember, read_catalog
from metal.cluster.consul.ensure import ensure_member
from metal.cluster.consul.formed import FormedReport, wait_formed
from metal.cluster.consul.living import find_living, living_api, member_api
from metal.cluster.consul.observe import observe_member
from metal.cluster.consul.record import ConsulRecord, open_record
from metal.cluster.consul.remove import remove_member
from metal.cluster.consul.seen import MemberSeen
from metal.cluster.consul.wish import MemberReport, MemberWish

__all__ = [
    "CatalogMember",
    "ConsulRecord",
    "FormedReport",
    "MemberReport",
    "MemberSeen",
    "MemberWish",
    "ensure_member",
    "find_living",
    "living_api",
    "member_api",
    "observe_member",
    "open_record",
    "read_catalog",
    "remove_member",
    "wait_formed",
]
