#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Certificates to try compose.yaml with, into the directory given (default: certs beside this file):
# a server certificate for localhost and devices.localhost, a client authority and one client of it
# (for the policy-file form). Replace them with yours.
set -eu
directory=${1:-$(dirname "$0")/certs}
mkdir -p "$directory"
cd "$directory"
umask 077

authority() { # name, subject
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 365 \
        -keyout "$1.key" -out "$1.crt" -subj "/CN=$2" \
        -addext basicConstraints=critical,CA:TRUE \
        -addext keyUsage=critical,keyCertSign,cRLSign
}

certificate() { # name, subject, authority, extensions
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc \
        -keyout "$1.key" -out "$1.csr" -subj "/CN=$2"
    printf '%s\n' "$4" > "$1.ext"
    openssl x509 -req -in "$1.csr" -days 90 -CA "$3.crt" -CAkey "$3.key" -CAcreateserial \
        -extfile "$1.ext" -out "$1.crt"
    rm "$1.csr" "$1.ext"
}

authority server-ca 'Server CA'
authority client-ca 'Client CA'
certificate server localhost server-ca 'subjectAltName=DNS:localhost,DNS:devices.localhost
extendedKeyUsage=serverAuth'
certificate client client-1 client-ca 'extendedKeyUsage=clientAuth'

# Certificates are public; of the keys, Envoy's container reads only the server's.
chmod 755 .
chmod 644 ./*.crt server.key
