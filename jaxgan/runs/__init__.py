"""One host loop per mode of `launch.py`; each is imported when it runs."""

from collections.abc import Mapping
from typing import Any

from jaxgan.errors import UsageError


def run(
    mode: str, location: str | None, overrides: Mapping[str, str], workdir: str, options: Mapping[str, Any]
) -> None:
    """Runs one mode.

    Args:
      mode: "train" or "sample".
      location: the config's file, with `:argument` behind it if wanted; None for the run's own config.
      overrides: fields of the config to set, as text.
      workdir: the run's directory.
      options: the mode's own: `count` and `seed` for "sample".

    Raises:
      JaxganError: any expected failure, as one line.
    """
    if mode == "train":
        if location is None:
            raise UsageError(
                "the command line", "--config is missing", "name one, such as --config=configs/quickstart.py"
            )
        from jaxgan.configuration import check
        from jaxgan.runs import command_line
        from jaxgan.runs.train import train

        config = command_line.load_config(location)
        check(config, tuple(command_line.override(config, dict(overrides))))
        train(config, workdir)
    else:
        if location is not None or overrides:
            raise UsageError(
                "the command line", f"--mode={mode} uses the run's own config", "leave out --config and its fields"
            )
        from jaxgan.runs.sample import sample

        sample(workdir, **options)
