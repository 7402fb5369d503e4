"""The one error that people see as a sentence instead of a traceback."""


class OpsError(Exception):
    """Something that a user can put right; the message says what happened and what to do."""
