from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CheckView(_message.Message):
    __slots__ = ("attributes",)
    class Peer(_message.Message):
        __slots__ = ("address", "certificate")
        ADDRESS_FIELD_NUMBER: _ClassVar[int]
        CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
        address: bytes
        certificate: bytes
        def __init__(self, address: _Optional[bytes] = ..., certificate: _Optional[bytes] = ...) -> None: ...
    class HttpRequest(_message.Message):
        __slots__ = ("id", "method", "headers", "path", "host", "scheme", "size", "protocol", "body", "raw_body", "header_map")
        ID_FIELD_NUMBER: _ClassVar[int]
        METHOD_FIELD_NUMBER: _ClassVar[int]
        HEADERS_FIELD_NUMBER: _ClassVar[int]
        PATH_FIELD_NUMBER: _ClassVar[int]
        HOST_FIELD_NUMBER: _ClassVar[int]
        SCHEME_FIELD_NUMBER: _ClassVar[int]
        SIZE_FIELD_NUMBER: _ClassVar[int]
        PROTOCOL_FIELD_NUMBER: _ClassVar[int]
        BODY_FIELD_NUMBER: _ClassVar[int]
        RAW_BODY_FIELD_NUMBER: _ClassVar[int]
        HEADER_MAP_FIELD_NUMBER: _ClassVar[int]
        id: bytes
        method: bytes
        headers: _containers.RepeatedScalarFieldContainer[bytes]
        path: bytes
        host: bytes
        scheme: bytes
        size: int
        protocol: bytes
        body: bytes
        raw_body: bytes
        header_map: _containers.RepeatedScalarFieldContainer[bytes]
        def __init__(self, id: _Optional[bytes] = ..., method: _Optional[bytes] = ..., headers: _Optional[_Iterable[bytes]] = ..., path: _Optional[bytes] = ..., host: _Optional[bytes] = ..., scheme: _Optional[bytes] = ..., size: _Optional[int] = ..., protocol: _Optional[bytes] = ..., body: _Optional[bytes] = ..., raw_body: _Optional[bytes] = ..., header_map: _Optional[_Iterable[bytes]] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("time", "http")
        TIME_FIELD_NUMBER: _ClassVar[int]
        HTTP_FIELD_NUMBER: _ClassVar[int]
        time: bytes
        http: CheckView.HttpRequest
        def __init__(self, time: _Optional[bytes] = ..., http: _Optional[_Union[CheckView.HttpRequest, _Mapping]] = ...) -> None: ...
    class Attributes(_message.Message):
        __slots__ = ("source", "destination", "request", "context_extensions", "metadata_context", "tls_session", "route_metadata_context")
        SOURCE_FIELD_NUMBER: _ClassVar[int]
        DESTINATION_FIELD_NUMBER: _ClassVar[int]
        REQUEST_FIELD_NUMBER: _ClassVar[int]
        CONTEXT_EXTENSIONS_FIELD_NUMBER: _ClassVar[int]
        METADATA_CONTEXT_FIELD_NUMBER: _ClassVar[int]
        TLS_SESSION_FIELD_NUMBER: _ClassVar[int]
        ROUTE_METADATA_CONTEXT_FIELD_NUMBER: _ClassVar[int]
        source: CheckView.Peer
        destination: bytes
        request: CheckView.Request
        context_extensions: _containers.RepeatedScalarFieldContainer[bytes]
        metadata_context: bytes
        tls_session: _containers.RepeatedScalarFieldContainer[bytes]
        route_metadata_context: bytes
        def __init__(self, source: _Optional[_Union[CheckView.Peer, _Mapping]] = ..., destination: _Optional[bytes] = ..., request: _Optional[_Union[CheckView.Request, _Mapping]] = ..., context_extensions: _Optional[_Iterable[bytes]] = ..., metadata_context: _Optional[bytes] = ..., tls_session: _Optional[_Iterable[bytes]] = ..., route_metadata_context: _Optional[bytes] = ...) -> None: ...
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    attributes: CheckView.Attributes
    def __init__(self, attributes: _Optional[_Union[CheckView.Attributes, _Mapping]] = ...) -> None: ...
