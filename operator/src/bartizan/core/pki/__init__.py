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
    trust      the roots in use: bundle, chains, bridges
    sorting    which authorities found are ours, by what the status remembers
    creation   which authority is to be made now
    rotation   what is in force: signer, chains, bundle, what drains, what is lost
    evidence   what is seen of who trusts and uses an authority
    rotation_wishes, rotation_phases   the next step of a rotation
    waves      when the certificates of an authority that drains are issued anew
    listing    the authorities as the status lists them
    consumers  who uses certificates, and whether they would notice a new one
    forecast*  a rotation walked through before it happens: stand-ins, policies as they run, who refuses whom, in words
    asking     what a person may ask of a rotation; distrusting: what distrust means
    overview*  how a trust domain stands, for a person
    serving    the same for the webhook's own certificate
    status     what is said about it

Keys are parsed here (to see whether they fit their certificate) but never made and never used: that is `bartizan.signers`.
"""
