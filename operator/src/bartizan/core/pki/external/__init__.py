"""Certificates that somebody else signs: what is asked, what is accepted, and when to ask again. Pure, like all of core.

    roots               the trust bundle that the platform team writes
    asking              what is asked of an issuer, and every answer there is
    certificaterequest  the same as cert-manager's object
    signingrequest      the same as Kubernetes' own
    accept              what an issuer sends back, held against the profile
    standing            keep or issue, for a certificate of an external issuer
    step                ask, wait, publish or give up for now: one open request per policy, and back-off after a refusal
    said                the status of a TrustDomain that is signed for by somebody else

The built-in issuer signs at once and needs none of it.
"""
