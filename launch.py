"""Train, sample from and evaluate GANs: absl flags in, a run's directory out. See README.md."""

import signal
import sys

if is_command := __name__ == "__main__" and not hasattr(sys, "ps1"):  # a notebook has ps1 and handles signals itself
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))  # blocked until the run can handle them

try:
    from jaxgan.runs import command
except ModuleNotFoundError as missing:
    print(
        f"jaxgan: error: {sys.executable} cannot run it; {missing}; install as README.md says, and use that "
        "environment's python, or activate it",
        file=sys.stderr,
    )
    sys.exit(2)

if __name__ == "__main__":
    command.launch(__doc__, answers_signals=is_command)
