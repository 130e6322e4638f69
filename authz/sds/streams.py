# SPDX-License-Identifier: Apache-2.0
"""What one stream of the secret discovery service knows: names, what was sent, what was refused.

Pure: bytes of a request in, bytes of the next response out when one is due. No I/O, no clock, no
threads; server.py moves the bytes. Two forms, state of the world and delta, after the xDS protocol
(envoyproxy.io, "xDS REST and gRPC protocol"): a request is a subscription, an acknowledgement (ACK)
or, with error_detail, a refusal (NACK), often two of these. What was refused is not sent again
until it changes; the client keeps the version it has.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError

from authz.pb import secret_pb2 as pb
from authz.sds.secrets import TYPE_URL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authz.pb.core_pb2 import Status
    from authz.sds.secrets import Secret, SecretSet

#: Secrets of one stream. Envoy opens a stream for each; a client that follows every site on one
#: stream is still far below.
MAX_NAMES: Final = 10_000

#: Characters of a name. Those of ours have that of a site, as a rule a hostname.
MAX_NAME: Final = 1024

#: What is told of a client's own words.
_MAX_TEXT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A NACK: the client keeps what it had. `message` is the client's (Envoy's) own."""

    node: str
    names: tuple[str, ...]
    nonce: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came of a request. With a `problem` the stream is to be ended, and this is why."""

    rejection: Rejection | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A serialised response and the secrets in it."""

    data: bytes
    secrets: tuple[Secret, ...]


class Stream(Protocol):
    """Either form.

    Attributes:
        kind: a label of metrics.
        node: the client as it names itself, `CLUSTER/ID`.
    """

    kind: str
    node: str

    @property
    def names(self) -> int:
        """How many secrets it follows."""

    def receive(self, data: bytes) -> Received:
        """Take one request."""

    def due(self, secrets: SecretSet) -> Response | None:
        """The next response, or None while the client has everything as it is."""


class StateOfTheWorldStream:
    """A stream of `StreamSecrets`: each request names all secrets, each response holds all of them.

    The first request is always answered, whatever version it mentions: one version stands for
    everything a client has, and does not say of which names.
    """

    kind = "sotw"

    def __init__(self) -> None:
        self.node = ""
        self._names: tuple[str, ...] = ()
        # Version by name, of the last response that had it.
        self._sent: dict[str, str] = {}
        self._nonce = 0
        self._begun = False

    @property
    def names(self) -> int:
        """How many secrets it follows."""
        return len(self._names)

    def receive(self, data: bytes) -> Received:
        """Take one request.

        One that answers an older response than the last is stale, and so are its names: the client
        answers the last one as well. A refusal counts, stale or not.
        """
        try:
            request = pb.DiscoveryRequest.FromString(data)
        except DecodeError:
            return Received(problem="the request is no DiscoveryRequest")
        problem = _problem(request.type_url, request.resource_names)
        if problem:
            return Received(problem=problem)
        self.node = _node(request.node) or self.node
        nonce = request.response_nonce
        stale = self._begun and nonce not in ("", str(self._nonce))
        self._begun = True
        if not stale:
            self._names = tuple(dict.fromkeys(request.resource_names))
            # A name that comes back later has to be sent again.
            self._sent = {name: self._sent[name] for name in self._names if name in self._sent}
        if request.HasField("error_detail"):
            rejection = _rejection(self.node, self._names, nonce, request.error_detail)
            return Received(rejection=rejection)
        return Received()

    def due(self, secrets: SecretSet) -> Response | None:
        """All of the secrets, when one of them is not as it was sent."""
        versions = {name: secrets.version(name) for name in self._names}
        # `_sent` has no other names, so this is also true of a new name, and never without names.
        if versions == self._sent:
            return None
        self._sent = versions
        self._nonce += 1
        included = tuple(map(secrets.secret, self._names))
        response = pb.DiscoveryResponse(
            version_info=_version_info(secrets.generation, included),
            resources=map(_any, included),
            type_url=TYPE_URL,
            nonce=str(self._nonce),
        )
        return Response(data=response.SerializeToString(), secrets=included)


class DeltaStream:
    """A stream of `DeltaSecrets`: requests add and drop names, responses hold what changed.

    Nothing is ever removed: a name that no site has any more gets a bundle that nobody can satisfy.
    """

    kind = "delta"

    def __init__(self) -> None:
        self.node = ""
        # Version by name: what was sent, or what the client says it has; None must be sent.
        self._names: dict[str, str | None] = {}
        self._nonce = 0
        self._begun = False

    @property
    def names(self) -> int:
        """How many secrets it follows."""
        return len(self._names)

    def receive(self, data: bytes) -> Received:
        """Take one request. Subscriptions count whatever response the request answers."""
        try:
            request = pb.DeltaDiscoveryRequest.FromString(data)
        except DecodeError:
            return Received(problem="the request is no DeltaDiscoveryRequest")
        subscribed = request.resource_names_subscribe
        problem = _problem(request.type_url, {*self._names, *subscribed})
        if problem:
            return Received(problem=problem)
        self.node = _node(request.node) or self.node
        # Only the first request of a stream says what the client kept from an earlier one.
        kept = {} if self._begun else request.initial_resource_versions
        self._begun = True
        for name in subscribed:
            # Asked for again means: send it again.
            self._names[name] = kept.get(name)
        for name in request.resource_names_unsubscribe:
            self._names.pop(name, None)
        if request.HasField("error_detail"):
            names = tuple(self._names)
            nonce = request.response_nonce
            return Received(rejection=_rejection(self.node, names, nonce, request.error_detail))
        return Received()

    def due(self, secrets: SecretSet) -> Response | None:
        """The secrets that are not as the client has them."""
        changed = [n for n, version in self._names.items() if secrets.version(n) != version]
        if not changed:
            return None
        included = tuple(map(secrets.secret, changed))
        self._names.update((secret.name, secret.version) for secret in included)
        self._nonce += 1
        response = pb.DeltaDiscoveryResponse(
            system_version_info=_version_info(secrets.generation, included),
            resources=(
                pb.Resource(name=one.name, version=one.version, resource=_any(one))
                for one in included
            ),
            type_url=TYPE_URL,
            nonce=str(self._nonce),
        )
        return Response(data=response.SerializeToString(), secrets=included)


def _problem(type_url: str, names: Sequence[str] | set[str]) -> str:
    # Empty in a service of its own: the method says what is asked for.
    if type_url not in ("", TYPE_URL):
        return "only secrets are served here"
    if len(names) > MAX_NAMES:
        return f"more than {MAX_NAMES} names on one stream"
    is_long = any(len(name) > MAX_NAME for name in names)
    return f"a name of more than {MAX_NAME} characters" if is_long else ""


def _rejection(node: str, names: tuple[str, ...], nonce: str, detail: Status) -> Rejection:
    return Rejection(node=node, names=names, nonce=nonce, message=detail.message[:_MAX_TEXT])


def _node(node: pb.Node) -> str:
    """`CLUSTER/ID`; clients say it in a stream's first request only."""
    return "/".join(filter(None, (node.cluster, node.id)))[:_MAX_TEXT]


def _version_info(generation: int, included: Iterable[Secret]) -> str:
    """For people: when it was published, and what it was."""
    digest = hashlib.sha256()
    for secret in included:
        digest.update(secret.name.encode() + b"\0" + secret.version.encode() + b"\0")
    return f"{generation}.{digest.hexdigest()[:16]}"


def _any(secret: Secret) -> Any:
    return Any(type_url=TYPE_URL, value=secret.data)
