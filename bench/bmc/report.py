"""The figures of a run as the part of docs/benchmarks.md that `make bench-bmc` writes."""

from __future__ import annotations

import statistics

from bench.bmc.figures import Measured, PowerOn, Rule, Sweep, rules

__all__ = ["report"]

_TEXT = """## {bmcs} BMCs

Written by `make bench-bmc`. {bmcs} simulated BMCs (`ipmi_sim`, a real RMCP+ implementation, {bmcs} addresses in
{subnets} subnets, power kept in memory) and every client on one machine, so clients and simulators share its
processors. Rounds alternate between the clients; medians count. This run: {cores} cores, {memory} GiB of memory; other
programs kept the machine at a load of {load:.1f} when it began. A client of one process gets a smaller share of a busy
machine than one of {at_once}; its processor time tells how much it needs.

| goal | measured | met |
|---|---|---|
{goals}

![status sweeps and power-on]({plot})

**Power status of all**

| client | BMCs | at once | rounds | median | range | against ours | processor time |
|---|---|---|---|---|---|---|---|
{sweeps}

**Power-on of {bmcs}, all off before**

| dead | total | slowest healthy | deadline | memory | threads | hung | controls a healthy BMC |
|---|---|---|---|---|---|---|---|
{power}

- *Ours* is one process within the default limits ({at_once} sessions, 16 a subnet): login, Get Chassis Status, logout.
  A sweep has {at_once} threads, as `metalswarm status` has, a power-on a thread a BMC, as `pulumi up` has. *Whole
  process* counts the start of Python and its imports too, as does the processor time. `ipmitool` is one process a BMC
  with cipher suite 3, which spares it a wait of 10 s for a list that `ipmi_sim` cannot give. Ansible runs `ipmi_power`
  in check mode, which reads and does not switch, with as many forks. On loopback nothing takes its time on the way:
  what is compared is what each client needs of the processor.
- *Dead* BMCs are, in equal parts: a port that swallows everything, a closed port, and one that opens a session and then
  falls silent. Which ones is drawn with a fixed seed. All operations begin at once and share one deadline.
- *Controls* are counted by the simulators: what they carried out, not what was sent.
"""


def report(run: Measured, *, subnets: int, plot: str) -> str:
    sweeps = [_sweep(run.ours, run.ours), _sweep(run.whole, run.ours)]
    sweeps += [_sweep(other, run.ours) for other in (run.parallel, run.sequence)]
    if run.ansible.missing:
        sweeps.append(f"| {run.ansible.title} | - | - | - | not measured: {run.ansible.missing} | - | - | - |")
    else:
        ours = run.ansible.sweeps[0]
        sweeps += [_sweep(one, ours) for one in run.ansible.sweeps]
    return _TEXT.format(
        bmcs=run.ours.bmcs,
        subnets=subnets,
        cores=run.cores,
        memory=run.memory_gib,
        load=run.load,
        goals="\n".join(_goal(rule) for rule in rules(run)),
        plot=plot,
        sweeps="\n".join(sweeps),
        power="\n".join(_power(one) for one in run.power),
        at_once=run.ours.at_once,
    )


def _goal(rule: Rule) -> str:
    return f"| {rule.text} | {rule.measured} | {'yes' if rule.met else '**no**'} |"


def _sweep(sweep: Sweep, ours: Sweep) -> str:
    spread = f"{min(sweep.seconds):.2f}-{max(sweep.seconds):.2f} s"
    ratio = "1" if sweep is ours else f"{sweep.median / ours.median:.1f} x"
    return (
        f"| {sweep.client} | {sweep.bmcs} | {sweep.at_once} | {len(sweep.seconds)} | {sweep.median:.2f} s | {spread} "
        f"| {ratio} | {statistics.median(sweep.cpu):.2f} s |"
    )


def _power(one: PowerOn) -> str:
    counts = sorted(set(one.controls))
    return (
        f"| {one.dead} ({one.percent} %) | {one.seconds:.2f} s | {one.slowest:.2f} s | {one.deadline:.0f} s "
        f"| {one.memory / 1e6:.0f} MB | {one.threads} | {one.hung} | {', '.join(str(count) for count in counts)} |"
    )
