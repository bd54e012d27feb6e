from __future__ import annotations

from dataclasses import replace

import pytest

from metal.host.expect import differences, hardware, met
from metal.host.facts import Disk, Facts, Nic
from metal.host.wish import ReadyWish
from metal.settings.expectations import Amount, DiskKind, DiskWish, Expectations, NicWish

GB = 10**9
NVME = Disk("nvme0n1", 960_197_124_096, DiskKind.NVME, "SAMSUNG MZQL2960", ("nvme-eui.36", "wwn-0x50"))
FACTS = Facts(
    machine_id="m1", boot_id="b1", os_id="debian", os_version="12", family="debian", kernel="6.1.0-30-amd64",
    arch="x86_64", cpus=16, memory=66_000 * 2**20, serial="S1", uuid=None, macs={}, clock=0.0, addresses=(),
    fitted=64 * 2**30,
    disks=(NVME, replace(NVME, name="nvme1n1", ids=()), Disk("sda", 4000 * GB, DiskKind.HDD, "ST4000NM")),
    nics=(Nic("eno1", "aa:bb:cc:00:00:01", 25_000), Nic("eno2", "aa:bb:cc:00:00:02")),
)  # fmt: skip


def of(**expect: object) -> ReadyWish:
    return ReadyWish("n1", "shop/prod", 1, "g1", (), 5.0, 1, 2**29, expect=Expectations(**expect))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "expect",
    [{}, {"cpus": Amount(exactly=16)}, {"cpus": Amount(at_least=8, at_most=16)}, {"memory": Amount(exactly=64 * 2**30)},
     {"kernel": ("5.*", "6.1.*")}, {"disks": (DiskWish(Amount(exactly=3)),)},
     {"disks": (DiskWish(Amount(exactly=2), DiskKind.NVME, Amount(exactly=960 * GB), "samsung*"),
                DiskWish(Amount(exactly=1), DiskKind.HDD, Amount(at_least=4000 * GB)))},
     {"disks": (DiskWish(id="wwn-0x50*"),)}, {"disks": (DiskWish(Amount(exactly=0), DiskKind.SSD),)},
     {"nics": (NicWish(Amount(exactly=2), name="eno*"), NicWish(speed=Amount(at_least=10_000)))},
     {"nics": (NicWish(mac="aa:bb:cc:00:00:02"),)}],
)  # fmt: skip
def test_what_is_as_expected_passes(expect: dict[str, object]) -> None:
    assert differences(of(**expect), FACTS) == ()


@pytest.mark.demand("R2", "H1")
@pytest.mark.parametrize(
    ("expect", "line"),
    [({"cpus": Amount(exactly=32)}, "it has 16 processors; exactly 32"),
     ({"cpus": Amount(at_least=4, at_most=8)}, "it has 16 processors; at least 4 and at most 8"),
     # One of 24 memory modules has failed.
     ({"memory": Amount(exactly=64 * 2**30 * 24 // 23)}, "it has 64 GiB of memory; exactly 71.71 GB"),
     ({"kernel": ("5.*", "6.2.*")}, "its kernel is 6.1.0-30-amd64; allowed: 5.*, 6.2.*"),
     ({"disks": (DiskWish(Amount(exactly=3), DiskKind.NVME, Amount(exactly=960 * GB)),)},
      "nvme of exactly 960 GB: it has 2 of them; exactly 3 (found: nvme0n1 nvme 960.2 GB SAMSUNG MZQL2960, nvme1n1 "
      "nvme 960.2 GB SAMSUNG MZQL2960, sda hdd 4 TB ST4000NM)"),
     ({"nics": (NicWish(Amount(exactly=2), speed=Amount(exactly=25_000), name="eno*"),)},
      "eno* with link speed exactly 25 Gb/s: it has 1 of them; exactly 2 (found: eno1 25 Gb/s, eno2 without link)")],
)  # fmt: skip
def test_what_is_not_names_expected_and_found(expect: dict[str, object], line: str) -> None:
    assert differences(of(**expect), FACTS) == (line,)


def test_where_only_the_kernels_share_of_memory_is_told_it_is_allowed_for() -> None:
    wish, kernels = of(memory=Amount(exactly=64 * 2**30)), 62 * 2**30
    assert differences(wish, replace(FACTS, fitted=None, memory=kernels)) == ()
    assert differences(wish, replace(FACTS, fitted=kernels)) != ()
    assert differences(wish, replace(FACTS, fitted=None, memory=56 * 2**30)) != ()


def test_a_disk_that_cannot_be_written_to_is_named() -> None:
    (line,) = differences(of(), replace(FACTS, read_only=("/etc", "/var/lib")))
    assert line == "it cannot be written to under /etc, /var/lib: the file system is read-only"


def test_the_report_holds_nothing_that_another_boot_gives_out_otherwise() -> None:
    swapped = replace(
        FACTS,
        disks=(replace(FACTS.disks[2], name="sdb"), *FACTS.disks[:2]),
        nics=tuple(replace(nic, speed=None) for nic in FACTS.nics),
        kernel="6.1.0-31-amd64",
    )
    assert (
        hardware(swapped)
        == hardware(FACTS)
        == {
            "cpus": 16,
            "memory": "64 GiB",
            "disks": ["1 x hdd 4 TB ST4000NM", "2 x nvme 960.2 GB SAMSUNG MZQL2960"],
            "nics": ["eno1 aa:bb:cc:00:00:01", "eno2 aa:bb:cc:00:00:02"],
        }
    )


def test_what_was_asked_is_told_in_words() -> None:
    wish = replace(of(cpus=Amount(exactly=16), nics=(NicWish(name="eno*"),)), os=("debian-12",))
    assert met(wish) == (
        "release debian-12", "processors exactly 16", "memory at least 512 MiB", "eno*: at least 1", "clock within 5 s",
    )  # fmt: skip


def test_expectations_survive_the_way_through_an_engine() -> None:
    def engine(value: object) -> object:
        if isinstance(value, dict):
            return {key: engine(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [engine(inner) for inner in value]
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    full = Expectations(
        cpus=Amount(exactly=16),
        memory=Amount(at_least=2**30, at_most=2**40),
        kernel=("6.*",),
        time_sync=True,
        disks=(DiskWish(Amount(exactly=2), DiskKind.SSD, Amount(exactly=960 * GB), "S*", "wwn*"), DiskWish()),
        nics=(NicWish(Amount(at_most=4), Amount(at_least=1000), "eno*", "aa:bb:cc:00:00:01"), NicWish()),
    )
    assert Expectations.from_dict(engine(full.to_dict())) == full  # type: ignore[arg-type]
    assert Expectations().to_dict() == {}
