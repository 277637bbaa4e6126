"""mapper-markdown-kv: records of any tap as Markdown-KV, between the tap and the target."""
