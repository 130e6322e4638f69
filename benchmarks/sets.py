# SPDX-License-Identifier: Apache-2.0
"""Large sets: seconds to load, bytes, nanoseconds to look up, and memory of who maps them.

    python benchmarks/sets.py [--json] [--check]

- for each kind and way of writing, 10, 1,000 and 1,000,000 members: seconds of processor time from
  the text of a file to the packed set, its size, and the time of a look-up with the loop around it
  taken off.
  "as held" is the form that is used (few members are Python objects), "packed" is the packed form
  whatever the size, "no member" the packed form asked for what it has not: 10,000 probes in runs of
  200, each the best of several, so that what is measured is not who else uses the machine. "first"
  is the median of each run's first time, which finds a large set out of the processor's caches.
- a CRL of a million entries: seconds and memory to read it
- a million serial numbers, strings and IPv6 networks in one snapshot: what the files take, how long
  a fresh process needs to map and verify them, for how long at a time another thread of it was kept
  waiting meanwhile (and how long with nothing to wait for: the machine's own), and its memory:
  private, and shared with every other process that maps them
- one revocation on top: bytes written, and the same for loading it
- the same for a million serial numbers of 20 bytes and the SHA-256 fingerprints of a million
  certificates: what a node holds that revokes at that size in both ways

`--check` ends with 1 when a limit is missed. Absolute times belong to the machine.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from authz.certs.authority import AuthorityModel
from authz.certs.serials import pack_serials, revise
from authz.node.snapshot_file import read_snapshot, write_snapshot
from authz.packed import IntegerSet, IntervalSet, Section, StringSet
from authz.policy.model import Action, PolicyModel, RuleModel, SiteModel
from authz.policy.snapshot import compile_snapshot
from authz.rules.list_items import ListKind, PackedItems, pack_items
from authz.rules.lists import ListModel, pack_list
from authz.sources.lines import read_items, read_serials
from tests.factories.pki import root

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MILLION = 1_000_000
PROBES = 10_000
RUN = 200
ROUNDS = 6
SEED = 20260301

LOAD_LIMIT = 3.0
RATIO_LIMIT = 1.3
NANOSECONDS_LIMIT = 1000.0
MEGABYTES_LIMIT = 64.0
#: Each keeps the limit of memory by itself; with the sets that it has.
SNAPSHOTS = {
    "snapshot": "three sets of a million",
    "serials and fingerprints": "a million serial numbers and a million fingerprints",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of set: how a line of its file is made, loaded, opened and asked for."""

    name: str
    line: Callable[[random.Random], str]
    load: Callable[[bytes], Section]
    open: Callable[[Section, int | None], Callable[[Any], bool]]
    probe: Callable[[str], Any]
    other: Callable[[random.Random], str]


def _list(kind: ListKind) -> Callable[[bytes], Section]:
    def load(data: bytes) -> Section:
        packed: PackedItems = pack_items(kind, read_items(data))
        return packed.members

    return load


def _opener(view: Any) -> Callable[[Section, int | None], Callable[[Any], bool]]:
    return lambda section, small: (
        view(section).has if small is None else view(section, small=small).has
    )


def _word(source: random.Random, end: str) -> str:
    return f"host-{source.getrandbits(40):010x}.{end}"


def _fingerprint(source: random.Random) -> str:
    return f"{source.getrandbits(256):064x}"


def _international(source: random.Random, end: str) -> str:
    return f"hôte-{source.getrandbits(40):010x}.{end}"


def _a_label(line: str) -> bytes:
    return line.encode("idna")


def _four_range(source: random.Random) -> str:
    first = source.getrandbits(32) & ~255
    return f"{IPv4Address(first)}..{IPv4Address(first + 200)}"


def _four_short(source: random.Random) -> str:
    return f"{IPv4Address(source.getrandbits(32))}".rpartition(".")[0] + "/24"


def _six(source: random.Random) -> str:
    return f"2001:db8:{source.getrandbits(16):x}:{source.getrandbits(16):x}::"


