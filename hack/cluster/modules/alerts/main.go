// Prometheus' own reading of alerting rules as a judge that answers many cases
// in one run: a case is one line of JSON on standard input (a file of rules as
// promtool reads it), its answer one line on standard output.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sort"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

type question struct {
	// Rules is the file's text: YAML or JSON with the key groups.
	Rules string `json:"rules"`
}

// selector is one place in an expression where series are chosen.
type selector struct {
	Alert  string `json:"alert"`
	Metric string `json:"metric"`
	// Labels maps the labels compared with = to their values.
	Labels map[string]string `json:"labels"`
}

type answer struct {
	Errors    []string   `json:"errors"`
	Selectors []selector `json:"selectors"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if err := out.Encode(judge(lines.Bytes())); err != nil {
			fail(err)
		}
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func judge(line []byte) answer {
	result := answer{Errors: []string{}, Selectors: []selector{}}
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		result.Errors = append(result.Errors, err.Error())
		return result
	}
	promql := parser.NewParser(parser.Options{})
	read, errs := rulefmt.Parse([]byte(asked.Rules), false, model.LegacyValidation, promql, slog.Default())
	for _, err := range errs {
		result.Errors = append(result.Errors, err.Error())
	}
	if read == nil {
		return result
	}
	for _, group := range read.Groups {
		for _, rule := range group.Rules {
			result.Selectors = append(result.Selectors, chosen(promql, rule.Alert, rule.Expr)...)
		}
	}
	return result
}

// chosen answers nothing for an expression that does not parse: Parse has named it.
func chosen(promql parser.Parser, alert, text string) []selector {
	found := []selector{}
	expression, err := promql.ParseExpr(text)
	if err != nil {
		return found
	}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if series, is := node.(*parser.VectorSelector); is {
			each := selector{Alert: alert, Labels: map[string]string{}}
			for _, matcher := range series.LabelMatchers {
				switch {
				case matcher.Name == labels.MetricName:
					each.Metric = matcher.Value
				case matcher.Type == labels.MatchEqual:
					each.Labels[matcher.Name] = matcher.Value
				}
			}
			found = append(found, each)
		}
		return nil
	})
	sort.SliceStable(found, func(a, b int) bool { return found[a].Metric < found[b].Metric })
	return found
}
