"""Time and examples to reach a score on MNIST: the paper's settings, other priors and coordination, a faster config.

    python -m benchmarks.efficiency --data DIRECTORY_OF_IDX_FILES --out results/benchmarks/efficiency.json

Each setting is a sweep (`--mode=sweep`) over seeds in `--workdir`, and resumes if it was stopped. Every checkpoint of
every member is then scored: Parzen windows by the protocol of the paper's Table 1, in nats. Scores between two
checkpoints are interpolated linearly. Seconds per step are from timed calls of several steps, alternating between
settings.
"""

import argparse
import json
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from benchmarks import timing
from benchmarks.scores import over_seeds
from jaxgan.runs.evaluate.tables import summarise

PAPER, FAST = "configs/mnist.py", "configs/mnist_fast.py"
ADAM = {"name": "adam", "learning_rate": "2e-4", "b1": "0.5", "b2": "0.999", "rate_schedule": "constant"}
ADAM |= {"rate_decay": "1.0", "rate_floor": "0.0", "momentum_schedule": "constant"}
PLAYERS = ("generator_optimizer", "discriminator_optimizer")


class Setting(NamedTuple):
    """A setting to compare.

    Attributes:
      config: its config file.
      fields: config fields that are changed.
      steps: number of steps of its runs.
      every: number of steps between two scores.
      averaged: whether samples are from the generator's average, if the config keeps one (it does not affect training);
        False: from the generator itself.
      seeds: number of seeds.
    """

    config: str
    fields: dict[str, str]
    steps: int = 15_000
    every: int = 1_250
    averaged: bool = True
    seeds: int = 2


AVERAGE = {"average_decay": "0.999"}
RATE = "discriminator_optimizer.learning_rate"
SETTINGS = {
    "recommended": Setting(FAST, {}, 3_000, 250, seeds=4),
    "recommended, the generator itself": Setting(FAST, {}, 3_000, 250, averaged=False, seeds=4),
    "the paper's": Setting(PAPER, {**AVERAGE, RATE: "0.05"}, averaged=False, seeds=4),
    "the paper's, averaged generator": Setting(PAPER, {**AVERAGE, RATE: "0.05"}, seeds=4),
    "D at twice the rate": Setting(PAPER, {**AVERAGE, RATE: "0.1"}, averaged=False, seeds=4),
    "D at twice the rate, averaged generator": Setting(PAPER, {**AVERAGE, RATE: "0.1"}, seeds=4),
    "D rests above .8": Setting(PAPER, {"coordination.accuracy_limit": "0.8"}),
    "D rests above .95": Setting(PAPER, {"coordination.accuracy_limit": "0.95"}),
    "normal prior": Setting(PAPER, {"latent.name": "normal"}),
    "mixture prior": Setting(PAPER, {"latent.name": "mixture", "latent.deviation_penalty": "0.33"}),
    "Adam": Setting(PAPER, {f"{player}.{name}": value for player in PLAYERS for name, value in ADAM.items()}),
    "recommended, penalty every 4th step": Setting(FAST, {"penalties.interval": "4"}, 3_000, 250),
}
"""The settings by name. Settings with equal config, fields, steps and seeds share their runs."""

BATCH, CHUNK = 100, 10
"""Examples per step, with k = 1, and steps per timed call."""