KINDS = (
    Kind(
        "string",
        lambda source: _word(source, "example.com"),
        _list(ListKind.STRING),
        _opener(StringSet),
        str.encode,
        lambda source: _word(source, "example.org"),
    ),
    Kind(
        "fingerprint, SHA-256",
        _fingerprint,
        _list(ListKind.STRING),
        _opener(StringSet),
        str.encode,
        _fingerprint,
    ),
    Kind(
        "hostname",
        lambda source: _word(source, "example.com"),
        _list(ListKind.HOSTNAME),
        _opener(StringSet),
        str.encode,
        lambda source: _word(source, "example.org"),
    ),
    Kind(
        "hostname, not ASCII",
        lambda source: _international(source, "example.com"),
        _list(ListKind.HOSTNAME),
        _opener(StringSet),
        _a_label,
        lambda source: _international(source, "example.org"),
    ),
    Kind(
        "serial, 16 bytes",
        lambda source: f"{source.getrandbits(127):032X}",
        lambda data: pack_serials(read_serials(data)),
        _opener(IntegerSet),
        lambda line: int(line, 16),
        lambda source: f"{source.getrandbits(127):032X}",
    ),
    Kind(
        "serial, 20 bytes",
        lambda source: f"{source.getrandbits(159):040X}",
        lambda data: pack_serials(read_serials(data)),
        _opener(IntegerSet),
        lambda line: int(line, 16),
        lambda source: f"{source.getrandbits(159):040X}",
    ),
    Kind(
        "asn",
        lambda source: f"AS{source.getrandbits(32)}",
        _list(ListKind.ASN),
        _opener(IntegerSet),
        lambda line: int(line[2:]),
        lambda source: f"AS{source.getrandbits(32)}",
    ),
    Kind(
        "integer",
        lambda source: str(source.getrandbits(64) - 2**63),
        _list(ListKind.INTEGER),
        _opener(IntegerSet),
        int,
        lambda source: str(source.getrandbits(64) - 2**63),
    ),
    Kind(
        "IPv4 address",
        lambda source: str(IPv4Address(source.getrandbits(32))),
        _list(ListKind.IP),
        _opener(IntervalSet),
        IPv4Address,
        lambda source: str(IPv4Address(source.getrandbits(32))),
    ),
    Kind(
        "IPv4 range a..b",
        _four_range,
        _list(ListKind.IP),
        _opener(IntervalSet),
        lambda line: IPv4Address(line.partition("..")[0]),
        _four_range,
    ),
    Kind(
        "IPv4 cut short /24",
        lambda source: (
            f"{source.getrandbits(8)}.{source.getrandbits(8)}.{source.getrandbits(8)}/24"
        ),
        _list(ListKind.IP),
        _opener(IntervalSet),
        lambda line: IPv4Address(line.replace("/24", ".5")),
        _four_short,
    ),
    Kind(
        "IPv6 network /64",
        lambda source: f"{_six(source)}/64",
        _list(ListKind.IP),
        _opener(IntervalSet),
        lambda line: IPv6Address(int(IPv6Address(line.removesuffix("/64"))) | 5),
        lambda source: f"{_six(source)}/64",
    ),
    Kind(
        "IPv6 address",
        lambda source: f"{_six(source)}{source.getrandbits(16) | 1:x}",
        _list(ListKind.IP),
        _opener(IntervalSet),
        IPv6Address,
        lambda source: f"{_six(source)}{source.getrandbits(16) | 1:x}",
    ),
)


def measure(kind: Kind, members: int) -> dict[str, Any]:
    """Build and ask one set."""
    source = random.Random(SEED + members)
    lines = [kind.line(source) for _ in range(members)]
    data = "\n".join(lines).encode()
    gc.collect()
    started = time.process_time()
    section = kind.load(data)
    seconds = time.process_time() - started
    inside = [kind.probe(line) for line in source.choices(lines, k=PROBES)]
    outside = [kind.probe(kind.other(source)) for _ in range(PROBES)]
    held, packed = kind.open(section, None), kind.open(section, 0)
    if not all(map(packed, inside)) or not all(map(held, inside)):
        raise SystemExit(f"{kind.name}: a member is missing")
    return {
        "kind": kind.name,
        "members": members,
        "seconds": seconds,
        "bytes": len(section),
        "held": nanoseconds(held, inside)[0],
        "packed": nanoseconds(packed, inside)[0],
        "packed_other": nanoseconds(packed, outside)[0],
        "packed_first": nanoseconds(packed, list(map(kind.probe, source.choices(lines, k=PROBES))))[
            1
        ],
    }


def nanoseconds(has: Callable[[Any], bool], probes: Sequence[Any]) -> tuple[float, float]:
    """The time of one call without the loop: of the best runs, and of first ones."""
    bests: list[float] = []
    firsts: list[float] = []
    for start in range(0, len(probes), RUN):
        run = probes[start : start + RUN]
        times: list[float] = []
        loops: list[float] = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            for _probe in run:
                pass
            middle = time.perf_counter()
            for probe in run:
                has(probe)
            times.append(time.perf_counter() - middle)
            loops.append(middle - started)
        bests.append(min(times) - min(loops))
        firsts.append(times[0] - min(loops))
    return statistics.median(bests) / RUN * 1e9, statistics.median(firsts) / RUN * 1e9


