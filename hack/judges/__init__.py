"""Independent engines that judge what bartizan writes, each as one running program asked case after case.

The programs are Go modules of `cluster/modules`, compiled on demand into the cache like the parts of a cluster, or packages of
PyPI installed there. A judge never sees bartizan's policies, only the Kubernetes objects and certificates that bartizan
writes, and shares no code with it.

    with NpGuard() as judge:
        found = judge.objects(manifests)
        found.ports(("shop", "web"), ("shop", "api"))

- `NpGuard` lists exact port ranges between workloads, and between workloads and address ranges (IPv4);
- `Cyclonus` answers flow by flow;
- `Alerts` reads alerting rules as Prometheus does;
- `Certificates` is Go's verifier, zlint and go-spiffe; `pkilint.lint` is a second linter;
- `examples.folders()` gives np-guard's own examples, which lie in its module.
"""

from __future__ import annotations

from judges.alerts import Alerts
from judges.certificates import Certificates, Verdict
from judges.cyclonus import Cyclonus
from judges.np_guard import Connectivity, NpGuard, Workload
from judges.program import JudgeError

__all__ = ["Alerts", "Certificates", "Connectivity", "Cyclonus", "JudgeError", "NpGuard", "Verdict", "Workload"]
