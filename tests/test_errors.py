"""Messages are one line of a bounded length, whatever they quote."""

from jaxgan.errors import MOST_IN_A_WORD, MOST_LETTERS, JaxganError, in_one_line


def test_a_message_is_one_line():
    assert str(JaxganError("what\nfailed", " why ", "do\tthis")) == "what failed; why; do this"
    assert in_one_line("\x1b[2J \ud800 é") == r"\x1b[2J \ud800 é"


def test_what_is_long_is_cut_in_the_middle():
    word = "a" * 50_000 + "b" * 50_000
    assert in_one_line(f"x={word} is wrong") == f"x={'a' * 148}…(99,702 letters)…{'b' * 150} is wrong"
    assert in_one_line("a" * MOST_IN_A_WORD) == "a" * MOST_IN_A_WORD
    words = "ab " * 100_000
    assert in_one_line(words) == f"{words[: MOST_LETTERS // 2]}…(295,999 letters)…{words[-MOST_LETTERS // 2 - 1 : -1]}"
    assert len(str(JaxganError(words, word, words))) < 9_000
