"""`bartizan graph`, `can` and `reach` as a person runs them: what they print, on which stream, and what they exit with."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest
import yaml

from bartizan.cli.colours import paint
from bartizan.cli.main import main

ROOT = Path(__file__).parents[2]
SHOP = str(ROOT / "examples" / "shop")
ASSUMED = "bartizan: the cluster's addresses are not given: private ranges are assumed; --cluster-cidr names them\n"
POLICY = """\
apiVersion: bartizan.dev/v1alpha1
kind: ServiceSecurityPolicy
metadata: {name: web, namespace: shop}
spec: {workload: {selector: {matchLabels: {app: web}}}}
"""
RULED = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec: SPEC
"""


class Done(NamedTuple):
    """What one run left behind."""

    returncode: int
    stdout: str
    stderr: str


def run(*args: str, given: str = "") -> Done:
    """Run `bartizan` in this process: a new interpreter for each case would take half a minute."""
    said, failed = io.StringIO(), io.StringIO()
    stdin = io.TextIOWrapper(io.BytesIO(given.encode()))
    with (
        patch.object(sys, "argv", ["bartizan", *args]),
        patch.object(sys, "stdin", stdin),
        redirect_stdout(said),
        redirect_stderr(failed),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return Done(int(ended.value.code or 0), said.getvalue(), failed.getvalue())


def test_an_allowed_call_exits_with_0():
    """The verdict, and the rule that decides on each side."""
    done = run("can", "shop/web", "shop/orders:8080", SHOP)
    assert (done.returncode, done.stderr, done.stdout) == (
        0,
        ASSUMED,
        (
            "allowed: shop/web → shop/orders on 8080/TCP\n"
            "  egress:  ✓ policy shop/web declares it in spec.network.egress[0]\n"
            "  ingress: ✓ policy shop/orders declares it in spec.network.ingress[0]\n"
        ),
    )


def test_a_denied_call_exits_with_1_and_says_what_to_add():
    """Both sides' reasons, and the lines for each policy."""
    done = run("can", "shop/web", "finance/payments:http", SHOP)
    assert (done.returncode, done.stdout) == (
        1,
        (
            "denied: shop/web → finance/payments on 8443/TCP\n"
            "  egress:  ✗ policy shop/web does not declare it; its network.egress lists only shop/orders\n"
            "  ingress: ✗ policy finance/payments does not declare it; its network.ingress lists only shop/orders\n"
            "\n"
            "To allow it, add:\n"
            "  # ServiceSecurityPolicy shop/web, under spec.network.egress\n"
            "  - {to: {service: payments, namespace: finance}, ports: [{name: http}]}\n"
            "  # ServiceSecurityPolicy finance/payments, under spec.network.ingress\n"
            "  - {from: {service: web, namespace: shop}, ports: [http]}\n"
        ),
    )


def test_ends_outside_the_cluster():
    """An address, IPv4 or IPv6 in brackets, and the internet are ends on either side."""
    asked = {
        ("finance/payments", "203.0.113.7:443"): 0,
        ("finance/payments", "203.0.113.9:443"): 1,
        ("finance/payments", "[2001:db8::7]:443/TCP"): 1,
        ("finance/payments", "169.254.169.254:80"): 1,
        ("internet", "shop/web:http"): 0,
        ("203.0.113.7", "shop/web:8080/tcp"): 0,
        ("shop/web", "internet:443"): 1,
        ("shop/web", "dns:53/UDP"): 0,
    }
    assert {ends: run("can", *ends, SHOP).returncode for ends in asked} == asked


def test_json_goes_alone_to_standard_output():
    """Notes go to standard error, so that the output is one JSON document."""
    document = json.loads(run("can", "shop/web", "shop/orders", SHOP, "--output", "json").stdout)
    assert (document["allowed"], document["open"], document["suggestions"]) == (True, ["8080/TCP"], [])
    reached = json.loads(run("reach", "shop/web", SHOP, "--output", "json").stdout)
    assert [step["to"] for step in reached["worst"]] == [
        "shop/orders",
        "finance/payments",
        "cidr/203.0.113.0/24 except 203.0.113.9/32",
    ]


def test_reach_lists_hop_by_hop():
    """What is reached, how, and the longest way; always exit code 0."""
    done = run("reach", "shop/web", SHOP, "--hops", "2")
    assert (done.returncode, done.stdout) == (
        0,
        (
            "shop/web reaches 2: 1 in 1 hop, 1 in 2 hops\n"
            "  1  shop/orders       8080/TCP\n"
            "  2  finance/payments  8443/TCP  via shop/orders\n"
            "worst path, 2 hops: shop/web → shop/orders (8080/TCP) → finance/payments (8443/TCP)\n"
        ),
    )


@pytest.mark.parametrize("form", ["text", "dot", "mermaid", "json", "svg"])
def test_every_form_is_the_same_twice(form):
    """The output is a function of the files alone, whatever hashes are in another process."""
    command = [sys.executable, "-m", "bartizan", "graph", SHOP, "--output", form]
    other = subprocess.run(
        command, env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True
    )
    assert run("graph", SHOP, "--output", form) == (0, other.stdout, ASSUMED)


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self):
        """Say that somebody looks."""
        return True


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colours_are_for_terminals_that_want_them(environ, coloured):
    """A terminal gets colours unless NO_COLOR or a dumb terminal refuses them; a pipe never does."""
    with patch.dict(os.environ, environ, clear=True), patch.object(sys, "stdout", Terminal()):
        shown = paint()("bad", "denied")
    assert shown == ("\x1b[31mdenied\x1b[0m" if coloured else "denied")
    assert "\x1b" not in run("graph", SHOP).stdout


