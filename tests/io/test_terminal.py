"""Output that cannot be written is dropped, and ends nothing."""

import errno
import io
import os
import subprocess
import sys

import pytest

from jaxgan.io.metric_writers import Progress
from jaxgan.io.terminal import Lenient, lenient_output


class Gone(io.StringIO):
    """A terminal that is gone."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def write(self, _):
        raise OSError(self.number, os.strerror(self.number))

    flush = lambda self: self.write("")  # noqa: E731


@pytest.mark.parametrize("number", [errno.EIO, errno.EPIPE, errno.ENOSPC])
@pytest.mark.parametrize("terminal", [True, False])
def test_progress_goes_on_without_its_stream(number, terminal):
    stream = Gone(number)
    stream.isatty = lambda: terminal
    with Progress(100, stream=Lenient(stream), interval=0) as progress:
        for step in (10, 20, 100):
            progress.update(step, {"d_loss": 1.0})
        progress.message("a line")
    assert progress.step == 100


def test_streams_are_put_back_and_say_what_they_can(capsys):
    before = sys.stdout, sys.stderr
    with lenient_output():
        print("said")
        print("warned", file=sys.stderr)
        assert sys.stdout.encoding == before[0].encoding
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("said\n", "warned\n")


PROGRAM = """
import sys
from jaxgan.io.terminal import lenient_output
with lenient_output():
    for number in range(20_000):
        print(number, "±", "σ")
    print("warned", file=sys.stderr, flush=True)
sys.exit(7)
"""


def _program(redirection, **environment):
    command = ["bash", "-c", f'"{sys.executable}" -c "$0" {redirection}', PROGRAM]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


@pytest.mark.parametrize(
    ("redirection", "said"),
    [(">/dev/full 2>/dev/full", ""), (">&- 2>&-", ""), ("| true; exit ${PIPESTATUS[0]}", "warned\n")],
)
def test_a_program_ends_as_if_all_had_been_read(redirection, said):
    result = _program(redirection)
    assert (result.returncode, result.stderr) == (7, said)


def test_letters_that_a_terminal_does_not_have_are_replaced():
    result = _program("", PYTHONIOENCODING="ascii")
    assert result.returncode == 7 and result.stdout.startswith("0 ? ?\n") and result.stderr == "warned\n"
