"""What a run's data brings with it: its mixture, its seed, its range."""

import numpy as np
import pytest

from configs import ring
from jaxgan.datasets import DATASETS, Mixture, mixtures
from jaxgan.runs import data, run
from jaxgan.runs.load import load_run

PAIR = Mixture(np.float32([[-1.0, 0.1], [1.0, 0.3]]), 0.05)


@pytest.fixture
def pair(monkeypatch):
    """A mixture that is not jaxgan's own, in the table of datasets."""

    def load(*, examples: int = 100, seed: int = 0):
        return mixtures.draw("pair", PAIR, examples, seed)

    monkeypatch.setitem(DATASETS, "pair", load)


def test_a_mixture_of_ones_own_is_drawn_with_the_seed_and_is_known_without_the_data(pair, tmp_path, monkeypatch):
    config = ring.get_config()
    config.dataset.name, config.dataset.examples = "pair", 300
    configs = [config.to_dict() | {"seed": seed} for seed in (0, 1, 0)]
    one, other, _ = (data.same_data(each) for each in configs)
    assert one != other and one == data.same_data(configs[2])
    first, second = (data.read_inputs(each).dataset.train for each in configs[:2])
    assert len(first) == 300 and not np.array_equal(first.examples, second.examples)
    config.dataset.name, config.dataset.path = "npz", "data.npz"
    configs = [config.to_dict() | {"seed": seed} for seed in (0, 1)]
    assert data.same_data(configs[0]) == data.same_data(configs[1])  # no seed changes what is stored

    small = {"dataset.name": "pair", "dataset.examples": "200", "steps": "1", "batch_size": "8", "mapping": "jit"}
    small |= {"generator.widths": "(4,)", "discriminator.widths": "(4,)", "alarms.patience": "0"}
    run("train", "configs/ring.py", small, str(tmp_path), {})
    trained = load_run(str(tmp_path))
    monkeypatch.delitem(DATASETS, "pair")  # the checkpoint says it, not the loader
    mixture = data.mixture_of(trained.data, trained.config)
    np.testing.assert_array_equal(mixture.centers, PAIR.centers)
    assert mixture.centers.dtype == np.float32 and mixture.sigma == 0.05


def test_checkpoints_that_do_not_record_the_mixture_know_ours_by_name():
    config = {"dataset": {"name": "ring"}}
    assert data.mixture_of({}, config) is mixtures.MIXTURES["ring"]
    assert data.mixture_of({}, {"dataset": {"name": "digits"}}) is None
