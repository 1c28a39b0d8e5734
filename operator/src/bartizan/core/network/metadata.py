"""The cloud's metadata addresses as a peer of their own: open only to who names them, where the platform allows it.

Behind them clouds hand out the machine's credentials, so a wide block or the internet never holds them (see `ranges`), and the
SecurityBaseline forbids the peer unless the platform says that its nodes give nothing away there (a workload identity agent).
"""

from typing import Final

from bartizan.core.model import Snapshot
from bartizan.core.network.ports import PortRange
from bartizan.core.network.ranges import METADATA, block_peer
from bartizan.core.network.verdicts import Draft, Edge
from bartizan.core.reasons import Reason
from bartizan.core.views import NO_BASELINE

METADATA_PORTS: Final = frozenset({PortRange(80, 80, "TCP")})
"""Every cloud's metadata service speaks HTTP on port 80; GKE's older one on 988 too, which a policy then lists."""
_FORBIDDEN: Final = (
    "SecurityBaseline default forbids the peer cloudMetadata (network.cloudMetadata: Forbid, the default): the platform team "
    "must set Allow, or give the service a credential of its own by secrets"
)


def cloud_metadata_edge(draft: Draft, ports: frozenset[PortRange], snapshot: Snapshot) -> Edge:
    """Return the edge with every metadata address known; without ports, on theirs."""
    opened = ports or METADATA_PORTS
    if snapshot.baseline.network.cloud_metadata == "Forbid":
        return draft.denied(
            Reason.FORBIDDEN_BY_BASELINE, NO_BASELINE if snapshot.baseline_missing else _FORBIDDEN, opened
        )
    return draft.applied(opened, (block_peer(block, ()) for block in METADATA))
