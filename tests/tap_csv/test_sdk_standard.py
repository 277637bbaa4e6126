"""The standard tap tests of the Singer SDK, on files of several traits."""

from __future__ import annotations

from pathlib import Path

from singer_sdk.testing import get_tap_test_class

from tap_adapters.csv.tap import TapCsv

FILES = Path(__file__).with_name("files")
FLIGHTS = {
    "entity": "flights",
    "path": str(FILES / "flights_*.csv"),
    "keys": ["flight"],
    "types": {
        "seats": "integer",
        "price": "number",
        "cancelled": "boolean",
        "day": "date",
        "departure": "date-time",
    },
}
AIRPORTS = {
    "entity": "airports",
    "path": str(FILES / "airports.tsv"),
    "keys": ["iata"],
    "types": {"lat": "number"},
    "null_values": ["NULL"],
}
CONFIG = {"files": [FLIGHTS, AIRPORTS]}

TestRecords = get_tap_test_class(TapCsv, config=CONFIG, parse_env_config=False)
TestRecordsWithMetadata = get_tap_test_class(
    TapCsv, config={**CONFIG, "add_metadata_columns": True}, parse_env_config=False
)
TestRecordsThroughStreamMaps = get_tap_test_class(
    TapCsv, config={**CONFIG, "stream_maps": {"flights": {"route": "flight.lower()"}}}, parse_env_config=False
)
