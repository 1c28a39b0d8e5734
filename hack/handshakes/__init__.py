"""Peers that speak mutual TLS with each other all the time, while the authorities behind their certificates change.

A failed handshake is somebody's outage, and the only proof that a rotation causes none is to count them. The certificates come
from the real controller over an API server in memory, on the machine's own clock; what happens to them afterwards is the
cluster's: a volume swapped by a kubelet that is late, peers that read it again when they please, or never.

    bartizan   the controller, the policies of the peers, and what is asked of the trust domain
    kubelet    carries Secrets into volumes, late
    volume     files laid out and swapped as the kubelet does it
    snapshot   a volume as a program that reads it once sees it
    tally      handshakes counted: by client, server, version and phase
    calling    clients' loops, and what a handshake must show to count
    listening  the Python server
    worker     the process that runs Python peers and drives the others
    crew       the same processes as seen from outside
    envoy      a real Envoy: its configuration, its process, its own counters
    openssl    `openssl s_server` and `openssl s_client`
    mesh       all peers together
    story      what happens to them, phase by phase
"""
