"""Every measured number in README.md and docs/ is that of a file in results/, or is listed here with the reason.

Tables are those that `results.table` writes. `SAID` computes what a document says in sentences, which have to be in it.
What is left of the document may have no number with a point, a ± or a unit of a measurement, but those of
`NOT_MEASURED`: published, chosen or proved.
"""

import math
import pathlib
import re

import pytest

from benchmarks import scores
from configs import default
from jaxgan.runs.evaluate.tables import summarise
from results import table
from results.table import baseline, neighbours, results, task, to_score

DOCUMENTS = ["README.md", *sorted(str(path) for path in pathlib.Path("docs").rglob("*.md"))]

DIGITS = r"(?<![\w.,²^])\d(?:[\d,]*\d)?"
UNITS = r"(?:\s?%| (?:nats|times|seconds?|minutes?|hours?|min|h|s|ms|MiB|errors?)\b|\s?± ?[\d.])"
MEASURED = re.compile(rf"{DIGITS}\.\d+|(?<![\w.)])\.\d+|(?<=± )\d[\d,]*|{DIGITS}(?={UNITS})(?!\.)")


def measured(text):
    """The numbers of a text that look measured: with a point, after or before ±, or before a unit.

    Code, links, numbers of arXiv and of sections do not count.
    """
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    text = re.sub(r"`[^`\n]*`", "`", text)
    text = re.sub(r"\]\([^)]*\)|https?://\S+", "]", text)
    text = re.sub(r"\b\d{4}\.\d{4,5}\b|\bsections? \d+(?:\.\d+)?", "", text)
    return [match[0] for match in MEASURED.finditer(text)]


def untied(text, phrases):
    """The measured numbers of a text outside of the phrases; AssertionError for a phrase that is not in it.

    Where lines end does not matter.
    """
    text, phrases = (" ".join(text.split()), [" ".join(phrase.split()) for phrase in phrases])
    missing = [phrase for phrase in phrases if phrase not in text]
    assert not missing, missing
    for phrase in sorted(phrases, key=len, reverse=True):
        text = text.replace(phrase, "…")
    return measured(text)


def minutes(config):
    """How long the steps of a config take."""
    return f"{results('benchmarks/recipes')[config]['minutes']:.0f} minutes of steps"


def completions(score, method):
    """A score of completions that need no training."""
    return baseline("inpainting_mnist", score, method)


def seconds(setting, target):
    """The same as text, with s behind the number."""
    text = to_score(setting, target)[0].text(0)
    return text.replace(" (", " s (") if "(" in text else f"{text} s"


OURS, PAPER, AVERAGED = "recommended", "the paper's", "the paper's, averaged generator"


def said_of_results():
    quickstart = results("scores/quickstart")
    return [
        f"These are of one {quickstart['machine']['cpu']}.",
        f"Its two cores trained each in {min(quickstart['seconds']):.0f} to {max(quickstart['seconds']):.0f} s.",
        "There is no gain at 150 nats.",
    ]


def said_of_evaluation():
    paper, fine = (results("evaluation/mnist_reference")[grid] for grid in ("paper", "fine"))
    timed = results("benchmarks/evaluation")
    parzen, frechet, names = timed["parzen"], timed["frechet"], ("mean", "standard_error_over_test_images")
    slow = {name: found["median"] for name, found in parzen["scikit_learn_seconds_for_all"].items()}
    second = {
        name: found["median"] for name, found in {**parzen["seconds"], "frechet": frechet["seconds"]["jaxgan"]}.items()
    }
    return [
        "**{:.1f} ± {:.1f}** nats".format(*(paper[name] for name in names)),
        f"which is known to ± {paper['standard_error_over_seeds']:.2f})",
        "{:.1f} ± {:.1f} (± {:.2f})".format(*(fine[name] for name in (*names, "standard_error_over_seeds"))),
        f"the whole protocol took {second['jaxgan']:.1f} s,",
        f"with the fine grid {second['jaxgan, paper and fine']:.1f} s,",
        f"{parzen['memory']['above_mib']} MiB above its data",
        f"{parzen['times_as_fast_as_the_faster']['median']:.0f} times\nas fast as scikit-learn",
        f"({slow['one leaf']:.0f} s; with its own settings it took {slow['default settings']:.0f} s)",
        f"dimensions took {second['frechet']:.1f} s,",
        f"{frechet['times_as_fast_as_scipy']['median']:.2f} times as fast as with scipy's matrix root",
        f"its standard error {frechet['with_standard_error_times_as_fast']['median']:.2f} times",
    ]


