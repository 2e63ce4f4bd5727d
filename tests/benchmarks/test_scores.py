"""What the benchmarks make of scores over seeds."""

import json

import pytest

from benchmarks import baselines, efficiency, scores


def test_means_and_standard_errors_over_seeds():
    assert scores.over_seeds([1.0, 2.0, 4.5]) == {
        "mean": 2.5,
        "standard_error": pytest.approx((6.5 / 2 / 3) ** 0.5),  # squares 2.25 + .25 + 4 around 2.5
        "values": [1.0, 2.0, 4.5],
        "errors": [],
    }
    assert scores.over_seeds([3.0]) == {"mean": 3.0, "standard_error": None, "values": [3.0], "errors": []}
    missing = {"mean": None, "standard_error": None, "values": [1.0, None], "errors": []}
    assert scores.over_seeds([1.0, None]) == missing
    # Three seeds of one test set: 6.5/2/3 + (1 + 4 + 4)/3.
    assert scores.over_seeds([1.0, 2.0, 4.5], [1.0, 2.0, 2.0])["standard_error"] == pytest.approx((6.5 / 6 + 3) ** 0.5)


def test_shares_of_earlier_results_have_the_error_of_their_test_set():
    # 9,800 and 9,900 of 10,000: s²/n = (.01)²/4, and pq/n = (.0196 + .0099)/2/10,000.
    found = {"values": [0.98, 0.99]}
    assert scores.cell(found, 2, 100) == "98.50 (98.00 to 99.00, n = 2)"
    assert scores.cell(found, 2, 100, share_of=10_000) == "98.50 ± 0.51 (98.00 to 99.00, n = 2)"
    assert scores.cell({**found, "errors": [0.03, 0.03]}, 1, 100, share_of=10_000) == "98.5 ± 3.0 (98.0 to 99.0, n = 2)"


def test_a_tasks_numbers_by_method():
    def report(ours, other):
        values = {"this run": {"value": ours, "standard_error": 0.1}, "mean fill": {"value": other}}
        return {"task": {"scores": [{"name": "rmse", "values": values}]}}

    found = scores.task_summary([report(0.2, 0.5), report(0.4, 0.5)])
    assert found["rmse"]["this run"]["mean"] == pytest.approx(0.3)
    assert found["rmse"]["this run"]["standard_error"] == pytest.approx(0.02**0.5)  # s/√n and e are .1 both
    assert found["rmse"]["mean fill"] == {"mean": 0.5, "standard_error": 0.0, "values": [0.5, 0.5], "errors": []}
    assert scores.task_summary([{"task": {"scores": []}}]) == {}


def test_seeds_are_added_to_a_result_of_the_same_config_and_fields(tmp_path, monkeypatch):
    done = []

    def one_seed(config, seed, workdir, overrides, evaluation):
        done.append(seed)
        score = {"name": "frechet", "value": float(seed), "standard_error": 0.0, "real_data": {"value": 0.5}}
        report = {"step": 1, "samples": 2, "features": {}, "scores": [score], "task": {"scores": []}}
        return report | {"alarms": [], "seconds": 1.0, "machine": {}}

    def run(*more):
        path = tmp_path / "out.json"
        monkeypatch.setattr("sys.argv", ["scores", "--config", "configs/ring.py", "--out", str(path), *more])
        done.clear()
        scores.main()
        return json.loads(path.read_text())

    monkeypatch.setattr(scores, "one_seed", one_seed)
    assert run("--seeds", "2", "--set", "steps=9")["seeds"] == [2] and done == [2]
    found = run("--seeds", "0", "2", "4", "--set", "steps=9")
    assert (found["seeds"], done, found["scores"]["frechet"]["mean"]) == ([0, 2, 4], [0, 4], 2.0)
    assert run("--seeds", "2", "--set", "steps=10")["seeds"] == [2] and done == [2]  # of other fields
    monkeypatch.setattr(scores, "digest", lambda config: "another")
    assert run("--seeds", "1", "--set", "steps=10")["seeds"] == [1]


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
    fifty = "150 (100 to 200, n = 2) | 1.5 (1.0 to 2.0, n = 2)"
    assert row == f"| mine | 2 | 0.600 | {fifty} | 300 (n = 1 of 2) | 3.0 (n = 1 of 2) | not in 1,000 |  |"


@pytest.mark.medium
def test_every_setting_is_a_config_with_fields_that_it_has():
    from jaxgan.config import problems_of
    from jaxgan.config.command_line import load_config, override

    for setting in efficiency.SETTINGS.values():
        config = load_config(setting.config)
        assert override(config, {"dataset.path": "somewhere", **setting.fields}) == []
        assert problems_of(config) == [] and setting.steps % setting.every == 0
        assert (config["batch_size"], config["discriminator_steps"]) == (efficiency.BATCH, 1)
        assert config["average_decay"] or setting.averaged  # without an average there is only the generator


def test_the_baselines_are_of_configs_with_the_fields_that_are_set():
    from jaxgan.config import problems_of
    from jaxgan.config.command_line import load_config, override

    for path, fields in baselines.CONFIGS.items():
        config = load_config(path)
        assert override(config, {"dataset.path": "somewhere", "evaluation.metrics": "task", **fields}) == []
        assert problems_of(config) == []


def test_a_table_of_scores_has_the_error_of_a_share_in_it():
    found = {"precision": {"values": [0.8] * 4, "real_data": 0.9}, "frechet": {"values": [1.0, 3.0], "real_data": 0.5}}
    result = {"seeds": [0, 1, 2, 3], "samples": 100, "features": {"test_examples": 50}, "scores": found}
    lines = scores.table_of(result).splitlines()
    assert lines[0] == "| score | 4 seeds | real data | better |"
    assert lines[2:] == [
        "| `precision` | 0.800 ± 0.040 | 0.9 | higher |",
        "| `frechet` | 2 (1 to 3, n = 2) | 0.5 | lower |",
    ]
