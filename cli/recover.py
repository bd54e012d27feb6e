"""`metalswarm recover CLUSTER`: the one command for a quorum that is lost for good."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer()


@app.command()
def recover(
    cluster: Annotated[str, typer.Argument(help="Name of the cluster in the settings.")],
    dead: Annotated[
        list[str] | None, typer.Option(help="A host that is off for good, where no BMC can show it; may be repeated.")
    ] = None,
    manager: Annotated[
        str | None, typer.Option(help="The manager to go on with; the youngest raft log if not given.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    stack: Annotated[str | None, typer.Option(help="Stack; the selected one if not given.")] = None,
) -> None:
    """Bring back a cluster that has lost most of its managers or Consul servers, from those that are left."""
    from cli.stack import site_of
    from metal.errors import PlanRefused
    from metal.plan.rescue import decide_recovery
    from metal.plan.verdict import Refuse
    from metal.rescue import observe_recovery
    from metal.rescue import recover as carry_out
    from metal.settings.names import named_hosts

    with site_of(stack, cluster) as site:
        named_hosts(site.fleet, dead or (), "--dead")
        named_hosts(site.fleet, [manager] if manager else (), "--manager")
        plan = decide_recovery(observe_recovery(site, cluster), given_up=dead or (), founder=manager)
        if isinstance(plan, Refuse):
            raise PlanRefused(f"{cluster}: {plan.reason}", next_step=plan.next_step)
        for line in plan.lines():
            typer.echo(line, err=True)
        if not yes:
            typer.confirm("Do that?", abort=True)
        report = carry_out(site, cluster, plan)
    if report.servers:
        typer.echo(f"Consul of {cluster}: {', '.join(report.servers)}")
    if report.swarm:
        typer.echo(f"swarm {report.swarm} of {cluster}: managers {', '.join(report.managers)}")
