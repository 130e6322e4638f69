// SPDX-License-Identifier: Apache-2.0

// Allows every check over grpc-go: what an ext_authz server in Go costs when nothing is decided.
//
// It prints "listening ADDRESS" and answers until it is stopped. GOMAXPROCS is the caller's.
package main

import (
	"context"
	"fmt"
	"log"
	"net"

	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	rpc "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
)

type allow struct {
	auth.UnimplementedAuthorizationServer
}

func (allow) Check(context.Context, *auth.CheckRequest) (*auth.CheckResponse, error) {
	return &auth.CheckResponse{
		Status:       &rpc.Status{},
		HttpResponse: &auth.CheckResponse_OkResponse{OkResponse: &auth.OkHttpResponse{}},
	}, nil
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	auth.RegisterAuthorizationServer(server, allow{})
	fmt.Printf("listening %s\n", listener.Addr())
	log.Fatal(server.Serve(listener))
}