def sweep(setting: Setting, data: str, workdir: pathlib.Path) -> list[pathlib.Path]:
    """Trains the members, and returns their directories."""
    config, fields, steps, every, _, seeds = setting
    alike = {"averaged": setting.averaged, "seeds": seeds}
    same = [name for name, other in SETTINGS.items() if other._replace(**alike) == setting]
    path = workdir / "".join(c if c.isalnum() else "_" for c in same[0])
    values = {"dataset.path": data, "steps": str(steps), "population.seeds": str(seeds), "alarms.patience": "0"}
    values |= {"checkpoint_every": str(every), "keep_checkpoints": str(steps // every), "log_every": str(every)}
    values |= {"sample_every": str(steps), "evaluation.metrics": "sliced_wasserstein", **fields}
    flags = [f"--config.{field}={value}" for field, value in values.items()]
    finished = (path / "sweep.json").exists() and json.loads((path / "sweep.json").read_text())["finished"]
    if not finished or len(list((path / "members").iterdir())) != seeds:  # otherwise the sweep would be refused
        subprocess.run(
            [sys.executable, "launch.py", "--mode=sweep", f"--config={config}", f"--workdir={path}", *flags], check=True
        )
    return sorted((path / "members").iterdir())


class Curves:
    """Scores the checkpoints of runs on one dataset, which is read only once."""

    def __init__(self) -> None:
        self.evaluation: Any = None

    def __call__(self, member: pathlib.Path, averaged: bool) -> dict[int, float | None]:
        """The score of each checkpoint of a run, by step; None where the samples are not finite."""
        kept = member / ("curve.json" if averaged else "curve_of_the_generator_itself.json")
        if not kept.exists():
            timing.write(str(kept), {str(step): value for step, value in self._scores(member, averaged).items()})
        return {int(step): value for step, value in json.loads(kept.read_text()).items()}

    def _scores(self, member: pathlib.Path, averaged: bool) -> dict[int, float | None]:
        from jaxgan.errors import DivergedError
        from jaxgan.io.checkpoints import Checkpoints
        from jaxgan.runs.data import read_inputs
        from jaxgan.runs.evaluate.evaluation import Evaluation
        from jaxgan.runs.load import load_run

        run = load_run(str(member), None, {"evaluation.metrics": "parzen"}, ("evaluation.",))
        if self.evaluation is None:
            self.evaluation = Evaluation(run.config, read_inputs(run.config), run.experiment, 0, print)
        evaluation = self.evaluation.of(run.experiment, run.config)
        steps = sorted(int(p.name) for p in run.directory.checkpoints.iterdir() if p.name.isdigit())
        found: dict[int, float | None] = {}
        with Checkpoints(run.directory.checkpoints, keep=len(steps)) as checkpoints:
            for step in steps:
                state = checkpoints.restore(run.experiment.abstract_state(), step)[0]
                try:
                    report = evaluation.run(state if averaged else state.replace(average_params=None))
                    found[step] = next(s.value for s in report.scores if s.name == "parzen_paper")
                except DivergedError:
                    found[step] = None
                print(f"{member}, step {step:,}: {found[step]}", flush=True)
        return found


def reached(curve: dict[int, float | None], target: float) -> float | None:
    """The step at which a curve first reaches the score, interpolated linearly; None if it never does."""
    before: tuple[int, float] | None = None
    for step, value in sorted(curve.items()):
        if value is not None and value >= target:
            if before is None:
                return step
            return before[0] + (step - before[0]) * (target - before[1]) / (value - before[1])
        before = None if value is None else (step, value)
    return None


def calls_of_steps(data: str, names: Iterable[str]) -> dict[str, Callable[[], Any]]:
    """For each setting, a call of `CHUNK` steps as in a run, on minibatches that are already loaded."""
    import jax
    import numpy as np

    from jaxgan.config import build
    from jaxgan.config.command_line import load_config, override
    from jaxgan.parallel import distribute
    from jaxgan.runs.data import read_inputs
    from jaxgan.training.step import scan_steps

    calls = {}
    for name in names:
        setting = SETTINGS[name]
        loaded = load_config(setting.config)
        assert not override(loaded, {"dataset.path": data, **setting.fields})
        config = loaded
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
    """Steps, examples and seconds to a score, over the seeds, if all have reached it."""
    steps = [reached(curve, target) for curve in curves]
    found: dict[str, Any] = {"steps": over_seeds(steps)}
    if None not in steps:
        found["examples"] = over_seeds([n * examples for n in steps if n])
        found["seconds"] = over_seeds([n * seconds for n in steps if n])
    return found


def table_of(result: dict[str, Any]) -> str:
    """The result as a Markdown table: steps and minutes to each score, over the seeds that reach it."""
    targets = list(next(iter(result["settings"].values()))["to"])
    heads = [head for target in targets for head in (f"steps to {target} nats", "minutes")]
    lines = [f"| setting | seeds | seconds of a step | {' | '.join(heads)} |", "|---" * (3 + len(heads)) + "|"]
    for name, setting in result["settings"].items():
        cells = [str(setting["seeds"]), f"{setting['seconds_of_a_step']['median']:.3f}"]
        for target in targets:
            found = setting["to"][target]
            steps, minute = summarise(found["steps"]["values"]), setting["seconds_of_a_step"]["median"] / 60
            reached = steps.mean is not None
            cells += [steps.text(0), steps.text(1, minute)] if reached else [f"not in {setting['steps']:,}", ""]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Trains, scores and times all settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--targets", type=float, nargs="+", default=[50.0, 100.0, 150.0])
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, help="of every setting, instead of its own number")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--workdir", default="runs/efficiency")
    arguments = parser.parse_args()
    workdir, score = pathlib.Path(arguments.workdir), Curves()
    curves = {}
    settings = {name: SETTINGS[name] for name in arguments.settings}
    if arguments.seeds:
        settings = {name: setting._replace(seeds=arguments.seeds) for name, setting in settings.items()}
    for name, setting in settings.items():
        members = sweep(setting, arguments.data, workdir)
        curves[name] = [score(member, setting.averaged) for member in members]
    seconds = timing.in_turn(calls_of_steps(arguments.data, curves), arguments.repeats)
    result: dict[str, Any] = {"settings": {}}
    for name, of_seeds in curves.items():
        of_a_step = timing.summary([s / CHUNK for s in seconds[name]])
        targets = {f"{t:g}": to_target(of_seeds, t, of_a_step["median"], BATCH) for t in arguments.targets}
        last = over_seeds([curve[max(curve)] for curve in of_seeds])
        result["settings"][name] = {
            **settings[name]._asdict(),
            "seconds_of_a_step": of_a_step,
            "to": targets,
            "last": last,
            "curves": of_seeds,
        }
    result["machine"] = timing.machine("jaxgan", "jax", "jaxlib", "flax", "optax", "numpy")
    print(table_of(result))
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
