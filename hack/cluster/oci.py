"""Writes container images as OCI archives with the standard library, because neither Docker nor a registry is there.

Same content, same bytes: entries are sorted, times are fixed, owners are root. Format: OCI image-spec 1.1.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MTIME = 0
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Image:
    """An image by its reference and the archive that holds it."""

    ref: str
    archive: Path


@dataclass(frozen=True)
class Runtime:
    """How a container of the image starts; `user` is numeric so that runAsNonRoot can be checked."""

    entrypoint: Sequence[str]
    args: Sequence[str] = ()
    env: Mapping[str, str] | None = None
    user: str = "65532:65532"
    workdir: str = "/"


def layer(target: Path, files: Iterable[tuple[str, Path]]) -> None:
    """Write a layer holding the given (path in the image, file or folder) pairs, folders with all below them."""
    members: dict[str, Path | None] = {}
    for wanted, source in files:
        inside = wanted.strip("/")
        members.update(dict.fromkeys(_parents(inside)))
        members[inside] = source
        if source.is_dir():
            members.update({f"{inside}/{p.relative_to(source)}": p for p in source.rglob("*")})
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(members):
            _add(tar, name, members[name])


def _parents(inside: str) -> list[str]:
    parts = inside.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def _add(tar: tarfile.TarFile, name: str, source: Path | None) -> None:
    entry = tarfile.TarInfo(name)
    entry.mtime = _MTIME
    if source is not None and source.is_symlink():
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(source.readlink()), 0o777
        tar.addfile(entry)
    elif source is None or source.is_dir():
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(entry)
    else:
        stat = source.stat()
        entry.size, entry.mode = stat.st_size, 0o755 if stat.st_mode & 0o100 else 0o644
        with source.open("rb") as handle:
            tar.addfile(entry, handle)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}


def config(runtime: Runtime, diff_ids: Sequence[str]) -> dict[str, Any]:
    """Return the image configuration over layers with these SHA-256 digests."""
    started: dict[str, Any] = {
        "Entrypoint": list(runtime.entrypoint), "User": runtime.user, "WorkingDir": runtime.workdir
    }  # fmt: skip
    if runtime.args:
        started["Cmd"] = list(runtime.args)
    if runtime.env:
        started["Env"] = [f"{key}={value}" for key, value in sorted(runtime.env.items())]
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": started,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in diff_ids]},
    }


def archive(target: Path, ref: str, layers: Sequence[Path], runtime: Runtime) -> None:
    """Write an OCI archive of one image, named `ref` so that containerd imports it under that name."""
    digests = [file_digest(path) for path in layers]
    image = _canonical(config(runtime, digests))
    image_digest = hashlib.sha256(image).hexdigest()
    manifest = _canonical(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST_TYPE,
            "config": _descriptor(_CONFIG_TYPE, image_digest, len(image)),
            "layers": [
                _descriptor(_LAYER_TYPE, digest, path.stat().st_size)
                for digest, path in zip(digests, layers, strict=True)
            ],
        }
    )
    manifest_digest = hashlib.sha256(manifest).hexdigest()
    names = {"io.containerd.image.name": ref, "org.opencontainers.image.ref.name": ref.rpartition(":")[2]}
    entry = _descriptor(_MANIFEST_TYPE, manifest_digest, len(manifest)) | {"annotations": names}
    index = _canonical({"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": [entry]})
    small = {
        f"blobs/sha256/{image_digest}": image,
        f"blobs/sha256/{manifest_digest}": manifest,
        "index.json": index,
        "oci-layout": _canonical({"imageLayoutVersion": "1.0.0"}),
    }
    blobs = {f"blobs/sha256/{digest}": path for digest, path in zip(digests, layers, strict=True)}
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted({"blobs", "blobs/sha256"} | small.keys() | blobs.keys()):
            if name in small:
                _add_bytes(tar, name, small[name])
            else:
                _add(tar, name, blobs.get(name))


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(data), 0o644, _MTIME
    tar.addfile(entry, io.BytesIO(data))
