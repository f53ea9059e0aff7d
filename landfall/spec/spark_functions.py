"""Names of SQL functions, to find the ones that are misspelt."""

import difflib

from sqlglot.dialects.spark import Spark

# Built-in functions of Spark 4 that the SQL parser takes but does not know by name.
_NAMES = """
aes_decrypt aes_encrypt array_repeat array_union arrays_overlap assert_true bigint bin binary
bitmap_and_agg bround btrim cardinality conv count_min_sketch crc32 current_path date_part datepart
decimal e every expm1 find_in_set forall format_number from_csv from_xml hash histogram_numeric
hypot inline_outer is_valid_utf8 is_valid_variant is_variant_null isnotnull isnull json_array_length
json_tuple log1p make_date make_dt_interval make_time make_timestamp_ltz make_timestamp_ntz
make_valid_utf8 make_ym_interval map_concat map_entries map_filter map_values map_zip_with mask mean
monotonically_increasing_id now nullifzero octet_length pmod positive printf product raise_error range
regexp schema_of_csv schema_of_json schema_of_variant schema_of_variant_agg schema_of_xml sentences
session_window shiftrightunsigned smallint some spark_partition_id std timestamp_micros
timestamp_millis timestamp_seconds tinyint to_csv to_time to_timestamp_ltz to_timestamp_ntz
to_varchar to_variant_object to_xml transform_keys try_aes_decrypt try_avg try_make_interval
try_make_timestamp try_make_timestamp_ltz try_make_timestamp_ntz try_mod try_parse_json
try_parse_url try_sum try_to_binary try_to_number try_to_time try_to_timestamp try_url_decode
try_validate_utf8 try_variant_get url_decode url_encode user validate_utf8 variant_get version
weekday window window_time xxhash64 zeroifnull
"""
_NOT_KNOWN_TO_THE_PARSER = frozenset(_NAMES.split())
# Families of functions with names too much like each other to be told from a slip.
_FAMILIES = ("hll_", "kll_", "st_", "theta_", "time_", "tuple_", "xpath")
_KNOWN_TO_THE_PARSER = frozenset(
    name.lower()
    for table in (
        Spark.Parser.FUNCTIONS,
        Spark.Parser.FUNCTION_PARSERS,
        Spark.Parser.NO_PAREN_FUNCTION_PARSERS,
    )
    for name in table
    if isinstance(name, str)
)
# So much alike must two names be before one counts as a slip for the other.
_ALIKE = 0.75


def meant_function(name: str) -> str | None:
    """Return the function that a misspelt name means, ``None`` for one that may well exist.

    A name that is like no known one passes: a later Spark may have it.
    """
    if name in _NOT_KNOWN_TO_THE_PARSER or name in _KNOWN_TO_THE_PARSER or name.startswith(_FAMILIES):
        return None
    close = difflib.get_close_matches(
        name, sorted(_KNOWN_TO_THE_PARSER | _NOT_KNOWN_TO_THE_PARSER), 1, _ALIKE
    )
    return close[0] if close else None
