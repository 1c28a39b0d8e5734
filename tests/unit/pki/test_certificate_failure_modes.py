"""How certificates fail with other tools (the failure modes of the research, §1.3), each with the tests that it cannot here.

The table names the tests; that each of them exists is checked, so that a failure mode does not lose its proof when a test moves.
One mode has its proof in this file: an authority that keeps its key and gets another certificate.
"""

import ast
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bartizan.core.pki.decide import Issue, Keep
from bartizan.signers.builtin import AUTHORITY_BACKDATE
from bartizan.signers.certificates import authority_builder, authority_name, load_key, signed, validity
from unit.pki.builders import NOW, a_pki

ROOT = Path(__file__).parents[2]
MODES = {
    "the authority is renewed and the leaves are not": (
        "unit/pki/test_decide.py::test_issue",
        "unit/pki/test_decide.py::test_old_issuing_authority_is_accepted_until_it_ends",
        "unit/pki/test_certificate_failure_modes.py::test_an_authority_with_its_old_key_and_a_new_certificate_is_another_one",
        "property/pki/test_rotation_walks.py::test_valid_at_all_times",
    ),
    "names change, and the certificate does not": (
        "unit/pki/test_decide.py::test_issue",
        "simulation/test_controller.py::test_a_service_adds_its_names_to_the_certificate",
    ),
    "two writers of one Secret flood the API server": (
        "simulation/test_contest.py::test_a_writer_that_never_rests_does_not_make_a_flood",
        "simulation/test_contest.py::test_every_way_of_contesting_is_bounded_and_named",
        "integration/controller/test_certificate_faults.py::test_contested_secret",
    ),
    "a certificate is issued in a loop": (
        "unit/pki/test_decide.py::test_clamped_certificate_is_not_issued_in_a_loop",
        "simulation/test_controller.py::test_a_second_pass_over_everything_writes_nothing",
    ),
    "all are renewed at once": (
        "unit/pki/test_decide.py::test_renewal_is_spread_and_repeatable",
        "property/pki/test_rotation_walks.py::test_jitter_stays_in_its_window",
        "property/controller/test_turns.py::test_never_more_than_the_budget_and_nobody_is_forgotten",
        "property/controller/test_turns.py::test_those_who_wait_are_signed_for_by_the_end_of_their_certificate",
        "simulation/test_issuance.py::test_renewals_go_by_what_ends_first",
    ),
    "a pod goes on with its old certificate": (
        "simulation/test_served.py::test_pods_that_do_not_reload_are_replaced_one_at_a_time",
        "unit/served/test_judge.py::test_what_was_seen_is_said",
    ),
    "a restart races the Secret": ("simulation/test_served.py::test_strategy_restart_replaces_at_every_rotation",),
    "a clock differs, and the certificate is not valid yet": (
        "unit/pki/test_signer.py::test_validity",
        "simulation/test_certificate_faults.py::test_a_clock_that_is_ten_minutes_fast_or_slow_leaves_valid_certificates",
    ),
    "an authority's key is lost, or made again in silence": (
        "unit/pki/test_rotation.py::test_lost",
        "unit/pki/test_rotation.py::test_lost_stays_lost",
        "simulation/test_certificate_faults.py::test_a_deleted_authority_is_told_and_not_replaced_and_a_backup_mends_it",
        "simulation/test_certificate_faults.py::test_a_corrupted_authority_is_told_and_never_replaced",
        "simulation/test_certificate_faults.py::test_renewal_goes_on_while_the_root_is_lost",
    ),
    "an old root is dropped too early": (
        "unit/pki/test_phases.py::test_publishing_waits_for_everybody",
        "unit/pki/test_phases.py::test_nothing_goes_without_evidence",
        "property/pki/test_phases.py::test_whatever_happens_nobody_is_cut_off",
        "property/pki/test_rotation_walks.py::test_roots_follow_each_other",
    ),
    "a part mounted by subPath is never updated": (
        "unit/admission/test_checks.py::test_a_violation_is_told_with_place_value_and_fix",
        "parity/admission/test_offline.py::test_new_pods",
        "parity/admission/test_live.py::test_new_pods",
    ),
    "the Secret is deleted, or holds nonsense": (
        "simulation/test_controller.py::test_a_deleted_object_is_made_again",
        "simulation/test_certificate_faults.py::test_a_corrupted_certificate_is_issued_anew",
        "property/pki/test_rotation_walks.py::test_no_secret_makes_a_decision_raise",
    ),
    "the API server refuses, or goes away": (
        "simulation/test_certificate_faults.py::test_a_storm_of_429_delays_and_loses_nothing",
        "integration/controller/test_certificate_faults.py::test_429_storm_loses_nothing",
        "integration/controller/test_certificate_faults.py::test_restart_of_the_server",
    ),
    "who issues loses the Lease": (
        "simulation/test_certificate_faults.py::test_a_lease_lost_in_the_middle_of_a_wave_loses_nothing",
        "integration/controller/test_two.py::test_one_writes_and_the_other_takes_over",
    ),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_failure_mode_has_its_tests(mode):
    """The tests that keep a failure mode away exist under the names given."""
    missing = [name for name in MODES[mode] if name.split("::")[1] not in _tests(name.split("::")[0])]
    assert missing == []


def _tests(path):
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_an_authority_with_its_old_key_and_a_new_certificate_is_another_one():
    """A leaf under the old certificate is not left as it is: peers get the certificate that is in force, although the key is the same."""
    pki = a_pki()
    secret = pki.issue()
    key, parent = (load_key(one.key_pem, of="the test") for one in (pki.issuing, pki.root))
    builder = authority_builder(
        key,
        subject=authority_name("bartizan issuing 2 of prod.example.com"),
        domain="prod.example.com",
        path_length=0,
        times=validity(NOW, lifetime=timedelta(days=9), backdate=AUTHORITY_BACKDATE, within=pki.root.certificate),
    )
    renewed = signed(builder, parent, pki.root.certificate)
    assert replace(pki.issuing, certificate=renewed).id == pki.issuing.id
    decision = pki.decide(secret, chains=((renewed,),))
    kept = isinstance(decision, Keep) and decision.desired["data"]["tls.crt"] == secret["data"]["tls.crt"]
    assert (kept, isinstance(decision, Issue | Keep)) == (False, True)
