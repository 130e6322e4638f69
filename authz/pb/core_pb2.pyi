from google.protobuf import any_pb2 as _any_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import wrappers_pb2 as _wrappers_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Pipe(_message.Message):
    __slots__ = ("path", "mode")
    PATH_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    path: str
    mode: int
    def __init__(self, path: _Optional[str] = ..., mode: _Optional[int] = ...) -> None: ...

class SocketAddress(_message.Message):
    __slots__ = ("protocol", "address", "port_value", "named_port", "resolver_name", "ipv4_compat", "network_namespace_filepath")
    class Protocol(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TCP: _ClassVar[SocketAddress.Protocol]
        UDP: _ClassVar[SocketAddress.Protocol]
    TCP: SocketAddress.Protocol
    UDP: SocketAddress.Protocol
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PORT_VALUE_FIELD_NUMBER: _ClassVar[int]
    NAMED_PORT_FIELD_NUMBER: _ClassVar[int]
    RESOLVER_NAME_FIELD_NUMBER: _ClassVar[int]
    IPV4_COMPAT_FIELD_NUMBER: _ClassVar[int]
    NETWORK_NAMESPACE_FILEPATH_FIELD_NUMBER: _ClassVar[int]
    protocol: SocketAddress.Protocol
    address: str
    port_value: int
    named_port: str
    resolver_name: str
    ipv4_compat: bool
    network_namespace_filepath: str
    def __init__(self, protocol: _Optional[_Union[SocketAddress.Protocol, str]] = ..., address: _Optional[str] = ..., port_value: _Optional[int] = ..., named_port: _Optional[str] = ..., resolver_name: _Optional[str] = ..., ipv4_compat: _Optional[bool] = ..., network_namespace_filepath: _Optional[str] = ...) -> None: ...

class EnvoyInternalAddress(_message.Message):
    __slots__ = ("server_listener_name", "endpoint_id")
    SERVER_LISTENER_NAME_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    server_listener_name: str
    endpoint_id: str
    def __init__(self, server_listener_name: _Optional[str] = ..., endpoint_id: _Optional[str] = ...) -> None: ...

class Address(_message.Message):
    __slots__ = ("socket_address", "pipe", "envoy_internal_address")
    SOCKET_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PIPE_FIELD_NUMBER: _ClassVar[int]
    ENVOY_INTERNAL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    socket_address: SocketAddress
    pipe: Pipe
    envoy_internal_address: EnvoyInternalAddress
    def __init__(self, socket_address: _Optional[_Union[SocketAddress, _Mapping]] = ..., pipe: _Optional[_Union[Pipe, _Mapping]] = ..., envoy_internal_address: _Optional[_Union[EnvoyInternalAddress, _Mapping]] = ...) -> None: ...

class Metadata(_message.Message):
    __slots__ = ("filter_metadata", "typed_filter_metadata")
    class FilterMetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _struct_pb2.Struct
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...
    class TypedFilterMetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _any_pb2.Any
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_any_pb2.Any, _Mapping]] = ...) -> None: ...
    FILTER_METADATA_FIELD_NUMBER: _ClassVar[int]
    TYPED_FILTER_METADATA_FIELD_NUMBER: _ClassVar[int]
    filter_metadata: _containers.MessageMap[str, _struct_pb2.Struct]
    typed_filter_metadata: _containers.MessageMap[str, _any_pb2.Any]
    def __init__(self, filter_metadata: _Optional[_Mapping[str, _struct_pb2.Struct]] = ..., typed_filter_metadata: _Optional[_Mapping[str, _any_pb2.Any]] = ...) -> None: ...

class HeaderValue(_message.Message):
    __slots__ = ("key", "value", "raw_value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    RAW_VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    raw_value: bytes
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ..., raw_value: _Optional[bytes] = ...) -> None: ...

class HeaderMap(_message.Message):
    __slots__ = ("headers",)
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    headers: _containers.RepeatedCompositeFieldContainer[HeaderValue]
    def __init__(self, headers: _Optional[_Iterable[_Union[HeaderValue, _Mapping]]] = ...) -> None: ...

