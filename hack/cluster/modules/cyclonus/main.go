// Cyclonus' matcher as a judge that answers many cases in one run: a case is
// one line of JSON on standard input (NetworkPolicies and the flows asked
// about), its answer one line on standard output. Cyclonus' own program prints
// tables of one policy folder for people.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// end is a pod, or an address outside the cluster when Namespace is empty.
type end struct {
	Namespace       string            `json:"namespace"`
	IP              string            `json:"ip"`
	Labels          map[string]string `json:"labels"`
	NamespaceLabels map[string]string `json:"namespaceLabels"`
}

// flow names its ends by their place in the question's list.
type flow struct {
	Source      int    `json:"source"`
	Destination int    `json:"destination"`
	Port        int    `json:"port"`
	PortName    string `json:"portName"`
	Protocol    string `json:"protocol"`
}

type question struct {
	Policies []*networkingv1.NetworkPolicy `json:"policies"`
	Ends     []end                         `json:"ends"`
	Flows    []flow                        `json:"flows"`
}

type answer struct {
	Allowed []bool `json:"allowed"`
	Error   string `json:"error,omitempty"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	os.Stdout = os.Stderr
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

// judge answers an error where the matcher panics, its way of refusing a policy.
func judge(line []byte) (result answer) {
	defer func() {
		if broken := recover(); broken != nil {
			result = answer{Error: fmt.Sprintf("panic: %v", broken)}
		}
	}()
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error()}
	}
	policy := matcher.BuildNetworkPolicies(false, asked.Policies)
	peers := make([]*matcher.TrafficPeer, len(asked.Ends))
	for i, each := range asked.Ends {
		peers[i] = trafficPeer(each)
	}
	for _, each := range asked.Flows {
		verdict := policy.IsTrafficAllowed(&matcher.Traffic{
			Source:           peers[each.Source],
			Destination:      peers[each.Destination],
			ResolvedPort:     each.Port,
			ResolvedPortName: each.PortName,
			Protocol:         corev1.Protocol(each.Protocol),
		})
		result.Allowed = append(result.Allowed, verdict.IsAllowed())
	}
	return result
}

func trafficPeer(each end) *matcher.TrafficPeer {
	if each.Namespace == "" {
		return &matcher.TrafficPeer{IP: each.IP}
	}
	return &matcher.TrafficPeer{IP: each.IP, Internal: &matcher.InternalPeer{
		PodLabels:       each.Labels,
		NamespaceLabels: each.NamespaceLabels,
		Namespace:       each.Namespace,
	}}
}
