"""Which epochs have on the HTML page what takes much room: some of them, evenly spaced, the best and the last."""

from collections.abc import Collection


class EpochBudget:
    """One in so many epochs has something on the page, and so have the best and the last.

    Args:
        amount: what all epochs would take.
        most: what the page has room for.
        always: the indices of epochs that have it in any case.

    Attributes:
        every: one in so many epochs has it.

    >>> budget = EpochBudget(100, 40, always={4})
    >>> budget.every, [index for index in range(7) if budget.includes(index)]
    (3, [0, 3, 4, 6])
    """

    def __init__(self, amount: int, most: int, always: Collection[int | None] = ()) -> None:
        self.every = max(1, -(-amount // most))
        self._always = always

    def includes(self, index: int) -> bool:
        """Return whether the epoch at an index has it."""
        return index % self.every == 0 or index in self._always

    def note(self, what: str) -> str:
        """Return the sentence about what was left out; "" if nothing was.

        Args:
            what: the plural of what was left out.
        """
        if self.every == 1:
            return ""
        last = self.every % 10
        ending = "th" if self.every % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(last, "th")
        return f"To keep the page small, only every {self.every}{ending} epoch, the best and the last have {what}."
