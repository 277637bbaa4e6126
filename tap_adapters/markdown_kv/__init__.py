"""Markdown-KV: documents of `key:: value` pairs, read by tap-markdown-kv and written by mapper-markdown-kv.

Nothing is imported here, so that `--version` of both commands stays quick.
"""
