// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"slices"
	"sync/atomic"
	"time"
)

// What all connections share: whose turn it is.
type work struct {
	kind    *kind
	turn    atomic.Int64
	started time.Time
	// How long somebody waits for an answer; 0 is for ever.
	patience time.Duration
	// How many may be on their way on each connection; 0 is as many as the server allows.
	breaker int
}

func (w *work) mostStreams() int {
	if w.patience > 0 {
		return mostWithLimit
	}
	return mostStreams
}

func (w *work) body() []byte {
	if w.kind.bodies == nil {
		return nil
	}
	return w.kind.bodies[int(w.turn.Add(1)-1)%len(w.kind.bodies)]
}

// As many requests as go: each answer makes room for the next request.
func saturate(connections []*connection, work *work, o options) error {
	work.started = time.Now()
	until := work.started.Add(time.Duration(o.seconds * float64(time.Second)))
	errors := make(chan error)
	for _, c := range connections {
		go func() {
			c.lock.Lock()
			for range o.streams {
				c.send(request{body: work.body(), due: time.Now()})
			}
			c.writer.Flush()
			c.lock.Unlock()
			errors <- c.read(func() bool {
				now := time.Now()
				if now.Before(until) {
					c.send(request{body: work.body(), due: now})
				}
				return len(c.active) == 0 && len(c.waiting) == 0
			})
		}()
	}
	return first(errors, len(connections))
}

// Requests at fixed moments, whatever the answers do.
func atRate(connections []*connection, work *work, o options) error {
	total := int(o.rate * o.seconds)
	each := make([]int, len(connections))
	for i := range total {
		each[i%len(connections)]++
	}
	errors := make(chan error, len(connections))
	finished := make([]func() bool, len(connections))
	for i, c := range connections {
		left := each[i]
		finished[i] = func() bool {
			left--
			return left == 0
		}
		go func() {
			if left == 0 {
				errors <- nil
				return
			}
			errors <- c.read(finished[i])
		}()
	}
	work.started = time.Now()
	go pace(connections, work, total, o.rate, finished, errors)
	if work.patience > 0 {
		go giveUp(connections, finished, errors)
	}
	return first(errors, len(connections))
}

// Looks every few milliseconds for requests that waited too long. What ends a connection's last
// request here ends its turn, whatever its reader still waits for.
func giveUp(connections []*connection, finished []func() bool, errors chan<- error) {
	for {
		time.Sleep(5 * time.Millisecond)
		for i, c := range connections {
			c.lock.Lock()
			last := c.giveUp(time.Now(), finished[i])
			c.writer.Flush() // an error here is the reader's, too
			c.lock.Unlock()
			if last {
				errors <- nil
			}
		}
	}
}

func pace(connections []*connection, work *work, total int, rate float64,
	finished []func() bool, errors chan<- error) {
	runtime.LockOSThread()
	sharpen()
	for i := range total {
		due := work.started.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		for wait := time.Until(due); wait > 0; wait = time.Until(due) {
			sleep(wait)
		}
		c := connections[i%len(connections)]
		c.lock.Lock()
		before := c.refused
		c.send(request{body: work.body(), due: due})
		c.writer.Flush() // an error here is the reader's, too
		last := c.refused > before && finished[i%len(connections)]()
		c.lock.Unlock()
		if last {
			errors <- nil
		}
	}
}

func first(errors <-chan error, count int) error {
	for range count {
		if err := <-errors; err != nil {
			return err
		}
	}
	return nil
}

// The report; times in microseconds.
type report struct {
	Requests  int     `json:"requests"`
	Wrong     int     `json:"wrong"`
	Shed      int     `json:"shed"`
	Late      int     `json:"late"`
	Refused   int     `json:"refused"`
	Example   string  `json:"example,omitempty"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	P50       uint32  `json:"p50"`
	P99       uint32  `json:"p99"`
	P999      uint32  `json:"p999"`
	Max       uint32  `json:"max"`
}

func summarise(connections []*connection, took time.Duration) report {
	var all []uint32
	var r report
	for _, c := range connections {
		all = append(all, c.latencies...)
		r.Wrong += c.wrong
		r.Shed += c.shed
		r.Late += c.late
		r.Refused += c.refused
		if c.example != "" {
			r.Example = c.example
		}
	}
	slices.Sort(all)
	r.Requests, r.Seconds = len(all), took.Seconds()
	r.PerSecond = float64(len(all)) / took.Seconds()
	if len(all) > 0 {
		at := func(share float64) uint32 { return all[min(len(all)-1, int(share*float64(len(all))))] }
		r.P50, r.P99, r.P999, r.Max = at(0.5), at(0.99), at(0.999), all[len(all)-1]
	}
	return r
}
