"""The Pod Security Standards' checks: the sentence each says, and which level and version holds a pod to it.

Whether the verdicts are Kubernetes' own is asked of its fixtures, in tests/parity/admission.
"""

import copy

import pytest

from bartizan.core.admission import judge
from bartizan.core.checks.check import Scope
from bartizan.core.checks.registry import ALL, BY_ID
from bartizan.testing.builders import HARDENED_CONTAINER, HARDENED_POD

NEWEST = 37
SECURE = HARDENED_CONTAINER["securityContext"]
KINDS = {
    "containers": "container",
    "initContainers": "init container",
    "ephemeralContainers": "ephemeral container",
}
STANDARDS = [check.info.standard for check in ALL if check.info.standard]


def a_pod(container=None, *, security=None, annotations=None, field="containers", **spec):
    """A hardened pod but for what is given; `security` is added to its securityContext."""
    whole = {
        "serviceAccountName": "a",
        **copy.deepcopy(HARDENED_POD),
        "containers": [{"name": "app", **HARDENED_CONTAINER}],
        **spec,
    }
    whole["securityContext"] |= security or {}
    if container is not None:
        whole[field] = [{"name": "app", **HARDENED_CONTAINER, **container}]
    return {
        "kind": "Pod",
        "metadata": {"name": "p", "labels": {"app": "a"}, "annotations": annotations or {}},
        "spec": whole,
    }


def secured(**more):
    """A hardened container's securityContext with changes; None takes a field away."""
    return {"securityContext": {key: value for key, value in {**SECURE, **more}.items() if value is not None}}


def an_index(level, version):
    """An index with one policy of that level and version, in which nothing else is asked."""
    entry = {"name": "a", "account": "a", "level": level, "version": version}
    return {"level": "baseline", "version": NEWEST, "buckets": {"app=a": [entry]}, "accounts": {"a": "a"}}


def said(pod, level="restricted", version=NEWEST):
    """The sentences of the violations."""
    return [violation.text for violation in judge(pod, an_index(level, version), operation="CREATE")]


def ids(pod, level="restricted", version=NEWEST):
    """The ids of the violations."""
    return [violation.id for violation in judge(pod, an_index(level, version), operation="CREATE")]


