"""The rows of the handoff and of what was found wrong in the public system, each with the tests that show it.

The sections are those of the requirement's tables: 2.1 what is mended, 8.2 to 8.10 what is asked, and the traits of
inputs that users bring. A test stands as `path::name`, a file of tests that is about one row alone as its path.
"""

from __future__ import annotations

D, N, T = "tests/dativo/test_", "tests/nessie/test_", "tests/target/test_"
P = "tests/nessie/publish/test_"
JOBS, MERGING, STARTUP = f"{D}jobs.py::test_", f"{D}merging.py::test_", f"{D}startup.py::test_"
COMMANDS, RUN, RECOVERY = f"{D}commands.py::test_", f"{D}run.py::test_", f"{D}recovery.py::test_"
TENANTS, KILLS, CLI = f"{D}tenants.py::test_", f"{D}kills.py::test_", f"{D}cli.py::test_"
MANAGERS = f"{D}secret_managers.py::test_"
FOLDER = f"{N}dativo_folder.py::test_twelve_jobs_of_three_tenants_over_eight_sources"
HANDOFF = f"{N}dativo_handoff.py::test_the_job_runs_and_its_second_run_reads_only_the_new"
LOADS = f"{RUN}first_load_second_load_and_nothing_new"
CODES = f"{COMMANDS}exit_codes_come_from_the_run_report"
BREAKS = f"{RUN}a_row_that_breaks_the_contract"
CANNOT = f"{JOBS}what_cannot_be_run_is_said_before_anything_is_started"
ALIKE = f"{STARTUP}a_job_and_a_folder_are_started_alike_and_an_invalid_job_is_not_started"
SILENT = f"{COMMANDS}servers_that_do_not_answer_are_warnings_of_a_run_and_problems_of_a_check"
STRATEGIES = f"{MERGING}strategies_become_replication"

