// SPDX-License-Identifier: Apache-2.0

// A load client for checks over gRPC and for requests over HTTP/2, with or without TLS.
//
// It does what h2load cannot: send different bodies in turn, present a client certificate, keep a
// rate whatever the answers do (latency counts from when a request was due, so a server that stalls
// cannot hide it), and read every answer. An answer that is not the expected one ends it with
// status 1, answers that do not come with status 3. With a timeout, answers that come late and
// denials because of an overload are counted, and are no errors.
//
//	load -target 127.0.0.1:50051 -bodies FILE -seconds 2             as much as goes
//	load -target 127.0.0.1:50051 -bodies FILE -seconds 5 -rate 8000  at a rate
//	load -target 127.0.0.1:8443 -get /orders -ca F -cert F -key F    requests through a proxy
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

type options struct {
	target, bodies, path, get, authority string
	ca, certificate, key                 string
	connections, streams, first, breaker int
	seconds, rate                        float64
	status                               string
	timeout                              time.Duration
}

func parseFlags() options {
	var o options
	flag.StringVar(&o.target, "target", "", "HOST:PORT to connect to")
	flag.StringVar(&o.bodies, "bodies", "", "gRPC mode: file of framed messages, sent in turn")
	flag.IntVar(&o.first, "first", 0, "gRPC mode: which message is sent first")
	flag.StringVar(&o.path, "path", "/envoy.service.auth.v3.Authorization/Check", "gRPC method")
	flag.StringVar(&o.get, "get", "", "HTTP mode: the path to GET")
	flag.StringVar(&o.authority, "authority", "localhost", ":authority, and the name for TLS")
	flag.StringVar(&o.ca, "ca", "", "PEM to verify the server with; enables TLS")
	flag.StringVar(&o.certificate, "cert", "", "PEM client certificate")
	flag.StringVar(&o.key, "key", "", "PEM key of the client certificate")
	flag.IntVar(&o.connections, "connections", 4, "connections")
	flag.IntVar(&o.streams, "streams", 16, "streams a connection, without a rate")
	flag.Float64Var(&o.seconds, "seconds", 1, "how long to send")
	flag.Float64Var(&o.rate, "rate", 0, "requests a second in all; 0 is as many as go")
	flag.StringVar(&o.status, "status", "200", "HTTP mode: the expected status")
	flag.DurationVar(&o.timeout, "timeout", 0,
		"gRPC mode, with a rate: give up on a check after that; late and shed ones are counted")
	flag.IntVar(&o.breaker, "breaker", 0,
		"gRPC mode, with a timeout: refuse what is beyond so many on their way, as Envoy does")
	flag.Parse()
	return o
}

func main() {
	// One for the reader of each answer, one for whoever keeps the rate.
	runtime.GOMAXPROCS(2)
	o := parseFlags()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	kind, err := requestKind(o)
	if err != nil {
		return err
	}
	secure, err := tlsConfig(o)
	if err != nil {
		return err
	}
	work := &work{kind: kind, patience: o.timeout, breaker: o.breaker / o.connections}
	work.turn.Store(int64(o.first))
	connections := make([]*connection, o.connections)
	for i := range connections {
		if connections[i], err = dial(o.target, secure, work); err != nil {
			return err
		}
	}
	// Whatever happens, this ends: answers that never come are an error, not a wait.
	patience := time.AfterFunc(time.Duration(o.seconds*float64(time.Second))+20*time.Second, func() {
		fmt.Fprintln(os.Stderr, "load: answers are missing")
		os.Exit(3)
	})
	defer patience.Stop()
	if o.rate > 0 {
		err = atRate(connections, work, o)
	} else {
		err = saturate(connections, work, o)
	}
	if err != nil {
		return err
	}
	report := summarise(connections, time.Since(work.started))
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		return err
	}
	if report.Wrong > 0 {
		return fmt.Errorf("%d of %d answers were wrong, such as: %s",
			report.Wrong, report.Requests, report.Example)
	}
	return nil
}

func tlsConfig(o options) (*tls.Config, error) {
	if o.ca == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(o.ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate", o.ca)
	}
	config := &tls.Config{RootCAs: roots, ServerName: o.authority, NextProtos: []string{"h2"}}
	if o.certificate != "" {
		pair, err := tls.LoadX509KeyPair(o.certificate, o.key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
