"""Good objects, and for every rule an object that breaks it and nothing else, with the field and the words of the refusal."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from bartizan.api.grants import CLOSED_GROUPS
from bartizan.api.resources import RESOURCES
from bartizan.api.v1alpha1.values import BLOCK

LABELS: Final = {"matchLabels": {"app": "orders"}}
MESSAGE_OF_ONE_KIND: Final = (
    "a peer names exactly one of: service, workload, self, gateway, internet, cidr, fqdn, kubernetesAPI, cloudMetadata"
)


def policy(**spec: Any) -> dict[str, Any]:
    """Return a ServiceSecurityPolicy with the least workload and the sections given."""
    return {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "ServiceSecurityPolicy",
        "metadata": {"name": "orders"},
        "spec": {"workload": {"selector": LABELS}, **spec},
    }


def baseline(**spec: Any) -> dict[str, Any]:
    """Return the SecurityBaseline with the sections given."""
    return {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "SecurityBaseline",
        "metadata": {"name": "default"},
        "spec": spec,
    }


def trust_domain(**spec: Any) -> dict[str, Any]:
    """Return a TrustDomain with the fields given."""
    return {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "TrustDomain",
        "metadata": {"name": "default"},
        "spec": {"domain": "prod.example.com", **spec},
    }


ROOT_PEM: Final = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
"""What the API server takes for a root: whether it is one, only the controller can say."""
PRIVATE_KEY: Final = "-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n"
"""No key, but what one looks like."""
ONE_ISSUER: Final = "an issuer is exactly one of: builtIn, certManager, vaultPKI, csrSigner"


def vault(**fields: Any) -> dict[str, Any]:
    """Return an issuer in Vault with the fields given."""
    return {
        "vaultPKI": {
            "server": "https://vault.vault.svc:8200",
            "role": "workloads",
            "auth": {"role": "bartizan"},
            **fields,
        }
    }


def named(item: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the object under another name."""
    return {**item, "metadata": {**item["metadata"], "name": name}}


