"""The whole controller over the API server in memory: which writes follow from what."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bartizan.api.kinds import NAMESPACE, NETWORK_POLICY, POLICY, POLICY_INDEX, ROLE_BINDING, SECRET, TRUST_DOMAIN, Kind
from bartizan.core.model import ObjectRef
from bartizan.core.pki.authority import authority_secret
from bartizan.kube.errors import ForbiddenError, InvalidError
from bartizan.signers.builtin import BuiltinSigner
from bartizan.testing import FakeClock, a_namespace, a_policy, a_service, a_trust_domain_view

RELEASE = "bartizan-system"
PORTS = {"ports": [{"name": "http", "port": 8080}]}


def at(kind: Kind, name: str, namespace: str = "shop") -> ObjectRef:
    """Return where an object is."""
    return ObjectRef(
        api_version=kind.api_version, kind=kind.kind, namespace=namespace if kind.namespaced else "", name=name
    )


def conditions(cluster, name="orders", namespace="shop"):
    """Return status and reason of a policy's conditions."""
    status = cluster.kube.peek(at(POLICY, name, namespace)).get("status", {})
    return {one["type"]: (one["status"], one["reason"]) for one in status.get("conditions", [])}


async def test_one_policy_leads_to_exactly_these_writes(rig):
    """A policy in a governed namespace gets all its objects, the isolation last; each is written once, the ledger is begun first."""
    async with rig(a_namespace(), a_policy()) as cluster:
        writes = cluster.said()
        assert sorted(writes) == [
            ("apply", "ConfigMap", f"{RELEASE}/bartizan-ledger-default-1", "bartizan/ledger"),
            ("apply", "NetworkPolicy", "shop/bartizan-baseline", "bartizan/networkpolicy"),
            ("apply", "NetworkPolicy", "shop/ssp-orders", "bartizan/networkpolicy"),
            ("apply", "PolicyIndex", "shop/index", "bartizan/index"),
            ("apply", "RoleBinding", "shop/bartizan-certificates", "bartizan/access"),
            ("apply", "Secret", f"{RELEASE}/bartizan-authority-default-issuing-1", "bartizan/authority"),
            ("apply", "Secret", f"{RELEASE}/bartizan-authority-default-root-1", "bartizan/authority"),
            ("apply", "Secret", "shop/orders-tls", "bartizan/certificates"),
            ("apply-status", "ServiceSecurityPolicy", "shop/orders", "bartizan/status"),
            ("apply-status", "TrustDomain", "default", "bartizan/status"),
            ("create", "ConfigMap", f"{RELEASE}/bartizan-ledger-default-1", "bartizan/ledger"),
        ]
        places = [place for _, _, place, _ in writes]
        assert places.index("shop/ssp-orders") < places.index("shop/bartizan-baseline")
        assert conditions(cluster) == {
            "Ready": ("True", "Applied"),
            "NetworkEnforced": ("Unknown", "NotProven"),
            "IdentityReady": ("True", "Exclusive"),
            "CertificateReady": ("True", "Issued"),
            "CertificateServed": ("Unknown", "NotProvable"),
            "SecretsInjected": ("True", "NoneDeclared"),
            "ConsentComplete": ("True", "Mutual"),
        }


async def test_a_second_pass_over_everything_writes_nothing(rig):
    """Applying a plan leaves nothing to do: neither a full pass nor a relist of every kind leads to a write."""
    async with rig(a_namespace(), a_namespace("quiet", "audit"), a_policy(), a_policy("web", "quiet")) as cluster:
        cluster.said()
        for key in cluster.controller.world.all_keys():
            cluster.controller.queue.add(key)
        cluster.kube.compact()
        cluster.kube.break_watches()
        await cluster.settle(5)
        assert cluster.said() == []


async def test_a_restarted_controller_writes_nothing_when_all_is_well(rig):
    """A restart neither renews a certificate nor takes back a condition for the moment in which it knows little."""
    async with rig(a_namespace(), a_policy()) as cluster:
        cluster.said()
        cluster.leadership.take()
        await cluster.settle()
        cluster.leadership.give()
        await cluster.settle(5)
        assert cluster.said() == []


