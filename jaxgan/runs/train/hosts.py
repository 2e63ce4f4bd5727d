"""Several processes that train one GAN: how they find each other, and what the others do when one of them ends."""

import ctypes
import functools
import os
import re
import signal
import socket
import sys
import time
from typing import Any, NoReturn

from jaxgan.errors import JaxganError, PeerLostError, UsageError

FLAGS = ("coordinator_address", "num_processes", "process_id")

HEARTBEAT_SECONDS = 30
"""A process that is silent for so long counts as dead."""

JOIN_SECONDS = 300
"""At most so long one waits for the others at the start."""

NAME_SECONDS = 30
"""At most so long for a host's name to become known."""

SHUTDOWN_SECONDS = 20
"""At most so long one that is done waits for the others."""

_kept: list[Any] = []
"""The handlers below, which C would call after Python has forgotten them."""


def join(
    coordinator_address: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> int:
    """Joins the other processes of a run, given by flags or found where a cluster's manager says that there are some.

    Args:
      coordinator_address: HOST:PORT of process 0, which listens there.
      num_processes: how many there are, ≥ 1.
      process_id: which this one is, 0 to num_processes - 1.

    Returns:
      How many processes there are.

    Raises:
      UsageError: some flags are missing or wrong, or the others cannot be reached.
    """
    given = dict(zip(FLAGS, (coordinator_address, num_processes, process_id), strict=True))
    settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    _check(settings)
    manager = None if settings else found_manager(os.environ)
    if not settings and manager is None:
        return 1
    import jax

    unreachable = UsageError(
        "cannot join the other processes" + (f" that {manager} names" if manager else ""),
        f"not all of them came within {JOIN_SECONDS} seconds",
        "start all of them, with one address of process 0, at a port that is free and that firewalls let through",
    )
    _say_when_aborted(unreachable)
    if settings:
        _knock(settings, unreachable)
        settings["cluster_detection_method"] = "deactivate"
    try:
        jax.distributed.initialize(
            initialization_timeout=JOIN_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=SHUTDOWN_SECONDS,
            **settings,
        )
    except (RuntimeError, ValueError, OSError) as error:
        why = str(error).strip().split("\n")[0] or type(error).__name__
        raise UsageError(unreachable.what, why, unreachable.remedy) from error
    _say_when_aborted(lost())
    return jax.process_count()


def found_manager(environment: Any) -> str | None:
    """The cluster's manager that started this process as one of several, as far as JAX can ask it for the others.

    Args:
      environment: variables by name.

    Returns:
      "SLURM", "Open MPI", "Kubernetes", "Cloud TPU", or None.
    """
    if all(f"SLURM_{name}" in environment for name in ("JOB_ID", "STEP_NODELIST", "NTASKS", "PROCID", "LOCALID")):
        return "SLURM" if int(environment["SLURM_NTASKS"]) > 1 else None
    if "OMPI_MCA_orte_hnp_uri" in environment:
        return "Open MPI" if int(environment.get("OMPI_COMM_WORLD_SIZE", 1)) > 1 else None
    if "KUBERNETES_SERVICE_HOST" in environment and "JOB_COMPLETION_INDEX" in environment:
        return "Kubernetes"
    if "MEGASCALE_COORDINATOR_ADDRESS" in environment or "," in environment.get("TPU_WORKER_HOSTNAMES", ""):
        return "Cloud TPU"
    return None


def peer_lost(error: BaseException) -> bool:
    """Whether an error of JAX or Orbax, or one of ours that was caused by it, says that another process is gone."""
    cause = error.__cause__ if isinstance(error, JaxganError) else error
    said = r"gloo|peer|nccl|unavailable|heartbeat|coordination|barrier|connection|socket closed|deadline"
    return re.search(said, str(cause), re.IGNORECASE) is not None


def lost() -> PeerLostError:
    """What a process says when another one is gone."""
    return PeerLostError(
        "another process of this run has ended, or cannot be reached",
        "see what it says for the reason; the checkpoints are kept",
        "run the same commands again to go on from the newest",
    )


def abandon(error: JaxganError) -> NoReturn:
    """Ends this process at once: whatever waits for the others, a checkpoint half written say, would wait for long."""
    sys.stdout.flush()
    print(f"jaxgan: error: {error}", file=sys.stderr, flush=True)
    os._exit(error.exit_code)


def _check(settings: dict[str, Any]) -> None:
    if not settings:
        return
    missing = [f"--{name}" for name in FLAGS if name not in settings]
    if missing:
        raise UsageError(
            "the command line",
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
            "several processes need all three",
        )
    count, index, address = settings["num_processes"], settings["process_id"], settings["coordinator_address"]
    if not 0 <= index < count:
        raise UsageError(
            "the command line", f"--process_id={index} with --num_processes={count}", f"give 0 to {count - 1}"
        )
    found = re.fullmatch(r".+:(\d+)", address)
    if not found:
        raise UsageError("the command line", f"--coordinator_address={address} has no port", "write HOST:PORT")
    if not 1 <= int(found[1]) <= 65535:
        raise UsageError("the command line", f"--coordinator_address={address}: there is no such port", "1 to 65535")


def _knock(settings: dict[str, Any], unreachable: UsageError) -> None:
    """What JAX's runtime would answer with pages, or a crash: the port is taken, or process 0 is not there."""
    address = settings["coordinator_address"]
    host, _, port = address.rpartition(":")
    say = functools.partial(print, file=sys.stderr, flush=True)
    if settings["process_id"] == 0:
        with socket.socket() as probe:
            # As JAX's own: a port that a process just left, by being killed, say, may be taken again.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", int(port)))
            except OSError as error:
                why = f"process 0 cannot listen at port {port}: {error.strerror}"
                raise UsageError(unreachable.what, why, "choose another port, for all of them") from error
        others = settings["num_processes"] - 1
        count = f"{others} other process{'es' if others > 1 else ''}"
        say(f"waiting for {count} at {address}, for at most {JOIN_SECONDS} seconds")
        return
    began, said = time.monotonic(), ""
    end = began + JOIN_SECONDS
    while True:
        try:
            return socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
        except OSError as error:
            reason = error.strerror or str(error)
            if isinstance(error, socket.gaierror):
                end = min(end, began + NAME_SECONDS)
            if time.monotonic() > end:
                why = f"process 0 at {address} was not there for {end - began:.0f} seconds: {reason}"
                raise UsageError(unreachable.what, why, unreachable.remedy) from error
        if reason != said:
            said = reason
            say(f"waiting for process 0 at {address} ({reason}), for at most {end - began:.0f} seconds")
        time.sleep(0.2)


def _say_when_aborted(error: JaxganError) -> None:
    """JAX's runtime aborts a process that others leave alone, from a thread of its own: then say so, in a line."""
    handler_type = ctypes.CFUNCTYPE(None, ctypes.c_int)
    handler = handler_type(lambda _: abandon(error))
    _kept.append(handler)
    library = ctypes.CDLL(None)
    library.signal.argtypes, library.signal.restype = (ctypes.c_int, handler_type), ctypes.c_void_p
    library.signal(signal.SIGABRT, handler)
