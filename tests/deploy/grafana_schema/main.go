// SPDX-License-Identifier: Apache-2.0

// grafana-schema reads dashboards as strictly as Grafana's own schema is written: every key has to be
// known, in panels, queries and options of each plug-in as well, and every constraint has to hold.
// It ends with status 1 and says where when one does not.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	status := 0
	for _, name := range os.Args[1:] {
		if err := read(name); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			status = 1
		}
	}
	os.Exit(status)
}

func read(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var read dashboard.Dashboard
	if err := some(read.UnmarshalJSONStrict(text)); err != nil {
		return err
	}
	return some(read.Validate())
}

// some is the error, unless it is a list of none: the module returns these for what is right.
func some(err error) error {
	var found cog.BuildErrors
	if errors.As(err, &found) && len(found) == 0 {
		return nil
	}
	return err
}
