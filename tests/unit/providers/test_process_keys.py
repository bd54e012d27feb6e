from providers import process


def test_the_key_of_the_present_life_is_the_one_that_counts(monkeypatch):
    pins: dict[str, str] = {}
    monkeypatch.setattr(process, "_pins", pins)
    process.learn_host_key("n1", "ssh-ed25519 OLD", current=False)
    assert pins == {"n1": "ssh-ed25519 OLD"}
    process.learn_host_key("n1", "ssh-ed25519 NEW", current=True)
    process.learn_host_key("n1", "ssh-ed25519 OLD", current=False)
    assert pins == {"n1": "ssh-ed25519 NEW"}


def test_nothing_is_learned_from_a_key_that_is_missing_or_unknown(monkeypatch):
    pins: dict[str, str] = {}
    monkeypatch.setattr(process, "_pins", pins)
    for nothing in (None, "", object()):
        process.learn_host_key("n1", nothing, current=True)
    assert pins == {}
