"""Connector recipes (`connectors/sources/*.yaml`, `connectors/targets/*.yaml`): how a connector is run by default."""

from typing import Annotated, Literal

from pydantic import Field

from tap_adapters.shape import Count, Engine, Free, Shape, Text

Role = Literal["source", "target"]


class Credentials(Shape):
    """Where the secret comes from: a variable (`from_env`) or a file of the tenant (`file_template`).

    `{tenant}` in `file_template` stands for the tenant. `setting` names what the value is to the tap; without it the
    type does (`api_key`, `access_token`); the fields of a service account are taken as they are.
    """

    type: Text
    from_env: Text | None = None
    file_template: Text | None = None
    setting: Text | None = None
    required: bool = True


class IncrementalDefaults(Shape):
    """What holds for a job that asks for incremental reading and does not say it itself."""

    strategy: Text | None = None
    cursor_field_default: Text | None = None
    lookback_days_default: Count | None = None


class RateRetry(Shape):
    """What a tap does after a refusal for too many requests."""

    max_retries: Count | None = None
    backoff: Text | None = None
    max_backoff_seconds: Count | None = None


class RateLimits(Shape):
    """How often a source may be asked."""

    rps_default: Annotated[float, Field(gt=0, strict=False)] | None = None
    burst_default: Count | None = None
    retry: RateRetry | None = None


class Recipe(Shape):
    """A connector."""

    name: Text
    type: Text
    roles: list[Role] = ["source"]
    description: str | None = None
    default_engine: Engine
    credentials: Credentials | None = None
    incremental: IncrementalDefaults | None = None
    rate_limits: RateLimits | None = None
    connection_template: Free = {}
    catalog: str | Free | None = None
    file_format: Text | None = None
    partitioning_default: list[Text] | None = None
