"""What goes wrong through no fault of the program."""


class UserError(Exception):
    """One sentence for people: what is wrong, with which file or option, and what to do. Exit status 2."""
