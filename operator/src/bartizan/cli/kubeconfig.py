"""How a verb that a person runs reaches the cluster: as kubectl does."""

import os
from pathlib import Path

_HOME = Path(".kube") / "config"


def of_the_shell() -> Path | None:
    """Return the file that `$KUBECONFIG` names, or kubectl's own default if it is there; None in a pod."""
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return None
    given = os.environ.get("KUBECONFIG", "").partition(os.pathsep)[0]
    if given:
        return Path(given)
    default = Path.home() / _HOME
    return default if default.exists() else None