def said_of_modes():
    found = {name: results(f"modes/{name}") for name in ("recommended", "losses")}
    ring, grid = (found["recommended"]["data"][name] for name in ("ring", "grid"))
    real = [data["real_data"] for data in (ring, grid)]
    ours = [data["settings"]["relativistic_paired"] for data in (ring, grid)]
    high = [100 * min(setting["high_quality"]["values"]) for setting in ours]
    kl = [setting["reverse_kl"] for setting in ours]
    shares = [100 * data["high_quality"] for data in real]
    numbers = [f"{value:.3f}"[1:] for value in (*(each["mean"] for each in kl), *(data["reverse_kl"] for data in real))]
    times = pathlib.Path("results/README.md").read_text()
    assert "recommended.json` | 19 minutes on one core" in times and "losses.json` | 37 minutes |" in times
    return [
        "scores {:.2f} % and {:.2f} % high quality".format(*shares),
        "a reverse KL of {:.4f} and {:.4f}".format(*(data["reverse_kl"] for data in real)),
        "high quality is {:.1f} % on the ring and {:.1f} % on the grid".format(*high),
        f"more than data has ({shares[0]:.2f} %)",
        f"reverse KL {numbers[0]} and {numbers[1]}\nagainst {numbers[2]} and {numbers[3]};",
        f"of the ring's seeds {max(kl[0]['values']):.2f}".replace(" 0.", " .") + " in the worst",
        "19 minutes on one core",
        "37 minutes on two cores",
    ]


def said_of_scaling():
    found = results("benchmarks/communication")
    times = []
    for card in ("GPU", "host"):
        pairs = [
            (g["on"]["8 × H100"], g["on"][f"2 × 8 H100, a 400 Gb/s card per {card}"]) for g in found["games"].values()
        ]
        ratios = [two["communication_microseconds"] / one["communication_microseconds"] for one, two in pairs]
        times.append(f"{min(ratios):.1f} to {max(ratios):.1f} times")
    peak = found["utilisation"]
    return [
        *times,
        f"{100 * peak:.0f} % of the peak in bfloat16 is assumed",
        f"- {100 * peak:.0f} % of the peak is a guess; at the peak every batch above is {1 / peak:.1f} times as large",
    ]


def said_of_speed():
    step = results("benchmarks/step-intel-xeon-processor-amx")
    fast = {name: f"{found['times_as_fast']['median']:.1f} times" for name, found in step["loop"].items()}
    startup = results("benchmarks/startup")
    imports = {name: f"{value:.2f}" for name, value in startup["import_seconds"].items() if value >= 0.05}
    took = {name: f"{value['median']:.1f} s" for name, value in startup["seconds"].items()}
    overhead = results("benchmarks/overhead")
    kinds = {
        kind: " and ".join(f"{overhead[config][kind]['ratio']['median']:.3f}" for config in ("quickstart", "ring"))
        for kind in overhead["ring"]
    }
    alone, streamed, everything = kinds.values()
    quick, ring = alone.split(" and ")
    grows = results("benchmarks/scaling")
    batch, width, members, devices = (
        [f"{value['median']:.2f}" for value in grows[axis]["times_the_first"].values()][1:]
        for axis in ("batch", "width", "members", "devices")
    )
    many = results("benchmarks/population")
    one_by_one = {size: f"{many[size]['times_one_at_a_time']['median']:.2f}" for size in ("4", "16", "64")}
    return [
        f"PyTorch {step['machine']['versions']['torch'].rpartition('.')[0]} ",
        f"(16 units, batch 32) is {fast['tiny']} as fast",
        f"the ring {fast['ring']} in calls of 200",
        f"first step {took['cold']} with nothing compiled, {took['warm']} with what",
        "Of that imports are " + ", ".join(f"{name} {value}" for name, value in imports.items()) + " s",
        f"make `configs/digits.py` {quick} times as long, the ring {ring} times;",
        f"with streamed input {streamed} times;",
        f"alarms and pictures too, {everything} times.",
        f"takes {batch[0]}, {batch[1]} and {batch[2]} times as long with 100, 400 and 1,600 examples",
        f"a layer, {width[0]} and {width[1]} times with 256 and 1,024",
        f"one of 128 ring GANs {members[-1]} times that of one of two",
        f"two devices of one machine {devices[0]} times that on one",
        f"16 rings make {many['16']['times_the_better_torch']['median']:.1f} times the steps per GAN and second",
        f"and {one_by_one['16']} times those of jaxgan one at a time",
        f"4 and 64 rings {one_by_one['4']} and {one_by_one['64']} times",
    ]