DEFAULT_SET = "AUDIT_WRITE, CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, MKNOD, NET_BIND_SERVICE, SETFCAP, SETGID, SETPCAP, SETUID, SYS_CHROOT"
SAFE = "kernel.shm_rmid_forced, net.ipv4.ip_local_port_range, net.ipv4.ip_unprivileged_port_start, net.ipv4.ping_group_range, net.ipv4.tcp_syncookies"
VOLUMES = "configMap, csi, downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim, projected, secret"
AT = "spec.containers[0]"
SECCOMP_KEY = "seccomp.security.alpha.kubernetes.io/pod"
ARMOR_KEY = "container.apparmor.security.beta.kubernetes.io/app"
SENTENCES = {
    "host ports": (
        a_pod({"ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 8080}, {"hostPort": 9090}]}),
        [f'P-04 host ports: container "app" sets {AT}.ports[*].hostPort=[8080,9090]; allowed: unset or 0; fix: remove it, and reach the pods through a Service'],
    ),
    "ports in the node's network": (
        a_pod({"ports": [{"containerPort": 80}]}, hostNetwork=True),
        [
            "P-02 host namespaces: pod sets spec.hostNetwork=true; allowed: unset or false; fix: remove it",
            f'P-04 host ports: container "app" sets {AT}.ports[*].hostPort=[80]; allowed: unset or 0; fix: remove it, and reach the pods through a Service',
        ],
    ),
    "an SELinux type, user and role": (
        a_pod({**secured(seLinuxOptions={"type": "spc_t", "user": "u", "role": "r", "level": "s0"})}),
        [
            f'P-07 SELinux options: container "app" sets {AT}.securityContext.seLinuxOptions.type="spc_t"; allowed: unset, or of container_t, container_init_t, container_kvm_t, container_engine_t; fix: remove it',
            f'P-07 SELinux options: container "app" sets {AT}.securityContext.seLinuxOptions.user="u"; allowed: unset; fix: remove it',
            f'P-07 SELinux options: container "app" sets {AT}.securityContext.seLinuxOptions.role="r"; allowed: unset; fix: remove it',
        ],
    ),
    "AppArmor off in the pod and by annotation": (
        a_pod(security={"appArmorProfile": {"type": "Unconfined"}}, annotations={ARMOR_KEY: "unconfined"}),
        [
            'P-09 AppArmor switched off: pod sets spec.securityContext.appArmorProfile.type="Unconfined"; allowed: unset, "RuntimeDefault" or "Localhost"; fix: use RuntimeDefault, or a profile of the host with Localhost',
            f'P-09 AppArmor switched off: pod sets metadata.annotations["{ARMOR_KEY}"]="unconfined"; allowed: unset, "runtime/default" or "localhost/*"; fix: use RuntimeDefault, or a profile of the host with Localhost',
        ],
    ),
    "sysctls": (
        a_pod(security={"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_rmem"}, {"name": "vm.max"}]}),
        [
            f"P-10 sysctls: pod sets spec.securityContext.sysctls[*].name=[kernel.msgmax,vm.max]; allowed: of {SAFE}, net.ipv4.ip_local_reserved_ports, net.ipv4.tcp_fin_timeout, net.ipv4.tcp_keepalive_intvl, net.ipv4.tcp_keepalive_probes, net.ipv4.tcp_keepalive_time, net.ipv4.tcp_rmem, net.ipv4.tcp_wmem, net.ipv4.tcp_notsent_lowat, net.ipv4.tcp_slow_start_after_idle; fix: remove the others"
        ],
    ),
    "HostProcess in the pod and a container": (
        a_pod(secured(windowsOptions={"hostProcess": True}), security={"windowsOptions": {"hostProcess": True}}),
        [
            f"P-11 HostProcess: {who} sets {at}.securityContext.windowsOptions.hostProcess=true; allowed: unset or false; fix: remove it"
            for who, at in (("pod", "spec"), ('container "app"', AT))
        ],
    ),
    "a probe and a hook that name a host": (
        a_pod(
            {
                "livenessProbe": {"tcpSocket": {"port": 1, "host": "10.0.0.1"}},
                "readinessProbe": {"httpGet": {"port": 1, "host": ""}},
                "lifecycle": {"preStop": {"httpGet": {"port": 1, "host": "example.com"}}},
            }
        ),
        [
            f'P-12 host of a probe: container "app" sets {AT}.{place}.host="{host}"; allowed: unset or empty; fix: remove it: without it the pod itself is asked'
            for place, host in (("livenessProbe.tcpSocket", "10.0.0.1"), ("lifecycle.preStop.httpGet", "example.com"))
        ],
    ),
    "nothing hardened": (
        a_pod({"securityContext": {}}, security={"runAsNonRoot": False, "seccompProfile": {"type": "Unconfined"}}),
        [
            f'P-20 privilege escalation: container "app" lacks {AT}.securityContext.allowPrivilegeEscalation; allowed: false; fix: set it to false in each container',
            f'P-21 capabilities: container "app" lacks {AT}.securityContext.capabilities.drop; allowed: a list with ALL; fix: drop ALL in each container, and add NET_BIND_SERVICE where it listens below port 1024',
            "P-24 run as non-root: pod sets spec.securityContext.runAsNonRoot=false; allowed: true; fix: set it to true in the pod's securityContext",
            'P-26 seccomp profile: pod sets spec.securityContext.seccompProfile.type="Unconfined"; allowed: "RuntimeDefault" or "Localhost"; fix: set RuntimeDefault in the pod\'s securityContext',
        ],
    ),
    "what the pod leaves unset each container must set": (
        {**a_pod(), "spec": {"serviceAccountName": "a", "containers": [{"name": "app", **HARDENED_CONTAINER}]}},
        [
            f"P-24 run as non-root: container \"app\" lacks {AT}.securityContext.runAsNonRoot; allowed: true; fix: set it to true in the pod's securityContext",
            f'P-26 seccomp profile: container "app" lacks {AT}.securityContext.seccompProfile.type; allowed: "RuntimeDefault" or "Localhost"; fix: set RuntimeDefault in the pod\'s securityContext',
        ],
    ),
    "capabilities in small letters, and others": (
        a_pod(secured(allowPrivilegeEscalation=True, capabilities={"drop": ["all"], "add": ["NET_BIND_SERVICE", "SYS_TIME"]})),
        [
            f'P-20 privilege escalation: container "app" sets {AT}.securityContext.allowPrivilegeEscalation=true; allowed: false; fix: set it to false in each container',
            f'P-21 capabilities: container "app" sets {AT}.securityContext.capabilities.drop=[all]; allowed: a list with ALL; fix: drop ALL in each container, and add NET_BIND_SERVICE where it listens below port 1024',
            f'P-21 capabilities: container "app" sets {AT}.securityContext.capabilities.add=[SYS_TIME]; allowed: unset or NET_BIND_SERVICE; fix: drop ALL in each container, and add NET_BIND_SERVICE where it listens below port 1024',
        ],
    ),
    "an unmasked /proc": (
        a_pod(secured(procMount="Unmasked"), hostUsers=False),
        [f'P-22 unmasked /proc: container "app" sets {AT}.securityContext.procMount="Unmasked"; allowed: unset or "Default"; fix: remove it'],
    ),
    "volumes of other types": (
        a_pod(volumes=[{"name": "a"}, {"name": "b", "nfs": {}}, {"name": "c", "emptyDir": {}}]),
        [f'P-23 volume type: volume "b" sets spec.volumes[1].nfs={{...}}; allowed: one of {VOLUMES}; fix: use a PersistentVolumeClaim'],
    ),
    "user 0": (
        a_pod(secured(runAsUser=0), security={"runAsUser": 0}),
        [
            f"P-25 run as user 0: {who} sets {at}.securityContext.runAsUser=0; allowed: unset or a number above 0; fix: set another number, or remove it if the image names a user"
            for who, at in (("pod", "spec"), ('container "app"', AT))
        ],
    ),
}  # fmt: skip
BASELINE_SENTENCES = {
    "added capabilities": (
        a_pod(secured(capabilities={"add": ["CHOWN", "SYS_ADMIN", "NET_RAW"]})),
        NEWEST,
        [f'P-05 added capabilities: container "app" sets {AT}.securityContext.capabilities.add=[SYS_ADMIN,NET_RAW]; allowed: unset, or of {DEFAULT_SET}; fix: remove the others'],
    ),
    "an unmasked /proc": (
        a_pod(secured(procMount="Unmasked")),
        NEWEST,
        [f'P-06 unmasked /proc: container "app" sets {AT}.securityContext.procMount="Unmasked"; allowed: unset or "Default"; fix: remove it'],
    ),
    "seccomp off": (
        a_pod(secured(seccompProfile={"type": "Unconfined"})),
        NEWEST,
        [f'P-08 seccomp switched off: container "app" sets {AT}.securityContext.seccompProfile.type="Unconfined"; allowed: unset, "RuntimeDefault" or "Localhost"; fix: use RuntimeDefault, or a profile of your own with Localhost'],
    ),
    "seccomp off by annotation": (
        a_pod(annotations={SECCOMP_KEY: "unconfined", f"container.{SECCOMP_KEY[:-3]}app": "localhost/x"}),
        18,
        [f'P-08 seccomp switched off: pod sets metadata.annotations["{SECCOMP_KEY}"]="unconfined"; allowed: unset, "runtime/default", "docker/default" or "localhost/*"; fix: use RuntimeDefault, or a profile of your own with Localhost'],
    ),
    "a long list of capabilities": (
        a_pod(secured(capabilities={"add": ["X" * 50, "Y" * 50]})),
        NEWEST,
        [f'P-05 added capabilities: container "app" sets {AT}.securityContext.capabilities.add=[{"X" * 50},{"Y" * 29}…]; allowed: unset, or of {DEFAULT_SET}; fix: remove the others'],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SENTENCES)
def test_a_restricted_pod_is_told_what_is_wrong(case):
    """The gate refuses the pod with exactly these sentences."""
    pod, expected = SENTENCES[case]
    assert said(pod) == expected


@pytest.mark.parametrize("case", BASELINE_SENTENCES)
def test_a_pod_of_level_baseline_is_told_what_is_wrong(case):
    """The gate refuses the pod with exactly these sentences."""
    pod, version, expected = BASELINE_SENTENCES[case]
    assert said(pod, "baseline", version) == expected


@pytest.mark.parametrize("field", KINDS)
def test_every_kind_of_container_is_held_to_it(field):
    """A container that is hardened in nothing is found among containers, init containers and ephemeral containers."""
    pod = a_pod({"securityContext": {"runAsUser": 0, "runAsNonRoot": False, "procMount": "Unmasked"}}, field=field)
    found = judge(pod, an_index("restricted", NEWEST), operation="CREATE")
    assert [(violation.id, violation.subject) for violation in found] == [
        (check, f'{KINDS[field]} "app"') for check in ("P-20", "P-21", "P-22", "P-24", "P-25")
    ]


def test_a_hardened_pod_passes_every_version_of_both_levels():
    """What fits the newest rules was never refused by older ones."""
    found = {
        (level, version): said(a_pod(), level, version) for level in ("baseline", "restricted") for version in range(38)
    }
    assert {key: sentences for key, sentences in found.items() if sentences} == {}


WINDOWS = {"os": {"name": "windows"}, "securityContext": {"runAsNonRoot": True}, "containers": [{"name": "app"}]}
OWN_USERS = {"hostUsers": False}
BOUNDARIES = {
    "probes name hosts until v1.34": (a_pod({"livenessProbe": {"httpGet": {"host": "x"}}}), "baseline", 33, [], ["P-12"]),
    "privilege escalation is asked since v1.8": (a_pod(secured(allowPrivilegeEscalation=None)), "restricted", 7, [], ["P-20"]),
    "dropping all is asked since v1.22": (a_pod(secured(capabilities=None)), "restricted", 21, [], ["P-21"]),
    "capabilities are P-05's until v1.22": (a_pod(secured(capabilities={"drop": ["ALL"], "add": ["BPF"]})), "restricted", 21, ["P-05"], ["P-21"]),
    "of two levels only restricted asks to drop all": (a_pod(secured(capabilities=None)), "baseline", 36, [], []),
    "a seccomp profile is asked since v1.19": ({**a_pod(), "spec": {**a_pod()["spec"], "securityContext": {"runAsNonRoot": True}}}, "restricted", 18, [], ["P-26"]),
    "seccomp is P-08's until v1.19": (a_pod(annotations={SECCOMP_KEY: "unconfined"}), "restricted", 18, ["P-08"], []),
    "user 0 is refused since v1.23": (a_pod(security={"runAsUser": 0}), "restricted", 22, [], ["P-25"]),
    "Windows is spared since v1.25": (a_pod(**copy.deepcopy(WINDOWS)), "restricted", 24, ["P-20", "P-21", "P-26"], []),
    "user namespaces excuse root since v1.35": (a_pod(security={"runAsNonRoot": False, "runAsUser": 0}, **OWN_USERS), "restricted", 34, ["P-24", "P-25"], []),
    "user namespaces excuse /proc since v1.35": (a_pod(secured(procMount="Unmasked"), **OWN_USERS), "baseline", 34, ["P-06"], []),
    "but not at level restricted": (a_pod(secured(procMount="Unmasked"), **OWN_USERS), "restricted", 34, ["P-06"], ["P-22"]),
    "container_engine_t is a type since v1.31": (a_pod(security={"seLinuxOptions": {"type": "container_engine_t"}}), "baseline", 30, ["P-07"], []),
    **{
        f"{name} is safe since v1.{minor}": (a_pod(security={"sysctls": [{"name": name}]}), "baseline", minor - 1, ["P-10"], [])
        for name, minor in {"net.ipv4.ip_local_reserved_ports": 27, "net.ipv4.tcp_fin_timeout": 29, "net.ipv4.tcp_wmem": 32, "net.ipv4.tcp_notsent_lowat": 37}.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("case", BOUNDARIES)
def test_a_rule_begins_and_ends_with_its_version(case):
    """The last version before the change and the first one after it differ exactly in what changed."""
    pod, level, last, before, after = BOUNDARIES[case]
    assert (ids(pod, level, last), ids(pod, level, last + 1)) == (before, after)


def test_hosts_in_probes_were_let_through_before():
    """A version that no rule of a check exists in lets everything of it pass, however bad."""
    assert ids(a_pod({"startupProbe": {"tcpSocket": {"host": "x"}}}), "restricted", 0) == []


def test_the_floor_holds_whatever_level_and_version():
    """Privileged containers, host namespaces and hostPath are refused by the oldest baseline too."""
    bad = a_pod(
        {"securityContext": {"privileged": True}}, hostPID=True, volumes=[{"name": "v", "hostPath": {"path": "/"}}]
    )
    assert ids(bad, "baseline", 0) == ["P-01", "P-02", "P-03"]
    assert [v.id for v in judge(bad, {}, operation="CREATE")][:3] == ["P-01", "P-02", "P-03"]


DEMANDS = {
    "no policy: the floor of the index": ({"level": "restricted", "version": 37}, ["C-01", "P-24"]),
    "no policy and no floor": ({}, ["C-01"]),
    "one policy: its own": ({"buckets": {"app=a": [{"name": "a", "account": "a", "level": "restricted", "version": 37}]}}, ["P-24"]),
    "one policy that an older controller wrote": ({"level": "restricted", "buckets": {"app=a": [{"name": "a", "account": "a"}]}}, []),
    "several policies: the floor": (
        {"rest": [{"name": name, "account": "a", "level": "restricted", "version": 37} for name in "ab"]}, ["C-04"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DEMANDS)
def test_a_pod_is_held_to_the_level_of_its_one_policy(case):
    """Level and version come from the one policy that selects the pod; without one, from the floor in the index."""
    index, expected = DEMANDS[case]
    pod = a_pod()
    del pod["spec"]["securityContext"]["runAsNonRoot"]
    assert [violation.id for violation in judge(pod, index, operation="CREATE")] == expected


def test_an_old_pod_gets_no_worse():
    """A pod that was there before its level may be labelled; a new ephemeral container is held to the level."""
    old = a_pod({"securityContext": {}})
    labelled, debugged = copy.deepcopy(old), copy.deepcopy(old)
    labelled["metadata"]["labels"]["note"] = "x"
    debugged["spec"]["ephemeralContainers"] = [{"name": "debug"}]
    index = an_index("restricted", NEWEST)
    found = [[v.id for v in judge(new, index, operation="UPDATE", old=old)] for new in (labelled, debugged)]
    assert found == [[], ["P-20", "P-21"]]


def test_all_nineteen_rules_have_a_check():
    """Each rule of the standards has one check, and what replaces a rule begins where that rule ends."""
    assert len({standard.name for standard in STANDARDS}) == len(STANDARDS) == 19
    replaced = {s.name: (s.replaced_since, BY_ID[s.replaced_by].info.standard) for s in STANDARDS if s.replaced_since}
    assert {name: (since, by.name, by.since) for name, (since, by) in replaced.items()} == {
        "capabilities_baseline": (22, "capabilities_restricted", 22),
        "procMount": (35, "procMount_restricted", 35),
        "seccompProfile_baseline": (19, "seccompProfile_restricted", 19),
    }


def test_levels_are_read_from_the_index_and_the_floor_is_not():
    """P-01 to P-03 need no index and refuse templates; the others read a level from it."""
    scopes = {check.info.id: check.scope for check in ALL if check.info.standard}
    floor = {"P-01", "P-02", "P-03"}
    assert {name for name, scope in scopes.items() if scope is Scope.FLOOR} == floor
    assert {scope for name, scope in scopes.items() if name not in floor} == {Scope.COVERAGE}
