"""What the benchmarks make of scores over seeds."""

import pytest

from benchmarks import efficiency, scores


def test_means_and_standard_errors_over_seeds():
    assert scores.over_seeds([1.0, 2.0, 4.5]) == {
        "mean": 2.5,
        "standard_error": pytest.approx((6.5 / 2 / 3) ** 0.5),  # squares 2.25 + .25 + 4 around 2.5
        "values": [1.0, 2.0, 4.5],
    }
    assert scores.over_seeds([3.0]) == {"mean": 3.0, "standard_error": None, "values": [3.0]}
    assert scores.over_seeds([1.0, None]) == {"mean": None, "standard_error": None, "values": [1.0, None]}


def test_a_tasks_numbers_by_method():
    def report(ours, other):
        values = {"this run": {"value": ours}, "mean fill": {"value": other}}
        return {"task": {"scores": [{"name": "rmse", "values": values}]}}

    found = scores.task_summary([report(0.2, 0.5), report(0.4, 0.5)])
    assert found["rmse"]["this run"]["mean"] == pytest.approx(0.3)
    assert found["rmse"]["this run"]["standard_error"] == pytest.approx(0.1)
    assert found["rmse"]["mean fill"] == {"mean": 0.5, "standard_error": 0.0, "values": [0.5, 0.5]}
    assert scores.task_summary([{"task": {"scores": []}}]) == {}


def test_when_a_score_is_reached():
    curve = {3000: 210.0, 1000: None, 2000: 150.0, 4000: 140.0}
    assert efficiency.reached(curve, 150.0) == 2000 and efficiency.reached(curve, 211.0) is None
    assert efficiency.reached(curve, 165.0) == 2250  # a quarter of the way from 150 to 210
    found = efficiency.to_target([curve, {1000: 155.0}], 150.0, seconds=0.02, examples=100)
    assert found["steps"]["values"] == [2000, 1000]
    assert found["seconds"]["mean"] == pytest.approx(30.0) and found["examples"]["mean"] == 150_000
    assert set(efficiency.to_target([curve, {1000: 120.0}], 150.0, seconds=0.02, examples=100)) == {"steps"}


def test_the_table_tells_how_many_seeds_have_reached_a_score():
    targets = {"50": [100.0, 200.0], "100": [300.0, None], "150": [None, None]}
    to = {target: {"steps": scores.over_seeds(steps)} for target, steps in targets.items()}
    setting = {"seeds": 2, "seconds_of_a_step": {"median": 0.6}, "steps": 1_000, "to": to}
    row = efficiency.table_of({"settings": {"mine": setting}}).splitlines()[-1]
    assert row == "| mine | 2 | 0.600 | 150 ± 50 | 1.5 ± 0.5 | 300 (1 of them) | 3.0 | not in 1,000 |  |"


def test_every_setting_is_a_config_with_fields_that_it_has():
    from jaxgan.config import problems_of
    from jaxgan.config.command_line import load_config, override

    for setting in efficiency.SETTINGS.values():
        config = load_config(setting.config)
        assert override(config, {"dataset.path": "somewhere", **setting.fields}) == []
        assert problems_of(config) == [] and setting.steps % setting.every == 0
        assert (config["batch_size"], config["discriminator_steps"]) == (efficiency.BATCH, 1)
        assert config["average_decay"] or setting.averaged  # without an average there is only the generator
