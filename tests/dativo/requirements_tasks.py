"""The rows of the handoff from the tasks of its milestone on: 8.6 to 8.10, and the traits of inputs."""

from __future__ import annotations

from tests.dativo.requirements import (
    BREAKS,
    CANNOT,
    CODES,
    COMMANDS,
    FOLDER,
    HANDOFF,
    JOBS,
    KILLS,
    LOADS,
    MERGING,
    RECOVERY,
    RUN,
    SILENT,
    STRATEGIES,
    TENANTS,
    P,
    T,
)

PARTITIONS = "tests/partitions/test_"
SITUATIONS = "tests/plan/test_situations.py"
CSV = "tests/tap_csv/test_files.py::test_"
TIME = "tests/types/test_time.py::test_"

TASKS: dict[str, dict[str, list[str]]] = {
    "8.6": {
        "1a required and types are enforced": [
            BREAKS,
            f"{T}contract_corpus.py::test_a_contract_takes_its_valid_records_and_says_what_is_wrong_with_the_others",
            "tests/types/test_rules.py::test_a_required_value_may_be_neither_null_nor_absent",
        ],
        "1b Parquet writer and Nessie commit": [
            f"{PARTITIONS}file_sizes.py::test_data_files_are_zstd_with_the_ids_of_their_columns",
            f"{P}publish_nessie.py::test_rows_land_on_the_tenant_branch_only",
        ],
        "1c the asset is read before the tap starts; strict; a stream without contract is refused": [
            f"{JOBS}an_asset_that_cannot_be_enforced_is_named_by_its_own_line",
            f"{MERGING}nothing_is_loaded_without_a_contract_and_strict_is_the_default",
            f"{SITUATIONS}::test_01_without_a_contract_the_schema_makes_the_table_unless_one_is_required",
            "tests/contract_reading/test_lint.py::test_findings_have_line_and_path_and_no_values",
        ],
        "2a extraction": [
            FOLDER,
            "tests/sources/test_postgres.py",
            "tests/sources/test_mysql.py",
            "tests/sources/test_stripe.py",
            "tests/sources/test_hubspot.py",
            "tests/tap_airbyte/test_faker.py",
            "tests/adapters/test_own_taps.py",
        ],
        "2b incremental": [STRATEGIES, FOLDER, HANDOFF],
        "2c the asset's columns are what is read": [f"{MERGING}the_columns_of_the_contract_are_what_the_tap_reads"],
        "3a Parquet: bounded memory, target size, field ids": [
            f"{PARTITIONS}file_sizes.py::test_files_have_the_target_size",
            f"{PARTITIONS}file_sizes.py::test_data_files_are_zstd_with_the_ids_of_their_columns",
            f"{PARTITIONS}many.py::test_a_run_over_many_partitions_stays_within_its_memory",
        ],
        "3b one commit for all, or branch, audit, merge; table metadata": [
            f"{P}publish_nessie.py::test_streams_and_quarantine_of_an_epoch_are_one_commit_that_says_what_it_is",
            f"{P}audited_nessie.py::test_several_epochs_through_branches_leave_only_the_tenants",
            f"{T}contract_corpus.py::test_the_table_says_whose_it_is_and_what_is_in_it",
            f"{MERGING}tags_of_a_job_are_properties_of_its_tables",
        ],
        "3c partitions of the contract, job, recipe; ingest_date": [
            f"{MERGING}a_job_goes_over_its_recipe_one_level_deep",
            f"{PARTITIONS}plan.py::test_the_contract_decides_before_the_settings",
            f"{PARTITIONS}loads.py::test_rows_are_in_their_partitions_and_filters_find_them",
            f"{PARTITIONS}ingest_date.py::test_it_holds_the_date_of_the_run",
        ],
        "3d file formats": [
            f"{MERGING}file_formats_that_are_not_written_are_refused",
            f"{MERGING}file_formats_that_mean_iceberg_tables",
        ],
        "4a retry": [
            f"{RUN}the_job_is_tried_again_for_what_may_pass_and_not_for_what_cannot",
            f"{KILLS}a_tap_that_is_killed_is_tried_again_from_the_saved_state",
            f"{KILLS}a_run_that_takes_too_long_is_ended",
            f"{P}store_faults_nessie.py::test_short_bursts_of_refusals_are_sat_out",
            f"{T}publish.py::test_a_conflict_on_one_table_publishes_none_and_is_tried_again",
        ],
        "4b error reporting": [
            f"{RUN}a_tap_that_dies_publishes_nothing_twice",
            f"{RUN}meltano_that_is_not_there_is_one_line",
            f"{T}report.py::test_the_report_says_what_tables_and_files_hold",
            f"{COMMANDS}a_fault_of_ours_in_one_job_leaves_the_others_alone",
        ],
        "4c exit codes": [CODES, FOLDER],
        "connectors by the engine of the recipe": [
            f"{MERGING}engines_with_a_tap_of_ours_run_the_same_tap",
            f"{MERGING}the_airbyte_engine_is_the_bridge",
            f"{MERGING}engines_that_are_not_run_here_are_refused_with_a_hint",
        ],
    },
    "8.7": {
        "0": [LOADS, CODES],
        "1": [BREAKS, CODES, FOLDER],
        "2": [
            CANNOT,
            BREAKS,
            f"{RUN}rows_of_which_none_is_good_are_a_failure",
            f"{RUN}a_tap_that_dies_publishes_nothing_twice",
            f"{RECOVERY}a_damaged_state_file_is_a_failure_and_never_a_full_reload",
            SILENT,
            f"{COMMANDS}a_fault_of_ours_in_one_job_leaves_the_others_alone",
            f"{T}report.py::test_one_violation_more_than_allowed_fails_the_epoch",
            f"{KILLS}a_killed_process_costs_nothing",
        ],
        "--job-dir": [FOLDER],
        "two levels: the target's own codes, dativo's from the report": [
            CODES,
            f"{T}signals.py::test_a_signal_in_a_pause_drops_the_open_epoch",
            f"{KILLS}a_run_that_is_stopped_ends_in_order",
        ],
    },
    "8.8": {
        "how connectors are executed": [f"{COMMANDS}install_finds_what_is_there_and_says_what_is_not", FOLDER],
        "connector-specific configuration": [
            "tests/adapters/test_meltano.py::test_settings_come_through_meltano_as_they_are",
            f"{TENANTS}secrets_and_records_are_shown_nowhere",
        ],
        "when to validate": [
            f"{T}policy.py::test_strict_ends_the_run_and_publishes_nothing",
            f"{P}audited_nessie.py::test_a_check_of_scope_table_is_the_audit",
        ],
        "how strict": [
            f"{T}policy.py::test_presets_are_valid",
            f"{T}policy.py::test_a_field_overrides_its_class_and_a_rule_overrides_both",
            f"{T}report.py::test_as_many_violations_as_allowed_are_published",
        ],
        "invalid records": [
            f"{T}report.py::test_rejected_records_are_in_quarantine_with_their_reasons",
            "tests/replay/test_replay.py::test_all_planted_defects_land_once_the_contract_is_relaxed",
            BREAKS,
        ],
        "batch size, file size": [
            f"{MERGING}a_job_goes_over_its_recipe_one_level_deep",
            f"{PARTITIONS}file_sizes.py::test_a_load_writes_files_of_that_size",
            f"{T}state.py::test_an_epoch_ends_at_the_first_state_after_its_bytes",
        ],
        "compression, partitioning": [
            f"{JOBS}the_job_of_the_handoff_loads_as_it_stands",
            f"{PARTITIONS}file_sizes.py::test_data_files_are_zstd_with_the_ids_of_their_columns",
        ],
        "schema evolution": [SITUATIONS],
        "how to manage branches": [
            FOLDER,
            f"{P}publish_nessie.py::test_a_missing_branch_is_made_from_the_base_branch",
            f"{P}audited_nessie.py::test_a_failed_audit_keeps_a_marked_branch_and_the_tenant_never_saw_the_rows",
            f"{P}audited_nessie.py::test_fifty_stale_branches_of_this_job_are_swept_and_no_others",
            f"{P}moved_nessie.py::test_a_branch_that_is_taken_away_ends_the_run_and_stays_as_it_is",
        ],
        "conflicts": [f"{P}rivals_nessie.py::test_writers_on_one_branch_all_land_each_row_once", FOLDER],
        "commit history": [
            f"{P}publish_nessie.py::test_streams_and_quarantine_of_an_epoch_are_one_commit_that_says_what_it_is",
            f"{COMMANDS}a_state_of_another_program_is_set_and_the_next_run_reads_only_the_new",
        ],
        "partial success, retry, reports": [
            CODES,
            f"{RUN}the_job_is_tried_again_for_what_may_pass_and_not_for_what_cannot",
            FOLDER,
        ],
    },
    "8.9": {
        "unit, integration and smoke tests": [
            f"{RUN}the_shipped_job_runs_from_a_checkout",
            LOADS,
            FOLDER,
            "tests/nessie/test_local_stack.py::test_rows_written_on_a_branch_are_read_by_duckdb_on_that_branch_only",
        ],
        "dependencies": [
            "tests/dativo/test_requirements.py::test_dependencies_are_those_that_were_decided",
            "tests/packaging/test_wheel.py::test_the_installation_is_small_and_holds_no_meltano",
        ],
        "documents": [
            "tests/dativo/test_requirements.py::test_the_documents_are_there",
            "tests/docs/test_generated.py::test_generated_docs_have_not_drifted",
        ],
        "order: Parquet, Nessie, CSV end to end, contract, incremental": [LOADS, FOLDER],
    },
    "8.10": {
        "extract from a CSV source": [LOADS, FOLDER],
        "write Parquet files": [
            f"{PARTITIONS}file_sizes.py::test_files_have_the_target_size",
            f"{PARTITIONS}many.py::test_a_run_over_many_partitions_stays_within_its_memory",
        ],
        "commit to Iceberg via Nessie": [FOLDER],
        "validate against the asset": [
            BREAKS,
            f"{T}policy.py::test_quarantine_keeps_every_bad_record_with_its_class",
            f"{T}defects.py::test_many_records_with_every_kind_of_defect",
        ],
        "incremental syncs": [LOADS, HANDOFF],
        "success and failure by exit codes": [CODES, FOLDER],
        "errors handled gracefully": [
            f"{KILLS}a_killed_process_costs_nothing",
            f"{KILLS}a_run_that_is_stopped_ends_in_order",
            f"{KILLS}a_job_is_run_by_one_process_at_a_time",
            "tests/faults/test_sweep.py::test_struck_at_any_call_nothing_is_lost_and_a_job_doubles_nothing",
        ],
    },
    "traits": {
        "timestamps with blank and fraction, and with offset": [
            f"{TIME}a_timestamp_with_zone_is_kept_as_utc",
            f"{TIME}an_offset_for_a_column_without_zone_is_converted_and_dropped",
        ],
        "UTF-16 and tabs": [
            f"{CSV}text_is_read_whatever_its_encoding_and_line_ends",
            f"{CSV}a_tsv_path_is_tab_separated_unless_set",
        ],
        "no header": [f"{CSV}files_without_header_take_names_from_columns_or_positions"],
        "too many or too few fields": [f"{CSV}ragged_rows_are_reported_counted_and_left_out_on_request"],
        "an unclosed quote": [f"{CSV}an_unclosed_quote_is_an_error_with_the_line_where_it_opens"],
        "headers that match none of the contract's columns": [
            f"{SITUATIONS}::test_02_a_schema_with_none_of_the_columns_fails_before_any_row",
            f"{COMMANDS}check_holds_the_columns_of_the_source_against_the_asset",
        ],
        "the same file in a second run": [LOADS],
        "text beyond ASCII": ["tests/sources/test_mysql.py::test_first_load_then_only_what_changed", FOLDER],
        "booleans, dates and decimals as text": [
            "tests/types/test_coercion.py::test_a_contract_in_dativos_form_is_read_as_dativo_reads",
            "tests/types/test_numbers.py::test_dativos_words_for_booleans",
        ],
        "flat and nested connection": [f"{JOBS}older_spellings_load_with_a_note_that_names_file_and_line"],
        "wrapped and flat contracts": [f"{MERGING}the_flat_and_the_wrapped_form_of_an_asset_are_the_same"],
        "overrides of tags": [f"{MERGING}tags_of_a_job_are_properties_of_its_tables"],
        "lookback_days without a cursor; cursor_field: null": [STRATEGIES],
        "files[].id, sheets[]": [f"{JOBS}every_shipped_job_is_ready_with_its_recipes_and_asset", FOLDER],
        "Markdown-KV as text, as rows, as documents": [
            FOLDER,
            "tests/tap_markdown_kv/test_documents.py::test_hybrid_gives_documents_with_a_nested_list_and_pairs_in_tables",
            "tests/tap_markdown_kv/test_documents.py::test_string_and_raw_file_keep_the_text",
        ],
        "wrong credentials": [
            f"{COMMANDS}wrong_credentials_are_named_by_their_setting_and_not_shown",
            "tests/sources/test_postgres.py::test_a_wrong_password_ends_the_tap_and_is_not_shown",
        ],
        "a database that does not answer": [f"{COMMANDS}a_database_port_is_looked_at_where_it_is_configured"],
        "a metadata catalog that is not there": [
            "tests/metadata_catalogs/test_run.py::test_the_exit_code_of_a_run_is_the_loads"
        ],
        "an empty list of schedules": ["tests/dativo/test_runner.py::test_a_runner_file_without_schedules_is_good"],
        "several streams, two runs on one day, two partitions in a batch, an empty run": [
            f"{P}publish_nessie.py::test_an_epoch_of_twenty_tables_is_one_commit_with_run_versions_and_counts",
            LOADS,
            f"{PARTITIONS}many.py::test_each_partition_is_one_file_however_rows_come",
        ],
        "a job after a crash, writers at once, evolution": [
            f"{KILLS}a_killed_process_costs_nothing",
            f"{P}rivals_nessie.py::test_writers_on_one_branch_all_land_each_row_once",
            SITUATIONS,
        ],
    },
}
