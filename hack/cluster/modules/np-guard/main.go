// np-guard's netpol-analyzer as a judge that answers many cases in one run:
// a case is one line of JSON on standard input, its answer one line on standard
// output. The analyzer's own program reads one folder per run and prints names
// of workloads for people; this one keeps exact ports and says what was read.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/np-guard/netpol-analyzer/pkg/manifests/fsscanner"
	"github.com/np-guard/netpol-analyzer/pkg/netpol/connlist"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/resource"
)

// question is either a list of Kubernetes objects or a folder of manifests.
type question struct {
	Objects []map[string]any `json:"objects"`
	Folder  string           `json:"folder"`
}

// peer is a workload, or the address ranges of a block outside the cluster.
type peer struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Ranges    string `json:"ranges,omitempty"`
}

type connection struct {
	Source      peer                  `json:"source"`
	Destination peer                  `json:"destination"`
	Everything  bool                  `json:"everything"`
	Ports       map[string][][2]int64 `json:"ports"`
}

// answer carries what was read (for folders), so that both sides judge the same objects.
type answer struct {
	Peers       []peer           `json:"peers"`
	Connections []connection     `json:"connections"`
	Objects     []map[string]any `json:"objects,omitempty"`
	Notes       []string         `json:"notes,omitempty"`
	Error       string           `json:"error,omitempty"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	os.Stdout = os.Stderr // the analyzer prints remarks there
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 256<<20)
	for lines.Scan() {
		if err := out.Encode(judge(lines.Bytes())); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judge(line []byte) (result answer) {
	defer func() {
		if broken := recover(); broken != nil {
			result.Error = fmt.Sprintf("panic: %v", broken)
		}
	}()
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error()}
	}
	infos, notes := read(asked)
	for _, info := range infos {
		if item, ok := info.Object.(*unstructured.Unstructured); ok && asked.Folder != "" {
			result.Objects = append(result.Objects, item.Object)
		}
	}
	result.Notes = notes
	analyzer := connlist.NewConnlistAnalyzer(connlist.WithMuteErrsAndWarns())
	connections, peers, err := analyzer.ConnlistFromResourceInfos(infos)
	for _, problem := range analyzer.Errors() {
		if problem.IsSevere() || problem.IsFatal() {
			result.Notes = append(result.Notes, problem.Error().Error())
		}
	}
	if err != nil {
		result.Error = err.Error()
		return result
	}
	for _, each := range peers {
		result.Peers = append(result.Peers, described(each))
	}
	for _, each := range connections {
		result.Connections = append(result.Connections, connection{
			Source:      described(each.Src()),
			Destination: described(each.Dst()),
			Everything:  each.AllProtocolsAndPorts(),
			Ports:       ports(each),
		})
	}
	return result
}

func read(asked question) (infos []*resource.Info, notes []string) {
	if asked.Folder != "" {
		found, problems := fsscanner.GetResourceInfosFromDirPath([]string{asked.Folder}, true, false)
		for _, problem := range problems {
			notes = append(notes, problem.Error())
		}
		return found, notes
	}
	for _, object := range asked.Objects {
		infos = append(infos, &resource.Info{Object: &unstructured.Unstructured{Object: object}})
	}
	return infos, nil
}

func described(each connlist.Peer) peer {
	if each.IsPeerIPType() {
		return peer{Ranges: each.IP()}
	}
	return peer{Namespace: each.Namespace(), Name: each.Name(), Kind: each.Kind()}
}

// ports keeps the ranges that are allowed; the analyzer lists the others too.
func ports(each connlist.Peer2PeerConnection) map[string][][2]int64 {
	found := map[string][][2]int64{}
	for protocol, ranges := range each.ProtocolsAndPorts() {
		for _, span := range ranges {
			if held, ok := span.(interface{ InSet() bool }); ok && !held.InSet() {
				continue
			}
			found[string(protocol)] = append(found[string(protocol)], [2]int64{span.Start(), span.End()})
		}
	}
	return found
}
