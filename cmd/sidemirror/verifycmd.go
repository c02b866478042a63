package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sidemirror/sidemirror/syncer"
)

const verifyHelp = `Compares the store with the cluster, object by object, and prints a table with
the differences below it. Give it the flags and files that run got: it must look
at the same objects in the same form. run may be at work meanwhile; what differs
only for a moment doesn't count.

Exit codes: 0 no difference; 1 differences; 2 something couldn't be compared, or
usage.`

// shownDifferences bounds what is printed; the table counts all.
const shownDifferences = 100

// exitUncompared is verify's code when its answer would be worth nothing, as diff has it.
const exitUncompared = 2

// verifyOptions are the flags of verify, as given.
type verifyOptions struct {
	connectOptions
	settle time.Duration
	looks  int
}

func newVerifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare the store with the cluster",
		Long:  verifyHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.addFlags(cmd)
	f := cmd.Flags()
	f.DurationVar(&o.settle, "settle", 2*time.Second, "`TIME` between two looks at a resource that differs")
	f.IntVar(&o.looks, "looks", 3, "`NUMBER` of looks before a difference counts, 2 or more")
	complete(cmd, "settle", cobra.NoFileCompletions)
	complete(cmd, "looks", cobra.NoFileCompletions)
	return cmd
}

// run compares and prints; whatever keeps it from that is [exitUncompared].
func (o *verifyOptions) run(ctx context.Context, stdout, stderr io.Writer) error {
	var differences []syncer.Difference
	report, err := o.compare(ctx, stderr, func(d syncer.Difference) {
		if len(differences) < shownDifferences {
			differences = append(differences, d)
		}
	})
	if err != nil {
		return withCode(exitUncompared, err)
	}
	if err := printReport(stdout, report, differences); err != nil {
		return withCode(exitUncompared, err)
	}
	return verdict(report)
}

// compare opens both sides for the time of one comparison.
func (o *verifyOptions) compare(ctx context.Context, stderr io.Writer, note func(syncer.Difference)) (report syncer.VerifyReport, err error) {
	if err := o.validate(); err != nil {
		return report, err
	}
	c, err := o.connect()
	if err != nil {
		return report, err
	}
	if path := c.Store.SQLitePath; path != "" {
		if _, err := os.Stat(path); err != nil { // opening it would make one
			return report, fmt.Errorf("--store: %w", notThere(path, err))
		}
	}
	log := newLogger(o.logLevel.value, o.logFormat.value, stderr)
	source, err := newSource(c, nil, log)
	if err != nil {
		return report, err
	}
	store, err := newStore(c, nil, log)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, closeStore(store)) }()
	return syncer.Verify(ctx, syncer.VerifyOptions{
		Source: source, Store: store, Settle: o.settle, Looks: o.looks, Report: note,
	})
}

func (o *verifyOptions) validate() error {
	if o.looks < 2 {
		return fmt.Errorf("--looks: want 2 or more, got %d", o.looks)
	}
	if o.settle < 0 {
		return fmt.Errorf("--settle: want 0 or more, got %s", o.settle)
	}
	return o.connectOptions.validate()
}

// printReport writes a table with a line for each cell, then the differences.
func printReport(w io.Writer, report syncer.VerifyReport, differences []syncer.Difference) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RESOURCE\tCOMPARED\tMISSING\tEXTRA\tDIFFERENT\tRESULT")
	for _, r := range report.Resources {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", printable(r.Name), grouped(r.Compared),
			grouped(r.Missing), grouped(r.Extra), grouped(r.Different), result(r))
	}
	if err := table.Flush(); err != nil || len(differences) == 0 {
		return err
	}
	slices.SortStableFunc(differences, byCellAndKey)
	fmt.Fprintln(w)
	for _, d := range differences {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", d.Kind, printable(d.Cell), printable(d.Key), versions(d))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if hidden := report.Differences() - int64(len(differences)); hidden > 0 {
		fmt.Fprintf(w, "and %s more\n", grouped(hidden))
	}
	return nil
}

// result is a cell's outcome in a word, or the reason why there is none.
func result(r syncer.VerifyResource) string {
	switch {
	case r.Err != nil:
		return "not compared: " + printable(r.Err.Error())
	case r.Missing+r.Extra+r.Different > 0:
		return "differs"
	default:
		return "same"
	}
}

// versions says what each side has.
func versions(d syncer.Difference) string {
	switch {
	case d.Kind == syncer.Missing:
		return fmt.Sprintf("cluster %d", d.ClusterRV)
	case d.Kind == syncer.Extra:
		return fmt.Sprintf("store %d", d.StoredRV)
	case d.ClusterRV == d.StoredRV:
		return fmt.Sprintf("other content at %d", d.StoredRV)
	default:
		return fmt.Sprintf("cluster %d, store %d", d.ClusterRV, d.StoredRV)
	}
}

// verdict is nil only when everything was compared and is the same.
func verdict(report syncer.VerifyReport) error {
	uncompared := 0
	for _, r := range report.Resources {
		if r.Err != nil {
			uncompared++
		}
	}
	switch n := report.Differences(); {
	case uncompared > 0:
		return withCode(exitUncompared, fmt.Errorf("%d of %d resources couldn't be compared", uncompared, len(report.Resources)))
	case n == 1:
		return errors.New("1 difference")
	case n > 1:
		return fmt.Errorf("%s differences", grouped(n))
	default:
		return nil
	}
}

func byCellAndKey(a, b syncer.Difference) int {
	return cmp.Or(cmp.Compare(a.Cell, b.Cell), cmp.Compare(a.Key, b.Key))
}
