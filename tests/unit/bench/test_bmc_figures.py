"""What `make bench-bmc` says of recorded figures: rules, tables and plot."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from bench.bmc.figures import AnsibleFigures, Measured, PowerOn, Sweep, rules
from bench.bmc.plot import plot
from bench.bmc.report import report
from bench.section import put_section


def power(percent: int, dead: int, seconds: float, **what: object) -> PowerOn:
    good = 300 - dead
    one = PowerOn(
        percent=percent,
        dead=dead,
        deadline=20.0,
        done=[2.0 * number / good for number in range(1, good + 1)],
        failed=0,
        seconds=seconds,
        gave_up=[20.0] * (dead * 2 // 3),
        controls=[1] * good,
        memory=40_000_000,
        threads=301,
        hung=0,
    )
    return replace(one, **what)


RUN = Measured(
    cores=2,
    memory_gib=24,
    load=0.4,
    ours=Sweep("ours", 300, 64, [0.5, 0.6, 9.0], [0.8]),
    whole=Sweep("ours, whole process", 300, 64, [0.9, 1.0, 9.4], [0.8]),
    parallel=Sweep("ipmitool in parallel", 300, 64, [6.0, 6.0, 6.1], [0.8]),
    sequence=Sweep("ipmitool in sequence", 300, 1, [12.0, 12.6, 13.0], [0.8]),
    ansible=AnsibleFigures(
        "Ansible x",
        (Sweep("ours, there", 20, 64, [0.1, 0.1, 0.1], [0.8]), Sweep("Ansible (x)", 20, 64, [9.0, 10.0, 11.0], [0.8])),
    ),
    power=[power(0, 0, 2.0), power(5, 15, 20.1), power(15, 45, 20.3)],
)


def test_a_run_that_meets_every_goal():
    assert [rule.met for rule in rules(RUN)] == [True] * 7
    assert rules(RUN)[0].measured == "10.0 x"
    assert rules(RUN)[1].measured == "21.0 x"
    assert rules(RUN)[2].measured == "20.10 s of 20.20 s"


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        (0, {"parallel": Sweep("p", 300, 64, [4.7], [0.8])}),
        (1, {"sequence": Sweep("s", 300, 1, [11.9], [0.8])}),
        (2, {"power": [power(0, 0, 2.0), power(5, 15, 20.3)]}),
        (3, {"power": [power(0, 0, 2.0), power(5, 15, 20.1, memory=150_000_000)]}),
        (4, {"power": [power(0, 0, 2.0), power(5, 15, 20.1, hung=1)]}),
        (5, {"power": [power(0, 0, 2.0, controls=[1] * 299 + [2]), power(5, 15, 20.1)]}),
        (5, {"power": [power(0, 0, 2.0, controls=[1] * 299 + [0]), power(5, 15, 20.1)]}),
        (6, {"power": [power(0, 0, 2.0), power(5, 15, 20.1, failed=1)]}),
    ],
)
def test_each_goal_that_is_missed_is_told(number, changes):
    run = replace(RUN, **changes)
    assert [rule.met for rule in rules(run)] == [turn != number for turn in range(7)]
    assert report(run, subnets=10, plot="x.svg").count("**no**") == 1


def test_the_tables():
    text = report(RUN, subnets=10, plot="x.svg")
    assert "| status sweep: at least 8 x faster than ipmitool in parallel | 10.0 x | yes |" in text
    assert "| ours | 300 | 64 | 3 | 0.60 s | 0.50-9.00 s | 1 | 0.80 s |" in text
    assert "| ours, whole process | 300 | 64 | 3 | 1.00 s | 0.90-9.40 s | 1.7 x | 0.80 s |" in text
    assert "| ipmitool in sequence | 300 | 1 | 3 | 12.60 s | 12.00-13.00 s | 21.0 x | 0.80 s |" in text
    assert (
        "| Ansible (x) | 20 | 64 | 3 | 10.00 s | 9.00-11.00 s | 100.0 x | 0.80 s |" in text
    )  # against ours on the same 20
    assert "| 15 (5 %) | 20.10 s | 2.00 s | 20 s | 40 MB | 301 | 0 | 1 |" in text
    assert "a load of 0.4 when it began" in text


def test_what_was_not_measured_is_not_made_up():
    text = report(replace(RUN, ansible=AnsibleFigures("Ansible", missing="no such package")), subnets=10, plot="x.svg")
    assert "| Ansible | - | - | - | not measured: no such package | - | - | - |" in text


def test_the_plot_has_bars_in_proportion_and_a_curve_of_every_healthy_bmc():
    root = ET.fromstring(plot(RUN))
    space = "{http://www.w3.org/2000/svg}"
    bars = [float(each.get("width")) for each in root.iter(f"{space}rect") if each.get("height") == "22"]
    assert len(bars) == 4
    assert bars[3] / bars[0] == pytest.approx(12.6 / 0.6, rel=0.01)
    curves = [each.get("points").split() for each in root.iter(f"{space}polyline")]
    assert [len(points) - 1 for points in curves] == [300, 285, 255]
    assert len({points[0] for points in curves}) == 1  # all begin at nothing, at zero seconds
    tops = [float(points[-1].split(",")[1]) for points in curves]
    assert tops == sorted(tops)
    ticks = [each.text for each in root.iter(f"{space}text")]
    assert ticks.count("0") == 3  # both time axes and the count begin at zero


def test_a_part_of_the_document_is_replaced_and_the_others_stay(tmp_path):
    document = tmp_path / "benchmarks.md"
    document.write_text("# Benchmarks\n\n<!-- make a -->\nold\n<!-- end of make a -->\n")
    put_section(document, "make b", "of b \\1\n")
    put_section(document, "make a", "new")
    put_section(document, "make b", "of b again\n")
    assert document.read_text() == (
        "# Benchmarks\n\n<!-- make a -->\nnew\n<!-- end of make a -->\n\n"
        "<!-- make b -->\nof b again\n<!-- end of make b -->\n"
    )
