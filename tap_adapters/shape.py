"""The base of all models of YAML files: no key is passed over, no value is read as another type."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
Free = dict[str, Any]


class Shape(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, populate_by_name=True, hide_input_in_errors=True
    )


class Engine(Shape):
    """How a connector is run: `type`, and options by engine (`options.<engine>`)."""

    type: Text | None = None
    options: Free = {}
