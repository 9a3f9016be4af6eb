"""The one error a person caused and can mend."""


class RequestError(Exception):
    """A request that cannot be carried out as made.

    Its message is one line: what is wrong, where, and what would be right. The command line prints that
    line and ends with exit code 2; nothing has been started or written.
    """
