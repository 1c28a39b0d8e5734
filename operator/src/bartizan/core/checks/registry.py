"""The closed list of checks, in the order in which their findings are told.

The command line, the webhook, the API server's policies and the reference page all read this list. A check that is not here
does not exist; one that is here has a Python function, a CEL twin and a documented reason.
"""

from typing import Final

from bartizan.core.checks import (
    annotations,
    covered_twice,
    foreign_identity,
    host_namespaces,
    host_path,
    identity,
    privileged,
    service_account,
    uncovered,
)
from bartizan.core.checks.check import Check

ALL: Final[tuple[Check, ...]] = (
    uncovered.CHECK,
    covered_twice.CHECK,
    service_account.CHECK,
    privileged.CHECK,
    host_namespaces.CHECK,
    host_path.CHECK,
    annotations.CHECK,
    identity.CHECK,
    foreign_identity.CHECK,
)
BY_ID: Final = {check.info.id: check for check in ALL}