def said_of_memory():
    full, half = (results(f"scores/digits_{name}")["scores"] for name in ("float32", "bfloat16_products"))
    apart = [abs(half[name]["mean"] - score["mean"]) for name, score in full.items()]
    errors = [math.hypot(half[name]["standard_error"], score["standard_error"]) for name, score in full.items()]
    apart = [difference / error for difference, error in zip(apart, errors, strict=True) if error]
    return [f"by at most {max(apart):.1f} standard errors of the difference"]


def said_of_sweeps():
    found = results("benchmarks/sweep")["times_one_at_a_time"]
    return [
        f"make {found['median']:.1f} times the steps per second",
        f"({found['least']:.1f} to {found['largest']:.1f} over {found['runs']} pairs)",
        pathlib.Path("results/sweeps/ring.txt").read_text(),
    ]


def said_of_tasks():
    uniform = task("inference_uniform")
    blind = [uniform["latent rmse"][method]["mean"] for method in ("this run", "prior mean")]
    return [
        *_said_of_fields(),
        *(f"{minutes(name)} on one core" for name in ("conditional_mnist", "inference_mnist", "bigan_mnist")),
        *(f"{minutes(name)} on one core" for name in ("inpainting_mnist", "semi_supervised_mnist")),
        *_said_of_completions(),
        *_said_of_codes(),
        "latent rmse {:.3f}, a blind guess {:.3f}".format(*blind),
        "rmse is {:.3f} (the mean image {:.3f}, a latent search {:.3f})".format(
            *(uniform["reconstruction rmse"][m]["mean"] for m in ("this run", "mean image", "latent search"))
        ),
        "accuracy {} % ({} % by a regressor".format(
            *(_accuracy(uniform["1-NN accuracy"][method]) for method in ("this run", "regressor"))
        ),
        *_said_of_efficiency(),
    ]


def _accuracy(found):
    return scores.cell(found, 2, 100, 10_000).partition(" (")[0]


def _said_of_fields():
    config = default.get_config()
    sections = (config[section].items() for section in ("inpainting", "inference", "semi_supervised"))
    return [f"| `{name}` | {value} |" for rows in sections for name, value in rows if isinstance(value, float)]


def _said_of_completions():
    run = task("inpainting")
    for kind in ("random", "half", "centre", "lines", "mixed"):
        for way in ("rmse_best", "rmse_mean"):
            score = f"{kind} {way}"
            assert completions(score, "k nearest")["mean"] < run[score]["this run"]["mean"]
            # The digits and the masks are the same.
            for method in ("nearest", "mean fill"):
                assert completions(score, method)["values"] == pytest.approx(run[score][method]["values"], abs=1e-5)
        score = f"{kind} accuracy"
        assert completions(score, "k nearest")["mean"] > run[score]["this run"]["mean"]
    pairs = [
        (completions(f"{kind} rmse_best", "k nearest")["mean"], run[f"{kind} rmse_best"]["this run"]["mean"])
        for kind in ("half", "centre", "random", "lines")
    ]
    words = ("halves {:.3f} against {:.3f}", "the centre {:.3f} against {:.3f}", "random pixels {:.3f} against {:.3f}")
    words += ("lines {:.3f} against {:.3f}",)
    return [", ".join(text.format(*pair) for text, pair in zip(words, pairs, strict=True))]


def _said_of_codes():
    ours, bigan = task("inference"), task("bigan")
    latent = {
        name: [found["latent rmse"][method]["mean"] for method in ("this run", "prior mean", "regressor")]
        for name, found in (("inference", ours), ("bigan", bigan))
    }
    assert all(own > blind for own, blind, _ in latent.values()) and latent["bigan"][2] < latent["bigan"][1]
    made = [ours["reconstruction rmse"][method]["mean"] for method in ("this run", "mean image", "latent search")]
    return [
        "sees no image ({:.3f} against {:.3f})".format(*latent["inference"]),
        "({:.3f} against {:.3f}), while a latent search through the same G comes to {:.3f}".format(*made),
        f"is right for {_accuracy(ours['1-NN accuracy']['this run'])} % of the test digits",
        f"{neighbours('pixels')} % among pixels, and {neighbours('pca')} % among 40 principal components",
        "a blind guess of z ({:.3f} against {:.3f})".format(*latent["bigan"]),
        f"infers a little of z ({latent['bigan'][2]:.3f})",
        f"({_accuracy(bigan['1-NN accuracy']['regressor'])} % against {neighbours('pca')} %)",
    ]


