"""`--mode=report`: rewrites a run's report, or writes a page that compares several runs."""

import pathlib
from collections.abc import Mapping, Sequence

from jaxgan.errors import UsageError
from jaxgan.io.atomic import OUTPUT, local_path, made_folder
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.evaluate.comparison import MOST, write_comparison
from jaxgan.runs.evaluate.report import trained, write_report


def report(
    workdir: str, others: Sequence[str] = (), *, output: str | None = None, overrides: Mapping[str, str] = {}
) -> None:
    """Rewrites a run's `report.html` and `curves.png`, or writes `comparison.html` of several runs; prints their paths.

    Args:
      workdir: the run's directory; for a sweep, its members are compared.
      others: directories of further runs or sweeps; the page then shows all of them side by side.
      output: a directory for the files; None for the run's own, or for a comparison the current directory.
      overrides: config fields; a report takes none.

    Raises:
      UsageError: there is no run, there are too many, or a field is set.
      WriteError: a file cannot be written.
    """
    for name in overrides:
        raise UsageError("--mode=report", f"it takes no --config.{name}", "a report has what the run has; leave it out")
    found = {run.path.resolve(): run for place in (workdir, *others) for run in _runs(place)}
    runs = list(found.values())
    folder = None if output is None else made_folder(local_path(output, "--output="), OUTPUT)
    if len(runs) == 1:
        path = write_report(runs[0], folder=folder, run=trained(runs[0]))
    else:
        if len(runs) > MOST:
            why = f"there are {len(runs)}, and {MOST} are the most that a page compares"
            raise UsageError("--mode=report", why, "name fewer runs, such as some of a sweep's members")
        path = write_comparison(runs, folder or pathlib.Path.cwd())
    print(f"Written: {path}", flush=True)


def _runs(place: str) -> list[RunDirectory]:
    """The run in a directory, or the runs of a sweep."""
    directory = RunDirectory(place, create=False)
    if directory.config_file.is_file():
        return [directory]
    if directory.sweep_file.is_file() and directory.members.is_dir():
        members = [RunDirectory(str(path), create=False) for path in sorted(directory.members.iterdir())]
        if members := [member for member in members if member.config_file.is_file()]:
            return members
    what = f"--workdir={directory.path} has no run"
    raise UsageError(what, f"{directory.config_file.name} is not there", "name the directory of a run")
