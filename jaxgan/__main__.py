"""The command `jaxgan`, and `python -m jaxgan`."""

import signal


def main() -> None:
    """Runs the command with the process's arguments, and exits."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))  # blocked until the run can handle them
    from jaxgan.runs import command

    command.main()


if __name__ == "__main__":
    main()