def _said_of_efficiency():
    found = results("benchmarks/efficiency")
    assert found["settings"][PAPER]["fields"] == {"average_decay": "0.999"}  # and D's rate was then 0.1
    (ours, our_steps), (raw, raw_steps), (averaged, steps) = (to_score(name, "100") for name in (OURS, PAPER, AVERAGED))
    step = {name: setting["seconds_of_a_step"]["median"] for name, setting in found["settings"].items()}
    lazy = "recommended, penalty every 4th step"
    assert min(v for v in averaged.values if v) < ours.mean < max(v for v in averaged.values if v)
    last = to_score(OURS, "150")[0], to_score(AVERAGED, "150")[0]
    mixture = summarise(found["settings"]["mixture prior"]["last"]["values"])
    assert abs(last[0].mean - last[1].mean) < 10 and mixture.mean < 50
    for limit in ("D rests above .8", "D rests above .95"):
        curves = found["settings"][limit]["curves"]
        assert max(value for curve in curves for value in curve.values() if value is not None) < -50
    return [
        f"to 100 nats {raw_steps.mean / steps.mean:.1f} times fewer steps"
        f" ({steps.mean:,.0f} against {raw_steps.mean:,.0f})",
        f"{seconds(AVERAGED, '100')} against {seconds(PAPER, '100')}",
        f"its {raw.mean / ours.mean:.1f} times ({seconds(OURS, '100')}) measure nothing",
        f"to 100 nats {steps.mean / our_steps.mean:.1f} times fewer steps,"
        f" each of which takes {step[OURS] / step[AVERAGED]:.1f} times",
        f"{seconds(OURS, '100')} against {averaged.mean:.0f} s, {averaged.mean / ours.mean:.1f} times, which is within",
        f"To 150 nats there is no gain in time: {seconds(OURS, '150')} against {seconds(AVERAGED, '150')}",
        f"To 50 nats {seconds(OURS, '50')} against {seconds(AVERAGED, '50')}",
        f"to 100 nats {seconds(lazy, '100')}, to 150 nats {seconds(lazy, '150')}",
        f"to 100 nats {seconds('normal prior', '100')}, where the uniform one takes {raw.mean:.0f} s",
        "neither of two seeds reaches 50 nats in 15,000 steps",
        "the score never rises above -50 nats",
    ]


def said_of_theory():
    found = results("theory/one_dimension")
    mean, error, bounds, settings = (found[name] for name in ("mean", "standard_error", "bounds", "settings"))
    numbers = {
        name: f"{mean[name]:.{digits}f} ± {error[name]:.{digits}f}".replace("-", "−")
        for name, digits in (("deviation", 3), ("jsd", 4), ("value", 4), ("jsd_share_beyond_2", 2))
    }
    return [
        f"R1 (γ = {settings['r1_gamma']})",
        f"|D − ½| < {bounds['deviation']} over",
        f"JSD < {bounds['jsd']} nats and |V + log 4| < {bounds['value']} nats:",
        f"{found['within_bounds']} of {found['seeds']} seeds",
        f"the largest |D − ½| is {numbers['deviation']}, JSD {numbers['jsd']} nats and\nV {numbers['value']} nats",
        f"a share of {numbers['jsd_share_beyond_2']} comes from",
        f"cells of width {settings['cell_width']}",
        *said_of_collapse(),
    ]


def said_of_collapse():
    found = results("theory/collapse")
    apart = found["rms_difference_of_samples"]["alternating"]["run, step"]
    samples = [f"{apart[step]:.1g}" for step in ("100", "200", "300", "400")]
    differences = found["differences"]["alternating"]
    same = differences["parameters"]["the step by itself, rates as constants"]
    assert set(same) == {0.0} and differences["steps"][-1] == 300
    moved = [f"{value:.1g}" for value in differences["parameters"]["batches scaled on the host"]]
    return [
        f"beyond {found['collapse']['logit']:.0f} within {found['steps']:,} steps",
        f"from it by up to {differences['scaled bytes']:.1g}",
        f"moves parameters by {moved[0]}, {moved[1]} and {moved[2]} after",
        f"{samples[0]}, {samples[1]}, {samples[2]} and {samples[3]} after",
        *said_of_the_orders(found),
    ]


