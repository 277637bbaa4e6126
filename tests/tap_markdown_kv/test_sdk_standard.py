"""The standard tap tests of the Singer SDK."""

from __future__ import annotations

from pathlib import Path

from singer_sdk.testing import get_tap_test_class

from tap_adapters.markdown_kv.tap import TapMarkdownKv

FILES = Path(__file__).with_name("files")
CONFIG = {"files": [{"entity": "products", "path": str(FILES)}]}

TestDocuments = get_tap_test_class(TapMarkdownKv, config=CONFIG | {"pattern": "hybrid"}, parse_env_config=False)
TestText = get_tap_test_class(TapMarkdownKv, config=CONFIG | {"pattern": "string"}, parse_env_config=False)
TestFiles = get_tap_test_class(TapMarkdownKv, config=CONFIG | {"pattern": "raw_file"}, parse_env_config=False)