EMITTED = [
    pytest.param(NETWORK_POLICY, "ssp-orders", id="NetworkPolicy of a policy"),
    pytest.param(NETWORK_POLICY, "bartizan-baseline", id="isolation of a namespace"),
    pytest.param(POLICY_INDEX, "index", id="index of a namespace"),
    pytest.param(ROLE_BINDING, "bartizan-certificates", id="access to a namespace's Secrets"),
    pytest.param(SECRET, "orders-tls", id="certificate Secret"),
]


@pytest.mark.parametrize(("kind", "name"), EMITTED)
async def test_a_deleted_object_is_made_again(rig, kind, name):
    """Whatever bartizan keeps comes back when somebody deletes it."""
    async with rig(a_namespace(), a_policy()) as cluster:
        cluster.kube.remove(at(kind, name))
        await cluster.settle()
        assert cluster.kube.peek(at(kind, name)) is not None
        assert conditions(cluster)["Ready"] == ("True", "Applied")


EDITS = [
    pytest.param(NETWORK_POLICY, "ssp-orders", {"spec": {"podSelector": {}, "ingress": [{}]}}, id="opened policy"),
    pytest.param(
        NETWORK_POLICY,
        "bartizan-baseline",
        {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}]}},
        id="a rule added to the isolation, which has none",
    ),
    pytest.param(ROLE_BINDING, "bartizan-certificates", {"subjects": []}, id="access taken away"),
    pytest.param(SECRET, "orders-tls", {"data": {}}, id="emptied Secret"),
    pytest.param(POLICY_INDEX, "index", {"spec": {}}, id="emptied index"),
    pytest.param(SECRET, "orders-tls", {"data": {"evil": "YQ=="}}, id="a Secret replaced by another entry"),
]


@pytest.mark.parametrize(("kind", "name", "edit"), EDITS)
async def test_an_edited_object_is_put_right(rig, kind, name, edit):
    """Whatever somebody changes in what bartizan keeps is taken back."""
    async with rig(a_namespace(), a_policy()) as cluster:
        meant = cluster.kube.peek(at(kind, name))
        cluster.kube.put({**meant, **edit}, manager="kubectl-edit")
        await cluster.settle()
        found = cluster.kube.peek(at(kind, name))
        compared = [part for part in ("spec", "subjects", "roleRef", "type") if part in meant]
        assert [_lean(found.get(part)) for part in compared] == [_lean(meant[part]) for part in compared]
        assert set(found.get("data", {})) == set(meant.get("data", {}))


def _lean(value):
    return {key: part for key, part in value.items() if part != []} if isinstance(value, dict) else value


@pytest.mark.parametrize("value", ["YQ==", ""], ids=["an entry", "an empty entry"])
async def test_an_entry_added_to_a_secret_goes(rig, value):
    """A Secret holds what bartizan meant and nothing else, and the certificate is not issued anew for that."""
    async with rig(a_namespace(), a_policy()) as cluster:
        meant = cluster.kube.peek(at(SECRET, "orders-tls"))
        cluster.kube.put({**meant, "data": {**meant["data"], "evil": value}}, manager="kubectl-edit")
        await cluster.settle()
        assert cluster.kube.peek(at(SECRET, "orders-tls"))["data"] == meant["data"]