def said_of_the_orders(found):
    both, rates = found["pooled"], found["rates"]["alternating"]
    low, high = zip(*(both[order]["interval"] for order in ("simultaneous", "alternating")), strict=True)
    counts = {
        name: f"{part['collapsed']} of {part['games']}" for name, part in (both | rates).items() if name != "fisher"
    }
    ends = {path: rates[path]["collapsed_at"] for path in ("run", "step")}
    assert ends["run"]["0"] and not ends["step"]["0"] and ends["step"]["2"] and not ends["run"]["2"]
    return [
        f"{counts['simultaneous']} games (95 %: {low[0]:.2f} to {high[0]:.2f})"
        f" against {counts['alternating']} ({low[1]:.2f} to {high[1]:.2f}), p = {both['fisher']}",
        f"{counts['run']} through a run, {counts['step']} through the bare step,"
        f" p = {found['fisher']['alternating run, alternating step']}",
        f"{rates['run']['games']} seeds on each path",
    ]


def said_of_zoo():
    found = results("benchmarks/average")["frechet_distance_by_steps"]

    def distance(steps, name):
        return "{mean:.2f} ± {standard_error:.2f}".format(**found[steps][name])

    slower = results("benchmarks/augmentation")["ada"]["times_as_long"]
    games = results("benchmarks/r3gan")
    gigabytes = {name: part["gigabytes"] for name, part in games.items() if name != "machine"}
    step = games["batch 64 in 8 parts"]
    raw, averaged, own = (f"average, {kind} statistics" for kind in ("raw", "averaged", "its own"))
    return [
        f"the step still needs {gigabytes['batch 512']:.0f} GB",
        f"A batch of 64 needs {gigabytes['batch 64']:.0f} GB, and in 8 parts {gigabytes['batch 64 in 8 parts']:.1f} GB;"
        " such a step takes {median:.0f} s of processor time (least {least:.0f}, largest {largest:.0f};"
        " {runs} steps,".format(**step["cpu_seconds_of_a_step"]),
        f"at least {step['seconds_of_a_step']['least']:.0f} s by the clock",
        f"after 200 steps {distance('200', own)}, where averaged weights with the statistics of G in training have"
        f" {distance('200', raw)} and with averaged statistics {distance('200', averaged)}",
        f"after 400 steps {distance('400', own)}, {distance('400', raw)} and {distance('400', averaged)}",
        f"({distance('100', raw)} against {distance('100', own)})",
        f"first weights: {distance('200', 'debiased, its own statistics')} after 200 steps,"
        f" {distance('400', 'debiased, its own statistics')} after 400",
        "takes {median:.2f} times as long ({least:.2f} to {largest:.2f};".format(**slower),
        f"G itself that early ({distance('200', 'no average')} and {distance('400', 'no average')})",
    ]


def said_of_export():
    found = results("benchmarks/export")
    assert all(far < 1e-5 for run in found["runs"].values() for far in run["difference"].values())
    return [f"on one {found['machine']['cpu']} with {found['machine']['cores']} cores"]


def said_of_pictures():
    found = results("benchmarks/pictures")
    sides = "{side} × {side} pixels to {size} × {size}".format(**found["pictures"])
    rate = found["in_a_processor_second"]
    return [
        f"decodes some {rate['median']:.0f} JPEGs of {sides} (least {rate['least']:.0f}, largest {rate['largest']:.0f};"
    ]


def said_of_translation():
    found = table.translations()
    minutes = {name: [round(each / 60) for each in result["seconds"]] for name, result in found.items()}
    pairs = [each for name, of_seeds in minutes.items() if name != "cyclegan" for each in of_seeds]
    mean = {
        (n, s): r["task"][s]["this run"]["mean"]
        for n, r in found.items()
        for s in ("frechet", "rmse_mean", "rmse_best")
    }
    for name in ("pix2pix", "super_resolution", "colourise"):
        assert mean[name, "frechet"] < mean[f"{name}_l1", "frechet"]
        assert mean[name, "rmse_mean"] < found[name]["task"]["rmse_mean"]["nearest"]["mean"]
        assert mean[name, "rmse_best"] > 0.9 * mean[name, "rmse_mean"]
    assert mean["pix2pix", "rmse_mean"] > mean["pix2pix_l1", "rmse_mean"]
    assert abs(mean["pix2pix", "rmse_best"] - found["pix2pix"]["task"]["rmse_best"]["k nearest"]["mean"]) < 0.003
    assert {len(result["seeds"]) for result in found.values()} == {2}
    return [
        "2,000 test avatars each, 2 seeds of each config",
        f"A run took {min(pairs)} to {max(pairs)} minutes on one core",
        f"`cyclegan`'s {' to '.join(map(str, sorted(set(minutes['cyclegan']))))}, with",
    ]


