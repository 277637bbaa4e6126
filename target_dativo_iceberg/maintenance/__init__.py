"""Care of tables between loads: compaction, retention, manifests, snapshots, orphans. Each step is a plan first."""
