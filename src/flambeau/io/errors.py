"""What reading a file can go wrong with."""

import pickle


class FormatError(ValueError, RuntimeError):
    """A file is broken, hostile, or of a kind that flambeau does not read.

    It is a RuntimeError as well because that is what PyTorch raises for a broken archive.
    """


class UnpicklingError(FormatError, pickle.UnpicklingError):
    """The pickle inside a file is broken or asks for something that is not allowed."""
