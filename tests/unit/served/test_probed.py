"""What is remembered of sightings, and for whom."""

from datetime import UTC, datetime, timedelta

from bartizan.controller.probed import Probed, last_served
from bartizan.testing import a_policy

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ORDERS, WEB, BI = ("shop", "orders"), ("shop", "web"), ("bi", "report")


def a_report(*sightings, at=NOW):
    """A policy whose probe reported the sightings (uid, authority, minutes ago)."""
    served = [
        {
            "of": "shop/orders", "pod": f"pod-{uid}", "uid": uid, "port": "8443/TCP", "seen": "Certificate",
            "at": (at - timedelta(minutes=ago)).isoformat(), "fingerprint": "a" * 64, "authority": authority,
        }
        for uid, authority, ago in sightings
    ]  # fmt: skip
    return {**a_policy("web"), "status": {"probes": {"network": "x", "at": at.isoformat(), "served": served}}}


def seen(probed, *, by=(WEB,), uids=("1", "2", "3"), now=NOW):
    """Pods and authorities of the sightings."""
    return sorted((one.uid, one.authority) for one in probed.sightings(ORDERS, by=by, uids=uids, now=now))


def test_sightings_outlive_the_report_that_told_them():
    """A run that asks other pods does not make the former ones unseen; the latest of each pod counts."""
    probed = Probed()
    assert probed.news(WEB, a_report(("1", "0a", 0), ("2", "0a", 0)))
    assert not probed.news(WEB, a_report(("1", "0a", 0), ("2", "0a", 0)))
    assert probed.news(WEB, a_report(("2", "0b", 0), ("3", "0b", 0), at=NOW + timedelta(minutes=1)))
    assert seen(probed, now=NOW + timedelta(minutes=1)) == [("1", "0a"), ("2", "0b"), ("3", "0b")]


def test_who_may_not_look_is_not_believed():
    """A report of a policy that may not call says nothing, and neither does one about the future or about pods that are gone."""
    probed = Probed()
    probed.news(WEB, a_report(("1", "0a", 0), ("2", "0a", -5), ("9", "0a", 0)))
    assert seen(probed, by=(BI,)) == []
    assert seen(probed) == [("1", "0a")]
    assert seen(probed, uids=("1", "2", "9"), now=NOW + timedelta(minutes=9)) == [("1", "0a"), ("2", "0a")]


def test_a_policy_that_is_gone_is_forgotten():
    """Nothing is kept of a policy that does not exist."""
    probed = Probed()
    probed.news(WEB, a_report(("1", "0a", 0)))
    assert not probed.news(ORDERS, None)
    assert seen(probed) == []


def test_authorities_are_remembered_by_their_last_sighting():
    """Whatever pod served it: an authority is in use as long as somebody serves its certificates. Not more than fit are kept."""
    probed = Probed()
    probed.news(WEB, a_report(("1", "0a", 9), ("2", "0b", 1)))
    probed.news(WEB, a_report(("2", "0b", 0), at=NOW + timedelta(minutes=2)))
    probed.news(ORDERS, None)
    assert probed.authorities() == {"0a": NOW - timedelta(minutes=9), "0b": NOW + timedelta(minutes=2)}
    assert last_served([("root-1", "0a"), ("root-2", "0c")], probed.authorities()) == {
        "root-1": NOW - timedelta(minutes=9)
    }
    for number in range(300):
        later = NOW + timedelta(hours=1, minutes=number)
        probed.news(WEB, a_report(("1", f"{number:04x}", 0), at=later))
    assert len(probed.authorities()) == 256
    assert "0a" not in probed.authorities()
