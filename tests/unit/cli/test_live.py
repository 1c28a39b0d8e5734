"""What is read of a running cluster, kind after kind, while others write to it."""

import asyncio
from typing import Any

from bartizan.api.kinds import NAMESPACE, Kind
from bartizan.cli.live import read_objects
from bartizan.kube.api import Listing
from bartizan.testing.builders import a_namespace, a_policy
from bartizan.testing.fake_kube import FakeKube


class Late(FakeKube):
    """A cluster in which a Namespace with a policy is made right after the Namespaces were listed."""

    async def list(self, kind: Kind, **options: Any) -> Listing:
        """List, then let somebody write."""
        listing = await super().list(kind, **options)
        if kind == NAMESPACE:
            self.put(a_namespace("late"))
            self.put(a_policy("web", "late"))
        return listing


def test_what_is_of_a_namespace_made_meanwhile_is_left_out():
    """A policy whose Namespace was not listed with the others is none of that moment; what the others hold all counts."""
    read = asyncio.run(read_objects(Late(a_namespace("shop"), a_policy("web", "shop"))))
    there = [(item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]) for item in read]
    assert there == [("Namespace", "", "shop"), ("ServiceSecurityPolicy", "shop", "web")]
