from metal.plan.difference import compare, is_in_swarm, plain
from metal.settings.fleet import Purpose

UNKNOWN = object()


def verdict(seen, wish, **kw):
    return compare(seen, wish, replaces=("up",), quiet=("host_key",), is_unknown=lambda value: value is UNKNOWN, **kw)


def test_what_the_wire_does_to_values_is_undone():
    wire = {
        "port": 22.0,
        "skew": 0.5,
        "jump": None,
        "macs": [1.0, None],
        "__provider": "x",
        "deep": {"a": None, "n": 3.0},
    }
    assert plain(wire) == {"port": 22, "skew": 0.5, "macs": [1, None], "deep": {"n": 3}}


def test_the_same_wish_is_no_change_whatever_outputs_were_added():
    found = verdict({"up": "n1/g1", "port": 22.0, "machine_id": "abc"}, {"up": "n1/g1", "port": 22})
    assert not found.changes
    assert found.reason == "as wanted"


def test_an_unknown_id_below_is_a_new_life_and_any_other_unknown_an_update():
    assert verdict({"up": "n1/g1"}, {"up": UNKNOWN}).replaces == ("up",)
    found = verdict({"up": "n1/g1", "labels": {"a": "1"}}, {"up": "n1/g1", "labels": {"a": UNKNOWN}})
    assert (found.replaces, found.updates) == ((), ("labels",))


def test_a_host_key_follows_its_link_and_asks_for_nothing():
    assert not verdict({"up": "n1/g1", "host_key": "old"}, {"up": "n1/g1", "host_key": UNKNOWN}).changes


def test_a_changed_list_or_map_member_is_an_update():
    assert verdict({"macs": ["a"]}, {"macs": ["a", "b"]}).updates == ("macs",)
    assert verdict({"access": {"port": 22, "user": "ops"}}, {"access": {"port": 22}}).updates == ("access",)
    assert verdict({}, {"labels": {}}).updates == ("labels",)


def test_a_hold_hides_every_wish_and_says_why():
    found = verdict({"up": "n1/g1", "port": 22}, {"up": "n1/g2", "port": UNKNOWN, "hold": "RMA 4711"})
    assert not found.changes
    assert found.reason == "on hold: RMA 4711"


def test_a_replacement_after_a_hold_takes_along_the_links_that_were_held():
    assert verdict({"up": "n1/g1"}, {"up": UNKNOWN, "hold": "RMA 4711"}).replaces == ("up",)


def test_what_was_left_pending_by_a_hold_is_due_after_it():
    assert verdict({"up": "n1/g1", "pending": "RMA"}, {"up": "n1/g1", "hold": ""}).updates == ("pending",)


def test_drift_asks_for_an_update():
    assert verdict({"up": "a", "state": "off"}, {"up": "a"}, drifted=("state",)).updates == ("state",)


def test_a_host_is_in_a_swarm_by_the_inputs_of_any_of_its_links() -> None:
    assert is_in_swarm({"home": "blue"})
    assert is_in_swarm({"authority": "blue"})
    assert is_in_swarm({"cluster": "blue"})
    homes = [{"home": purpose.value} for purpose in Purpose if purpose is not Purpose.SWARM]
    assert not any(is_in_swarm(wish) for wish in ({}, {"authority": ""}, *homes))