SAID = {
    "docs/evaluation.md": said_of_evaluation,
    "docs/export.md": said_of_export,
    "docs/memory.md": said_of_memory,
    "docs/modes.md": said_of_modes,
    "docs/pictures.md": said_of_pictures,
    "docs/results.md": said_of_results,
    "docs/scaling.md": said_of_scaling,
    "docs/speed.md": said_of_speed,
    "docs/sweeps.md": said_of_sweeps,
    "docs/tasks.md": said_of_tasks,
    "docs/theory.md": said_of_theory,
    "docs/translation.md": said_of_translation,
    "docs/zoo.md": said_of_zoo,
}
"""What each document says from results/."""

NOT_MEASURED = {
    "README.md": {
        "BY-SA 3.0": "a licence",
        "licence 2.0": "a licence",
    },
    "docs/evaluation.md": {
        "241.9 ± 2.3 is published": "published",
        "a probability of at least 0.9": "a definition",
        "(1,000 − 1)/52,000 = 0.019": "a formula",
        "by less than 1e-4 nats": "tests/evaluation/test_metrics.py",
        "above 0.99": "a default, compared in test_documents.py",
        "below 0.2": "a default, compared in test_documents.py",
        "below 0.8": "a default, compared in test_documents.py",
    },
    "docs/modes.md": {
        "σ = .01, and 25 at {−4, −2, 0, 2, 4}², σ = .05": "the protocol",
        "GAN 6.3 ± .5 modes and 98.2 % on the ring, 17.3 ± .8 and 94.8 % on the grid": "published",
        "PacGAN2 7.9 ± .1 and 95.6 %, 23.8 ± .7 and 91.3 %": "published",
        "PacGAN4 7.8 ± .1 modes, 24.8 ± .2 and 93.6 %": "published",
        "With gamma .002 in place of .0005": "settings",
        "a mode of σ = .01": "a setting",
        "An average of .999": "a setting",
        "(β₁ .5)": "a setting",
        "averaged with .999": "a setting",
    },
    "docs/pictures.md": {
        "files over 256 MiB": "a bound",
        "DiceBear 9.4.3": "a version",
        "CC0 1.0": "a licence",
    },
    "docs/faq.md": {"`d_accuracy` is 1.0": "a symptom"},
    "docs/remedies.md": {"values from 0.01 to 10": "settings"},
    "docs/tutorial.md": {"runs 10,000 times": "a setting"},
    "docs/translation.md": {"| `cycle` | 0.0 |": "a setting", "| `identity` | 0.0 |": "a setting"},
    "docs/scaling.md": {
        "`peer_timeout` seconds (30)": "a setting",
        "in a step 3 times in G, 6 times in D": "counted in tests/benchmarks/test_communication.py",
        "FLOPs to 2 % of those": "the bound in tests/benchmarks/test_communication.py",
    },
    "docs/memory.md": {
        "less than 0.85 times as many numbers, cifar10's less than 0.5 times": "the bounds of the test that is named",
    },
    "docs/tasks.md": {
        "132 ± 1.8 nats (arXiv:1411.1784)": "published",
        "BiGAN 97.39 %, latent regressor 97.44 %, joint 97.13 %": "published",
        "(± 452 and ± 136 over choices)": "published",
        "a rate of 0.1 for D": "a setting",
        "accuracy is above .8 or .95": "settings",
    },
    "docs/theory.md": {
        "off 1 by more than 0.001": "a setting",
        "central 95 % of p_d": "a definition",
        "−log 4 = −1.3863": "mathematics",
        "−0.0487503 at (0.5, −0.1)": "mathematics, in tests/theory/test_dynamics.py",
        "β = 0.5 diverges in both, β = −0.3 converges": "mathematics, in tests/theory/test_dynamics.py",
        ".5, and its rates, .1 for G and .05 for D": "settings",
        "modulus 1.0048 in alternating steps and 1.0072 in simultaneous ones": "mathematics, in the test that is named",
        "[0, log 2] = [0, 0.693]": "mathematics",
    },
    "docs/zoo.md": {
        "| .1 to 10 |": "settings",
        "in every 16th step, 16 times as much": "a setting",
        "L_I = 3.69": "mathematics",
        ".1 for toys": "published",
        "A small DCGAN, β = .99, four seeds": "a setting",
        "+ N(0, .1²)": "a setting",
        "by 2^N(0, .2²); U(−π, π); sides by s and 1/s, s = 2^N(0, .2²); N(0, .125²)": "settings",
        "+ N(0, .2²); × 2^N(0, .5²)": "settings",
        ".885, .76, .51 and .01 for N = 4, s = `guidance.signal` = .125 and f = `guidance.floor` = .01": "settings, in "
        "tests/wrappers/test_guidance.py",
        "has learnt scales in their place, .1 at the start": "a setting, in tests/networks/test_vit.py",
    },
}
"""Numbers that nobody here has measured, with the words around them and where they are from."""


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_measured_number_is_that_of_the_results(document):
    text = pathlib.Path(document).read_text()
    said = SAID[document]() if document in SAID else []
    assert untied(table.without_tables(text), [*said, *NOT_MEASURED.get(document, ())]) == []