async def test_a_removed_label_does_not_hide_an_object(rig):
    """An object whose label was edited away, so that no watch shows it any more, gets its label back."""
    async with rig(a_namespace(), a_policy()) as cluster:
        item = cluster.kube.peek(at(NETWORK_POLICY, "ssp-orders"))
        item["metadata"]["labels"] = {}
        cluster.kube.put(item, manager="kubectl-label")
        await cluster.settle()
        labels = cluster.kube.peek(at(NETWORK_POLICY, "ssp-orders"))["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "bartizan"


async def test_an_edge_opens_when_both_sides_declare_it(rig):
    """One side alone waits and says for whom; the other side's declaration opens the edge on both without a further touch."""
    web = a_policy("web", network={"egress": [{"to": {"service": "orders"}}]})
    async with rig(a_namespace(), a_policy(network=PORTS), web) as cluster:
        assert conditions(cluster, "web")["ConsentComplete"] == ("False", "PendingConsent")
        assert conditions(cluster, "web")["Ready"] == ("False", "NotReady")
        consenting = a_policy(network={**PORTS, "ingress": [{"from": {"service": "web"}}]})
        live = cluster.kube.peek(at(POLICY, "orders"))
        cluster.kube.put({**live, "spec": consenting["spec"]})
        await cluster.settle()
        assert conditions(cluster, "web")["Ready"] == ("True", "Applied")
        assert conditions(cluster, "orders")["Ready"] == ("True", "Applied")
        cluster.kube.remove(at(POLICY, "orders"))
        await cluster.settle()
        assert conditions(cluster, "web")["ConsentComplete"] == ("False", "PeerNotFound")


async def test_one_broken_policy_does_not_stop_the_others(rig):
    """A policy that can't be read is named in its own condition; its neighbours are served."""
    broken = a_policy("broken")
    broken["spec"]["network"] = {"ports": [{"name": "http", "port": 99999}]}
    names = [f"service-{number}" for number in range(5)]
    async with rig(a_namespace(), broken, *(a_policy(name) for name in names)) as cluster:
        assert conditions(cluster, "broken") == {"Ready": ("False", "InvalidSpec")}
        message = cluster.kube.peek(at(POLICY, "broken"))["status"]["conditions"][0]["message"]
        assert message == (
            "spec.network.ports[0].port: input should be less than or equal to 65535 (is 99999). "
            "What was applied before stays as it is until this is corrected."
        )
        assert [conditions(cluster, name)["Ready"] for name in names] == [("True", "Applied")] * 5


async def test_a_refused_write_is_a_condition_and_does_not_hold_up_the_rest(rig):
    """A NetworkPolicy that the API server refuses leaves the certificate renewed, is told, and is tried again."""
    async with rig(a_namespace(), a_policy()) as cluster:
        refusal = InvalidError("apply NetworkPolicy shop/ssp-orders: 422 Invalid: no such field")
        cluster.kube.fail_next(
            refusal, matching=lambda call: call.verb == "apply" and call.name == "ssp-orders", times=4
        )
        cluster.kube.remove(at(NETWORK_POLICY, "ssp-orders"))
        cluster.kube.remove(at(SECRET, "orders-tls"))
        await cluster.clock.advance(timedelta(milliseconds=20))
        assert conditions(cluster)["Ready"] == ("False", "ReconcileFailed")
        assert cluster.kube.peek(at(SECRET, "orders-tls")) is not None
        told = [event for event in cluster.recorded.events if event.type == "Warning"]
        assert [(one.reason, one.message) for one in told] == [("ReconcileFailed", f"{refusal}; tried again later")]
        await cluster.clock.advance(timedelta(milliseconds=900))
        assert cluster.kube.peek(at(NETWORK_POLICY, "ssp-orders")) is None, "tried again sooner than after a second"
        await cluster.settle(16)
        assert cluster.kube.peek(at(NETWORK_POLICY, "ssp-orders")) is not None
        assert conditions(cluster)["Ready"] == ("True", "Applied")


async def test_somebody_elses_objects_are_left_alone(rig):
    """Objects under our names that somebody else made are named in conditions and not touched."""
    foreign = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "ssp-orders", "namespace": "shop"},
        "spec": {"podSelector": {}},
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "orders-tls", "namespace": "shop"},
        "type": "kubernetes.io/tls",
        "data": {"tls.crt": "YQ==", "tls.key": "YQ=="},
    }
    async with rig(a_namespace(), foreign, secret, a_policy()) as cluster:
        said = conditions(cluster)
        assert said["NetworkEnforced"] == ("False", "FieldConflict")
        assert said["CertificateReady"] == ("False", "SecretNotOurs")
        assert said["Ready"] == ("False", "FieldConflict")
        assert cluster.kube.peek(at(NETWORK_POLICY, "ssp-orders"))["spec"] == foreign["spec"]
        assert cluster.kube.peek(at(SECRET, "orders-tls"))["data"] == secret["data"]


