// Go's verifier, zlint and go-spiffe as judges that answer many cases in one
// run: a case is one line of JSON on standard input (a chain, the roots, a
// moment), its answer one line on standard output.
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

// browsers are rule books for the public web, which a private authority's
// certificates neither follow nor need: left out by source, never by name.
// (This version of zlint has no source of Chrome's.)
var browsers = lint.SourceList{
	lint.CABFBaselineRequirements,
	lint.CABFCSBaselineRequirements,
	lint.CABFEVGuidelines,
	lint.CABFSMIMEBaselineRequirements,
	lint.MozillaRootStorePolicy,
	lint.AppleRootStorePolicy,
}

type question struct {
	// Chain is PEM: the certificate asked about, then what is sent with it.
	Chain string `json:"chain"`
	// Roots is PEM: the bundle.
	Roots string    `json:"roots"`
	Now   time.Time `json:"now"`
	// DNSName is checked in the server's purpose; empty: no name is.
	DNSName string `json:"dnsName"`
	// TrustDomain lets go-spiffe judge the chain as an X509-SVID.
	TrustDomain string `json:"trustDomain"`
	// Key is PEM; go-spiffe holds it against the certificate where given.
	Key string `json:"key"`
}

type finding struct {
	Lint   string `json:"lint"`
	Source string `json:"source"`
	Status string `json:"status"`
}

// answer holds an empty text for everything that is in order.
type answer struct {
	Server   string    `json:"server"`
	Client   string    `json:"client"`
	SVID     string    `json:"svid"`
	ID       string    `json:"id"`
	Findings []finding `json:"findings"`
	// Passed counts the lints that looked and found nothing.
	Passed int    `json:"passed"`
	Error  string `json:"error,omitempty"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	rules, err := lint.GlobalRegistry().Filter(lint.FilterOptions{ExcludeSources: browsers})
	if err != nil {
		fail(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if err := out.Encode(judge(lines.Bytes(), rules)); err != nil {
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

func judge(line []byte, rules lint.Registry) answer {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error()}
	}
	chain, err := parse(asked.Chain)
	if err != nil {
		return answer{Error: "chain: " + err.Error()}
	}
	roots, err := parse(asked.Roots)
	if err != nil {
		return answer{Error: "roots: " + err.Error()}
	}
	result := answer{
		Server: verify(chain, roots, asked.Now, x509.ExtKeyUsageServerAuth, asked.DNSName),
		Client: verify(chain, roots, asked.Now, x509.ExtKeyUsageClientAuth, ""),
	}
	result.ID, result.SVID = svid(chain, roots, asked)
	if err := linted(chain[0].Raw, rules, &result); err != nil {
		result.Error = "zlint cannot read it: " + err.Error()
	}
	return result
}

func parse(text string) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, certificate)
	}
	if len(found) == 0 {
		return nil, errors.New("no certificate in it")
	}
	return found, nil
}

func verify(chain, roots []*x509.Certificate, now time.Time, usage x509.ExtKeyUsage, name string) string {
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         pool(roots),
		Intermediates: pool(chain[1:]),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{usage},
		DNSName:       name,
	})
	return text(err)
}

func pool(certificates []*x509.Certificate) *x509.CertPool {
	made := x509.NewCertPool()
	for _, each := range certificates {
		made.AddCert(each)
	}
	return made
}

func svid(chain, roots []*x509.Certificate, asked question) (string, string) {
	if asked.TrustDomain == "" {
		return "", "not asked"
	}
	domain, err := spiffeid.TrustDomainFromString(asked.TrustDomain)
	if err != nil {
		return "", err.Error()
	}
	if asked.Key != "" {
		if _, err := x509svid.Parse([]byte(asked.Chain), []byte(asked.Key)); err != nil {
			return "", err.Error()
		}
	}
	id, _, err := x509svid.Verify(chain, x509bundle.FromX509Authorities(domain, roots), x509svid.WithTime(asked.Now))
	if err != nil {
		return "", err.Error()
	}
	return id.String(), ""
}

func linted(raw []byte, rules lint.Registry, result *answer) error {
	certificate, err := zx509.ParseCertificate(raw)
	if err != nil {
		return err
	}
	result.Findings = []finding{}
	for name, verdict := range zlint.LintCertificateEx(certificate, rules).Results {
		switch {
		case verdict.Status == lint.Pass:
			result.Passed++
		case verdict.Status > lint.Pass:
			source := string(rules.ByName(name).Source)
			result.Findings = append(result.Findings, finding{name, source, verdict.Status.String()})
		}
	}
	return nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
