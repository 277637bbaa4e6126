"""What a SQL rule may say: one SELECT over the object, with functions that compute and nothing else.

The tree is DuckDB's own (`json_serialize_sql`), so what is judged here is what would run. Everything is an allow-list:
a node, table or function that is not named here is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any


def _words(*texts: str) -> frozenset[str]:
    return frozenset(" ".join(texts).split())


_EXPRESSIONS = _words("""
    BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA OPERATOR
    POSITIONAL_REFERENCE STAR SUBQUERY TYPE WINDOW
""")
_NODES = _words("""
    SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE CTE_NODE BASE_TABLE SUBQUERY JOIN EMPTY EXPRESSION_LIST
    TABLE_FUNCTION LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER ORDER_MODIFIER DISTINCT_MODIFIER ORDER_DEFAULT
    ORDER_ASCENDING ORDER_DESCENDING ASCENDING DESCENDING
""")
_TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series"})
_OPERATORS = "+ - * / // % ** ^ & | ~ << >> || && @ ! ^@ ~~ !~~ ~~* !~~* ~~~ @> <@ <=> ->> __postfix"
_AGGREGATES = """
    any_value approx_count_distinct approx_quantile arbitrary arg_max arg_min argmax argmin array_agg avg bit_and
    bit_or bit_xor bool_and bool_or corr count count_if count_star countif covar_pop covar_samp entropy favg first
    fsum geomean geometric_mean group_concat histogram kahan_sum kurtosis kurtosis_pop last list listagg mad max
    max_by mean median min min_by mode product quantile quantile_cont quantile_disc regr_avgx regr_avgy regr_count
    regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy sem skewness stddev stddev_pop stddev_samp
    string_agg sum sumkahan var_pop var_samp variance wavg weighted_avg
"""
_WINDOWS = """
    cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank rank_dense
    row_number
"""
_NUMBERS = """
    abs acos acosh add asin asinh atan atan2 atanh bit_count cbrt ceil ceiling cos cosh cot degrees divide even
    exp factorial fdiv floor fmod gamma gcd greatest greatest_common_divisor isfinite isinf isnan lcm least
    least_common_multiple lgamma ln log log10 log2 mod multiply nextafter nullif pi pow power radians round
    round_even roundbankers sign signbit sin sinh sqrt subtract tan tanh trunc xor
"""
_TEXTS = """
    ascii bar base64 bin bit_length char_length character_length chr concat concat_ws contains damerau_levenshtein
    decode editdist3 encode ends_with format format_bytes from_base64 from_binary from_hex hamming hash hex
    ilike_escape instr jaccard jaro_similarity jaro_winkler_similarity lcase left left_grapheme len length
    length_grapheme levenshtein like_escape lower lpad ltrim md5 md5_number mismatches nfc_normalize
    not_ilike_escape not_like_escape octet_length ord position prefix printf regexp_escape regexp_extract
    regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array repeat replace
    reverse right right_grapheme rpad rtrim sha1 sha256 split split_part starts_with str_split str_split_regex
    string_split string_split_regex string_to_array strip_accents strlen strpos substr substring
    substring_grapheme suffix to_base to_base64 to_binary to_hex translate trim ucase unbin unhex unicode upper
    url_decode url_encode
"""
_TIMES = """
    age century current_date current_localtime current_localtimestamp date_add date_diff date_part date_sub
    date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear decade epoch
    epoch_ms epoch_ns epoch_us era get_current_time get_current_timestamp hour isodow isoyear julian last_day
    make_date make_time make_timestamp make_timestamptz microsecond millennium millisecond minute month monthname
    nanosecond now quarter second strftime strptime time_bucket timezone timezone_hour timezone_minute
    to_centuries to_days to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes to_months
    to_quarters to_seconds to_timestamp to_weeks to_years today transaction_timestamp try_strptime week weekday
    weekofyear year yearweek