async def test_an_isolation_that_is_somebody_elses_is_told_by_every_policy(rig):
    """A foreign NetworkPolicy under the name of the namespace's isolation leaves pods open: no policy there is Ready."""
    foreign = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "bartizan-baseline", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"none": "none"}}},
    }
    async with rig(a_namespace(), foreign, a_policy(), a_policy("web")) as cluster:
        for name in ("orders", "web"):
            assert conditions(cluster, name)["NetworkEnforced"] == ("False", "FieldConflict")
            assert conditions(cluster, name)["Ready"] == ("False", "FieldConflict")
        assert cluster.kube.peek(at(NETWORK_POLICY, "bartizan-baseline"))["spec"] == foreign["spec"]


async def test_nothing_is_emitted_where_nothing_is_governed(rig):
    """A policy in a namespace without the label gets a status that says how to govern it, and nothing else."""
    async with rig(a_namespace(mode=None), a_policy()) as cluster:
        assert conditions(cluster) == {"Ready": ("False", "NamespaceNotGoverned")}
        assert [cluster.kube.objects(kind, "shop") for kind in (NETWORK_POLICY, SECRET, POLICY_INDEX)] == [[], [], []]


async def test_ungoverning_a_namespace_takes_isolation_away_first(rig):
    """When the label goes, isolation goes before the allows, so that no declared traffic is cut on the way out."""
    async with rig(a_namespace(), a_policy()) as cluster:
        cluster.said()
        cluster.kube.put(a_namespace(mode=None))
        await cluster.settle()
        deleted = [place for verb, _, place, _ in cluster.said() if verb == "delete"]
        assert sorted(deleted) == [
            "shop/bartizan-baseline",
            "shop/bartizan-certificates",
            "shop/index",
            "shop/ssp-orders",
        ]
        assert deleted.index("shop/bartizan-baseline") < deleted.index("shop/ssp-orders")
        assert cluster.kube.peek(at(SECRET, "orders-tls")) is not None


async def test_warn_mode_issues_and_injects_but_cuts_nothing(rig):
    """In warn mode there is an index and a certificate, and no NetworkPolicy at all."""
    async with rig(a_namespace(mode="warn"), a_policy()) as cluster:
        assert cluster.kube.objects(NETWORK_POLICY, "shop") == []
        assert cluster.kube.peek(at(SECRET, "orders-tls")) is not None
        assert conditions(cluster)["NetworkEnforced"] == ("False", "ReportOnly")
        assert conditions(cluster)["Ready"] == ("True", "Applied")


async def test_a_replica_without_the_lease_writes_nothing(rig):
    """From the moment the Lease is lost nothing is written, whatever happens in the cluster."""
    async with rig(a_namespace(), a_policy()) as cluster:
        cluster.leadership.take()
        cluster.said()
        cluster.kube.remove(at(NETWORK_POLICY, "ssp-orders"))
        cluster.kube.put(a_policy("web"))
        await cluster.settle()
        assert cluster.said() == []
        cluster.leadership.give()
        await cluster.settle()
        assert cluster.kube.peek(at(NETWORK_POLICY, "ssp-orders")) is not None
        assert conditions(cluster, "web")["Ready"] == ("True", "Applied")


async def test_a_certificate_is_renewed_at_half_of_its_life(rig):
    """A day's certificate is replaced by a new one after half a day, without an event of any kind."""
    async with rig(a_namespace(), a_policy()) as cluster:
        first = cluster.kube.peek(at(SECRET, "orders-tls"))["data"]
        await cluster.clock.advance(timedelta(hours=10))
        assert cluster.kube.peek(at(SECRET, "orders-tls"))["data"] == first
        await cluster.clock.advance(timedelta(hours=4))
        await cluster.settle()
        assert cluster.kube.peek(at(SECRET, "orders-tls"))["data"]["tls.crt"] != first["tls.crt"]


async def test_a_service_adds_its_names_to_the_certificate(rig):
    """A Service that selects the pods gives its names to their certificate as soon as it is made."""
    async with rig(a_namespace(), a_policy()) as cluster:
        cluster.kube.put(a_service())
        await cluster.settle()
        status = cluster.kube.peek(at(POLICY, "orders"))["status"]
        assert status["certificate"]["dnsNames"] == [
            "orders.shop",
            "orders.shop.svc",
            "orders.shop.svc.cluster.local",
        ]


