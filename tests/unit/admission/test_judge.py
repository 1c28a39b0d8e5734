"""When the gate judges: operations, updates, exemptions; and the line it answers with."""

import copy

import pytest

from bartizan.core.admission import judge, refusal

INDEX = {
    "buckets": {"app=a": [{"name": "a", "account": "a"}], "app=b": [{"name": "b", "account": "b"}]},
    "accounts": {"a": "a", "b": "b"},
    "identities": {"b-tls": "b"},
}


def a_pod(labels=None, account="a", **spec):
    """A pod of policy `a`."""
    meta = {"name": "p", "labels": {"app": "a"} if labels is None else labels}
    return {
        "kind": "Pod",
        "metadata": meta,
        "spec": {"serviceAccountName": account, "containers": [{"name": "app"}], **spec},
    }


def ids(new, *, old=None, operation="UPDATE", **more):
    """The ids of what is refused."""
    return [violation.id for violation in judge(new, INDEX, operation=operation, old=old, **more)]


PRIVILEGED = {"name": "bad", "securityContext": {"privileged": True}}
UPDATES = {
    "a violation that was there stays": (a_pod(hostPID=True), a_pod(hostPID=True), []),
    "a second violation beside it is new": (a_pod(hostPID=True), a_pod(hostPID=True, hostIPC=True), ["P-02"]),
    "a violation that moved in its list is the same": (
        a_pod(containers=[PRIVILEGED, {"name": "app"}]),
        a_pod(containers=[{"name": "app"}, PRIVILEGED]),
        [],
    ),
    "a privileged ephemeral container is new": (a_pod(), a_pod(ephemeralContainers=[PRIVILEGED]), ["P-01"]),
    "a hostPath that now shows another directory is new": (
        a_pod(volumes=[{"name": "v", "hostPath": {"path": "/data"}}]),
        a_pod(volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
        ["P-03"],
    ),
    "an uncovered pod may change its labels": (a_pod({"x": "1"}, "c"), a_pod({"x": "2"}, "c"), []),
    "a covered pod may not leave its policy": (a_pod(), a_pod({"app": "c"}), ["C-01", "C-06"]),
    "a foreign certificate that was there stays": (
        a_pod(volumes=[{"name": "v", "secret": {"secretName": "b-tls"}}]),
        a_pod(volumes=[{"name": "w", "emptyDir": {}}, {"name": "v", "secret": {"secretName": "b-tls"}}]),
        [],
    ),
    "an ephemeral container with a foreign certificate is new": (
        a_pod(),
        a_pod(ephemeralContainers=[{"name": "debug", "envFrom": [{"secretRef": {"name": "b-tls"}}]}]),
        ["J-03"],
    ),
    "a pod may not slip under another policy": (a_pod({"x": "1"}, "a"), a_pod({"app": "b"}, "a"), ["C-06"]),
}


@pytest.mark.parametrize("case", UPDATES)
def test_an_update_is_refused_only_for_what_is_new(case):
    """A violation that the old object had is no reason to refuse the new one."""
    old, new, expected = UPDATES[case]
    assert ids(new, old=old) == expected


def test_an_object_that_is_already_there_is_told_all_but_injection():
    """An update without a past asks what is wrong today; injection is asked for at creation only."""
    index = {"buckets": {"app=a": [{"name": "a", "account": "a", "identity": "a-tls"}]}}
    assert [v.id for v in judge(a_pod(hostPID=True), index, operation="UPDATE")] == ["P-02"]
    assert [v.id for v in judge(a_pod(hostPID=True), index, operation="CREATE")] == ["P-02", "J-02", "J-02"]


def test_a_terminating_object_lets_go():
    """Finalizers and labels of a terminating object can always be removed, but it gets no new container."""
    gone = a_pod({"app": "c"})
    gone["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert ids(gone, old=a_pod()) == []
    assert ids(gone, old=a_pod(), subresource="ephemeralcontainers") == ["C-01", "C-06"]
    assert ids(gone, operation="CREATE") == ["C-01", "C-06"]


def test_mirror_pods_are_let_through_by_who_writes_them():
    """A node may report what it already runs; the annotation alone buys nothing."""
    mirror = a_pod(hostNetwork=True)
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    assert ids(mirror, operation="CREATE", groups=["system:nodes"]) == []
    assert ids(mirror, operation="CREATE", groups=["system:authenticated"]) == ["P-02"]


def test_a_template_that_did_not_change_is_not_judged_again():
    """Scaling and labelling a workload that was there before the policy passes; changing its template does not."""
    old = {"kind": "Deployment", "spec": {"replicas": 1, "template": {"spec": {"hostPID": True, "containers": []}}}}
    scaled, changed = copy.deepcopy(old), copy.deepcopy(old)
    scaled["spec"]["replicas"] = 2
    changed["spec"]["template"]["spec"]["hostIPC"] = True
    assert (ids(scaled, old=old), ids(changed, old=old)) == ([], ["P-02"])


HEADS = {
    "one policy": (a_pod(hostPID=True), 'bartizan: pod refused by policy "a": P-02 '),
    "no policy": (a_pod({"x": "y"}, "c"), "bartizan: pod refused (no policy covers it): C-01 "),
}


@pytest.mark.parametrize("case", HEADS)
def test_a_refusal_names_the_policy(case):
    """The line begins with who refuses."""
    pod, head = HEADS[case]
    assert refusal(pod, INDEX, judge(pod, INDEX, operation="CREATE")).startswith(head)


@pytest.mark.parametrize("letter", ["x", "ü", "🙂", "\n"])
def test_a_refusal_is_one_line_short_enough_to_reach_the_user(letter):
    """However many and long the violations are, the line stays below the API server's 5 KiB and tells how many there are."""
    volumes = [{"name": f"v{i}", "hostPath": {"path": "/" + letter * 500}} for i in range(200)]
    pod = a_pod(volumes=volumes)
    line = refusal(pod, INDEX, judge(pod, INDEX, operation="CREATE"))
    assert len(line.encode()) <= 5 * 1024
    assert "\n" not in line
    assert line.endswith("… (200 violations)")