def crl(entries: int) -> dict[str, Any]:
    """Read a CRL in a fresh process."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "big.crl"
        file.write_bytes(_crl(entries))
        size = file.stat().st_size
        return {"entries": entries, "bytes": size, **_child("crl", file)}


def _crl(entries: int) -> bytes:
    """A CRL, signed; made of bytes, because the library's builder takes a minute."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    from authz.certs.der import children, read
    from tests.factories.pki import der

    source = random.Random(SEED)
    parts = [one.raw for one in children(read(root().crl([5]).crl.tbs_certlist_bytes)[0].content)]
    when, reason = der(0x17, b"260101120000Z"), bytes.fromhex("300c300a0603551d1504030a0101")
    parts[5] = der(
        0x30,
        b"".join(
            der(0x30, der(2, b"\x40" + source.randbytes(15)), when, b"" if n % 3 else reason)
            for n in range(entries)
        ),
    )
    signed = der(0x30, *parts)
    key = root().key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    return der(0x30, signed, algorithm, der(3, b"\0", signature))


def read_crl_child(file: Path) -> dict[str, Any]:
    """In the child: seconds and the most memory while the CRL is read."""
    from authz.certs.certificate import Certificate
    from authz.certs.crl import read_crl

    issuer, data = Certificate.from_der(root().der), file.read_bytes()
    before = _memory("VmHWM")
    started = time.process_time()
    read_crl(data, [issuer], where="")
    return {"seconds": time.process_time() - started, "peak_megabytes": _memory("VmHWM") - before}


def snapshot() -> dict[str, Any]:
    """Three large sets in a snapshot, then one revocation on top."""
    source = random.Random(SEED)
    numbers = [source.getrandbits(127) for _ in range(MILLION)]
    agents = tuple(_word(source, "a.com") for _ in range(MILLION))
    nets = tuple(f"{_six(source)}/64" for _ in range(MILLION))
    return _written(
        numbers,
        "ip.src in $nets or http.user_agent in $agents",
        ListModel(name="agents", kind=ListKind.STRING, items=agents),
        ListModel(name="nets", kind=ListKind.IP, items=nets),
    )


def serials_and_fingerprints() -> dict[str, Any]:
    """The largest serial numbers and a list of fingerprints, then one revocation on top."""
    source = random.Random(SEED)
    numbers = [source.getrandbits(159) for _ in range(MILLION)]
    fingerprints = tuple(_fingerprint(source) for _ in range(MILLION))
    return _written(
        numbers,
        "cf.tls_client_auth.cert_fingerprint_sha256 in $compromised",
        ListModel(name="compromised", kind=ListKind.STRING, items=fingerprints),
    )


def _written(numbers: list[int], expression: str, *lists: ListModel) -> dict[str, Any]:
    packed = tuple(map(pack_list, lists))
    authority = AuthorityModel(
        name="acme", certificates=(root().der,), revoked_base=pack_serials(numbers)
    )
    rule = RuleModel(ref="lists", expression=expression, action=Action.BLOCK)
    site = SiteModel(name="api", hosts=("*",), trust=(authority,), rules=(rule,))
    base, added, restored = revise(authority.revoked_base, (), (), revoke=[5], restore=numbers[:1])
    revised = replace(
        authority, revoked_base=base, revoked_serials=added, restored_serials=restored
    )
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        started = time.perf_counter()
        first = write_snapshot(directory, PolicyModel(sites=(site,), lists=packed), 1, 0.0)
        seconds = time.perf_counter() - started
        taken = _taken(directory)
        started = time.perf_counter()
        second = write_snapshot(
            directory, PolicyModel(sites=(replace(site, trust=(revised,)),), lists=packed), 2, 0.0
        )
        return {
            "megabytes": taken / 1e6,
            "write_seconds": seconds,
            "revocation_bytes": _taken(directory) - taken,
            "revocation_write_seconds": time.perf_counter() - started,
            **_child("map", first, second),
        }


