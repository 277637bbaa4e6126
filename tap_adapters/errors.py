"""Errors of the adapters: what in a source cannot be mapped, where it stands, and what to do."""


class SourceError(ValueError):
    """A source that cannot be mapped onto a tap: `place` is the key's path in the job or recipe, `hint` what to do.

    The message never holds a setting's value.
    """

    def __init__(self, problem: str, place: str = "", hint: str = "") -> None:
        self.problem = problem
        self.place = place
        self.hint = hint
        super().__init__("".join((f"{place}: " if place else "", problem, f" ({hint})" if hint else "")))
