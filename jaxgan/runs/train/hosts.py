"""Several processes that train one GAN: how they connect, and how the others react when one of them ends."""

import ctypes
import os
import re
import signal
import socket
import sys
from typing import Any

from jaxgan.errors import JaxganError, PeerLostError, UsageError
from jaxgan.signals import abandon

FLAGS = ("coordinator_address", "num_processes", "process_id")

JOIN_SECONDS = 300
"""How long a process waits for the others at startup."""

SHUTDOWN_SECONDS = 20
"""How long a finished process waits for the others."""

_handlers: list[Any] = []
"""Signal handlers called from C; kept here so that Python does not garbage-collect them."""


def join(
    coordinator_address: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    timeout: int = 30,
) -> int:
    """Connects to the other processes of a run, given by flags or found by JAX through a cluster manager.

    Args:
      coordinator_address: HOST:PORT on which process 0 listens.
      num_processes: number of processes, ≥ 1.
      process_id: index of this process, 0 to num_processes - 1.
      timeout: seconds of silence after which another process counts as gone.

    Returns:
      The number of processes.

    Raises:
      UsageError: flags are missing or wrong, or the other processes cannot be reached.
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
    _report_abort(unreachable)
    if settings:
        if process_id == 0:
            _check_port(str(coordinator_address))  # otherwise JAX would abort the process
        settings["cluster_detection_method"] = "deactivate"
        where = f"at {coordinator_address}, for at most {JOIN_SECONDS} seconds"
        print(f"waiting for {num_processes} processes {where}", file=sys.stderr, flush=True)
    try:
        jax.distributed.initialize(
            initialization_timeout=JOIN_SECONDS,
            heartbeat_timeout_seconds=timeout,
            shutdown_timeout_seconds=SHUTDOWN_SECONDS,
            **settings,
        )
    except (RuntimeError, ValueError, OSError) as error:
        why = str(error).strip().split("\n")[0] or type(error).__name__
        raise UsageError(unreachable.what, why, unreachable.remedy) from error
    _report_abort(lost())
    return jax.process_count()


def _check_port(address: str) -> None:
    """Raises UsageError if process 0 cannot listen on its port."""
    port = int(address.rpartition(":")[2])
    try:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("", port))
    except OSError as error:
        raise UsageError(
            "cannot join the other processes", f"port {port} is not free ({error.strerror})", "choose another port"
        ) from error


def found_manager(environment: Any) -> str | None:
    """The cluster manager that started this process as one of several, and through which JAX finds the others.

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
    """Whether an error of JAX or Orbax, or one of ours caused by it, is due to the loss of another process.

    Only the text of such an error distinguishes it from others: the types are the same.
    """
    cause = error.__cause__ if isinstance(error, JaxganError) else error
    signs = r"gloo|peer|nccl|unavailable|heartbeat|coordination|barrier|connection|socket closed|deadline"
    return re.search(signs, str(cause), re.IGNORECASE) is not None


def lost() -> PeerLostError:
    """The error of a process that has lost another process."""
    return PeerLostError(
        "another process of this run has ended, or cannot be reached",
        "see what it says for the reason; the checkpoints are kept",
        "run the same commands again to resume from the newest",
    )


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


def _report_abort(error: JaxganError) -> None:
    """Makes an abort print one line and exit with the error's code.

    If the other processes do not join or fall silent, JAX's runtime aborts this process from its own thread. Python's
    signal handlers do not run then, since they wait for the main thread.
    """
    handler_type = ctypes.CFUNCTYPE(None, ctypes.c_int)
    _handlers.append(handler_type(lambda _: abandon(error)))
    library = ctypes.CDLL(None)
    library.signal.argtypes, library.signal.restype = (ctypes.c_int, handler_type), ctypes.c_void_p
    library.signal(signal.SIGABRT, _handlers[-1])
