"""Which functions are written anew for an engine that counts otherwise, by what, and which are refused there."""

from spark_runtime.portable import aggregates, arguments, casting, choosing, differing, frames, moments

REFUSED = {
    "initcap": "write upper(left(x, 1)) || lower(substring(x, 2)), or keep the text as it is",
    "percentile_approx": "use percentile",
    "approx_percentile": "use percentile",
    "rint": "use round",
    "get_json_object": "use from_json with the type of the field",
    "conv": "use hex for base 16, bin for base 2",
    "mask": "use the step mask, or regexp_replace",
    "sentences": "use split",
    "parse_url": "use try_parse_url, or regexp_extract",
    "to_variant_object": "use to_json",
    "product": "Spark has no such function; use exp(sum(ln(x)))",
}
# Functions whose result has another type on this engine, and the type it has on Spark.
TYPE_OF_RESULT = {
    "regexp_count": "int",
    "regr_count": "bigint",
    **dict.fromkeys(("md5", "substring_index"), "string"),
    "date_trunc": "timestamp",
}
WRITTEN_ANEW = {
    "sum": aggregates.total,
    "avg": aggregates.average,
    "mean": aggregates.average,
    "try_avg": aggregates.average,
    "count": aggregates.counted,
    "min": aggregates.extreme,
    "max": aggregates.extreme,
    "round": differing.rounded,
    "nullif": differing.first_kept,
    "weekday": moments.weekday,
    "isnan": differing.is_nan,
    "array_contains": differing.holds,
    "timestamp_seconds": moments.seconds,
    "extract": moments.extracted,
    "left": arguments.leftmost,
    "right": arguments.rightmost,
    "substring": arguments.part_of_text,
    "substr": arguments.part_of_text,
    "slice": arguments.part_of_array,
    "to_json": arguments.as_json,
    "format_number": differing.formatted,
    "from_json": differing.from_json,
    "date_part": moments.part,
    "datepart": moments.part,
    "hash": differing.hashed,
    "xxhash64": differing.hashed,
    "array": choosing.array,
    "nvl2": choosing.if_there,
    "pmod": differing.remainder,
    "mod": differing.remainder,
    "datediff": moments.difference,
    "date_diff": moments.difference,
    "timestampdiff": moments.difference,
    "unix_seconds": moments.since_1970,
    "format_string": differing.printed,
    "printf": differing.printed,
    "bround": differing.even,
    "ceil": differing.to_places,
    "ceiling": differing.to_places,
    "floor": differing.to_places,
    "stack": differing.stacked,
    "concat": differing.joined,
    "concat_ws": differing.joined,
    **dict.fromkeys(casting.CASTS, casting.called),
    **dict.fromkeys(casting.OF_MOMENTS, casting.to_moment),
    "equal_null": choosing.equal_null,
    "if": choosing.if_met,
    "iff": choosing.if_met,
    "unix_millis": moments.millis_since_1970,
    "unix_micros": moments.micros_since_1970,
    "unix_date": moments.day_number,
    **dict.fromkeys(
        ("date_from_unix_date", "from_unixtime", "timestamp_millis", "timestamp_micros"), moments.of_numbers
    ),
    "quote": differing.quoted,
    "hypot": differing.hypotenuse,
    **dict.fromkeys(("explode", "explode_outer", "posexplode", "posexplode_outer"), differing.exploded),
    "zeroifnull": differing.zero_if_null,
    "nullifzero": differing.null_if_zero,
    "elt": differing.chosen_by_number,
    **dict.fromkeys(("chr", "char"), differing.character),
    "log": differing.logarithm,
    "locate": differing.place_from,
    "is_valid_utf8": differing.valid_text,
    "encode": differing.encoded,
    "flatten": differing.flattened,
    **dict.fromkeys(("to_binary", "try_to_binary"), differing.to_bytes),
    "width_bucket": differing.bucket,
    "mode": differing.comparable_values,
    **dict.fromkeys(("array_max", "array_min"), frames.end_of_array),
    "array_sort": frames.sorted_array,
    "arrays_overlap": frames.overlap,
    **dict.fromkeys(("collect_list", "array_agg", "collect_set"), frames.collected),
    **dict.fromkeys(("median", "percentile", "percentile_cont", "percentile_disc"), frames.unordered),
    **dict.fromkeys(frames.RUNNING, frames.running),
}
# Functions that take numbers only.
_NUMERIC = """
acos acosh asin asinh atan atanh atan2 cbrt cos cosh cot csc degrees exp expm1 ln log log10 log1p log2 power pow
radians sec sin sinh sqrt tan tanh positive sign signum
"""
NUMERIC = frozenset(_NUMERIC.split())
# Functions that are written anew as ones which walk over an array.
WALKING = frozenset({"array_contains"})
