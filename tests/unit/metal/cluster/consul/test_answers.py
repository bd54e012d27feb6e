"""What is read out of Consul's answers."""

import base64
import json

import pytest

from metal.cluster.consul.catalog import read_catalog
from metal.cluster.consul.record import ConsulRecord
from metal.cluster.consul.servers import voters_of
from metal.errors import ClusterError
from metal.plan.join import BirthRecord


def server(name, *, healthy=True, voter=True, serf="alive", leader=False):
    return {"Name": name, "Healthy": healthy, "Voter": voter, "SerfStatus": serf, "Leader": leader}


class Store:
    """Consul's KV semantics for one key, as its API answers them."""

    def __init__(self):
        self.value, self.index = None, 0

    def get(self, path, **params):
        if self.value is None:
            return None
        return [{"Value": base64.b64encode(self.value).decode(), "ModifyIndex": self.index}]

    def put(self, path, body, *, cas):
        if int(cas) != (self.index if self.value is not None else 0):
            return False
        self.value, self.index = body, self.index + 1
        return True

    def delete(self, path, *, cas):
        if int(cas) != self.index:
            return False
        self.value = None
        return True


def test_voters_are_told_from_those_that_settle():
    seen = voters_of({"Servers": [server("n1"), server("n2", healthy=False), server("n3", voter=False)]})
    assert (seen.all, seen.healthy, seen.settling) == ({"n1", "n2"}, {"n1"}, {"n3"})
    assert voters_of({"Healthy": False}).all == frozenset()


def test_the_record_is_won_by_the_first_and_lost_by_the_second():
    record = ConsulRecord(Store(), "blue")
    assert record.read() is None
    assert record.claim("n1", replacing=None)
    assert not record.claim("n2", replacing=None)
    assert record.read() == BirthRecord("n1")
    assert not record.complete("n2", "swarm2", replacing=None)
    assert record.complete("n1", "swarm1", replacing=BirthRecord("n1"))
    assert record.read() == BirthRecord("n1", "swarm1")
    assert not record.forget(replacing=BirthRecord("n1"))
    assert record.forget(replacing=BirthRecord("n1", "swarm1"))
    assert record.read() is None


def test_a_write_between_read_and_write_is_noticed():
    store = Store()
    record = ConsulRecord(store, "blue")
    record.claim("n1", replacing=None)
    read = store.get

    def overtaken(path, **params):
        answer = read(path, **params)
        store.value, store.index = json.dumps({"founder": "n2", "swarm": "other"}).encode(), store.index + 1
        return answer

    store.get = overtaken
    assert not record.complete("n1", "swarm1", replacing=BirthRecord("n1"))


def test_a_foreign_record_is_an_error_and_not_a_birth():
    store = Store()
    store.put("", b"hello", cas="0")
    with pytest.raises(ClusterError, match="not one of ours"):
        ConsulRecord(store, "blue").read()


def test_catalogue_tells_a_node_that_is_registered_from_one_that_takes_part():
    def row(name, *checks):
        return {"Node": {"Node": name}, "Checks": [{"Status": status} for status in checks]}

    answers = {
        "health/state/passing": [{"Node": "n1", "CheckID": "serfHealth", "Status": "passing"}],
        "health/state/critical": [
            {"Node": "n2", "CheckID": "serfHealth", "Status": "critical"},
            {"Node": "n1", "CheckID": "swarm-gossip", "Status": "critical"},
        ],
        "health/service/docker-swarm": [row("n1", "passing", "critical"), row("n2", "critical", "passing")],
        "kv/docker-swarm/docker/swarm/nodes/": ["docker-swarm/docker/swarm/nodes/10.0.0.1:2376"],
        "catalog/nodes": [{"Node": "n1", "Address": "10.0.0.1"}, {"Node": "n2", "Address": "10.0.0.2"}],
    }

    class Api:
        def get(self, path, **params):
            return answers.get(path)

        def autopilot(self):
            return {"Servers": [server("n1", leader=True)]}

    seen = read_catalog(Api())
    n1, n2 = seen["n1"], seen["n2"]
    assert (n1.alive, n1.voter, n1.leader, n1.registered, n1.swarm_passing, n1.listed) == (
        True,
        True,
        True,
        True,
        False,
        True,
    )
    assert (n2.alive, n2.voter, n2.registered, n2.swarm_passing, n2.listed) == (False, False, True, False, False)
