// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/encoding/protowire"
)

// The reason of a denial that says that too much came.
const overloaded = "overloaded"

// And of one that says that the time limit had passed.
const tooLate = "deadline_exceeded"

// What is sent and what a right answer is: checks over gRPC, or plain requests.
type kind struct {
	header []byte   // encoded once; no entry of the dynamic table is used
	bodies [][]byte // empty: requests have none
	right  func(*stream) string
}

func requestKind(o options) (*kind, error) {
	if o.get != "" {
		return &kind{
			header: encode([][2]string{
				{":method", "GET"}, {":scheme", "https"}, {":path", o.get},
				{":authority", o.authority}, {"user-agent", "load"},
				{"accept", "application/json, text/plain, */*"},
				{"cookie", "session=6a3f0c1d9be44bb1a0c5f0aee1f6c2d7; theme=dark"},
			}),
			right: func(s *stream) string {
				if s.status == o.status {
					return ""
				}
				return fmt.Sprintf("status %q, not %s", s.status, o.status)
			},
		}, nil
	}
	data, err := os.ReadFile(o.bodies)
	if err != nil {
		return nil, err
	}
	bodies, err := split(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.bodies, err)
	}
	header := [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", o.path},
		{":authority", o.authority}, {"content-type", "application/grpc"}, {"te", "trailers"},
	}
	if o.timeout > 0 {
		header = append(header, [2]string{"grpc-timeout", fmt.Sprintf("%dm", o.timeout.Milliseconds())})
	}
	return &kind{
		header: encode(header),
		bodies: bodies,
		right:  allowed,
	}, nil
}

// The frames of a file of gRPC messages, one behind the other.
func split(data []byte) ([][]byte, error) {
	var bodies [][]byte
	for len(data) >= 5 {
		size := 5 + int(binary.BigEndian.Uint32(data[1:5]))
		if len(data) < size {
			break
		}
		bodies = append(bodies, data[:size:size])
		data = data[size:]
	}
	if len(data) > 0 || len(bodies) == 0 {
		return nil, fmt.Errorf("not a sequence of gRPC messages")
	}
	return bodies, nil
}

func encode(fields [][2]string) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSize(0)
	for range 2 {
		// The first block also says that the table has no room, once: servers need not be told.
		block.Reset()
		for _, field := range fields {
			encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
		}
	}
	return block.Bytes()
}

// Why an answer to a check is not an allow; "" when it is one.
func allowed(s *stream) string {
	if s.status != "200" || s.grpcStatus != "0" {
		return fmt.Sprintf("status %q, grpc-status %q", s.status, s.grpcStatus)
	}
	if len(s.body) < 5 || s.body[0] != 0 || int(binary.BigEndian.Uint32(s.body[1:5])) != len(s.body)-5 {
		return fmt.Sprintf("not one gRPC message: %x", s.body)
	}
	// CheckResponse.status = 1, google.rpc.Status.code = 1. An unset status is nobody's decision.
	status, found := field(s.body[5:], 1)
	if !found {
		return "no status"
	}
	reason, _ := field(status, 2)
	for len(status) > 0 {
		number, wire, n := protowire.ConsumeTag(status)
		if n < 0 {
			return "not a CheckResponse"
		}
		status = status[n:]
		if number == 1 && wire == protowire.VarintType {
			if code, _ := protowire.ConsumeVarint(status); code != 0 {
				switch string(reason) {
				case overloaded, tooLate:
					return string(reason)
				}
				return fmt.Sprintf("denied with code %d: %s", code, reason)
			}
		}
		if n = protowire.ConsumeFieldValue(number, wire, status); n < 0 {
			return "not a CheckResponse"
		}
		status = status[n:]
	}
	return ""
}

// The bytes of a length-delimited field.
func field(message []byte, wanted protowire.Number) ([]byte, bool) {
	for len(message) > 0 {
		number, wire, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, false
		}
		message = message[n:]
		if number == wanted && wire == protowire.BytesType {
			value, n := protowire.ConsumeBytes(message)
			return value, n >= 0
		}
		if n = protowire.ConsumeFieldValue(number, wire, message); n < 0 {
			return nil, false
		}
		message = message[n:]
	}
	return nil, false
}
