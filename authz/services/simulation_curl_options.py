# SPDX-License-Identifier: Apache-2.0
"""The options of curl: which take a value, and what each has to do with a request.

Names and meanings are those of curl's manual (https://curl.se/docs/manpage.html). What an option
does to a request is simulation_curl.py; here it is only said which do nothing to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Effect(StrEnum):
    """What an option has to do with the request that arrives."""

    #: It changes it.
    REQUEST = "request"
    #: Nothing: it is about output, time, or how the connection is made.
    NONE = "none"
    #: It chooses a client certificate.
    CERTIFICATE = "certificate"
    #: It changes where the connection goes, and the request stays the same.
    ROUTE = "route"
    #: It reads a file, or asks a program, for more of the request.
    FILE = "file"
    #: It goes on with another request.
    ANOTHER = "another"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option by its long name, without the dashes in front."""

    name: str
    takes_value: bool
    effect: Effect


#: `long` or `long/s` with its letter; "=" behind it for one that takes a value.
_REQUEST: Final = """
request/X= header/H= data/d= data-ascii= data-raw= data-binary= data-urlencode= json= form/F=
form-string= get/G head/I upload-file/T= user-agent/A= referer/e= cookie/b= user/u=
oauth2-bearer= compressed range/r= url= url-query= request-target= path-as-is http0.9 http1.0/0
http1.1 http2 http2-prior-knowledge http3 http3-only proto-default= haproxy-clientip=
tr-encoding basic globoff/g
"""
_NONE: Final = """
silent/s show-error/S verbose/v include/i show-headers output/o= output-dir= remote-name/O
remote-name-all remote-header-name/J write-out/w= location/L location-trusted fail/f fail-early
fail-with-body insecure/k no-buffer/N no-progress-meter progress-bar/# progress-meter
max-time/m= connect-timeout= retry= retry-delay= retry-max-time= retry-all-errors
retry-connrefused max-redirs= max-filesize= limit-rate= rate= speed-limit/Y= speed-time/y=
keepalive keepalive-time= keepalive-cnt= tcp-nodelay tcp-fastopen dns-servers= dns-interface=
dns-ipv4-addr= dns-ipv6-addr= ipv4/4 ipv6/6 ciphers= tls13-ciphers= curves= tls-max= tlsv1/1
tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 sslv2/2 sslv3/3 ssl ssl-reqd ssl-no-revoke
ssl-revoke-best-effort ssl-allow-beast ssl-auto-client-cert cacert= capath= ca-native crlfile=
cert-status pinnedpubkey= alpn npn false-start sessionid trace= trace-ascii= trace-time
trace-ids trace-config= stderr= styled-output create-dirs create-file-mode= clobber
skip-existing xattr buffer dump-header/D= cookie-jar/c= junk-session-cookies/j raw
ignore-content-length parallel/Z parallel-immediate parallel-max= disable/q help/h manual/M
version/V anyauth digest ntlm ntlm-wb negotiate aws-sigv4= delegation= post301 post302 post303
expect100-timeout= happy-eyeballs-timeout-ms= suppress-connect-headers proto= proto-redir= hsts=
alt-svc= ech= etag-save= remove-on-error doh-url= doh-insecure doh-cert-status compressed-ssh
local-port= vlan-priority= ip-tos= time-cond/z= remote-time/R disallow-username-in-url
continue-at/C= metalink use-ascii/B crlf list-only/l libcurl= append/a ftp-port/P= quote/Q=
sasl-ir login-options= mail-from= mail-rcpt= mail-auth= tftp-no-options telnet-option/t= krb=
engine= random-file= egd-file= sasl-authzid= mail-rcpt-allowfails hostpubmd5= hostpubsha256=
pubkey= tftp-blksize= disable-eprt disable-epsv ftp-account= ftp-alternative-to-user=
ftp-create-dirs ftp-method= ftp-pasv ftp-pret ftp-skip-pasv-ip ftp-ssl-ccc ftp-ssl-ccc-mode=
ftp-ssl-control
"""
_CERTIFICATE: Final = """
cert/E= cert-type= key= key-type= pass= proxy-cert= proxy-cert-type= proxy-key= proxy-key-type=
proxy-pass= tlsuser= tlspassword= tlsauthtype= proxy-tlsuser= proxy-tlspassword=
proxy-tlsauthtype= proxy-ssl-auto-client-cert
"""
_ROUTE: Final = """
resolve= connect-to= proxy/x= proxy1.0= preproxy= proxy-user/U= proxy-header= proxytunnel/p
proxy-insecure proxy-cacert= proxy-capath= proxy-basic proxy-digest proxy-ntlm proxy-negotiate
proxy-anyauth proxy-http2 proxy-ciphers= proxy-tls13-ciphers= proxy-tlsv1 proxy-ssl-allow-beast
proxy-service-name= proxy-pinnedpubkey= proxy-crlfile= proxy-ca-native service-name= socks4=
socks4a= socks5= socks5-hostname= socks5-basic socks5-gssapi socks5-gssapi-nec
socks5-gssapi-service= noproxy= unix-socket= abstract-unix-socket= interface= haproxy-protocol
"""
_FILE: Final = "config/K= netrc/n netrc-file= netrc-optional etag-compare= variable= form-escape"
_ANOTHER: Final = "next/:"


def _options(text: str, effect: Effect) -> Iterable[tuple[str, Option]]:
    for word in text.split():
        takes_value = word.endswith("=")
        name, _, letter = word.removesuffix("=").partition("/")
        option = Option(name=name, takes_value=takes_value, effect=effect)
        yield f"--{name}", option
        if letter:
            yield f"-{letter}", option


#: By the way it is written, `--header` or `-H`.
OPTIONS: Final[Mapping[str, Option]] = {
    written: option
    for text, effect in (
        (_REQUEST, Effect.REQUEST),
        (_NONE, Effect.NONE),
        (_CERTIFICATE, Effect.CERTIFICATE),
        (_ROUTE, Effect.ROUTE),
        (_FILE, Effect.FILE),
        (_ANOTHER, Effect.ANOTHER),
    )
    for written, option in _options(text, effect)
}