def test_the_tables_are_those_of_the_results(capsys):
    assert table.main(["--check"]) == 0, capsys.readouterr().out
    found = [match["name"] for path in table.documents() for match in table.MARKED.finditer(path.read_text())]
    assert sorted(found) == sorted(table.TABLES)  # each stands in one place
    for path in table.documents():
        assert path.read_text().count("<!-- results: ") == len(table.MARKED.findall(path.read_text())), path


def test_a_table_is_written_between_its_marks(tmp_path, monkeypatch, capsys):
    for name in ("README.md", "docs/a.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("Before.\n<!-- results: mine -->\n| old |\n<!-- end of results -->\nAfter 1.5.\n")
    (tmp_path / "docs/plain.md").write_text("| 1.5 |\n")
    monkeypatch.setattr(table, "ROOT", tmp_path)
    monkeypatch.setattr(table, "TABLES", {"mine": lambda: "| new |\n|---|\n"})
    assert table.main(["--check"]) == 1 and "| old |" in (tmp_path / "docs/a.md").read_text()
    assert table.main([]) == 0 and capsys.readouterr().out.count("written") == 2
    wanted = "Before.\n<!-- results: mine -->\n| new |\n|---|\n<!-- end of results -->\nAfter 1.5.\n"
    assert (tmp_path / "docs/a.md").read_text() == wanted and table.main(["--check"]) == 0
    assert table.without_tables(wanted) == "Before.\n\nAfter 1.5.\n"
    (tmp_path / "docs/a.md").write_text("<!-- results: yours -->\n<!-- end of results -->\n")
    with pytest.raises(KeyError, match="yours"):
        table.main([])


@pytest.mark.parametrize(
    ("sentence", "numbers"),
    [
        ("It is 37.2 % better, and takes 12 minutes or 3.1 s.", ["37.2", "12", "3.1"]),
        ("rmse .204 (0.203 to 0.205, n = 2), 1,048 ± 19 steps", [".204", "0.203", "0.205", "1,048", "19"]),
        ("2 times, 100 nats and 152 MiB of 10,000 errors", ["2", "100", "152", "10,000"]),
        ("Section 7 of 250 epochs, section 3.1, arXiv:1406.2661, two of 5,000 digits at 32 pixels", []),
        ("`--config.steps=1.5` and [a link](results/1.5.json): 8 x 8", []),
        ("```\n37.2 % better\n```", []),
    ],
)
def test_what_looks_measured(sentence, numbers):
    assert measured(sentence) == numbers


def test_an_untied_number_and_a_phrase_that_is_not_there_are_errors():
    text = pathlib.Path("docs/sweeps.md").read_text()
    phrases = said_of_sweeps()
    assert untied(text, phrases) == []
    assert untied(f"{text}\nMembers are 2.5 times as good.", phrases) == ["2.5"]
    with pytest.raises(AssertionError, match="of nothing"):
        untied(text, [*phrases, "of nothing"])
