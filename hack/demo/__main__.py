"""The story `make demo` tells: get a cluster, install, apply the shop, show who can reach whom and what is refused."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import cluster as harness
from cluster.cli import DEFAULT_NAME
from cluster.progress import Reporter, elapsed
from demo import evidence, install, reachability

NAME = DEFAULT_NAME
READY = "--timeout=120s"


def main(arguments: list[str]) -> int:
    """Run the demo; return 0 if everything shown was so, 1 if something was not, 2 if it could not be run."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__, epilog="example: make demo")
    parser.add_argument("--name", default=NAME, help="the cluster's name (default: %(default)s)")
    parser.add_argument("--provider", choices=["existing", "kind", "local"], help="default: whichever is there")
    chosen = parser.parse_args(arguments)
    console, started = Console(highlight=False), time.monotonic()
    try:
        shown = _run(chosen.name, chosen.provider, console)
    except harness.ClusterError as problem:
        console.print(f"[red]{escape(str(problem))}[/red]")
        return 2
    failed = [item.claim for item in shown if not item.holds]
    took = elapsed(timedelta(seconds=time.monotonic() - started))
    if failed:
        console.print(f"\n[red]{len(failed)} of {len(shown)} did not hold:[/red] " + escape("; ".join(failed)))
        return 1
    console.print(f"\n[green]All {len(shown)} held[/green], in {took}. The cluster is still there:")
    console.print(f"  look around  export KUBECONFIG={_kubeconfig(chosen.name)}")
    console.print(f"  remove it    make cluster-down{_named(chosen.name)}")
    return 0


def _run(name: str, provider: str | None, console: Console) -> list[evidence.Evidence]:
    report = Reporter(print)
    target = harness.up(name, node=True, provider=provider, progress=report)
    install.install(target, install.load_images(target, report), report)
    _apply_shop(target, report)
    return [
        *_matrix(target, console),
        *_refusals(target, console),
        *_identity(target, console),
        *_policies(target, console),
    ]


def _apply_shop(target: harness.Cluster, report: Reporter) -> None:
    with report.step("kubectl apply -f examples/shop"):
        target.kubectl("apply", "--server-side", "-f", str(install.ROOT / "examples" / "shop"))
    with report.step("waiting for every policy to be Ready and every Deployment to be available"):
        target.kubectl("wait", "--for=condition=Ready", "ssp", "--all", "--all-namespaces", READY)
        for namespace in ("shop", "finance"):
            target.kubectl("wait", "--for=condition=Available", "deployment", "--all", "-n", namespace, READY)


def _matrix(target: harness.Cluster, console: Console) -> list[evidence.Evidence]:
    probes = reachability.probe_all(target)
    table = Table(title="Who can reach whom (probed from inside the pods)", title_justify="left")
    for column in ("from", "to", "declared", "seen", ""):
        table.add_column(column)
    for probe in probes:
        table.add_row(
            f"{probe.source.namespace}/{probe.source.name}",
            f"{probe.target.namespace}/{probe.target.name}:{probe.target.port}",
            "allowed" if probe.expected else "denied",
            probe.outcome,
            _mark(holds=probe.holds),
        )
    console.print(table)
    return [
        evidence.Evidence(f"{probe.source.name} to {probe.target.name}", probe.holds, probe.outcome) for probe in probes
    ]


def _refusals(target: harness.Cluster, console: Console) -> list[evidence.Evidence]:
    found = [
        evidence.refusal(target, install.ROOT / "examples" / "rejected" / f"{name}.yaml")
        for name in ("privileged-pod", "uncovered-pod", "privileged-deployment")
    ]
    console.print("\nRefused by the API server itself", style="bold")
    _tell(found, console)
    return found


def _identity(target: harness.Cluster, console: Console) -> list[evidence.Evidence]:
    domain = target.kubectl("get", "trustdomain", "default", "-o", "jsonpath={.spec.domain}").stdout
    found = [
        evidence.certificate(target, "finance", "payments", f"spiffe://{domain}/ns/finance/sa/payments"),
        evidence.annotations(
            target,
            "finance",
            "payments",
            {"vault.hashicorp.com/agent-inject": "true", "vault.hashicorp.com/role": "payments-rw"},
        ),
    ]
    console.print("\nIdentity and secrets", style="bold")
    _tell(found, console)
    return found


def _policies(target: harness.Cluster, console: Console) -> list[evidence.Evidence]:
    console.print("\nkubectl get ssp --all-namespaces", style="bold")
    listed = target.kubectl("get", "ssp", "--all-namespaces").stdout
    console.print(escape(listed), soft_wrap=True)
    rows = listed.splitlines()[1:]
    return [
        evidence.Evidence(
            "three policies are listed as ready", len(rows) == 3 and all("True" in row for row in rows), ""
        )
    ]


def _tell(found: list[evidence.Evidence], console: Console) -> None:
    for item in found:
        console.print(f"{_mark(holds=item.holds)} {escape(item.claim)}")
        for line in item.seen.splitlines():
            console.print(f"    [dim]{escape(line)}[/dim]", soft_wrap=True)


def _mark(*, holds: bool) -> str:
    return "[green]✓[/green]" if holds else "[red]✗[/red]"


def _named(name: str) -> str:
    return "" if name == DEFAULT_NAME else f" NAME={name}"


def _kubeconfig(name: str) -> str:
    found = harness.find(name)
    return str(found.kubeconfig) if found else "$KUBECONFIG"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
