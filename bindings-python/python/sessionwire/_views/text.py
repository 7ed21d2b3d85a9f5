"""Text of others, made safe to look at."""

from __future__ import annotations

# What turns the reading around, erases, or says that it is something else: shown by its number.
HIDDEN = {
    code: f"\N{LEFT-POINTING ANGLE BRACKET}U+{code:04X}\N{RIGHT-POINTING ANGLE BRACKET}"
    for code in (
        *range(9),
        *range(11, 32),
        127,
        *range(0x80, 0xA0),
        0x061C,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
}
HIDDEN[13] = ""


def one_line(text: str, limit: int = 300) -> str:
    """The beginning of a text in one line of a terminal."""
    return " ".join(text[:limit].split()).translate(HIDDEN)


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02}"
