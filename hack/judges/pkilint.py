"""pkilint (DigiCert): every certificate against RFC 5280 and its relatives, one certificate at a time.

It takes every `spiffe://` URI for malformed, because a SPIFFE ID has an authority without a dot or a path it does not expect;
that one code is left out by name, and nothing else. What it reports as mere information (how a key identifier was computed) is
no finding.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from judges import isolated

FALSE_POSITIVE: Final = "pkix.invalid_uri_syntax"
_PACKAGES: Final = (
    "pkilint==0.13.3",
    "pyasn1==0.6.5",
    "pyasn1-alt-modules==0.4.10",
    "pyasn1-fasder==0.1.3",
    "validators==0.22.0",
)
_ASK: Final = """
import json
from pkilint import loader
from pkilint.pkix import certificate, extension, name
rules = certificate.create_pkix_certificate_validator_container(
    certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
    [
        certificate.create_issuer_validator_container([]),
        certificate.create_validity_validator_container(),
        certificate.create_subject_validator_container([]),
        certificate.create_extensions_validator_container([]),
        certificate.create_spki_validator_container([]),
    ],
)
load = loader.RFC5280CertificateDocumentLoader().load_pem_document
answers = []
for pem in json.load(sys.stdin):
    results = list(rules.validate(load(pem).root))
    found = [
        (str(one.finding.code), one.finding.severity.name) for result in results for one in result.finding_descriptions
    ]
    answers.append({"findings": found, "looked": len(results)})
print(json.dumps(answers))
"""


@dataclass(frozen=True)
class Linted:
    """What pkilint says about one certificate."""

    findings: tuple[str, ...]
    """Each as `<code>: <severity>`, from notices upwards; sorted."""
    looked: int
    """How many of its rules looked."""


def lint(certificates: Sequence[str]) -> list[Linted]:
    """Return pkilint's opinion of each PEM certificate, all asked in one run.

    Raises:
        JudgeError: one of them cannot be read.
    """
    answer = isolated.asked(_ASK, isolated.library(*_PACKAGES), text=json.dumps(list(certificates)))
    return [
        Linted(
            findings=tuple(
                sorted(
                    f"{code}: {severity}"
                    for code, severity in one["findings"]
                    if code != FALSE_POSITIVE and severity != "INFO"
                )
            ),
            looked=one["looked"],
        )
        for one in json.loads(answer)
    ]
