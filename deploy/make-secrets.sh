#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What compose.yaml needs to know and nobody else may, into the directory given (default: secrets
# beside this file): each is made once, and belongs to the user of the one container that reads it.
# Giving files away takes root: sudo ./make-secrets.sh
set -eu
directory=${1:-$(dirname "$0")/secrets}
[ "$(id -u)" = 0 ] || { echo "root is needed to give files to users of containers" >&2; exit 1; }
umask 077
mkdir -p "$directory"
chmod 755 "$directory"
cd "$directory"

secret() { # name, owner
    [ -e "$1" ] && return
    openssl rand -base64 32 > ".$1"
    chown "$2" ".$1"
    chmod 400 ".$1"
    mv ".$1" "$1"
    echo "$1: made"
}

# The passphrase that the private keys of the CA are encrypted by. Without it they are lost: keep a
# copy where no copy of the store is.
secret key-passphrase 65532:65532
# The password of Grafana's user admin.
secret grafana-password 472:0
