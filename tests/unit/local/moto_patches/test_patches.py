"""Each patch is needed: what moto does alone.

These fail when moto learns to do by itself what a patch is for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.moto_patches import patches

MOTO_ALONE = Path(__file__).with_name("moto_alone.py")


@pytest.fixture(scope="session")
def alone() -> dict[str, Any]:
    done = subprocess.run([sys.executable, MOTO_ALONE], capture_output=True, check=True)
    facts = json.loads(done.stdout)
    assert isinstance(facts, dict)
    return facts


# (patch, fact, what moto alone does)
NEEDED: list[tuple[str, str, Any]] = [
    ("know_managed_policies", "loads_managed_policies", False),
    ("execute_state_machines", "runs_definitions_unasked", False),
    ("start_executions", "unnamed_execution", "None"),
    ("start_executions", "express_type", "STANDARD"),
    (
        "write_context_times_as_text",
        "describes_an_execution_that_uses_its_start_time",
        False,
    ),
    ("describe_executions", "output_that_is_text", "text"),
    ("check_definitions", "accepts_a_missing_target", True),
    ("share_parsed_definitions", "parses_for_two_executions", 2),
    ("share_parsed_paths", "caches_paths", False),
    ("read_paths_as_aws_does", "value_behind_an_element", ["RUNNING"]),
    ("put_lists_at_elements", "list_that_was_put_at_an_element", [1]),
    ("run_untimed_programs_in_place", "threads_for_one_pass_state", 2),
    ("iterate_without_recursion", "map_gets_deeper", True),
    ("scale_waits", "retries_with_the_real_clock", True),
    ("scale_waits", "waits_for_a_timestamp_an_hour_ahead", False),
    ("catch_as_aws_does", "catches_states_runtime", "SUCCEEDED"),
    ("stay_stopped", "status_when_stopped_amid_a_map", "FAILED"),
    ("map_over_lists_only", "catches_a_map_over_no_list", "SUCCEEDED"),
    ("call_as_the_machines_role", "key_of_a_task", "ak"),
    ("call_as_the_machines_role", "describes_a_state_with_a_date_from_the_sdk", False),
    ("spell_parameters_as_the_sdk", "spelling_of_an_sdk_answer", ["activities"]),
    ("name_task_errors_as_aws", "prefix_of_an_sdk_error", "ssm.ParameterNotFoundException"),
    (
        "name_task_errors_as_aws",
        "timeout_of_a_dynamodb_task",
        "DynamoDB.AmazonDynamoDBException",
    ),
    ("deliver_events", "disabled_rule_delivers", 1),
    ("watch_schedules", "accepts_a_wrong_schedule", True),
    ("emit_parameter_events", "parameter_events", 0),
    ("route_any_key", "routes_a_key_with_a_line_break", False),
    ("list_versions_of_any_key", "encodes_the_keys_of_versions", False),
    (
        "let_links_choose_how_they_are_answered",
        "takes_the_type_of_an_answer_for_a_signed_header",
        True,
    ),
    ("enforce_allowed_patterns", "enforces_an_allowed_pattern", False),
    ("refuse_flows_that_are_off", "signs_in_by_a_flow_that_is_off", True),
    ("ask_for_the_password_by_srp", "signs_in_by_srp_without_the_password", True),
    ("end_tokens_in_time", "lifetime_of_a_token_of_five_minutes_s", 3600),
    ("keep_attributes_from_their_owners", "lets_people_write_any_attribute", True),
    ("sign_out_under_any_name", "keeps_a_session_that_is_ended_by_sub", True),
    ("give_clients_second_secrets", "gives_clients_second_secrets", False),
]
# (patch, fact, moto alone does it this often at least)
WASTEFUL = [
    ("cache_service_lookup", "folders_listed_for_one_request", 2),
    ("list_operations_once", "listings_of_operations_for_two_requests", 2),
    ("answer_no_other_origin", "answers_that_let_every_page_read", 1),
    ("finish_executions", "threads_kept_after_an_execution", 1),
    ("log_failures_quietly", "errors_logged_by_one_failure", 1),
    ("make_queues_fast", "messages_looked_at_to_receive_one", 50),
    ("count_messages_once", "counts_for_two_attributes", 2),
    ("write_attributes_as_they_are", "members_looked_for_in_one_attribute", 10),
]
# moto cannot learn these: they are the runtime's own choices
OWN = {
    "run_queues_on_the_virtual_clock",
    "date_objects_by_the_virtual_clock",
    "refuse_fifo_queues",
    "time_out_hanging_calls",
}


@pytest.mark.parametrize(("patch", "fact", "value"), NEEDED)
def test_moto_alone_still_needs_the_patch(
    alone: dict[str, Any], patch: str, fact: str, value: Any
) -> None:
    assert alone[fact] == value, f"moto has learnt to do it: is moto_patches.{patch} still needed?"


@pytest.mark.parametrize(("patch", "fact", "least"), WASTEFUL)
def test_moto_alone_is_still_wasteful(
    alone: dict[str, Any], patch: str, fact: str, least: int
) -> None:
    assert alone[fact] >= least, f"moto has learnt to do it: is moto_patches.{patch} still needed?"


def test_every_patch_is_shown_to_be_needed() -> None:
    shown = {patch for patch, _, _ in [*NEEDED, *WASTEFUL]} | {"emit_object_events"}
    assert {patch.__name__ for patch in patches.PATCHES} == shown | OWN


def test_moto_alone_still_misshapes_object_events(alone: dict[str, Any]) -> None:
    detail = alone["object_event"]
    assert "etag" not in detail["object"]
    assert detail["reason"] == "ObjectCreated"
