"""What is said of a certificate, whoever signed it."""

from dataclasses import replace
from datetime import timedelta

from bartizan.api.names import HASH_ANNOTATION
from bartizan.core.observations import certificate as observed_as
from bartizan.core.pki.decide import CertificateInput, Keep
from bartizan.core.pki.leaf import LeafView
from bartizan.core.pki.status import certificate_status
from bartizan.core.plan import LOOK_AGAIN, SOON, Apply
from bartizan.core.posture import CertificateOutcome, emitted_object
from bartizan.core.reasons import Reason


def kept(request: CertificateInput, decision: Keep, applies: tuple[Apply, ...]) -> CertificateOutcome:
    """Return the outcome of a certificate that is good, with the writes it takes to keep it."""
    wait = max(decision.next_renewal - request.now, SOON)
    outcome = held(replace(request, secret=decision.desired), decision.leaf, look_after=wait)
    return replace(outcome, applies=applies)


def held(request: CertificateInput, leaf: LeafView, *, look_after: timedelta) -> CertificateOutcome:
    """Return what is said of a certificate in the Secret `request.secret`."""
    policy, profile = request.policy, request.profile
    name = policy.spec.secret_name(policy.name)
    message = f"Secret {name} holds a certificate for {profile.spiffe_id}{profile.left_out}"
    sealed = request.secret and HASH_ANNOTATION in (request.secret["metadata"].get("annotations") or {})
    return CertificateOutcome(
        observation=observed_as("True", Reason.ISSUED, message),
        status=certificate_status(leaf, namespace=policy.namespace, secret_name=name),
        emitted=emitted_object(request.secret) if request.secret and sealed else None,
        look_after=look_after,
    )


def waiting(reason: Reason, message: str, *, look_after: timedelta | None = LOOK_AGAIN) -> CertificateOutcome:
    """Return the outcome while there is no good certificate."""
    return CertificateOutcome(observation=observed_as("False", reason, message), look_after=look_after)
