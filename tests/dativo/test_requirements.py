"""Every requirement of the handoff has a test that shows it: the row, and where to look.

The handoff's capabilities, patterns, secrets, infrastructure, tasks, exit codes, questions, tests and criteria are the
keys; what is shown on one place only for several rows stands there several times.
"""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.dativo.project import ROOT

JOBS, RUN, COMMANDS = "tests/dativo/test_jobs.py", "tests/dativo/test_run.py", "tests/dativo/test_commands.py"
RECOVERY, TENANTS, KILLS = "tests/dativo/test_recovery.py", "tests/dativo/test_tenants.py", "tests/dativo/test_kills.py"
NESSIE, MANAGERS = "tests/nessie/test_dativo_nessie.py", "tests/dativo/test_secret_managers.py"
FOLDER = "tests/nessie/test_dativo_folder.py::test_twelve_jobs_of_three_tenants_over_eight_sources"

ROWS: dict[str, list[str]] = {
    "8.1 job example": [
        f"{JOBS}::test_the_job_of_the_handoff_loads_as_it_stands",
        "tests/nessie/test_dativo_handoff.py::test_the_job_runs_and_its_second_run_reads_only_the_new",
    ],
    "8.1 state file": [
        f"{RUN}::test_first_load_second_load_and_nothing_new",
        f"{COMMANDS}::test_a_state_of_another_program_is_set_and_the_next_run_reads_only_the_new",
    ],
    "8.1 secrets layout": [f"{TENANTS}::test_the_folder_of_secrets_of_the_handoff"],
    "8.2 configuration architecture": [
        f"{JOBS}::test_every_shipped_job_is_ready_with_its_recipes_and_asset",
        f"{JOBS}::test_older_spellings_load_with_a_note_that_names_file_and_line",
        f"{JOBS}::test_shipped_recipes_are_those_of_the_registry",
    ],
    "8.2 validation of connectors, schemas, mode": [
        f"{JOBS}::test_what_cannot_be_run_is_said_before_anything_is_started",
        f"{JOBS}::test_what_is_wrong_in_a_job_file",
        f"{JOBS}::test_cloud_mode_sees_the_allowed_part_of_the_environment_and_refuses_databases",
    ],
    "8.2 environment variables": [
        f"{JOBS}::test_variables_are_replaced_once_and_only_where_they_may_stand",
        f"{JOBS}::test_paths_take_the_older_form_of_variables",
    ],
    "8.2 structured logging": [
        f"{RUN}::test_first_load_second_load_and_nothing_new",
        f"{TENANTS}::test_known_secrets_are_hidden_in_every_form",
    ],
    "8.2 startup orchestration": [
        f"{RUN}::test_first_load_second_load_and_nothing_new",
        FOLDER,
    ],
    "8.2 Markdown-KV": [
        f"{RUN}::test_rows_become_markdown_on_their_way_to_the_table",
        f"{RUN}::test_a_mapper_that_dies_is_a_failure",
        "tests/adapters/test_sources.py",
    ],
    "8.3 everything in YAML": ["tests/docs/test_generated.py::test_generated_docs_have_not_drifted"],
    "8.3 validation first": [f"{COMMANDS}::test_check_asks_files_servers_tap_and_tables"],
    "8.3 tenant isolation": [
        f"{TENANTS}::test_two_tenants_at_once_share_nothing",
        FOLDER,
        f"{JOBS}::test_tenants_keep_to_their_own_warehouse",
        f"{JOBS}::test_names_that_would_be_odd_paths_are_refused",
        f"{JOBS}::test_other_tenants_secrets_cannot_be_named",
    ],
    "8.3 incremental": [
        f"{RUN}::test_first_load_second_load_and_nothing_new",
        f"{JOBS}::test_incremental_of_nothing_is_off",
    ],
    "8.3 lookback": [f"{RECOVERY}::test_a_tap_gets_a_copy_set_back_by_the_lookback_and_entries_of_others_are_read"],
    "8.3 who writes the state, and when": [
        f"{RECOVERY}::test_a_crash_between_publish_and_save_is_repaired_by_the_tables",
        f"{RECOVERY}::test_what_was_printed_last_is_saved_and_older_notes_are_settled",
        f"{RECOVERY}::test_the_tables_say_which_of_the_noted_states_holds",
        f"{RECOVERY}::test_a_damaged_state_file_is_a_failure_and_never_a_full_reload",
        "tests/target/test_journal.py::test_every_epoch_is_noted_with_its_state_before_it_is_published",
    ],
    "8.3 state directories": [f"{RUN}::test_what_a_run_leaves_is_the_owners_alone"],
    "8.4 secrets of the file system": [f"{TENANTS}::test_the_folder_of_secrets_of_the_handoff"],
    "8.4 secrets of the environment": [f"{TENANTS}::test_secrets_of_the_environment"],
    "8.4 the managers of section 1.10: vault, aws, gcp": [
        f"{MANAGERS}::test_a_tenant_reads_its_own_path_of_vault",
        f"{MANAGERS}::test_paths_below_the_tenants_and_a_sign_in_by_approle",
        f"{MANAGERS}::test_a_tenant_reads_its_own_secrets_of_google",
        f"{MANAGERS}::test_a_tenant_reads_its_own_secrets_of_aws",
        f"{MANAGERS}::test_a_run_with_a_key_of_aws",
        f"{MANAGERS}::test_a_run_with_a_key_of_vault",
    ],
    "8.4 a missing secret": [f"{TENANTS}::test_a_secret_that_nobody_gives_is_a_failure_before_anything_is_started"],
    "8.4 they reach that run only": [
        f"{TENANTS}::test_two_tenants_at_once_share_nothing",
        f"{TENANTS}::test_secrets_and_records_are_shown_nowhere",
    ],
    "8.5 infrastructure": [
        f"{COMMANDS}::test_servers_that_do_not_answer_are_warnings_of_a_run_and_problems_of_a_check",
        f"{COMMANDS}::test_a_database_port_is_looked_at_where_it_is_configured",
        f"{NESSIE}::test_a_warehouse_that_nessie_does_not_have_is_said_before_any_run",
    ],
    "8.6 1a, 1c schema and asset": [
        f"{RUN}::test_a_row_that_breaks_the_contract",
        f"{JOBS}::test_an_asset_that_cannot_be_enforced_is_named_by_its_own_line",
    ],
    "8.6 1b, 3b Nessie": [FOLDER],
    "8.6 2a, 2b extraction": [f"{RUN}::test_first_load_second_load_and_nothing_new"],
    "8.6 3a, 3c Parquet, partitions": ["tests/partitions/test_loads.py"],
    "8.6 3d file formats": [f"{JOBS}::test_what_cannot_be_run_is_said_before_anything_is_started"],
    "8.6 4a retry": [
        f"{RUN}::test_the_job_is_tried_again_for_what_may_pass_and_not_for_what_cannot",
        f"{KILLS}::test_a_run_that_takes_too_long_is_ended",
    ],
    "8.6 4b error reporting": [
        f"{RUN}::test_a_tap_that_dies_publishes_nothing_twice",
        f"{RUN}::test_meltano_that_is_not_there_is_one_line",
    ],
    "8.7 0": [f"{RUN}::test_first_load_second_load_and_nothing_new"],
    "8.7 1, 2": [
        f"{RUN}::test_a_row_that_breaks_the_contract",
        f"{RUN}::test_rows_of_which_none_is_good_are_a_failure",
        f"{COMMANDS}::test_exit_codes_come_from_the_run_report",
    ],
    "8.7 --job-dir": [FOLDER],
    "8.8 how connectors are executed": [f"{COMMANDS}::test_install_finds_what_is_there_and_says_what_is_not"],
    "8.8 branches, conflicts": ["tests/nessie/publish/test_rivals_nessie.py"],
    "8.9 smoke": [f"{RUN}::test_the_shipped_job_runs_from_a_checkout"],
    "8.10 incremental": [f"{RUN}::test_first_load_second_load_and_nothing_new"],
    "8.10 errors handled gracefully": [
        f"{KILLS}::test_a_killed_process_costs_nothing",
        f"{KILLS}::test_a_run_that_is_stopped_ends_in_order",
        f"{KILLS}::test_a_job_is_run_by_one_process_at_a_time",
    ],
}


@cache
def _tests(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("row", ROWS)
def test_a_requirement_is_shown_by_tests_that_exist(row: str) -> None:
    for place in ROWS[row]:
        path, _, name = place.partition("::")
        assert name in _tests(path) if name else _tests(path), place


@pytest.mark.parametrize("section", ["8.1", "8.2", "8.3", "8.4", "8.5", "8.6", "8.7", "8.8", "8.9", "8.10"])
def test_no_section_of_the_handoff_is_left_out(section: str) -> None:
    assert any(row.startswith(f"{section} ") for row in ROWS)
