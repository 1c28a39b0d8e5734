"""The status of a TrustDomain for which somebody else signs.

Nothing in it is measured at the issuer: whether that one signs shows in the condition CertificateReady of each policy. What a
TrustDomain can say is who is asked, and which roots everybody is told to trust.
"""

from datetime import datetime

from bartizan.api.kinds import TRUST_DOMAIN
from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import Issuer
from bartizan.core.conditions import Observation, Status, dumped, laid_over, lean, read_conditions
from bartizan.core.model import TrustDomainView
from bartizan.core.pki.external.roots import Roots, read_roots
from bartizan.core.plan import Apply, Plan
from bartizan.core.reasons import ConditionType, Reason


def plan_external_domain(view: TrustDomainView, item: KubeObject, now: datetime) -> Plan:
    """Return the status to write, if it is not said already.

    What the status remembers of built-in authorities stays: their Secrets stay as well, for a way back, and a key that is lost
    meanwhile must not be made anew then.
    """
    roots = read_roots(view.spec.bundle, now)
    conditions = laid_over(read_conditions(item), (_ready(view, roots),), generation=view.generation, now=now)
    before = item.get("status") or {}
    kept = {key: value for key, value in before.items() if key not in {"bundle", "conditions"}}
    bundle = {"bundle": roots.pem} if roots.certificates else {}
    status = {
        **kept,
        **bundle,
        "observedGeneration": view.generation,
        "conditions": [dumped(one) for one in conditions],
    }
    again = roots.first_end - now if roots.first_end else None
    if lean(status) == lean(before):
        return Plan(requeue_after=again)
    whole = {
        "apiVersion": TRUST_DOMAIN.api_version,
        "kind": TRUST_DOMAIN.kind,
        "metadata": {"name": view.name},
        "status": status,
    }
    return Plan(status=Apply(item=whole, manager="bartizan/status", status=True), requeue_after=again)


def spoken_of(issuer: Issuer) -> str:
    """Return an external issuer as a person would say it."""
    if issuer.cert_manager:
        return f"cert-manager's {issuer.cert_manager.kind} {issuer.cert_manager.name}"
    if issuer.vault_pki:
        return f"Vault's role {issuer.vault_pki.path}/{issuer.vault_pki.role} at {issuer.vault_pki.server}"
    return f"the signer {issuer.csr_signer.signer_name}" if issuer.csr_signer else "the built-in authority"


def _ready(view: TrustDomainView, roots: Roots) -> Observation:
    if roots.problem or not roots.certificates:
        problem = roots.problem or "spec.bundle is missing: an external issuer needs the roots that peers trust"
        return _observed("False", Reason.INVALID_SPEC, problem)
    count = len(roots.certificates)
    first = f", the first of them until {roots.first_end:%Y-%m-%dT%H:%M:%SZ}" if roots.first_end else ""
    message = f"Asks {spoken_of(view.spec.issuer)}; {count} root{'s' if count > 1 else ''} trusted{first}"
    return _observed("True", Reason.APPLIED, message)


def _observed(status: Status, reason: Reason, message: str) -> Observation:
    return Observation(type=ConditionType.READY, status=status, reason=reason, message=message)
