// SPDX-License-Identifier: Apache-2.0

// The application behind Envoy: it says "ok" to everything, as cheaply as net/http can.
//
// It prints "listening ADDRESS" and answers until it is stopped.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %s\n", listener.Addr())
	log.Fatal(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n")
	})))
}
