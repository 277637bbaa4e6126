"""Thin orchestrator: a dativo job YAML becomes one `meltano run tap target`."""
