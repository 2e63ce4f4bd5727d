"""Time and examples to a score on MNIST: the paper's settings, other priors and coordination, and a faster config.

    python -m benchmarks.efficiency --data DIRECTORY_OF_IDX_FILES --out results/benchmarks/efficiency.json

Each setting is a sweep (`--mode=sweep`) over seeds in `--workdir`, which goes on where it was stopped; every checkpoint
of every member is then scored: Parzen windows by the protocol of the paper's Table 1, in nats. A member has reached a
score at the first checkpoint that has it. The second of a step is that of calls of some steps, the settings in turn.
"""

import argparse
import json
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from benchmarks import timing
from benchmarks.scores import over_seeds

PAPER, FAST = "configs/mnist.py", "configs/mnist_fast.py"
ADAM = {"name": "adam", "learning_rate": "2e-4", "b1": "0.5", "b2": "0.999", "rate_schedule": "constant"}
ADAM |= {"rate_decay": "1.0", "rate_floor": "0.0", "momentum_schedule": "constant"}
PLAYERS = ("generator_optimizer", "discriminator_optimizer")
SETTINGS: dict[str, tuple[str, dict[str, str]]] = {
    "the paper's": (PAPER, {}),
    "D rests while it wins": (PAPER, {"coordination.accuracy_limit": "0.8"}),
    "normal prior": (PAPER, {"latent.name": "normal"}),
    "mixture prior": (PAPER, {"latent.name": "mixture", "latent.deviation_penalty": "0.33"}),
    "averaged generator": (PAPER, {"average_decay": "0.999"}),
    "Adam": (PAPER, {f"{player}.{name}": value for player in PLAYERS for name, value in ADAM.items()}),
    "recommended": (FAST, {}),
    "recommended, penalty every 4th step": (FAST, {"penalties.interval": "4"}),
}
"""A config and what is set in it."""

EVERY = 250
"""Steps between two scores."""
CHUNK = 10
"""Steps of a call that is timed."""


