"""When and what to issue: certificate and authority decisions as pure functions.

    profile    what a workload's certificate must say (names, lifetime)
    pem        reading and writing what Secrets hold
    leaf       a certificate as decisions see it, and when it is renewed
    secret     the Secret of a workload's certificate, written and read
    examine    everything that can be wrong with a certificate
    decide     keep, issue or refuse
    authority  the Secret of one generation of an authority, written and read
    remembered which authorities the status remembers
    ledger     the rows of issued certificates and the ConfigMaps that hold them
    book       the ledger of one trust domain as a value that grows
    rotation   which authority to make, use, keep, drop, or report as lost
    serving    the same for the webhook's own certificate
    status     what is said about it

Keys are parsed here (to see whether they fit their certificate) but never made and never used: that is `bartizan.signers`.
"""