async def test_a_lost_authority_is_never_made_again(rig):
    """When an authority's Secret is deleted, the trust domain says so and no new root appears."""
    root = at(SECRET, "bartizan-authority-default-root-1", RELEASE)
    async with rig(a_namespace(), a_policy()) as cluster:
        cluster.kube.remove(root)
        await cluster.settle()
        ready = cluster.kube.peek(at(TRUST_DOMAIN, "default"))["status"]["conditions"][0]
        assert (ready["status"], ready["reason"]) == ("False", "CAKeyLost")
        assert cluster.kube.peek(root) is None


async def test_a_namespace_that_is_going_is_left_alone(rig):
    """Nothing is written into a namespace that is being deleted, and a refusal because of it is no error."""
    async with rig(a_namespace(), a_policy()) as cluster:
        cluster.said()
        going = a_namespace()
        going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        cluster.kube.put(going)
        cluster.kube.remove(at(NETWORK_POLICY, "ssp-orders"))
        cluster.kube.remove(at(POLICY_INDEX, "index"))
        await cluster.settle()
        assert cluster.said() == []


async def test_access_that_never_comes_is_a_condition(rig):
    """Where the RoleBinding does not give access to Secrets, the policy says so after ten seconds, and all the rest is done."""
    refused = ForbiddenError("list Secret shop: 403 Forbidden")
    async with rig() as cluster:
        cluster.kube.fail_next(
            refused,
            matching=lambda call: (call.verb, call.kind.kind, call.namespace) == ("list", "Secret", "shop"),
            times=50,
        )
        cluster.kube.put(a_namespace())
        cluster.kube.put(a_policy())
        await cluster.settle(5)
        assert conditions(cluster) == {}
        assert cluster.kube.peek(at(NETWORK_POLICY, "bartizan-baseline")) is not None
        await cluster.settle(10)
        assert conditions(cluster)["CertificateReady"] == ("False", "Pending")


async def test_the_webhook_gets_its_certificate_from_the_charts_authority(rig):
    """With the chart's authority in place the serving Secret is issued, once, and made again when it is deleted."""
    authority = a_serving_authority()
    serving = at(SECRET, "bartizan-webhook-tls", RELEASE)
    async with rig(authority) as cluster:
        await cluster.settle()
        first = cluster.kube.peek(serving)
        assert (first["type"], sorted(first["data"])) == ("kubernetes.io/tls", ["ca.crt", "tls.crt", "tls.key"])
        cluster.said()
        await cluster.settle()
        assert cluster.said() == []
        cluster.kube.remove(serving)
        await cluster.settle()
        assert cluster.said() == [("apply", "Secret", f"{RELEASE}/bartizan-webhook-tls", "bartizan/serving")]


async def test_a_lost_webhook_authority_is_an_error_and_a_new_one_counts_at_once(rig):
    """The authority's end is logged once with the way out; the one made afterwards has a new certificate within 10 s."""
    authority = a_serving_authority()
    serving = at(SECRET, "bartizan-webhook-tls", RELEASE)
    with capture_logs() as logs:
        async with rig(authority) as cluster:
            cluster.kube.remove(ObjectRef.of(authority))
            await cluster.settle(25)
            errors = [line["error"] for line in logs if line["event"] == "no webhook authority"]
            before = cluster.kube.peek(serving)
            renewed = a_serving_authority()
            cluster.kube.put(renewed)
            await cluster.settle(11)
            after = cluster.kube.peek(serving)
    missing = (
        f"Secret {RELEASE}/bartizan-webhook-ca is missing, so the webhook's certificate is not renewed and ends within "
        "a day: helm upgrade makes a new one, unless you bring your own (webhook.ca.create=false)"
    )
    assert errors == [missing]
    assert before["data"]["ca.crt"] == authority["data"]["tls.crt"]
    assert after["data"]["ca.crt"] == renewed["data"]["tls.crt"]


def a_serving_authority():
    """Return the Secret that the chart makes for the webhook, valid when the fake clock begins."""
    view = a_trust_domain_view("webhook")
    made = BuiltinSigner().make_root(view, generation=1, now=FakeClock().now())
    item = authority_secret(made, namespace=RELEASE)
    meta = {"name": "bartizan-webhook-ca", "namespace": RELEASE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": item["data"]}


def test_namespaces_are_cluster_scoped():
    """The table of kinds says of Namespace what the references above rely on."""
    assert at(NAMESPACE, "shop").namespace == ""