def sweep(name: str, steps: int, seeds: int, data: str, workdir: pathlib.Path) -> list[pathlib.Path]:
    """The members' directories, trained."""
    config, fields = SETTINGS[name]
    path = workdir / "".join(c if c.isalnum() else "_" for c in name)
    values = {"dataset.path": data, "steps": str(steps), "population.seeds": str(seeds), "alarms.patience": "0"}
    values |= {"checkpoint_every": str(EVERY), "keep_checkpoints": str(steps // EVERY), "log_every": str(EVERY)}
    values |= {"sample_every": str(steps), "evaluation.metrics": "sliced_wasserstein", **fields}
    flags = [f"--config.{field}={value}" for field, value in values.items()]
    if not ((path / "sweep.json").exists() and json.loads((path / "sweep.json").read_text())["finished"]):
        subprocess.run(
            [sys.executable, "launch.py", "--mode=sweep", f"--config={config}", f"--workdir={path}", *flags], check=True
        )
    return sorted((path / "members").iterdir())


class Curves:
    """Scores the checkpoints of runs on one dataset, which is read once."""

    def __init__(self) -> None:
        self.evaluation: Any = None

    def __call__(self, member: pathlib.Path) -> dict[int, float | None]:
        """The score of every checkpoint of a run, by its step; None where the samples are not finite."""
        kept = member / "curve.json"
        if not kept.exists():
            timing.write(str(kept), {str(step): value for step, value in self._scores(member).items()})
        return {int(step): value for step, value in json.loads(kept.read_text()).items()}

    def _scores(self, member: pathlib.Path) -> dict[int, float | None]:
        from jaxgan.checkpoints import Checkpoints
        from jaxgan.errors import DivergedError
        from jaxgan.runs.evaluation import Evaluation
        from jaxgan.runs.inputs import read_inputs
        from jaxgan.runs.trained import load_run, restore_players

        run = load_run(str(member), None, {"evaluation.metrics": "parzen"}, ("evaluation.",))
        if self.evaluation is None:
            self.evaluation = Evaluation(run.config, read_inputs(run.config), run.experiment, 0, print)
        evaluation = self.evaluation.of(run.experiment)
        steps = sorted(int(p.name) for p in run.directory.checkpoints.iterdir() if p.name.isdigit())
        found: dict[int, float | None] = {}
        with Checkpoints(run.directory.checkpoints, keep=len(steps)) as checkpoints:
            for step in steps:
                try:
                    report = evaluation.run(restore_players(checkpoints, run.experiment, step))
                    found[step] = next(r.score.value for r in report.rows if r.score.name == "parzen_paper")
                except DivergedError:
                    found[step] = None
                print(f"{member}, step {step:,}: {found[step]}", flush=True)
        self.evaluation.references = evaluation.references
        return found


def reached(curve: dict[int, float | None], target: float) -> int | None:
    """The first step that has the score; None if none has."""
    return next((step for step, value in sorted(curve.items()) if value is not None and value >= target), None)


def calls_of_steps(data: str) -> dict[str, Callable[[], Any]]:
    """By setting, a call of `CHUNK` steps as a run makes them, on minibatches that are there."""
    import jax
    import numpy as np

    from jaxgan.configuration import build
    from jaxgan.parallel import distribute
    from jaxgan.runs.command_line import load_config, override
    from jaxgan.runs.inputs import read_inputs
    from jaxgan.step import scan_steps

    calls = {}
    for name, (path, fields) in SETTINGS.items():
        loaded = load_config(path)
        assert not override(loaded, {"dataset.path": data, **fields})
        config = loaded.to_dict()
        experiment = build(config, read_inputs(config).facts)
        step, place, place_batch = distribute(lambda axis, e=experiment: scan_steps(e.train_step(axis)), mapping="jit")
        shape = (CHUNK, config["discriminator_steps"], config["batch_size"], 28, 28, 1)
        batches = place_batch({"real": np.random.default_rng(0).uniform(size=shape).astype(np.float32)})
        held = [place(experiment.initial_state(0))]

        def call(step=step, held=held, batches=batches):
            held[0], metrics = step(held[0], batches)
            jax.block_until_ready(metrics)

        calls[name] = call
    return calls


def to_target(curves: list[dict[int, float | None]], target: float, seconds: float, examples: int) -> dict[str, Any]:
    """Steps, examples and seconds to a score: over the seeds, if all have reached it."""
    steps = [reached(curve, target) for curve in curves]
    found: dict[str, Any] = {"steps": over_seeds(steps)}
    if None not in steps:
        found["examples"] = over_seeds([n * examples for n in steps if n])
        found["seconds"] = over_seeds([n * seconds for n in steps if n])
    return found


def main() -> None:
    """Trains, scores and times all settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--targets", type=float, nargs="+", default=[100.0, 150.0, 180.0])
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS))
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--workdir", default="runs/efficiency")
    arguments = parser.parse_args()
    workdir, score = pathlib.Path(arguments.workdir), Curves()
    curves = {}
    for name in arguments.settings:
        members = sweep(name, arguments.steps, arguments.seeds, arguments.data, workdir)
        curves[name] = [score(member) for member in members]
    calls = calls_of_steps(arguments.data)
    seconds = timing.in_turn({name: calls[name] for name in curves}, arguments.repeats)
    result: dict[str, Any] = {"seeds": arguments.seeds, "steps": arguments.steps, "settings": {}}
    for name, of_seeds in curves.items():
        of_a_step = timing.summary([s / CHUNK for s in seconds[name]])
        k = int(SETTINGS[name][1].get("discriminator_steps", "1"))
        targets = {f"{t:g}": to_target(of_seeds, t, of_a_step["median"], 100 * k) for t in arguments.targets}
        last = over_seeds([curve[max(curve)] for curve in of_seeds])
        result["settings"][name] = {
            "config": SETTINGS[name][0],
            "set": SETTINGS[name][1],
            "seconds_of_a_step": of_a_step,
            "to": targets,
            "last": last,
            "curves": of_seeds,
        }
    result["machine"] = timing.machine("jaxgan", "jax", "jaxlib", "flax", "optax", "numpy")
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
