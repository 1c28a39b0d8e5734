"""What is compiled, in which order and under which cache key is data that must not drift."""

from pathlib import Path

import pytest

from cluster import cache, catalogue
from cluster.catalogue import Program
from cluster.errors import ClusterError


def test_a_control_plane_compiles_five_programs_in_order():
    """A control plane needs these five and no others; kubectl is of the newest lane in every lane."""
    built = [(p.module, p.name) for p in catalogue.programs("1.36", with_node=False)]
    assert built == [
        ("etcd", "etcd"),
        ("kubernetes-1.36", "kube-apiserver"),
        ("kubernetes-1.36", "kube-controller-manager"),
        ("kubernetes-1.36", "kube-scheduler"),
        ("kubernetes-1.37", "kubectl"),
    ]


def test_a_node_adds_its_programs_after_them():
    """The control plane comes first, so that it can be used while the rest compiles in another run."""
    built = [p.name for p in catalogue.programs("1.37", with_node=True)][5:]
    assert built == [
        "helm", "kubelet", "kube-proxy", "containerd", "containerd-shim-runc-v2", "ctr", "runc",
        "bridge", "host-local", "portmap", "kube-network-policies", "agnhost", "coredns",
    ]  # fmt: skip


@pytest.mark.parametrize("program", catalogue.programs("1.37", with_node=True), ids=lambda p: p.name)
def test_every_program_is_pinned_by_its_module(program):
    """Each program's folder holds a go.mod and a go.sum, and the package belongs to a module go.mod requires."""
    text = (program.folder / "go.mod").read_text()
    assert (program.folder / "go.sum").stat().st_size > 0
    if program.package != ".":
        assert f"\t{program.package}\n" in text or f"tool {program.package}\n" in text


@pytest.mark.parametrize(("lane", "version"), [("1.37", "v1.37.1"), ("1.36", "v1.36.3")])
def test_a_lane_is_one_kubernetes_version(lane, version):
    """The lane's module pins Kubernetes and every staging module of it to the same release."""
    module = f"kubernetes-{lane}"
    text = (catalogue.MODULES / module / "go.mod").read_text()
    staging = {line.split()[-1] for line in text.splitlines() if " => " in line}
    assert (catalogue.version(module, "k8s.io/kubernetes"), staging) == (version, {f"v0.{version.removeprefix('v1.')}"})


def test_the_compiler_is_called_with_the_version_stamped():
    """Kubernetes programs report the pinned version, paths are trimmed, two jobs at once."""
    command = catalogue.build_command(catalogue.find("kubelet"), Path("/out/kubelet"))
    stamp = "k8s.io/component-base/version"
    flags = f"-s -w -X {stamp}.gitVersion=v1.37.1 -X {stamp}.gitMajor=1 -X {stamp}.gitMinor=37 -X {stamp}.gitTreeState=clean"
    assert command == [
        "go", "build", "-p", "2", "-trimpath", "-ldflags", flags, "-o", "/out/kubelet", "k8s.io/kubernetes/cmd/kubelet",
    ]  # fmt: skip


def test_only_runc_is_compiled_with_c():
    """Runc needs libseccomp; everything else is static."""
    programs = catalogue.programs("1.37", with_node=True)
    assert [(p.name, p.tags, catalogue.build_env(p)["CGO_ENABLED"]) for p in programs if p.cgo] == [
        ("runc", "seccomp", "1")
    ]
    assert {catalogue.build_env(p)["CGO_ENABLED"] for p in programs if not p.cgo} == {"0"}


@pytest.mark.parametrize(
    ("other", "sources", "same"),
    [
        pytest.param(Program("x", "etcd", "p"), [("go.mod", b"a"), ("go.sum", b"b")], True, id="the same files"),
        pytest.param(Program("y", "etcd", "q"), [("go.mod", b"a"), ("go.sum", b"b")], True, id="another program"),
        pytest.param(Program("x", "etcd", "p"), [("go.mod", b"a"), ("go.sum", b"c")], False, id="another go.sum"),
        pytest.param(Program("x", "etcd", "p"), [("go.mod", b"ab"), ("go.sum", b"")], False, id="bytes that moved"),
        pytest.param(Program("x", "etcd", "p", cgo=True), [("go.mod", b"a"), ("go.sum", b"b")], False, id="cgo"),
        pytest.param(Program("x", "etcd", "p", tags="t"), [("go.mod", b"a"), ("go.sum", b"b")], False, id="tags"),
    ],
)
def test_a_cache_key_changes_with_what_shapes_the_binary(other, sources, same):
    """Files and flags change the key; the programs of one module share it."""
    base = catalogue.key(Program("x", "etcd", "p"), [("go.mod", b"a"), ("go.sum", b"b")])
    assert (catalogue.key(other, sources) == base) is same
    assert len(base) == 12


def test_an_unknown_lane_or_program_is_refused_with_the_choice():
    """The message lists what there is."""
    with pytest.raises(ClusterError, match=r"lane '1\.20' is unknown; the lanes are 1\.37, 1\.36"):
        catalogue.programs("1.20", with_node=False)
    with pytest.raises(
        ClusterError, match=r"no program 'kubectx'; there are agnhost, alerts, bridge, cert-manager-ca, "
    ):
        catalogue.find("kubectx")


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"BARTIZAN_CACHE": "/c", "XDG_CACHE_HOME": "/x"}, Path("/c")),
        ({"XDG_CACHE_HOME": "/x"}, Path("/x/bartizan")),
        ({}, Path.home() / ".cache" / "bartizan"),
    ],
)
def test_the_cache_is_outside_the_work_tree(env, expected):
    """BARTIZAN_CACHE, then XDG_CACHE_HOME, then the home folder."""
    assert cache.root(env) == expected


def test_a_failed_build_replaces_nothing(tmp_path):
    """A file appears under its name only when it is whole."""
    target = tmp_path / "bin" / "tool"

    def fail():
        with cache.replacing(target) as temporary:
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert list(target.parent.iterdir()) == []
    with cache.replacing(target) as temporary:
        temporary.write_text("whole")
    assert [(p.name, p.read_text()) for p in target.parent.iterdir()] == [("tool", "whole")]
