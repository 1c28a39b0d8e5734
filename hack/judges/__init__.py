"""Independent engines that say what a set of NetworkPolicies means, each as one running program asked case after case.

The programs are Go modules of `cluster/modules`, compiled on demand into the cache like the parts of a cluster. A judge never
sees bartizan's policies, only the Kubernetes objects that bartizan writes, and shares no code with it.

    with NpGuard() as judge:
        found = judge.objects(manifests)
        found.ports(("shop", "web"), ("shop", "api"))

- `NpGuard` lists exact port ranges between workloads, and between workloads and address ranges (IPv4);
- `Cyclonus` answers flow by flow;
- `examples.folders()` gives np-guard's own examples, which lie in its module.
"""

from __future__ import annotations

from judges.cyclonus import Cyclonus
from judges.np_guard import Connectivity, NpGuard, Workload
from judges.program import JudgeError

__all__ = ["Connectivity", "Cyclonus", "JudgeError", "NpGuard", "Workload"]