def changed(item: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return the object with a change merged into its mappings; lists are replaced."""
    result = deepcopy(item)
    for key, value in change.items():
        inner = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = changed(result[key], value) if inner else value
    return result


def secret(name: str = "db", **more: Any) -> dict[str, Any]:
    """Return one item of `secrets.items`."""
    return {
        "name": name,
        "vault": {"role": "orders", "path": f"secret/{name}"},
        "file": {"path": f"{name}.json"},
        **more,
    }


def called(to: dict[str, Any], *ports: dict[str, Any]) -> dict[str, Any]:
    """Return a policy that calls one peer."""
    return policy(network={"egress": [{"to": to, "ports": list(ports)}]})


GOOD: Final[dict[str, dict[str, Any]]] = {
    "least policy": policy(),
    "common case": policy(
        network={
            "ports": [{"name": "http", "port": 8080}],
            "ingress": [{"from": {"service": "web"}}],
            "egress": [{"to": {"service": "payments", "namespace": "finance"}}],
        }
    ),
    "everything": {
        **policy(
            workload={
                "selector": {
                    "matchExpressions": [{"key": "app", "operator": "In", "values": ["orders", "orders-canary"]}]
                },
                "serviceAccountName": "till",
                "podSecurity": {"level": "baseline", "version": "v1.9"},
            },
            network={
                "ports": [
                    {"name": "http", "port": 8080},
                    {"name": "gossip", "port": 7946, "protocol": "UDP"},
                    {"name": "admin", "port": "admin"},
                ],
                "ingress": [
                    {"from": {"service": "prometheus", "namespace": "monitoring"}, "ports": ["http"]},
                    {"from": {"workload": {"namespace": "tools", "selector": {"matchLabels": {"app": "runner"}}}}},
                    {"from": {"self": {}}, "ports": ["gossip"]},
                    {"from": {"internet": {}}, "ports": ["http"]},
                    {"from": {"gateway": "public", "namespace": "gateways"}, "ports": ["http"]},
                    {"from": {"cidr": "203.0.113.0/24", "except": ["203.0.113.9/32"]}},
                ],
                "egress": [
                    {
                        "to": {"service": "payments", "namespace": "finance"},
                        "ports": [{"name": "grpc"}],
                        "reason": "charge cards",
                    },
                    {"to": {"self": {}}},
                    {"to": {"fqdn": "api.stripe.com"}, "ports": [{"port": 443}]},
                    {"to": {"fqdn": "*.s3.amazonaws.com", "onUnsupported": "Deny"}, "ports": [{"port": 443}]},
                    {"to": {"cloudMetadata": {}}, "reason": "workload identity"},
                    {"to": {"kubernetesAPI": {}}},
                    {
                        "to": {
                            "kubernetesAPI": {
                                "rules": [
                                    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},
                                    {
                                        "apiGroups": ["apps"],
                                        "resources": ["deployments/scale"],
                                        "resourceNames": ["orders"],
                                        "verbs": ["patch"],
                                    },
                                ]
                            }
                        }
                    },
                    {"to": {"internet": {}}, "ports": [{"port": 443}]},
                    {
                        "to": {"cidr": "2001:db8::/32", "except": ["2001:db8:1::/48"]},
                        "ports": [{"port": 5432}, {"port": 6000, "endPort": 6010, "protocol": "UDP"}],
                    },
                ],
            },
            identity={"trustDomain": "prod", "dnsNames": ["orders.example.com", "*.orders.example.com"]},
            mtls={
                "lifetime": "1h30m",
                "delivery": "PodCertificate",
                "secret": {"name": "orders-identity", "formats": ["PEM", "Combined"]},
                "key": {"algorithm": "Ed25519"},
                "commonName": "orders@shop",
                "onRotation": {
                    "strategy": "Watch",
                    "fallback": "Restart",
                    "confirm": {"port": "http", "within": "90s"},
                },
            },
            secrets={
                "items": [
                    secret(containers=["app"]),
                    secret(
                        "mail",
                        containers=["app"],
                        file={"path": "mail/smtp.json", "mode": "0440", "template": "{{ . }}"},
                    ),
                ]
            },
        )
    },
    "labels of every form": policy(
        workload={
            "selector": {
                "matchLabels": {"a": "", "app.kubernetes.io/name": "Till_2.0", "K" * 63: "v" * 63},
                "matchExpressions": [{"key": "example.com/tier", "operator": "NotIn", "values": ["", "a.b-c_d"]}],
            }
        }
    ),
    "baseline with DNS in blocks": baseline(network={"dns": {"addresses": ["169.254.20.0/24", "fd00::/112"]}}),
    "consent with an end and answers": policy(
        network={
            "ports": [{"name": "http", "port": 8080}],
            "consent": "Mutual",
            "ingress": [{"from": {"service": "web"}, "until": "2027-01-01T00:00:00Z", "reason": "until the move"}],
            "egress": [{"to": {"service": "payments"}, "until": "2027-01-01T02:00:00.5+02:00"}],
            "decisions": [
                {"service": "analytics", "namespace": "bi", "verdict": "Denied", "reason": "use the replica"},
                {"service": "web", "namespace": "bi", "verdict": "Approved", "ports": ["http"]}
                | {"until": "2027-01-01T00:00:00Z", "reason": "reports"},
            ],
        }
    ),
    "empty baseline": baseline(),
    "baseline with review": baseline(widening="Review"),
    "baseline": baseline(
        network={
            "internet": "Forbid",
            "cloudMetadata": "Allow",
            "fqdnDenyList": ["pastebin.com", "*.ngrok.io"],
            "gatewayNamespaces": ["envoy-gateway-system", "gateways"],
            "clusterCIDRs": ["10.0.0.0/8", "fd00::/8"],
            "dns": {"namespace": "dns", "selector": {"matchLabels": {"app": "dns"}}, "addresses": ["169.254.20.10/32"]},
        },
        mtls={
            "maxLifetime": "48h",
            "commonNames": [{"name": "orders_rw", "namespace": "shop", "serviceAccountName": "orders"}],
        },
    ),
    "DNS name with a label of 63 and digits": policy(identity={"dnsNames": [f"{'a' * 63}.10.example.com", "0.1.x1"]}),
    "trust domain": trust_domain(),
    "trust domain of cert-manager": trust_domain(
        issuer={"certManager": {"name": "corp", "kind": "Issuer"}}, bundle=ROOT_PEM
    ),
    "trust domain of Vault": trust_domain(issuer=vault(), bundle=ROOT_PEM),
    "trust domain of a signer": trust_domain(
        issuer={"csrSigner": {"signerName": "example.com/workloads"}}, bundle=ROOT_PEM
    ),
    "trust domain with a further root": trust_domain(bundle=ROOT_PEM),
    "trust domain with all wishes for a rotation": trust_domain(
        rotation={
            "settle": "2m",
            "request": {"id": "TICKET-7", "role": "Root"},
            "abort": "current",
            "distrust": ["0123456789abcdef"],
            "emergencyDeadline": "1m",
        }
    ),
    "trust domain with lifetimes": trust_domain(lifetimes={"root": "17520h", "issuing": "720h"}),
}


@dataclass(frozen=True, slots=True)
class Bad:
    """An object that must be refused: `field` is the path in the message, `says` the reason."""

    name: str
    item: dict[str, Any]
    field: str
    says: str


TO: Final = "spec.network.egress[0].to"
PORT: Final = "spec.network.egress[0].ports[0]"
SELECTOR: Final = "spec.workload.selector"
NO_LABEL: Final = "a selector must name at least one label: an empty one would select every pod of the namespace"
LABEL: Final = "every key must be a label's key: a name of letters, digits, -, _ and ., at most 63 long, after a DNS subdomain and / if it has an owner"
VALUES: Final = "values must be given for In and NotIn, and left out for Exists and DoesNotExist"
IN_CLUSTER: Final = "names inside the cluster are derived from the Services that select the pods and cannot be claimed"
NAMES: Final = {resource.kind.kind: resource.rules[0]["message"] for resource in RESOURCES if resource.rules}
WIDE_DNS: Final = "no entry may be wider than /24 (IPv4) or /112 (IPv6): every pod may reach it on port 53"
CIDR: Final = f"cidr must be {BLOCK}"
EXCEPT: Final = "every entry of except must be a block inside cidr"
LIFETIMES: Final = "issuing must be at least 336h (twice the longest certificate) and root at least 8760h"


DECISION: Final = "spec.network.decisions[0]"
DENIAL: Final = "ports and until go with Approved: a denial holds on every port until it is changed"
ANSWER: Final = {"service": "analytics", "namespace": "bi", "verdict": "Denied"}


def decided(**more: Any) -> dict[str, Any]:
    """Return a policy that answers bi/analytics."""
    return policy(network={"decisions": [{"service": "analytics", "namespace": "bi", **more}]})


def rotating(**rule: Any) -> dict[str, Any]:
    """Return a policy with a rule for what becomes of pods when there is a new certificate."""
    return policy(mtls={"onRotation": rule})


def selects(**selector: Any) -> dict[str, Any]:
    """Return a policy with a workload selector."""
    return policy(workload={"selector": selector})


def needs(operator: str, *values: str) -> dict[str, Any]:
    """Return a policy whose selector is one expression."""
    return selects(matchExpressions=[{"key": "app", "operator": operator, "values": list(values)}])


def listens(*ports: Any, ingress: Any = ()) -> dict[str, Any]:
    """Return a policy with ports of its own."""
    return policy(network={"ports": list(ports), "ingress": list(ingress)})


def granting(**change: Any) -> dict[str, Any]:
    """Return a policy with one right at the API server."""
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], **change}
    return called({"kubernetesAPI": {"rules": [rule]}})


RULE: Final = f"{TO}.kubernetesAPI.rules[0]"
NAMED_INSIDE: Final = "a name inside the cluster has a policy: name it by service, or its pods by workload"
METADATA_REASON: Final = "cloudMetadata needs a reason: whoever reaches it may act as the machine"

BAD: Final = (
    Bad("a name with a dot", named(policy(), "orders.v2"), "<nil>", NAMES["ServiceSecurityPolicy"]),
    Bad("a name of 51 characters", named(policy(), "o" * 51), "<nil>", NAMES["ServiceSecurityPolicy"]),
    Bad("a second baseline", named(baseline(), "other"), "<nil>", NAMES["SecurityBaseline"]),
    Bad("a trust domain's long name", named(trust_domain(), "t" * 51), "<nil>", NAMES["TrustDomain"]),
    Bad("no selector", policy(workload={}), SELECTOR, "Required value"),
    Bad("an empty selector", selects(), SELECTOR, NO_LABEL),
    Bad("an empty selector written out", selects(matchLabels={}, matchExpressions=[]), SELECTOR, NO_LABEL),
    *(
        Bad(f"the label key {key!r}", selects(matchLabels={key: "a"}), f"{SELECTOR}.matchLabels", LABEL)
        for key in ("bad key!", "", "-app", "app-", "Example.com/app", "a/b/c", "/app", "example.com/", "k" * 64)
    ),
    *(
        Bad(f"the label value {value!r}", selects(matchLabels={"app": value}), f"{SELECTOR}.matchLabels.app", "should match")
        for value in ("x y", "-x", "x.", "ü")
    ),
    Bad("a label value of 64 characters", selects(matchLabels={"app": "x" * 64}), f"{SELECTOR}.matchLabels.app", "Too long"),
    Bad("an expression's key with a space", selects(matchExpressions=[{"key": "bad key!", "operator": "Exists"}]), f"{SELECTOR}.matchExpressions[0].key", "should match"),
    Bad("an expression's value with a space", needs("In", "a b"), f"{SELECTOR}.matchExpressions[0].values[0]", "should match"),
    Bad("In without values", needs("In"), f"{SELECTOR}.matchExpressions[0].values", VALUES),
    Bad("Exists with values", needs("Exists", "a"), f"{SELECTOR}.matchExpressions[0].values", VALUES),
    Bad("an unknown operator", needs("Is", "a"), f"{SELECTOR}.matchExpressions[0].operator", "supported values"),
    *(
        Bad(f"the level {level!r}", policy(workload={"selector": LABELS, "podSecurity": {"level": level}}), "spec.workload.podSecurity.level", "supported values")
        for level in ("privileged", "Restricted", "")
    ),
    *(
        Bad(f"the version {version} of the standards", policy(workload={"selector": LABELS, "podSecurity": {"version": version}}), "spec.workload.podSecurity.version", "should match")
        for version in ("1.37", "v1.38", "v1.01", "v2.0", "v1.")
    ),
    Bad("a baseline without a level", baseline(podSecurity={"level": "privileged"}), "spec.podSecurity.level", "supported values"),
    Bad("a baseline of a version to come", baseline(podSecurity={"version": "v1.99"}), "spec.podSecurity.version", "should match"),
    Bad("port 0", listens({"name": "http", "port": 0}), "spec.network.ports[0].port", "should be greater than or equal to 1"),
    Bad("port 65536", listens({"name": "http", "port": 65536}), "spec.network.ports[0].port", "should be less than or equal to 65535"),
    Bad("a number in quotes", listens({"name": "http", "port": "8080"}), "spec.network.ports[0].port", "should match"),
    Bad("a container port's name that is too long", listens({"name": "http", "port": "anametoolongtobe"}), "spec.network.ports[0].port", "may not be more than 15 bytes"),
    Bad("an unknown protocol", listens({"name": "a", "port": 1, "protocol": "tcp"}), "spec.network.ports[0].protocol", "supported values"),
    Bad("a port's name with capitals", listens({"name": "HTTP", "port": 1}), "spec.network.ports[0].name", "should match"),
    Bad("two ports of one name", listens({"name": "a", "port": 1}, {"name": "a", "port": 2}), "spec.network.ports", "the names of ports must differ"),
    Bad("an ingress rule for a port that is not listed", listens({"name": "a", "port": 1}, ingress=[{"from": {"service": "web"}, "ports": ["b"]}]), "spec.network.ingress", "an ingress rule names a port that network.ports does not have"),
    Bad("ingress without ports", listens(ingress=[{"from": {"service": "web"}}]), "spec.network.ports", "ingress needs network.ports: list the ports on which the service listens"),
    Bad("no peer", called({}, {"port": 1}), TO, MESSAGE_OF_ONE_KIND),
    Bad("two peers in one entry", called({"service": "a", "internet": {}}), TO, MESSAGE_OF_ONE_KIND),
    Bad("two peers in one ingress entry", listens({"name": "a", "port": 1}, ingress=[{"from": {"service": "web", "cidr": "203.0.113.0/24"}}]), "spec.network.ingress[0].from", MESSAGE_OF_ONE_KIND),
    Bad("a namespace without service", called({"internet": {}, "namespace": "a"}, {"port": 1}), f"{TO}.namespace", "namespace goes with service and gateway only"),
    *(
        Bad(f"{name} as a name outside", called({"fqdn": name}, {"port": 443}), f"{TO}.fqdn", "should match")
        for name in ("localhost", "*.com", "a.*.example.com", "**.example.com", "203.0.113.9", "API.example.com", "api.example.com.")
    ),
    Bad("a name inside the cluster", called({"fqdn": "payments.finance.svc.cluster.local"}, {"port": 443}), f"{TO}.fqdn", NAMED_INSIDE),
    Bad("a Service's short name", called({"fqdn": "payments.finance.svc"}, {"port": 443}), f"{TO}.fqdn", NAMED_INSIDE),
    Bad("a name without ports", called({"fqdn": "api.example.com"}), "spec.network.egress[0].ports", "ports must be listed unless the peer is a service or self, whose own ports are the default"),
    Bad("onUnsupported without fqdn", called({"internet": {}, "onUnsupported": "Deny"}, {"port": 443}), f"{TO}.onUnsupported", "onUnsupported goes with fqdn only"),
    *(
        Bad(f"{kind} as a caller", listens({"name": "a", "port": 1}, ingress=[{"from": {kind: value}}]), "spec.network.ingress[0].from", "fqdn, kubernetesAPI, cloudMetadata never call: they go under egress")
        for kind, value in {"fqdn": "api.example.com", "kubernetesAPI": {}, "cloudMetadata": {}}.items()
    ),
    Bad("a gateway as the called side", called({"gateway": "public"}, {"port": 443}), TO, "a gateway only calls: it goes under ingress"),
    Bad("metadata without a reason", called({"cloudMetadata": {}}), TO, METADATA_REASON),
    Bad("metadata with an empty reason", policy(network={"egress": [{"to": {"cloudMetadata": {}}, "reason": ""}]}), TO, METADATA_REASON),
    Bad("the API server with ports", called({"kubernetesAPI": {}}, {"port": 6443}), "spec.network.egress[0].ports", "kubernetesAPI brings its own ports: leave ports out"),
    Bad("rights to Secrets", granting(resources=["configmaps", "secrets"]), f"{RULE}.resources", "a policy grants no access to secrets: list them under spec.secrets"),
    *(
        Bad(f"rights in {group}", granting(apiGroups=["", group]), f"{RULE}.apiGroups", f"a policy grants nothing in {', '.join(CLOSED_GROUPS)}: write a Role by hand")
        for group in CLOSED_GROUPS
    ),
    *(
        Bad(f"rights to {resource}", granting(resources=[resource]), f"{RULE}.resources[0]", "should match")
        for resource in ("*", "pods/exec", "pods/*", "serviceaccounts/token", "*/scale", "Pods")
    ),
    *(Bad(f"the verb {verb}", granting(verbs=[verb]), f"{RULE}.verbs[0]", "supported values") for verb in ("*", "escalate", "bind", "impersonate", "approve", "GET")),
    Bad("rights in every group", granting(apiGroups=["*"]), f"{RULE}.apiGroups[0]", "should match"),
    Bad("a rule without verbs", granting(verbs=[]), f"{RULE}.verbs", "should have at least 1 items"),
    Bad("a name of everything", granting(resourceNames=["*"]), f"{RULE}.resourceNames[0]", "should match"),
    Bad("a baseline's name that is none", baseline(network={"fqdnDenyList": ["https://example.com"]}), "spec.network.fqdnDenyList[0]", "should match"),
    Bad("a service's name that no policy can have", called({"service": "a.b"}), f"{TO}.service", "should match"),
    Bad("except without cidr", called({"internet": {}, "except": ["203.0.113.9/32"]}, {"port": 1}), f"{TO}.except", "except goes with cidr only"),
    Bad("a peer's empty selector", called({"workload": {"namespace": "a", "selector": {}}}, {"port": 1}), f"{TO}.workload.selector", NO_LABEL),
    *(
        Bad(f"cidr {block}", called({"cidr": block}, {"port": 1}), f"{TO}.cidr", CIDR)
        for block in ("example", "203.0.113.9", "203.0.113.9/24", "256.0.0.0/8", "203.0.113.0/33", "::ffff:203.0.113.0/120", "010.0.0.0/8")
    ),
    *(
        Bad(f"except {block}", called({"cidr": "203.0.113.0/24", "except": [block]}, {"port": 1}), f"{TO}.except", EXCEPT)
        for block in ("198.51.100.0/24", "203.0.0.0/16", "2001:db8::/32", "203.0.113.9", "203.0.113.9/25")
    ),
    Bad("a port by name and number", called({"service": "a"}, {"name": "grpc", "port": 1}), PORT, "a port is given by exactly one of name and port"),
    Bad("a port by neither", called({"service": "a"}, {}), PORT, "a port is given by exactly one of name and port"),
    Bad("a range that ends before it begins", called({"service": "a"}, {"port": 2, "endPort": 1}), f"{PORT}.endPort", "endPort needs port and must not be below it"),
    Bad("a range without beginning", called({"service": "a"}, {"name": "grpc", "endPort": 1}), f"{PORT}.endPort", "endPort needs port and must not be below it"),
    Bad("a protocol for a named port", called({"service": "a"}, {"name": "grpc", "protocol": "UDP"}), f"{PORT}.protocol", "protocol goes with port; a name brings its own"),
    Bad("the internet without ports", called({"internet": {}}), "spec.network.egress[0].ports", "ports must be listed unless the peer is a service or self, whose own ports are the default"),
    Bad("a port's name at the internet", called({"internet": {}}, {"name": "https"}), "spec.network.egress[0].ports", "a port name only means something at a service or self: give the number"),
    *(
        Bad(f"the DNS name {name}", policy(identity={"dnsNames": [name]}), "spec.identity.dnsNames", IN_CLUSTER)
        for name in ("payments.finance.svc", "payments.finance.svc.cluster.local", "*.finance.svc", "cluster.local")
    ),
    *(
        Bad(f"the DNS name {name}", policy(identity={"dnsNames": [name]}), "spec.identity.dnsNames", "an IP address is no DNS name, and no DNS name ends in a number")
        for name in ("10.0.0.1", "*.0.0.1", "host.42")
    ),
    Bad("a DNS name with a label of 64", policy(identity={"dnsNames": [f"{'a' * 64}.example.com"]}), "spec.identity.dnsNames[0]", "should match"),
    Bad("a DNS name that is none", policy(identity={"dnsNames": ["a_b.example.com"]}), "spec.identity.dnsNames[0]", "should match"),
    *(
        Bad(f"a lifetime of {span}", policy(mtls={"lifetime": span}), "spec.mtls.lifetime", "lifetime must lie between 1h and 168h")
        for span in ("59m", "169h")
    ),
    Bad("a lifetime beyond counting", policy(mtls={"lifetime": "99999999999999999999h"}), "spec.mtls", "lifetime must lie between 1h and 168h"),
    *(
        Bad(f"the formats {case}", policy(mtls={"secret": {"formats": formats}}), "spec.mtls.secret.formats", "formats must name PEM, which a Secret of type kubernetes.io/tls always holds, and each format once")
        for case, formats in (("without PEM", ["Combined"]), ("twice", ["PEM", "PEM"]))
    ),
    Bad("an unknown delivery", policy(mtls={"delivery": "CSI"}), "spec.mtls.delivery", "supported values"),
    Bad("an unknown format", policy(mtls={"secret": {"formats": ["PEM", "JKS"]}}), "spec.mtls.secret.formats[1]", "Unsupported value"),
    Bad("a key of RSA", policy(mtls={"key": {"algorithm": "RSA2048"}}), "spec.mtls.key.algorithm", "Unsupported value"),
    *(
        Bad(f"a common name {case}", policy(mtls={"commonName": name}), "spec.mtls.commonName", "should match")
        for case, name in (("of Kubernetes", "system:admin"), ("with a second attribute", "a,O=b"), ("that ends with a dot", "ledger.bank."))
    ),
    Bad("a common name of 65", policy(mtls={"commonName": "n" * 65}), "spec.mtls.commonName", "64"),
    Bad(
        "a grant to nobody",
        baseline(mtls={"commonNames": [{"name": "postgres", "namespace": "shop"}]}),
        "spec.mtls.commonNames[0].serviceAccountName",
        "Required value",
    ),
    Bad("a lifetime in days", policy(mtls={"lifetime": "1d"}), "spec.mtls.lifetime", "should match"),
    *(
        Bad(f"a certificate to be served within {span}", rotating(confirm={"within": span}), "spec.mtls.onRotation.confirm.within", "within must lie between 1m and 24h")
        for span in ("59s", "25h")
    ),
    Bad("a port to ask that is none", rotating(confirm={"port": "https"}), "spec.mtls", "confirm names a port that network.ports does not have"),
    Bad("a fallback of nothing", rotating(strategy="None", fallback="Restart"), "spec.mtls.onRotation.fallback", "fallback goes with strategy Watch only"),
    Bad("another strategy", rotating(strategy="Reload"), "spec.mtls.onRotation.strategy", "supported values"),
    Bad("two secrets of one name", policy(secrets={"items": [secret(), secret(file={"path": "other"})]}), "spec.secrets.items", "the names of items must differ"),
    Bad("two secrets in one file", policy(secrets={"items": [secret(), secret("mail", file={"path": "db.json"})]}), "spec.secrets.items", "two items cannot be written to the same file"),
    Bad("two Vault roles", policy(secrets={"items": [secret(), secret("mail", vault={"role": "mail", "path": "a"})]}), "spec.secrets.items", "all items share one Vault role: a pod logs in to Vault once"),
    Bad("secrets for different containers", policy(secrets={"items": [secret(), secret("mail", containers=["app"])]}), "spec.secrets.items", "all items name the same containers: the Vault injector mounts its volume for all secrets or none"),
    Bad("a file above its directory", policy(secrets={"items": [secret(file={"path": "../etc/passwd"})]}), "spec.secrets.items[0].file.path", "path must stay below /vault/secrets: no part of it may be . or .."),
    Bad("an octal mode without quotes", policy(secrets={"items": [secret(file={"path": "a", "mode": 256})]}), "spec.secrets.items[0].file.mode", "must be of type string"),
    Bad("consent of one side", policy(network={"consent": "Declared"}), "spec.network.consent", "supported values"),
    *(
        Bad(f"the end {until}", policy(network={"egress": [{"to": {"service": "a"}, "until": until}]}), "spec.network.egress[0].until", "must be of type date-time")
        for until in ("2027-01-01", "2027-01-01T00:00:00", "tomorrow", "72h")
    ),
    Bad("a denial with an end", decided(verdict="Denied", until="2027-01-01T00:00:00Z"), f"{DECISION}.verdict", DENIAL),
    Bad("a denial of ports", decided(verdict="Denied", ports=["http"]), f"{DECISION}.verdict", DENIAL),
    Bad("a decision that decides nothing", decided(), f"{DECISION}.verdict", "Required value"),
    Bad("two answers to one caller", policy(network={"decisions": [ANSWER, {**ANSWER, "verdict": "Approved"}]}), "spec.network.decisions[1]", "Duplicate value"),
    Bad("an unknown way of widening", baseline(widening="Team"), "spec.widening", "supported values"),
    Bad("a baseline's bad block", baseline(network={"clusterCIDRs": ["10.0.0.1/8"]}), "spec.network.clusterCIDRs", f"every entry must be {BLOCK}"),
    Bad("a DNS address without prefix", baseline(network={"dns": {"addresses": ["169.254.20.10"]}}), "spec.network.dns.addresses", f"every entry must be {BLOCK}"),
    *(
        Bad(f"DNS at {block}", baseline(network={"dns": {"addresses": [block]}}), "spec.network.dns.addresses", WIDE_DNS)
        for block in ("0.0.0.0/0", "169.254.20.0/23", "::/0", "fd00::/111")
    ),
    Bad("a baseline's lifetime below the least", baseline(mtls={"maxLifetime": "30m"}), "spec.mtls.maxLifetime", "maxLifetime must lie between 1h and 168h"),
    Bad("a trust domain with a scheme", trust_domain(domain="spiffe://prod"), "spec.domain", "should match"),
    Bad("an issuing authority that ends before its certificates", trust_domain(lifetimes={"issuing": "168h"}), "spec.lifetimes", LIFETIMES),
    Bad("a short root", trust_domain(lifetimes={"root": "720h", "issuing": "360h"}), "spec.lifetimes", LIFETIMES),
    Bad("a trust domain with two issuers", trust_domain(issuer={"builtIn": {}, "csrSigner": {"signerName": "example.com/a"}}, bundle=ROOT_PEM), "spec.issuer", ONE_ISSUER),
    Bad("a trust domain with no issuer", trust_domain(issuer={}, bundle=ROOT_PEM), "spec.issuer", ONE_ISSUER),
    Bad("an external issuer without roots", trust_domain(issuer={"certManager": {"name": "corp"}}), "spec", "an external issuer needs bundle: the roots that its certificates are verified with and peers trust"),
    Bad("roots that are no certificates", trust_domain(bundle="trust me"), "spec.bundle", "should match"),
    Bad("roots with a private key", trust_domain(bundle=ROOT_PEM + PRIVATE_KEY), "spec.bundle", "bundle holds a private key: everybody may read it. Leave only certificates in it, and replace that key"),
    Bad("roots without end", trust_domain(bundle=ROOT_PEM * 900), "spec.bundle", "Too long"),
    Bad("a signer of Kubernetes itself", trust_domain(issuer={"csrSigner": {"signerName": "kubernetes.io/kube-apiserver-client"}}, bundle=ROOT_PEM), "spec.issuer.csrSigner.signerName", "signerName must be a third party's: Kubernetes' own signers refuse SPIFFE IDs"),
    Bad("a signer without a domain", trust_domain(issuer={"csrSigner": {"signerName": "workloads"}}, bundle=ROOT_PEM), "spec.issuer.csrSigner.signerName", "should match"),
    Bad("a Vault without TLS", trust_domain(issuer=vault(server="http://vault.vault.svc:8200"), bundle=ROOT_PEM), "spec.issuer.vaultPKI.server", "should match"),
    Bad("a Vault with a path in its address", trust_domain(issuer=vault(server="https://vault.example/v1"), bundle=ROOT_PEM), "spec.issuer.vaultPKI.server", "should match"),
    Bad("a Vault mount that climbs", trust_domain(issuer=vault(path="pki/../sys"), bundle=ROOT_PEM), "spec.issuer.vaultPKI.path", "should match"),
    Bad("a Vault login without a role", trust_domain(issuer=vault(auth={}), bundle=ROOT_PEM), "spec.issuer.vaultPKI.auth.role", "Required value"),
    Bad("a root that settles before kubelets can", trust_domain(rotation={"settle": "119s"}), "spec.rotation.settle", "settle must be between 2m (a kubelet needs as long to update what is mounted) and 168h"),
    Bad("a root that settles for ever", trust_domain(rotation={"settle": "169h"}), "spec.rotation.settle", "settle must be between 2m (a kubelet needs as long to update what is mounted) and 168h"),
    Bad("an emergency without a moment", trust_domain(rotation={"emergencyDeadline": "59s"}), "spec.rotation.emergencyDeadline", "emergencyDeadline must be between 1m and 168h"),
    Bad("a root that its issuing authority outlives", trust_domain(lifetimes={"root": "8760h", "issuing": "9000h"}), "spec.lifetimes", "root must outlive issuing"),
)  # fmt: skip