def test_standard_input_and_assumptions():
    """A policy alone, piped in, is open until its namespace counts as enforced."""
    assert run("can", "internet", "shop/web", "-", given=POLICY).returncode == 0
    assert run("can", "internet", "shop/web", "-", "--assume-enforced", given=POLICY).returncode == 1
    bare = POLICY.replace(", namespace: shop", "")
    assert run("can", "internet", "shop/web", "-", "--default-namespace", "shop", given=bare).returncode == 0


def test_a_declared_metadata_address_is_a_verdict():
    """A policy that names the metadata address is answered: denied, and nothing goes wrong."""
    egress = "network: {egress: [{to: {cidr: 169.254.169.254/32}, ports: [{port: 80}]}]}, workload:"
    given = POLICY.replace("workload:", egress)
    done = run("can", "shop/web", "169.254.169.254:80", "-", "--assume-enforced", given=given)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "denied: shop/web → 169.254.169.254/32 on 80/TCP")


REFUSED = {
    "nothing to read": (["graph"], "", "name files or folders to read, - for standard input, or --live for a cluster"),
    "both": (["graph", "-", "--live"], "", "files and --live are two answers to one question: leave one out"),
    "an unknown form": (["graph", "-", "--output", "png"], "", "--output is 'png'; allowed are text, dot, mermaid, json, svg"),
    "no such service": (["can", "shop/wb", "internet", "-"], POLICY, "no policy and no workload 'shop/wb' is given (NS/NAME, an IP address, internet or dns); there is shop/web"),
    "an address inside the cluster": (["can", "shop/web", "10.244.0.5:80", "-"], POLICY, "10.244.0.5 is inside the cluster (10.0.0.0/8 counts as its addresses; --cluster-cidr names them where they are not known), and who has it is not known, so it cannot be judged by address: name the service (NS/NAME)"),
    "no such port": (["can", "internet", "shop/web:http", "-"], POLICY, "shop/web has no port 'http'; it has none with a name: give the number"),
    "an impossible port": (["can", "internet", "shop/web:70000", "-"], POLICY, "port 70000 is not between 1 and 65535"),
    "an unknown protocol": (["can", "internet", "shop/web:80/ICMP", "-"], POLICY, "protocol 'ICMP' of port '80/ICMP' is none of TCP, UDP, SCTP"),
    "a port on the calling side": (["can", "shop/web:80", "internet", "-"], POLICY, "'shop/web:80': a port goes with the called side; write 'shop/web'"),
    "a block that is none": (["graph", "-", "--cluster-cidr", "10.0.0.1/8"], POLICY, "--cluster-cidr '10.0.0.1/8' is not a block such as 10.244.0.0/16: 10.0.0.1/8 has host bits set"),
    "no namespace": (["graph", "-"], POLICY.replace(", namespace: shop", ""), "-:1: ServiceSecurityPolicy web has no metadata.namespace: write it, or give --default-namespace"),
    "a policy twice": (["graph", "-"], f"{POLICY}---\n{POLICY}", "-:6: ServiceSecurityPolicy shop/web is there already, in -:1: keep one of them"),
    "broken YAML": (["graph", "-"], "a: [1\n---\n", "-:2:1: not YAML: did not find expected ',' or ']'"),
    "no name": (["graph", "-"], POLICY.replace("name: web, ", ""), "-:1: ServiceSecurityPolicy shop has no metadata.name"),
    "no metadata": (["graph", "-"], "apiVersion: v1\nkind: Pod\n", "-:1: Pod needs metadata: it is missing"),
    "a label that is a number": (["graph", "-"], "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b, labels: {app: 1}}\n", "-:1: Pod b/a has metadata.labels.app 1; a label is text: quote it"),
    "a policy type that is none": (["graph", "-"], RULED.replace("SPEC", "{podSelector: {}, policyTypes: [In]}"), "-:1: NetworkPolicy shop/all has spec.policyTypes ['In']; allowed are Ingress and Egress"),
    "rules that are no list": (["graph", "-"], RULED.replace("SPEC", "{podSelector: {}, ingress: {}}"), "-:1: NetworkPolicy shop/all has spec.ingress {}; it must be a list"),
    "a block in a rule that is none": (["graph", "-"], RULED.replace("SPEC", "{ingress: [{from: [{ipBlock: {cidr: here}}]}]}"), "-:1: NetworkPolicy shop/all has spec.ingress[0].from[0].ipBlock with 'here': no block of addresses"),
    "a port in a rule that is none": (["graph", "-"], RULED.replace("SPEC", "{egress: [{ports: [{port: 0}]}]}"), "-:1: NetworkPolicy shop/all has spec.egress[0].ports[0].port 0; allowed are 1 to 65535, or a name"),
    "an operator that is none": (["graph", "-"], RULED.replace("SPEC", "{podSelector: {matchExpressions: [{key: a, operator: Like}]}}"), "-:1: NetworkPolicy shop/all has spec.podSelector.matchExpressions with {'key': 'a', 'operator': 'Like'}; it takes key, operator and values"),
}  # fmt: skip


@pytest.mark.parametrize(("args", "given", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_one_line_and_exit_code_2(args, given, said):
    """Nothing on standard output; one line that says what, where and what to do."""
    done = run(*args, given=given)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"bartizan: {said}\n")


def test_suggested_lines_are_yaml_of_the_api():
    """What is printed can be pasted under the list it names."""
    lines = run("can", "shop/web", "finance/payments:9999/UDP", SHOP).stdout.partition("To allow it, add:\n")[2]
    entries = [yaml.safe_load(line) for line in lines.splitlines() if line.startswith("  - ")]
    assert entries == [
        [{"name": "udp-9999", "port": 9999, "protocol": "UDP"}],
        [{"to": {"service": "payments", "namespace": "finance"}, "ports": [{"name": "udp-9999"}]}],
        [{"from": {"service": "web", "namespace": "shop"}, "ports": ["udp-9999"]}],
    ]
