"""What the YAML files of the orchestrator may say. Each model is also the source of its JSON Schema (schemas/)."""

from dativo_ingest.models.job import Job, JobSource
from dativo_ingest.models.runner import Runner
from dativo_ingest.models.target import Target

__all__ = ["Job", "JobSource", "Runner", "Target"]