"""
_NESTED = """
    apply array_append array_apply array_cat array_concat array_contains array_distinct array_extract array_filter
    array_has array_has_all array_has_any array_indexof array_intersect array_length array_position array_prepend
    array_reverse array_slice array_sort array_to_string array_transform array_unique array_value cardinality
    element_at filter flatten json_array_length json_contains json_exists json_extract json_extract_path
    json_extract_path_text json_extract_string json_keys json_type json_valid json_value list_append list_apply
    list_avg list_cat list_concat list_contains list_count list_distinct list_element list_extract list_filter
    list_has list_has_all list_has_any list_indexof list_intersect list_max list_min list_pack list_position
    list_prepend list_reverse list_slice list_sort list_sum list_transform list_unique list_value list_zip map
    map_contains map_contains_entry map_contains_value map_entries map_extract map_extract_value map_from_entries
    map_keys map_values range generate_series row struct_contains struct_extract struct_extract_at struct_pack
    typeof unnest
"""
FUNCTIONS = _words(_OPERATORS, _AGGREGATES, _WINDOWS, _NUMBERS, _TEXTS, _TIMES, _NESTED)
_SCHEMAS = frozenset({None, "", "main", "system"})


class RefusedError(Exception):
    """The query says something a SQL rule may not say; the message names it."""


def check_tree(tree: Any, tables: Collection[str]) -> None:
    """Check a query.

    Args:
        tree: `json_serialize_sql`'s answer, decoded.
        tables: names of the object, lower case.

    Raises:
        RefusedError: it is not one SELECT, or reaches for something else than the object.

    """
    if tree.get("error"):
        raise RefusedError("it is not a SELECT")
    if len(tree["statements"]) != 1:
        raise RefusedError("it is not exactly one statement")
    _check(tree["statements"][0], frozenset(tables))


def _check(node: Any, tables: frozenset[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _check(item, tables)
    elif isinstance(node, dict):
        tables |= _names_within(node)
        _check_node(node, tables)
        for item in node.values():
            _check(item, tables)


def _names_within(node: dict[str, Any]) -> set[str]:
    """Return the names that a query gives its own subqueries; they hold inside it only."""
    defined = {entry["key"].lower() for entry in (node.get("cte_map") or {}).get("map", [])}
    name = node.get("cte_name")
    return defined | ({name.lower()} if isinstance(name, str) else set())


def _check_node(node: dict[str, Any], tables: frozenset[str]) -> None:
    kind, expression = node.get("type"), node.get("class")
    if isinstance(expression, str):
        if expression not in _EXPRESSIONS:
            raise RefusedError(f"{expression.lower().replace('_', ' ')} expressions are not allowed")
    elif isinstance(kind, str) and kind not in _NODES and not kind.endswith("_TYPE_INFO"):
        raise RefusedError(f"{kind.lower().replace('_', ' ')} is not allowed")
    if kind == "BASE_TABLE":
        _check_table(node, tables)
    if kind == "TABLE_FUNCTION" and (node.get("function") or {}).get("function_name") not in _TABLE_FUNCTIONS:
        raise RefusedError(f"function '{_shown((node.get('function') or {}).get('function_name'))}' is not allowed")
    if "function_name" in node:
        _check_function(node)


def _check_table(node: dict[str, Any], tables: frozenset[str]) -> None:
    name = str(node.get("table_name", ""))
    if node.get("schema_name") or node.get("catalog_name") or name.lower() not in tables:
        raise RefusedError(f"table '{_shown(name)}' is not the object; write {{object}}")


def _check_function(node: dict[str, Any]) -> None:
    name = str(node["function_name"])
    known = name.lower() in FUNCTIONS and node.get("schema") in _SCHEMAS and node.get("catalog") in _SCHEMAS
    if not known:
        raise RefusedError(f"function '{_shown(name)}' is not allowed")


def _shown(name: object) -> str:
    return str(name)[:60]


def columns_in(tree: Any, tables: Collection[str]) -> list[str] | None:
    """Return every name, lower case, that may be a column in a checked query; None if it may mean all columns."""
    names: set[str] = set()
    whole = {str(node["alias"]).lower() for node in _nodes(tree) if node.get("type") == "BASE_TABLE"} | set(tables)
    for node in _nodes(tree):
        found = {str(n).lower() for key in ("column_names", "using_columns") for n in node.get(key) or ()}
        if node.get("class") == "STAR" or node.get("ref_type") == "NATURAL" or (len(found) == 1 and found <= whole):
            return None
        names |= found
    return sorted(names)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for item in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(item)
