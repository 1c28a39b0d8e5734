"""Images written without Docker are valid OCI archives, and the same content gives the same bytes."""

import hashlib
import json
import os
import tarfile

import pytest

from cluster import oci, operator_image
from cluster.debian import Package, go_version
from cluster.errors import MissingDependency
from cluster.oci import Runtime

RUNTIME = Runtime(["/app"], ["serve"], {"B": "2", "A": "1"})


def tree(folder, stamp):
    """Make a small tree whose files carry the given time."""
    (folder / "lib").mkdir(parents=True)
    (folder / "app").write_text("#!/bin/sh\n")
    (folder / "app").chmod(0o755)
    (folder / "lib" / "z").write_text("z")
    (folder / "lib" / "a").symlink_to("z")
    for path in (folder / "app", folder / "lib" / "z"):
        os.utime(path, (stamp, stamp))
    return folder


def made(folder, stamp):
    """Return an image archive made of such a tree."""
    layer, archive = folder / "layer.tar", folder / "image.tar"
    oci.layer(layer, [("/opt/x", tree(folder / "tree", stamp))])
    oci.archive(archive, "bartizan.local/x:1", [layer], RUNTIME)
    return archive


def test_the_same_content_gives_the_same_bytes(tmp_path):
    """Times and folders of the build leave no mark on the archive."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert made(tmp_path / "one", 1).read_bytes() == made(tmp_path / "two", 2_000_000_000).read_bytes()


def test_an_archive_holds_what_its_index_says(tmp_path):
    """From the index over the manifest to the configuration, every digest and size is that of the blob."""
    with tarfile.open(made(tmp_path, 1)) as tar:
        blobs = {m.name: tar.extractfile(m).read() for m in tar.getmembers() if m.isfile()}
    for name, content in blobs.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"

    def blob(descriptor):
        content = blobs[f"blobs/sha256/{descriptor['digest'].removeprefix('sha256:')}"]
        assert len(content) == descriptor["size"]
        return content

    entry = json.loads(blobs["index.json"])["manifests"][0]
    manifest = json.loads(blob(entry))
    assert entry["annotations"]["io.containerd.image.name"] == "bartizan.local/x:1"
    assert json.loads(blobs["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    layer = blob(manifest["layers"][0])
    assert json.loads(blob(manifest["config"])) == {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Entrypoint": ["/app"], "Cmd": ["serve"], "Env": ["A=1", "B=2"], "User": "65532:65532", "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }  # fmt: skip


def test_a_layer_is_sorted_owned_by_root_and_keeps_modes(tmp_path):
    """Parents come first, programs stay executable, links stay links, nothing carries a time."""
    made(tmp_path, 1)
    with tarfile.open(tmp_path / "layer.tar") as tar:
        members = [(m.name, oct(m.mode), m.uid, m.mtime, m.linkname) for m in tar.getmembers()]
    assert members == [
        ("opt", "0o755", 0, 0, ""),
        ("opt/x", "0o755", 0, 0, ""),
        ("opt/x/app", "0o755", 0, 0, ""),
        ("opt/x/lib", "0o755", 0, 0, ""),
        ("opt/x/lib/a", "0o777", 0, 0, "z"),
        ("opt/x/lib/z", "0o644", 0, 0, ""),
    ]


def test_dependencies_are_pinned_to_what_is_installed():
    """The closure is followed, names are normalised, extras and markers that do not hold are left out."""
    there = {
        "kopf": ("1.2", ["aiohttp<4", "Typing_Extensions>=4; python_version < '4'", "uvloop; extra == 'uvloop'"]),
        "aiohttp": ("3.11", ["attrs", "colorama; sys_platform == 'win32'"]),
        "attrs": ("25", []),
        "typing-extensions": ("4.9", []),
    }
    assert operator_image.pins(["kopf"], there.get) == [
        "aiohttp==3.11",
        "attrs==25",
        "kopf==1.2",
        "typing-extensions==4.9",
    ]
    with pytest.raises(MissingDependency, match="zope is not installed beside"):
        operator_image.pins(["zope"], there.get)


def test_what_the_machine_lacks_is_named_by_its_proof():
    """A package counts as present by a program or a file of it, and a Go version is read from what go says."""
    lacking = Package("nothing", "no-such-program-anywhere")
    header = Package("libc", files=("/proc/self/stat*",))
    assert (lacking.present(), header.present()) == (False, True)
    assert [go_version(s) for s in ("go version go1.26.8 linux/amd64", "go version devel go1.27-abc", "?")] == [
        (1, 26),
        (1, 27),
        None,
    ]
