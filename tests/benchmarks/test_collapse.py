"""How collapses are counted."""

import pytest

from benchmarks import collapse


def _line(order, seed, collapsed, path="run"):
    reading = {"step": 100, "d_real_logit": 1.0, "diversity": 1.0, "pixels": [float(seed)]}
    return {"order": order, "path": path, "seed": seed, "limit": 100, "collapsed": collapsed, "readings": [reading]}


def test_rates_by_path_and_of_all_paths():
    lines = [_line("alternating", seed, 100 if seed < 2 else None) for seed in range(3)]
    lines += [_line("alternating", 0, None, "step"), _line("simultaneous", 0, None), _line("simultaneous", 1, None)]
    found = collapse.result_of(lines, 100)
    run = found["rates"]["alternating"]["run"]
    assert (run["games"], run["collapsed"], run["collapsed_at"]) == (3, 2, {0: 100, 1: 100, 2: None})
    # Of 0 of 2 the upper end is 1 − .025^(1/2).
    both = found["pooled"]["simultaneous"]
    assert (both["games"], both["collapsed"]) == (2, 0) and both["interval"] == pytest.approx([0, 0.8419], abs=1e-4)
    assert found["pooled"]["alternating"]["games"] == 4 and found["pooled"]["alternating"]["collapsed"] == 2
    # Fisher: of 6 games 2 collapse. Both are among the 4 with C(4, 2)/C(6, 2) = 6/15, among the other 2 with 1/15.
    assert found["pooled"]["fisher"] == pytest.approx(7 / 15, abs=0.005)
    assert "| run | 2 of 3 | 0.09 to 0.99 | 0 of 2 | 0.00 to 0.84 |" in collapse.table_of(found)
