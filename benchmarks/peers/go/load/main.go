// SPDX-License-Identifier: Apache-2.0
package main

import _ "golang.org/x/net/http2"

func main() {}
