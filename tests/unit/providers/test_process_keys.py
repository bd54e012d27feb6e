from metal.chassis.ledger import Entry
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


def test_a_system_is_outlived_when_an_install_for_another_life_has_begun(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ledger = process.ledger("shop/prod")

    def outlived(life):
        return process.outlived("shop/prod", "n5", life)

    assert not outlived("g1"), "nothing is known of the host here"
    ledger.write("n5", Entry(1))
    assert not outlived("g1")
    assert not outlived("g1-free")
    ledger.note_boot("n5", "g2", installing=True)
    assert outlived("g1"), "the install for g2 was armed after all of g1 was taken down"
    assert not outlived("g2")
    ledger.write("n5", Entry(2))
    assert outlived("g1")
    assert not outlived("g2")
    assert not outlived("")
