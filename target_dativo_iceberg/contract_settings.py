"""The settings about contracts, a part of the table of settings."""

from __future__ import annotations

from target_dativo_iceberg.setting import Setting

CONTRACT_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "contract_path",
        "string",
        None,
        "Data contract (ODCS or dativo YAML): a file or a folder. Without it the Singer SCHEMA is the contract.",
        "contract",
        aliases=("asset_path",),
    ),
    Setting("contract_map", "object", {}, "Stream name → name of the contract's schema object.", "contract"),
    Setting("require_active", "boolean", False, "Refuse a contract whose status is draft or proposed.", "contract"),
    Setting("require_contract", "boolean", False, "Refuse a stream that no contract covers.", "contract"),
    Setting(
        "on_violation",
        "string|object",
        "strict",
        "What a record that breaks its contract causes: `strict` fails the run and publishes nothing of the open "
        "epoch; `quarantine` puts the record with all its reasons in `<table>__quarantine`, in the same commit; `warn` "
        "nulls or keeps what it can; or an object of classes, fields and rules with actions (docs/contracts.md).",
        "contract",
        aliases=("schema_validation_mode",),
    ),
    Setting(
        "privacy",
        "object|array",
        None,
        "What is done to protected columns before anything is written: rules that match classification, tags, name or "
        "path, with actions drop, null, redact, hash, token, partial, encrypt (docs/privacy.md).",
        "contract",
    ),
    Setting(
        "privacy_key",
        "string",
        None,
        "Key of hash, token and encrypt: 32 random bytes in hex.",
        "contract",
        secret=True,
    ),
    Setting(
        "require_privacy_rule",
        "boolean",
        False,
        "Refuse a contract with a column classified restricted, confidential or pii that no privacy rule covers.",
        "contract",
    ),
    Setting(
        "unique_check",
        "string",
        "run",
        "Among which rows a primary key or unique property may be once: those of the epoch (batch), of the run, of the "
        "table (its keys are read at the start; other writers' rows of meanwhile are not seen).",
        "contract",
        choices=("batch", "run", "table"),
    ),
    Setting(
        "max_violations",
        "integer",
        None,
        "Fail when more records than this break their contract (per stream).",
        "contract",
        minimum=0,
    ),
    Setting(
        "max_violation_pct",
        "number",
        None,
        "Fail when more than this percentage of a stream's records break their contract; checked before each publish.",
        "contract",
        minimum=0,
    ),
    Setting(
        "max_violation_min_rows",
        "integer",
        0,
        "Records from which `max_violation_pct` is judged: an epoch with fewer is judged with those before it in the "
        "run, and not at all while both together are fewer.",
        "contract",
        minimum=0,
    ),
    Setting(
        "evolution",
        "string",
        "merge",
        "How far the contract may change an existing table. `strict`: new columns, and wider types with a higher "
        "version of the contract. `merge`: also required → optional, renames by property id, wider types. `relaxed`: "
        "also columns that only the SCHEMA has.",
        "contract",
        choices=("strict", "merge", "relaxed"),
    ),
    Setting(
        "on_incompatible",
        "string",
        "fail",
        "What a type causes that a column of the table can never take. `fail`: nothing is loaded. `new_table`: the "
        "rows go to `<table>_v<n>`, n being the first number of the contract's version. `variant_column`: the column's "
        "values go to a new one beside it, such as `amount__v_string`.",
        "contract",
        choices=("fail", "new_table", "variant_column"),
    ),
    Setting(
        "contract_version_policy",
        "string",
        "warn",
        "What it causes when a contract changes under the same version, or drops or changes columns that readers of "
        "the table rely on without a higher major version: `warn` or `fail`.",
        "contract",
        choices=("warn", "fail"),
    ),
    Setting(
        "coercion",
        "string",
        None,
        "Which values of another JSON type are read as their column's. `none`: none. `safe`: texts of numbers and of "
        "`true` and `false`, numbers as text, 5.0 as an integer. `dativo`: also yes, no, on, off, 1 and 0 as booleans, "
        "and dates without leading zeros. Nothing is lost, all is counted. Default: `safe`; `dativo` for contracts in "
        "dativo's own form.",
        "contract",
        choices=("none", "safe", "dativo"),
    ),
    Setting(
        "decimal_rounding",
        "string",
        "none",
        "`half_even` rounds numbers with more digits after the point than their decimal column has, and counts them; "
        "otherwise they break the contract.",
        "contract",
        choices=("none", "half_even"),
    ),
    Setting(
        "truncate_nanoseconds",
        "boolean",
        False,
        "Cut digits of a second beyond microseconds off, and count it; otherwise they break the contract.",
        "contract",
    ),
    Setting(
        "default_number",
        "string",
        "double",
        "Type of a number of which the contract or the SCHEMA says no more: `double` or `decimal(p,s)`.",
        "contract",
    ),
)
