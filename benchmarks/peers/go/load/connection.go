// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	window  = 1 << 24
	// Envoy's shipped listener allows 100; what is due beyond waits, and its latency counts.
	mostStreams = 100
	// With a time limit a check is sent when it is due, as Envoy does, as far as the server allows.
	mostWithLimit = 100_000
)

// One request on its way.
type stream struct {
	due                time.Time
	status, grpcStatus string
	body               []byte
}

// One HTTP/2 connection. `lock` guards what both its reader and whoever sends use.
type connection struct {
	work   *work
	reader *bufio.Reader
	writer *bufio.Writer
	framer *http2.Framer

	lock     sync.Mutex
	next     uint32
	window   int
	limit    int
	active   map[uint32]*stream
	waiting  []request
	order    []uint32 // ids in the order they were sent, with a time limit
	spare    []*stream
	received int

	latencies []uint32 // microseconds
	wrong     int
	shed      int
	late      int
	refused   int
	example   string
}

// A request to be sent: its body, nil for none, and when it is due.
type request struct {
	body []byte
	due  time.Time
}

func dial(target string, secure *tls.Config, work *work) (*connection, error) {
	raw, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		return nil, err
	}
	if secure != nil {
		wrapped := tls.Client(raw, secure)
		if err := wrapped.Handshake(); err != nil {
			return nil, err
		}
		raw = wrapped
	}
	c := &connection{
		work:   work,
		reader: bufio.NewReaderSize(raw, 64<<10),
		writer: bufio.NewWriterSize(raw, 64<<10),
		next:   1, window: 65535, limit: work.mostStreams(),
		active: map[uint32]*stream{},
	}
	c.framer = http2.NewFramer(c.writer, c.reader)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.SetReuseFrames()
	c.writer.WriteString(preface)
	c.framer.WriteSettings(
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: window},
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
	)
	c.framer.WriteWindowUpdate(0, window-65535)
	return c, c.writer.Flush()
}

// Sends a request, or keeps it until there is room. The caller holds the lock and flushes.
func (c *connection) send(r request) {
	if c.work.breaker > 0 && len(c.active) >= c.work.breaker {
		c.refused++
		return
	}
	if len(c.active) >= c.limit || len(r.body) > c.window {
		c.waiting = append(c.waiting, r)
		return
	}
	id := c.next
	c.next += 2
	s := c.fresh()
	s.due = r.due
	c.active[id] = s
	if c.work.patience > 0 {
		c.order = append(c.order, id)
	}
	c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: c.work.kind.header,
		EndHeaders: true, EndStream: r.body == nil,
	})
	if r.body != nil {
		c.window -= len(r.body)
		c.framer.WriteData(id, true, r.body)
	}
}

func (c *connection) fresh() *stream {
	last := len(c.spare) - 1
	if last < 0 {
		return &stream{}
	}
	s := c.spare[last]
	c.spare = c.spare[:last]
	*s = stream{body: s.body[:0]}
	return s
}

// Gives up on requests that were due too long ago, as Envoy does. The caller holds the lock.
func (c *connection) giveUp(now time.Time, finished func() bool) (last bool) {
	for len(c.order) > 0 {
		id := c.order[0]
		if s := c.active[id]; s != nil {
			if now.Sub(s.due) < c.work.patience {
				return last
			}
			c.framer.WriteRSTStream(id, http2.ErrCodeCancel)
			delete(c.active, id)
			c.spare = append(c.spare, s)
			c.late++
			last = finished()
			c.sendWaiting()
		}
		c.order = c.order[1:]
	}
	return last
}

func (c *connection) sendWaiting() {
	for len(c.waiting) > 0 && len(c.active) < c.limit && len(c.waiting[0].body) <= c.window {
		first := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.send(first)
	}
}

// Reads answers until `done` says, after one of them, that it was the last.
func (c *connection) read(finished func() (last bool)) error {
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		c.lock.Lock()
		last, err := c.handle(frame, finished)
		if err == nil && (last || c.reader.Buffered() == 0) {
			err = c.writer.Flush()
		}
		c.lock.Unlock()
		if last || err != nil {
			return err
		}
	}
}

func (c *connection) handle(frame http2.Frame, finished func() bool) (bool, error) {
	switch f := frame.(type) {
	case *http2.MetaHeadersFrame:
		s := c.active[f.StreamID]
		if s == nil {
			return false, nil
		}
		for _, field := range f.Fields {
			switch field.Name {
			case ":status":
				s.status = field.Value
			case "grpc-status":
				s.grpcStatus = field.Value
			}
		}
		if f.StreamEnded() {
			return c.finish(f.StreamID, s, finished), nil
		}
	case *http2.DataFrame:
		c.received += int(f.Length)
		if c.received > window/4 {
			c.framer.WriteWindowUpdate(0, uint32(c.received))
			c.received = 0
		}
		if s := c.active[f.StreamID]; s != nil {
			s.body = append(s.body, f.Data()...)
			if f.StreamEnded() {
				return c.finish(f.StreamID, s, finished), nil
			}
		}
	case *http2.SettingsFrame:
		if f.IsAck() {
			return false, nil
		}
		if most, set := f.Value(http2.SettingMaxConcurrentStreams); set {
			c.limit = min(c.work.mostStreams(), int(most))
		}
		return false, c.framer.WriteSettingsAck()
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			c.window += int(f.Increment)
			c.sendWaiting()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return false, c.framer.WritePing(true, f.Data)
		}
	case *http2.RSTStreamFrame:
		if s := c.active[f.StreamID]; s != nil {
			s.status = "reset: " + f.ErrCode.String()
			return c.finish(f.StreamID, s, finished), nil
		}
	case *http2.GoAwayFrame:
		return false, fmt.Errorf("the server went away: %s %s", f.ErrCode, f.DebugData())
	}
	return false, nil
}

func (c *connection) finish(id uint32, s *stream, finished func() bool) bool {
	delete(c.active, id)
	took := time.Since(s.due)
	why := c.work.kind.right(s)
	switch {
	case c.work.patience > 0 && (took >= c.work.patience || why == tooLate):
		c.late++
	case c.work.patience > 0 && why == overloaded:
		c.shed++
	default:
		c.latencies = append(c.latencies, uint32(took.Microseconds()))
		if why != "" {
			c.wrong++
			c.example = why
		}
	}
	c.spare = append(c.spare, s)
	last := finished()
	c.sendWaiting()
	return last
}