ROWS: dict[str, dict[str, list[str]]] = {
    "2.1": {
        "nothing to do is success; records of which none is good are a failure": [
            LOADS,
            f"{RUN}rows_of_which_none_is_good_are_a_failure",
        ],
        "a missing connector, recipe or asset is code 2 and one message": [
            f"{STARTUP}a_file_that_is_missing_is_one_message_and_code_2"
        ],
        "a store that is not there, a commit that fails: code 2, nothing claimed": [
            SILENT,
            f"{P}lost_answers_nessie.py::test_answers_that_never_come_end_the_run_and_delete_no_file",
        ],
        "--job-dir: the worst code; a file that does not load is a 2 and the others run": [
            FOLDER,
            f"{JOBS}a_folder_says_which_jobs_are_unusable_and_keeps_the_others",
        ],
        "one startup path; an invalid job is not started": [ALIKE],
        "log fields are kept, secrets redacted": [LOADS, f"{TENANTS}known_secrets_are_hidden_in_every_form"],
        "secrets reach that run only": [f"{TENANTS}two_tenants_at_once_share_nothing"],
        "cloud mode checks sources and targets, as a setting of the run": [
            f"{STARTUP}cloud_mode_refuses_targets_as_it_does_sources"
        ],
        "retries by cause": [f"{RUN}the_job_is_tried_again_for_what_may_pass_and_not_for_what_cannot"],
        "check and discover ask the real tap, catalog and store": [
            f"{COMMANDS}check_asks_files_servers_tap_and_tables",
            f"{COMMANDS}discover_shows_what_the_tap_finds",
            f"{N}dativo_nessie.py::test_a_warehouse_that_nessie_does_not_have_is_said_before_any_run",
        ],
        "new commands: plan, report, maintain": [
            f"{CLI}plan_and_replay_are_run_with_their_exit_codes",
            f"{COMMANDS}a_state_of_another_program_is_set_and_the_next_run_reads_only_the_new",
            "tests/maintain/test_printed.py::test_dativo_maintain_cares_for_all_tables_of_the_namespace",
        ],
    },
    "8.1": {
        "job example": [f"{JOBS}the_job_of_the_handoff_loads_as_it_stands", HANDOFF],
        "asset definition": [HANDOFF, f"{MERGING}the_flat_and_the_wrapped_form_of_an_asset_are_the_same"],
        "state file": [LOADS, HANDOFF],
        "secrets layout": [f"{TENANTS}the_folder_of_secrets_of_the_handoff"],
        "registry entries": [f"{JOBS}shipped_recipes_are_those_of_the_registry"],
        "the example on Nessie": [
            f"{JOBS}nessie_may_be_a_text_and_end_in_any_of_its_apis",
            f"{N}nessie_names.py::test_every_form_leads_to_the_same_two_bases",
            f"{N}dativo_nessie.py::test_a_warehouse_that_nessie_does_not_have_is_said_before_any_run",
        ],
    },
    "8.2": {
        "configuration architecture": [
            f"{JOBS}every_shipped_job_is_ready_with_its_recipes_and_asset",
            f"{JOBS}older_spellings_load_with_a_note_that_names_file_and_line",
            f"{MERGING}a_job_goes_over_its_recipe_one_level_deep",
            "tests/docs/test_generated.py::test_generated_docs_have_not_drifted",
        ],
        "configuration flow": [CANNOT, f"{COMMANDS}check_asks_files_servers_tap_and_tables"],
        "validation of connectors, schemas, mode": [
            CANNOT,
            f"{JOBS}what_is_wrong_in_a_job_file",
            f"{JOBS}cloud_mode_sees_the_allowed_part_of_the_environment_and_refuses_databases",
        ],
        "environment variables": [
            f"{JOBS}variables_are_replaced_once_and_only_where_they_may_stand",
            f"{JOBS}paths_take_the_older_form_of_variables",
        ],
        "infrastructure validation": [SILENT],
        "secrets management": [f"{TENANTS}the_folder_of_secrets_of_the_handoff"],
        "structured logging": [LOADS, f"{TENANTS}known_secrets_are_hidden_in_every_form"],
        "startup orchestration": [ALIKE, LOADS, FOLDER],
        "state management": [f"{RECOVERY}a_crash_between_publish_and_save_is_repaired_by_the_tables", FOLDER],
        "Markdown-KV": [
            f"{RUN}rows_become_markdown_on_their_way_to_the_table",
            f"{RUN}a_mapper_that_dies_is_a_failure",
            "tests/tap_markdown_kv/test_mapper.py::test_raw_files_hold_the_documents_and_a_row_names_each",
            "tests/tap_markdown_kv/test_mapper.py::test_hybrid_makes_two_streams_and_everything_keeps_its_order",
            "tests/tap_markdown_kv/test_mapper.py::test_the_doc_id_is_the_key_or_the_columns_named",
            "tests/tap_markdown_kv/test_documents.py::test_hybrid_gives_documents_with_a_nested_list_and_pairs_in_tables",
            "tests/tap_markdown_kv/test_format.py::test_pairs_before_the_first_heading_are_kept",
            "tests/tap_markdown_kv/test_format.py::test_hostile_texts_survive_as_key_as_value_and_as_name",
        ],
        "test infrastructure": [f"{RUN}the_shipped_job_runs_from_a_checkout"],
        "deferred there, built here: extraction, loading, Parquet, batching, Iceberg and Nessie": [FOLDER],
    },
    "8.3": {
        "everything in YAML": [
            "tests/docs/test_generated.py::test_generated_docs_have_not_drifted",
            "tests/adapters/test_sources.py::test_every_type_renders_a_plugin_that_meltano_can_declare",
        ],
        "validation first": [ALIKE, FOLDER],
        "tenant isolation": [
            f"{TENANTS}two_tenants_at_once_share_nothing",
            FOLDER,
            f"{JOBS}tenants_keep_to_their_own_warehouse",
            f"{JOBS}names_that_would_be_odd_paths_are_refused",
            f"{JOBS}other_tenants_secrets_cannot_be_named",
        ],
        "incremental": [STRATEGIES, f"{JOBS}incremental_of_nothing_is_off", LOADS],
        "lookback": [
            f"{RECOVERY}a_tap_gets_a_copy_set_back_by_the_lookback_and_entries_of_others_are_read",
            "tests/sources/test_stripe.py::test_first_load_then_only_what_is_new_or_changed",
        ],
        "state file shape and path": [
            LOADS,
            FOLDER,
            f"{RECOVERY}cursors_of_dativo_ingest_are_read",
            f"{RECOVERY}a_job_goes_on_from_the_cursors_of_dativo_ingest",
        ],
        "who writes the state, and when": [
            f"{RECOVERY}a_crash_between_publish_and_save_is_repaired_by_the_tables",
            f"{RECOVERY}what_was_printed_last_is_saved_and_older_notes_are_settled",
            f"{RECOVERY}the_tables_say_which_of_the_noted_states_holds",
            f"{RECOVERY}a_damaged_state_file_is_a_failure_and_never_a_full_reload",
            f"{T}journal.py::test_every_epoch_is_noted_with_its_state_before_it_is_published",
        ],
        "state directories": [
            f"{RUN}what_a_run_leaves_is_the_owners_alone",
            f"{STARTUP}a_state_directory_that_cannot_be_made_is_a_failure_before_the_run",
        ],
    },
    "8.4": {
        "secrets of the file system": [f"{TENANTS}the_folder_of_secrets_of_the_handoff"],
        "secrets of the environment": [f"{TENANTS}secrets_of_the_environment"],
        "the managers of section 1.10: vault, aws, gcp": [
            f"{MANAGERS}a_tenant_reads_its_own_path_of_vault",
            f"{MANAGERS}paths_below_the_tenants_and_a_sign_in_by_approle",
            f"{MANAGERS}a_tenant_reads_its_own_secrets_of_google",
            f"{MANAGERS}a_tenant_reads_its_own_secrets_of_aws",
            f"{MANAGERS}a_run_with_a_key_of_aws",
            f"{MANAGERS}a_run_with_a_key_of_vault",
        ],
        "variables in values": [f"{TENANTS}the_folder_of_secrets_of_the_handoff"],
        "warnings, but a missing secret that is needed is a failure": [
            f"{TENANTS}the_folder_of_secrets_of_the_handoff",
            f"{TENANTS}a_secret_that_nobody_gives_is_a_failure_before_anything_is_started",
            f"{MERGING}a_secret_that_the_job_names_and_nobody_gives_is_not_replaced_by_the_recipes",
        ],
        "they reach that run only": [
            f"{TENANTS}two_tenants_at_once_share_nothing",
            f"{TENANTS}secrets_and_records_are_shown_nowhere",
            FOLDER,
        ],
    },
    "8.5": {
        "Nessie, store and database port are looked at where they are configured, each for a bounded time": [
            SILENT,
            f"{COMMANDS}a_database_port_is_looked_at_where_it_is_configured",
            f"{STARTUP}a_server_that_takes_the_call_and_says_nothing_is_not_waited_for",
        ],
        "warnings, then go on; the target's own opening fails before any row; check is not zero": [
            SILENT,
            f"{P}store_refusals_nessie.py::test_a_store_that_refuses_is_found_out_before_the_first_row",
        ],
    },
}