class HeaderValueOption(_message.Message):
    __slots__ = ("header", "append", "append_action", "keep_empty_value")
    class HeaderAppendAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        APPEND_IF_EXISTS_OR_ADD: _ClassVar[HeaderValueOption.HeaderAppendAction]
        ADD_IF_ABSENT: _ClassVar[HeaderValueOption.HeaderAppendAction]
        OVERWRITE_IF_EXISTS_OR_ADD: _ClassVar[HeaderValueOption.HeaderAppendAction]
        OVERWRITE_IF_EXISTS: _ClassVar[HeaderValueOption.HeaderAppendAction]
    APPEND_IF_EXISTS_OR_ADD: HeaderValueOption.HeaderAppendAction
    ADD_IF_ABSENT: HeaderValueOption.HeaderAppendAction
    OVERWRITE_IF_EXISTS_OR_ADD: HeaderValueOption.HeaderAppendAction
    OVERWRITE_IF_EXISTS: HeaderValueOption.HeaderAppendAction
    HEADER_FIELD_NUMBER: _ClassVar[int]
    APPEND_FIELD_NUMBER: _ClassVar[int]
    APPEND_ACTION_FIELD_NUMBER: _ClassVar[int]
    KEEP_EMPTY_VALUE_FIELD_NUMBER: _ClassVar[int]
    header: HeaderValue
    append: _wrappers_pb2.BoolValue
    append_action: HeaderValueOption.HeaderAppendAction
    keep_empty_value: bool
    def __init__(self, header: _Optional[_Union[HeaderValue, _Mapping]] = ..., append: _Optional[_Union[_wrappers_pb2.BoolValue, _Mapping]] = ..., append_action: _Optional[_Union[HeaderValueOption.HeaderAppendAction, str]] = ..., keep_empty_value: _Optional[bool] = ...) -> None: ...

class QueryParameter(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("code", "message", "details")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    details: _containers.RepeatedCompositeFieldContainer[_any_pb2.Any]
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., details: _Optional[_Iterable[_Union[_any_pb2.Any, _Mapping]]] = ...) -> None: ...