def map_child(first: Path, second: Path) -> dict[str, Any]:
    """In the child: map a snapshot, then the one with a revocation more."""
    gaps, stop = [0.0], threading.Event()

    def tick() -> None:
        last = time.perf_counter()
        while not stop.is_set():
            now = time.perf_counter()
            gaps[0], last = max(gaps[0], now - last), now

    empty = PolicyModel(sites=(SiteModel(name="api", hosts=("*",)),))
    compile_snapshot(empty, 1, 0.0)
    gc.collect()
    before = _rollup()
    ticker = threading.Thread(target=tick)
    ticker.start()
    time.sleep(0.3)
    idle, gaps[0] = gaps[0], 0.0
    started = time.perf_counter()
    content = read_snapshot(first)
    compiled = compile_snapshot(content.model, 1, 0.0)
    seconds = time.perf_counter() - started
    stop.set()
    ticker.join()
    started = time.perf_counter()
    changed = read_snapshot(second, content.sections)
    recompiled = compile_snapshot(changed.model, 2, 0.0)
    revocation = time.perf_counter() - started
    serials = recompiled.sites[0].trust.revocation_by_authority["acme"].serials
    if compiled is recompiled or not serials.has(5):
        raise SystemExit("the revocation is not seen")
    del content, compiled
    gc.collect()
    after = _rollup()
    return {
        "map_seconds": seconds,
        "longest_wait_milliseconds": gaps[0] * 1000,
        "longest_wait_idle_milliseconds": idle * 1000,
        "revocation_seconds": revocation,
        **{name: after[name] - before[name] for name in after},
    }


def _child(job: str, *files: Path) -> Any:
    done = subprocess.run(
        [sys.executable, __file__, "--child", job, *map(str, files)],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def _taken(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def _memory(name: str) -> float:
    """A line of /proc/self/status, in MB."""
    (line,) = [
        one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith(name)
    ]
    return int(line.split()[1]) / 1024


def _rollup() -> dict[str, float]:
    """Resident memory of this process in MB: all, private, and pages of files."""
    found = {}
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]:
        name, amount, *_ = line.split()
        found[name.rstrip(":")] = int(amount) / 1024
    private = found["Private_Dirty"]
    return {"rss": found["Rss"], "private": private, "mapped": found["Rss"] - private}


def main() -> int:
    """Print the figures; 1 when `--check` is given and one is beyond its limit."""
    rows = [measure(kind, members) for kind in KINDS for members in (10, 1000, MILLION)]
    figures = {
        "sets": rows,
        "crl": crl(MILLION),
        "snapshot": snapshot(),
        "serials and fingerprints": serials_and_fingerprints(),
    }
    if "--json" in sys.argv:
        print(json.dumps(figures, indent=2))
    else:
        _print(figures)
    missed = _missed(figures)
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return int("--check" in sys.argv and bool(missed))


def _print(figures: dict[str, Any]) -> None:
    print(
        f"{'':21}{'members':>10}{'load s':>9}{'bytes':>12}"
        "  ns: as held   packed   no member   first"
    )
    for row in figures["sets"]:
        print(
            f"{row['kind']:21}{row['members']:>10,}{row['seconds']:9.2f}{row['bytes']:>12,}"
            f"{row['held']:14.0f}{row['packed']:9.0f}{row['packed_other']:12.0f}"
            f"{row['packed_first']:8.0f}"
        )
    for name in ("crl", *SNAPSHOTS):
        print(f"\n{name}:")
        for key, value in figures[name].items():
            print(f"  {key.replace('_', ' '):28}{value:>14,.3f}")


def _missed(figures: dict[str, Any]) -> list[str]:
    missed = []
    by_kind = {(row["kind"], row["members"]): row for row in figures["sets"]}
    for kind in KINDS:
        few, many = by_kind[kind.name, 10], by_kind[kind.name, MILLION]
        if many["seconds"] > LOAD_LIMIT:
            missed.append(f"{kind.name}: {many['seconds']:.2f} s to load a million")
        if many["packed"] > NANOSECONDS_LIMIT:
            missed.append(f"{kind.name}: {many['packed']:.0f} ns to look up in a million")
        if many["packed"] > RATIO_LIMIT * few["packed"]:
            missed.append(f"{kind.name}: {many['packed'] / few['packed']:.2f} times that of ten")
    for name, sets in SNAPSHOTS.items():
        taken = max(figures[name]["rss"], figures[name]["megabytes"])
        if taken > MEGABYTES_LIMIT:
            missed.append(f"{taken:.0f} MB for {sets}")
    return missed


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        job, *files = sys.argv[2:]
        child = {"crl": read_crl_child, "map": map_child}[job]
        print(json.dumps(child(*map(Path, files))))
        raise SystemExit
    raise SystemExit(main())
