"""The closed list of checks, in the order in which their findings are told.

The command line, the webhook, the API server's policies and the reference page all read this list. A check that is not here
does not exist; one that is here has a Python function, a CEL twin and a documented reason.
"""

from typing import Final

from bartizan.core.checks import (
    annotations,
    app_armor,
    capabilities_baseline,
    capabilities_restricted,
    covered_twice,
    foreign_identity,
    frozen_identity,
    host_namespaces,
    host_path,
    host_ports,
    host_process,
    identity,
    privilege_escalation,
    privileged,
    probe_hosts,
    proc_mount_baseline,
    proc_mount_restricted,
    run_as_non_root,
    run_as_user,
    seccomp_baseline,
    seccomp_restricted,
    selinux,
    service_account,
    sysctls,
    uncovered,
    volume_types,
)
from bartizan.core.checks.check import Check

ALL: Final[tuple[Check, ...]] = (
    uncovered.CHECK,
    covered_twice.CHECK,
    service_account.CHECK,
    privileged.CHECK,
    host_namespaces.CHECK,
    host_path.CHECK,
    host_ports.CHECK,
    capabilities_baseline.CHECK,
    proc_mount_baseline.CHECK,
    selinux.CHECK,
    seccomp_baseline.CHECK,
    app_armor.CHECK,
    sysctls.CHECK,
    host_process.CHECK,
    probe_hosts.CHECK,
    privilege_escalation.CHECK,
    capabilities_restricted.CHECK,
    proc_mount_restricted.CHECK,
    volume_types.CHECK,
    run_as_non_root.CHECK,
    run_as_user.CHECK,
    seccomp_restricted.CHECK,
    annotations.CHECK,
    identity.CHECK,
    foreign_identity.CHECK,
    frozen_identity.CHECK,
)
BY_ID: Final = {check.info.id: check for check in ALL}
