"""The one error of this package."""


class StackError(Exception):
    """The local stack cannot do what was asked; the message is one sentence that says what to do."""
