# SPDX-License-Identifier: Apache-2.0
"""Volumes of a pod as kubelet lays them out, in a directory of the test.

A ConfigMap or secret is a directory whose files are links through `..data` into a directory with a
time stamp; a change makes a new one and renames the link, so that all files change at once.
https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go
"""

from __future__ import annotations

import itertools
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.factories.helm import Release

_numbers = itertools.count(1)


class MountedFiles:
    """A mounted ConfigMap or secret."""

    def __init__(self, directory: Path, files: Mapping[str, bytes], mode: int = 0o644) -> None:
        self.directory = directory
        self._mode = mode
        directory.mkdir(parents=True)
        self.update(files)

    def update(self, files: Mapping[str, bytes]) -> None:
        """As kubelet does it: all files at once, and the old directory is gone."""
        data = self.directory / "..data"
        old = data.readlink() if data.is_symlink() else None
        new = self.directory / f"..2026_11_27_12_00_00.{next(_numbers)}"
        new.mkdir()
        for name, content in files.items():
            (new / name).write_bytes(content)
            (new / name).chmod(self._mode)
        link = self.directory / "..data_tmp"
        link.symlink_to(new.name)
        link.replace(data)
        for name in files:
            visible = self.directory / name
            if not visible.is_symlink():
                visible.symlink_to(Path("..data") / name)
        if old is not None:
            shutil.rmtree(self.directory / old)


@dataclass(kw_only=True)
class MountedPod:
    """The volumes of a pod below `home`, and where each container sees them."""

    home: Path
    containers: dict[str, Any]
    volumes: dict[str, MountedFiles | Path] = field(default_factory=dict)

    def places(self, container: str) -> dict[str, Path]:
        """Directories by their mount path, the longest first."""
        found = {}
        for mount in self.containers[container]["volumeMounts"]:
            volume = self.volumes[mount["name"]]
            found[mount["mountPath"]] = (
                volume.directory if isinstance(volume, MountedFiles) else volume
            )
        return dict(sorted(found.items(), key=lambda one: -len(one[0])))

    def file(self, container: str, path: str) -> Path:
        """Where a path of a container is here."""
        return Path(self.localized(container, path))

    def localized(self, container: str, text: str) -> str:
        """A text with every path of a volume replaced."""
        places = self.places(container)
        # In one pass: what is replaced may begin with a path of a volume itself.
        paths = "|".join(re.escape(path) for path in places)
        return re.sub(
            rf"(?<![\w./-])({paths})(?![\w.-])", lambda found: str(places[found[1]]), text
        )


def mount_pod(release: Release, home: Path, given: Mapping[str, Mapping[str, bytes]]) -> MountedPod:
    """Lay out the volumes of a release's pod; texts in ConfigMaps of the release have our paths.

    Args:
        home: an empty directory.
        given: files by the name of the ConfigMap, secret or claim that is there already.
    """
    spec = release.pod
    containers = [*spec.get("initContainers", ()), *spec["containers"]]
    pod = MountedPod(home=home, containers={one["name"]: one for one in containers})
    for volume in spec["volumes"]:
        directory = home / volume["name"]
        if "emptyDir" in volume or "persistentVolumeClaim" in volume:
            directory.mkdir(parents=True)
            pod.volumes[volume["name"]] = directory
        else:
            mode = volume.get("secret", {}).get("defaultMode", 0o644)
            pod.volumes[volume["name"]] = MountedFiles(directory, {}, mode)
    own = {
        one["metadata"]["name"]: {key: text.encode() for key, text in one["data"].items()}
        for one in release.all("ConfigMap")
    }
    for volume in spec["volumes"]:
        mounted = pod.volumes[volume["name"]]
        if not isinstance(mounted, MountedFiles):
            continue
        source = volume.get("secret") or volume["configMap"]
        name = source.get("secretName") or source["name"]
        files = dict(own[name] if name in own else given[name])
        if "items" in source:
            files = {one["path"]: files[one["key"]] for one in source["items"]}
        if name in own:
            reader = _reader_of(spec, volume["name"])
            files = {
                key: pod.localized(reader, text.decode()).encode() for key, text in files.items()
            }
        mounted.update(files)
    return pod


def _reader_of(spec: Any, volume: str) -> str:
    """The container that mounts a volume: of several, the one that sees the most of the pod."""
    readers = [
        container
        for container in [*spec.get("initContainers", ()), *spec["containers"]]
        if volume in {one["name"] for one in container["volumeMounts"]}
    ]
    assert readers, f"nobody mounts {volume}"
    return str(max(readers, key=lambda one: len(one["volumeMounts"]))["name"])
