"""Counts in sentences: one thing is not many."""


def counted(amount: int, thing: str, things: str = "") -> str:
    """Count things: ``1 row``, ``9,648 rows``.

    Args:
        amount: how many there are.
        thing: what one is called.
        things: what several are called; "" puts an s behind.
    """
    return f"{amount:,} {thing if amount == 1 else things or f'{thing}s'}"
