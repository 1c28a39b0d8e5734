"""Puts together how the PKI stands, when somebody reads the metrics."""

from bartizan.api.kinds import TRUST_DOMAIN
from bartizan.controller.certificates import Certificates
from bartizan.controller.issuance import Turns
from bartizan.controller.ledger import Ledger
from bartizan.controller.world import World
from bartizan.core.pki.standing import Standing, authority_standings, domain_standing


def standing(world: World, ledger: Ledger, turns: Turns, certificates: Certificates) -> Standing:
    """Return how everything stands now; it costs one pass over the trust domains, the ledger and those who wait."""
    items = world.store.list(TRUST_DOMAIN)
    return Standing(
        authorities=authority_standings(items, ledger.counts()),
        domains=tuple(map(domain_standing, items)),
        waiting=len(turns),
        longest_wait=turns.longest_wait,
        contested=certificates.contested,
    )
