# SPDX-License-Identifier: Apache-2.0
"""What stands in for programs that need a cluster, where a guide calls them.

They do what can be done without one: files that are named have to be there, namespaces that are
used have to have been made, values have to be values; what would come to be is written down, one
JSON object a line, into the file that `CLUSTER` names. That the objects are taken by those who
define them is tests/deploy.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_PROGRAM = """\
#!{python}
import json, os, pathlib, re, sys
import yaml

#: What is in every cluster, and what the guides say that there is.
namespaces = {{"default", "istio-system", "istio-ingress", "envoy-gateway-system", "shop"}}
record = pathlib.Path(os.environ["CLUSTER"])
made = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
namespaces |= {{one["name"] for one in made if one["kind"] == "Namespace"}}

def put(kind, name, namespace="", keys=(), **more):
    if namespace and namespace not in namespaces:
        sys.exit(f'Error from server (NotFound): namespaces "{{namespace}}" not found')
    with record.open("a") as file:
        line = dict(kind=kind, name=name, namespace=namespace, keys=sorted(keys), **more)
        file.write(json.dumps(line) + "\\n")

words, options = [], []
arguments = sys.argv[1:]
while arguments:
    word = arguments.pop(0)
    if word.startswith("--"):
        option, _, value = word[2:].partition("=")
        flag = option in {{"all-namespaces", "reuse-values"}}
        options.append((option, value if "=" in word or flag else arguments.pop(0)))
    else:
        words.append(word)
given = {{name: [value for option, value in options if option == name] for name, _ in options}}
namespace = given.get("namespace", ["default"])[0]
for name in ("filename", "values"):
    for file in given.get(name, []):
        if not [one for one in yaml.safe_load_all(open(file)) if one]:
            sys.exit(f"{{file}} is empty")

def keys():
    found = {{"cert": "tls.crt", "key": "tls.key"}}
    for option, value in options:
        if option in found:
            open(value).close()
            yield found[option]
        elif option == "from-file":
            key, _, file = value.rpartition("=")
            open(file).close()
            yield key or os.path.basename(file)

match [os.path.basename(sys.argv[0]), *words]:
    case ["kubectl", "create", "namespace", name]:
        put("Namespace", name)
    case ["kubectl", "create", "configmap", name]:
        put("ConfigMap", name, namespace, keys())
    case ["kubectl", "create", "secret", "generic" | "tls", name]:
        put("Secret", name, namespace, keys())
    case ["kubectl", "apply"]:
        for file in given["filename"]:
            for one in yaml.safe_load_all(open(file)):
                meta = one["metadata"]
                put(one["kind"], meta["name"], meta.get("namespace", ""), object=one)
    case ["kubectl", "label", "namespace", *names]:
        for name in names[:-1]:
            if name not in namespaces:
                sys.exit(f'namespaces "{{name}}" not found')
    case ["kubectl", "get", _] | ["helm", "repo", "add" | "update", *_] | ["helm", "list"]:
        pass
    case ["helm", "upgrade", name, chart]:
        if not re.fullmatch(r"\\d+\\.\\d+\\.\\d+", given["version"][0]):
            sys.exit("no version")
        put("Release", name, namespace, chart=chart)
    case other:
        sys.exit(f"nothing stands in for {{' '.join(other)}}")
"""


def stand_in(directory: Path, record: Path, *programs: str) -> dict[str, str]:
    """Put them into a directory on the PATH; the environment in which they write to `record`."""
    for name in programs:
        program = directory / name
        program.write_text(_PROGRAM.format(python=sys.executable), encoding="utf-8")
        program.chmod(0o755)
    return {"CLUSTER": str(record)}


def made(record: Path) -> list[dict[str, Any]]:
    """What would have come to be, in order."""
    return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