class HttpStatus(_message.Message):
    __slots__ = ("code",)
    class StatusCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        Empty: _ClassVar[HttpStatus.StatusCode]
        Continue: _ClassVar[HttpStatus.StatusCode]
        OK: _ClassVar[HttpStatus.StatusCode]
        Created: _ClassVar[HttpStatus.StatusCode]
        Accepted: _ClassVar[HttpStatus.StatusCode]
        NonAuthoritativeInformation: _ClassVar[HttpStatus.StatusCode]
        NoContent: _ClassVar[HttpStatus.StatusCode]
        ResetContent: _ClassVar[HttpStatus.StatusCode]
        PartialContent: _ClassVar[HttpStatus.StatusCode]
        MultiStatus: _ClassVar[HttpStatus.StatusCode]
        AlreadyReported: _ClassVar[HttpStatus.StatusCode]
        IMUsed: _ClassVar[HttpStatus.StatusCode]
        MultipleChoices: _ClassVar[HttpStatus.StatusCode]
        MovedPermanently: _ClassVar[HttpStatus.StatusCode]
        Found: _ClassVar[HttpStatus.StatusCode]
        SeeOther: _ClassVar[HttpStatus.StatusCode]
        NotModified: _ClassVar[HttpStatus.StatusCode]
        UseProxy: _ClassVar[HttpStatus.StatusCode]
        TemporaryRedirect: _ClassVar[HttpStatus.StatusCode]
        PermanentRedirect: _ClassVar[HttpStatus.StatusCode]
        BadRequest: _ClassVar[HttpStatus.StatusCode]
        Unauthorized: _ClassVar[HttpStatus.StatusCode]
        PaymentRequired: _ClassVar[HttpStatus.StatusCode]
        Forbidden: _ClassVar[HttpStatus.StatusCode]
        NotFound: _ClassVar[HttpStatus.StatusCode]
        MethodNotAllowed: _ClassVar[HttpStatus.StatusCode]
        NotAcceptable: _ClassVar[HttpStatus.StatusCode]
        ProxyAuthenticationRequired: _ClassVar[HttpStatus.StatusCode]
        RequestTimeout: _ClassVar[HttpStatus.StatusCode]
        Conflict: _ClassVar[HttpStatus.StatusCode]
        Gone: _ClassVar[HttpStatus.StatusCode]
        LengthRequired: _ClassVar[HttpStatus.StatusCode]
        PreconditionFailed: _ClassVar[HttpStatus.StatusCode]
        PayloadTooLarge: _ClassVar[HttpStatus.StatusCode]
        URITooLong: _ClassVar[HttpStatus.StatusCode]
        UnsupportedMediaType: _ClassVar[HttpStatus.StatusCode]
        RangeNotSatisfiable: _ClassVar[HttpStatus.StatusCode]
        ExpectationFailed: _ClassVar[HttpStatus.StatusCode]
        MisdirectedRequest: _ClassVar[HttpStatus.StatusCode]
        UnprocessableEntity: _ClassVar[HttpStatus.StatusCode]
        Locked: _ClassVar[HttpStatus.StatusCode]
        FailedDependency: _ClassVar[HttpStatus.StatusCode]
        UpgradeRequired: _ClassVar[HttpStatus.StatusCode]
        PreconditionRequired: _ClassVar[HttpStatus.StatusCode]
        TooManyRequests: _ClassVar[HttpStatus.StatusCode]
        RequestHeaderFieldsTooLarge: _ClassVar[HttpStatus.StatusCode]
        InternalServerError: _ClassVar[HttpStatus.StatusCode]
        NotImplemented: _ClassVar[HttpStatus.StatusCode]
        BadGateway: _ClassVar[HttpStatus.StatusCode]
        ServiceUnavailable: _ClassVar[HttpStatus.StatusCode]
        GatewayTimeout: _ClassVar[HttpStatus.StatusCode]
        HTTPVersionNotSupported: _ClassVar[HttpStatus.StatusCode]
        VariantAlsoNegotiates: _ClassVar[HttpStatus.StatusCode]
        InsufficientStorage: _ClassVar[HttpStatus.StatusCode]
        LoopDetected: _ClassVar[HttpStatus.StatusCode]
        NotExtended: _ClassVar[HttpStatus.StatusCode]
        NetworkAuthenticationRequired: _ClassVar[HttpStatus.StatusCode]
    Empty: HttpStatus.StatusCode
    Continue: HttpStatus.StatusCode
    OK: HttpStatus.StatusCode
    Created: HttpStatus.StatusCode
    Accepted: HttpStatus.StatusCode
    NonAuthoritativeInformation: HttpStatus.StatusCode
    NoContent: HttpStatus.StatusCode
    ResetContent: HttpStatus.StatusCode
    PartialContent: HttpStatus.StatusCode
    MultiStatus: HttpStatus.StatusCode
    AlreadyReported: HttpStatus.StatusCode
    IMUsed: HttpStatus.StatusCode
    MultipleChoices: HttpStatus.StatusCode
    MovedPermanently: HttpStatus.StatusCode
    Found: HttpStatus.StatusCode
    SeeOther: HttpStatus.StatusCode
    NotModified: HttpStatus.StatusCode
    UseProxy: HttpStatus.StatusCode
    TemporaryRedirect: HttpStatus.StatusCode
    PermanentRedirect: HttpStatus.StatusCode
    BadRequest: HttpStatus.StatusCode
    Unauthorized: HttpStatus.StatusCode
    PaymentRequired: HttpStatus.StatusCode
    Forbidden: HttpStatus.StatusCode
    NotFound: HttpStatus.StatusCode
    MethodNotAllowed: HttpStatus.StatusCode
    NotAcceptable: HttpStatus.StatusCode
    ProxyAuthenticationRequired: HttpStatus.StatusCode
    RequestTimeout: HttpStatus.StatusCode
    Conflict: HttpStatus.StatusCode
    Gone: HttpStatus.StatusCode
    LengthRequired: HttpStatus.StatusCode
    PreconditionFailed: HttpStatus.StatusCode
    PayloadTooLarge: HttpStatus.StatusCode
    URITooLong: HttpStatus.StatusCode
    UnsupportedMediaType: HttpStatus.StatusCode
    RangeNotSatisfiable: HttpStatus.StatusCode
    ExpectationFailed: HttpStatus.StatusCode
    MisdirectedRequest: HttpStatus.StatusCode
    UnprocessableEntity: HttpStatus.StatusCode
    Locked: HttpStatus.StatusCode
    FailedDependency: HttpStatus.StatusCode
    UpgradeRequired: HttpStatus.StatusCode
    PreconditionRequired: HttpStatus.StatusCode
    TooManyRequests: HttpStatus.StatusCode
    RequestHeaderFieldsTooLarge: HttpStatus.StatusCode
    InternalServerError: HttpStatus.StatusCode
    NotImplemented: HttpStatus.StatusCode
    BadGateway: HttpStatus.StatusCode
    ServiceUnavailable: HttpStatus.StatusCode
    GatewayTimeout: HttpStatus.StatusCode
    HTTPVersionNotSupported: HttpStatus.StatusCode
    VariantAlsoNegotiates: HttpStatus.StatusCode
    InsufficientStorage: HttpStatus.StatusCode
    LoopDetected: HttpStatus.StatusCode
    NotExtended: HttpStatus.StatusCode
    NetworkAuthenticationRequired: HttpStatus.StatusCode
    CODE_FIELD_NUMBER: _ClassVar[int]
    code: HttpStatus.StatusCode
    def __init__(self, code: _Optional[_Union[HttpStatus.StatusCode, str]] = ...) -> None: ...
