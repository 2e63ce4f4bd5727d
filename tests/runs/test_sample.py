"""`--mode=sample`: the same samples in every format, grids by class, videos, read-only runs, and signals."""

import io
import json
import os
import signal
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from configs import default
from jaxgan import figures, runs
from jaxgan.config import DataFacts, build, complete
from jaxgan.datasets import DATASETS
from jaxgan.errors import PreemptedError, UsageError, WriteError
from jaxgan.latents import LATENTS
from jaxgan.runs import sample as sample_module
from jaxgan.runs.load import TrainedRun, load_run
from jaxgan.runs.sampling import sampler, sampler_in_parts
from jaxgan.runs.walk import Walk, walk_frames
from jaxgan.signals import located, stopped
from jaxgan.training.step import generate
from tests.small_runs import OF_A_FILE, train

STEM = "sample_step_00000010_seed_0"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A conditional run on images of 4 x 3 pixels and three classes, with normal latents."""
    random = np.random.default_rng(0)
    images, labels = random.integers(256, size=(120, 4, 3, 1), dtype=np.uint8), np.arange(120) % 3
    place = tmp_path_factory.mktemp("run")
    np.savez(place / "data.npz", examples=images, labels=labels)
    data = {"dataset.name": "npz", "dataset.path": str(place / "data.npz"), "dataset.validation_examples": "20"}
    game = {"condition": "labels", "latent.name": "normal", "latent.dim": "5", "generator.output": "sigmoid"}
    every = dict.fromkeys(("steps", "sample_every", "checkpoint_every"), "10")
    runs.run("train", "configs/ring.py", OF_A_FILE | data | game | every, str(place / "run"), {})
    return place / "run"


@pytest.fixture
def sampled(run, tmp_path):
    """A function that samples into a new directory and returns it."""

    def into(*, overrides=None, **options):
        runs.run("sample", None, overrides or {}, str(run), {"output": str(tmp_path), **options})
        return tmp_path

    return into


@pytest.mark.medium
def test_without_a_format_the_files_are_those_of_whole_arrays(run, sampled):
    loaded, buffer = load_run(str(run)), io.BytesIO()
    values = sampler(loaded.experiment)(loaded.state, jax.random.key(0), 1_100).values
    np.savez_compressed(buffer, samples=values, labels=np.arange(1_100, dtype=np.int32) % 3)
    place = sampled(count=1_100)
    assert (place / f"{STEM}.npz").read_bytes() == buffer.getvalue()
    one = sampled(count=7, condition="2")
    figures.save_samples(place / "expected.png", np.load(one / f"{STEM}_condition_2.npz")["samples"])
    assert (one / f"{STEM}_condition_2.png").read_bytes() == (place / "expected.png").read_bytes()


@pytest.mark.medium
def test_a_seed_gives_the_same_samples_in_every_format(run, sampled):
    name = f"{STEM}_condition_1"
    values = np.load(sampled(count=9, condition="1") / f"{name}.npz")["samples"]
    expected = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    place = sampled(count=9, condition="1", format="npz")
    found = np.load(place / f"{name}_examples.npz")
    np.testing.assert_array_equal(found["examples"], expected)
    assert found["examples"].dtype == np.uint8 and found["labels"].tolist() == [1] * 9
    sampled(count=9, condition="1", format="folder")
    assert sorted(os.listdir(place / name)) == ["1"]
    for index, image in enumerate(expected):
        np.testing.assert_array_equal(Image.open(place / name / f"1/{index:06d}.png"), image[..., 0])
    whole = (place / f"{name}.png").read_bytes()
    (place / f"{name}.png").unlink()
    assert (sampled(count=9, condition="1", format="png") / f"{name}.png").read_bytes() == whole
    cells = figures.image_grid(expected / 255, scale=None)
    np.testing.assert_array_equal(Image.open(place / f"{name}.png"), cells)


@pytest.mark.slow
def test_files_of_all_classes_are_data(run, sampled, capsys, tmp_path_factory, monkeypatch):
    place = sampled(count=1_005, format="npz")
    data = DATASETS["npz"](path=str(place / f"{STEM}_examples.npz"), validation_examples=0)
    assert data.num_classes == 3 and data.example_shape == (4, 3, 1)
    labels = np.concatenate([split.labels for split in (data.train, data.validation, data.test)])
    assert np.bincount(labels).tolist() == [335] * 3
    sampled(count=1_005, format="folder")
    assert {path.name: len(list(path.iterdir())) for path in (place / STEM).iterdir()} == dict.fromkeys("012", 335)
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"1005 samples of step 10: {place / STEM}_examples.npz.",
        f"1005 samples of step 10: {place / STEM}.",
    ]
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    pictures = DATASETS["images"](path=str(place / STEM), size=4, channels=1)
    assert (pictures.num_classes, pictures.example_shape) == (3, (4, 4, 1))


@pytest.mark.medium
def test_a_grid_has_a_row_for_each_class_and_a_latent_for_each_column(run, sampled, tmp_path):
    place = sampled(grid="2x5", format="png")
    loaded = load_run(str(run))
    latents = loaded.experiment.latent.sample(
        jax.random.fold_in(jax.random.key(0), 2**31), 5
    )  # the stream "condition_grid"
    rows = [
        generate(loaded.experiment.generator, loaded.state, latents, condition=jnp.full(5, label)) for label in (0, 1)
    ]
    figures.save_samples(tmp_path / "expected.png", np.concatenate(rows), columns=5)
    found = [np.asarray(Image.open(path), int) for path in (place / f"{STEM}_grid_2x5.png", tmp_path / "expected.png")]
    assert found[0].shape == found[1].shape and np.abs(found[0] - found[1]).max() <= 1
    # Of one class, the first samples of the seed.
    place = sampled(grid="2x5", condition="2")
    samples = np.load(place / f"{STEM}_condition_2_grid_2x5.npz")["samples"]
    assert len(samples) == 10
    figures.save_samples(tmp_path / "expected.png", samples, columns=5)
    assert (place / f"{STEM}_condition_2_grid_2x5.png").read_bytes() == (tmp_path / "expected.png").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"grid": "4x4"}, "--grid=4x4; there are 3 conditions; ask for fewer rows"),
        ({"grid": "4x4", "format": "webp"}, "--grid=4x4; there are 3 conditions; ask for fewer rows"),
        ({"grid": "3by4"}, "--grid=3by4; it is not ROWSxCOLUMNS; give one such as --grid=4x8"),
        ({"grid": "0x4"}, "it is not ROWSxCOLUMNS"),
        ({"grid": "100x100"}, "it has 10,000 images, and 2,500 are the most"),
        ({"grid": "3x4", "count": 11, "condition": "1"}, "--count=11; a grid of 12 images has more; raise it"),
        ({"seconds": 3.0}, "--seconds; only a video has it; add --format=webp, or gif, or leave it out"),
        ({"count": 3, "format": "gif"}, "--count; a video has as many images as its grid"),
        ({"format": "gif", "along": "conditions", "condition": "1"}, "the run has one condition here"),
        ({"format": "webp", "seconds": 3600.0, "frames_per_second": 60}, r"the video is too large; its 211,765 frames"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(run, sampled, options, said):
    with pytest.raises(UsageError, match=said) as error:
        sampled(**options)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_points_have_no_videos_grids_and_folders(tmp_path):
    train(tmp_path / "run")
    for options in ({"format": "webp"}, {"format": "folder"}, {"grid": "2x2"}):
        with pytest.raises(UsageError, match=r"the examples are \[2\], which are not images; leave it out"):
            runs.run("sample", None, {}, str(tmp_path / "run"), options)
    runs.run("sample", None, {}, str(tmp_path / "run"), {"format": "npz", "count": 30, "output": str(tmp_path)})
    data = DATASETS["npz"](path=str(tmp_path / "sample_step_00000060_seed_0_examples.npz"), validation_examples=0)
    assert data.example_shape == (2,) and data.train.dtype == np.float32


# Truncation


@pytest.mark.medium
def test_truncated_samples_are_of_the_prior_within_its_bounds(run, sampled):
    place = sampled(count=50, overrides={"sampling.truncation": "0.25"})
    loaded = load_run(str(run))
    latents = LATENTS["truncated_normal"](5, 0.5).sample(jax.random.fold_in(jax.random.key(0), 0), 50)
    expected = generate(loaded.experiment.generator, loaded.state, latents, condition=jnp.arange(50) % 3)
    found = np.load(place / f"{STEM}_truncated_0p25.npz")["samples"]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    plain = np.load(sampled(count=50) / f"{STEM}.npz")["samples"]
    assert found.std(0).mean() < 0.8 * plain.std(0).mean()


@pytest.mark.slow
def test_scores_of_truncated_samples_are_files_of_their_own_and_say_so(run, capsys, tmp_path):
    options = {"evaluation.metrics": "sliced_wasserstein", "evaluation.features": "raw", "evaluation.samples": "60"}
    for psi in ("1", "0.25"):
        overrides = options | {"sampling.truncation": psi}
        runs.run("evaluate", None, overrides, str(run), {"output": str(tmp_path)})
    said = capsys.readouterr().out
    plain, truncated = (
        json.loads((tmp_path / f"step_00000010_seed_0{name}.json").read_text()) for name in ("", "_truncated_0p25")
    )
    assert plain["sampling"] == {"method": "plain"} and plain["notes"] == []
    assert truncated["sampling"] == {"method": "plain", "truncation": 0.25}
    (note,) = truncated["notes"]
    assert note == "Samples of latents truncated to 0.25: no score of them is comparable with that of others."
    assert note in said and said.count("latents truncated to 0.25\n") == 1
    assert note in (tmp_path / "report.html").read_text()
    assert plain["scores"][0]["value"] != truncated["scores"][0]["value"]


# Videos


def _untrained(**fields):
    """A `TrainedRun` without a directory, of images of 2 x 2 pixels."""
    config = default.get_config()
    config.generator.widths, config.latent.dim = (6,), 4
    for name, value in fields.items():
        section, _, field = name.rpartition("__")
        (config[section] if section else config)[field] = value
    vectors = np.eye(3, dtype=np.float32)[:, :2] if config.condition == "vectors" else None
    classes = 3 if config.condition == "labels" else None
    config = complete(config)
    experiment = build(config, DataFacts((2, 2, 1), 100, classes=classes, vectors=vectors))
    return TrainedRun(None, config, {"low": 0.0, "high": 1.0}, experiment, experiment.initial_state(0))


def _frames(run, grid, walk, gif=False):
    frames = walk_frames(run, jax.random.key(0), grid, walk, gif=gif)
    pictures = [picture for part in frames.pictures() for picture in part]
    assert len(pictures) == frames.length
    return frames, pictures


@pytest.mark.medium
@pytest.mark.parametrize("prior", ["normal", pytest.param("uniform", marks=pytest.mark.slow)])
def test_a_video_goes_from_latent_to_latent_and_back_to_the_first(prior):
    run = _untrained(latent__name=prior)
    walk = Walk(stops=3, seconds=0.6, frames_per_second=20)
    frames, pictures = _frames(run, (1, 2), walk)
    assert (frames.length, frames.milliseconds) == (12, 50)
    # By hand: the two ways start at rows 0 and 1 of six latents, pass 2 and 3, then 4 and 5.
    ends = np.asarray(run.experiment.latent.sample(jax.random.fold_in(jax.random.key(0), _crc("video")), 6), float)
    for number, picture in enumerate(pictures):
        stop, t = number // 4, number % 4 / 4
        a, b = ends[2 * stop : 2 * stop + 2], ends[(2 * stop + np.arange(2, 4)) % 6]
        if prior == "uniform":
            latents = (1 - t) * a + t * b
        else:
            cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
            angle = np.arccos(cosine)[:, None]
            latents = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
        images = np.asarray(generate(run.experiment.generator, run.state, jnp.asarray(latents, jnp.float32)))
        expected = figures.image_grid(images, columns=2, scale=None)
        assert np.abs(picture.astype(int) - expected).max() <= 1, number


def _crc(name):
    import zlib

    return zlib.crc32(name.encode())


@pytest.mark.slow
def test_rows_of_a_video_hold_their_class_and_columns_share_their_latents():
    run = _untrained(condition="labels", latent__name="normal")
    latents = run.experiment.latent.sample(jax.random.fold_in(jax.random.key(0), _crc("video")), 4)
    frames, pictures = _frames(run, None, Walk(stops=1, seconds=0.1, frames_per_second=10))
    assert frames.in_words == "a loop through 1 latents, a condition in each row"
    _, pictures = _frames(run, (3, 2), Walk(stops=2, seconds=0.2, frames_per_second=10))
    for picture, pair in zip(pictures, (latents[:2], latents[2:]), strict=True):
        images = generate(
            run.experiment.generator, run.state, jnp.tile(pair, (3, 1)), condition=jnp.repeat(jnp.arange(3), 2)
        )
        expected = figures.image_grid(np.asarray(images), columns=2, scale=None)
        assert np.abs(picture.astype(int) - expected).max() <= 1


@pytest.mark.medium
@pytest.mark.parametrize("condition", ["labels", pytest.param("vectors", marks=pytest.mark.slow)])
def test_a_video_along_conditions_keeps_its_latents(condition):
    run = _untrained(condition=condition, latent__name="normal")
    key = jax.random.fold_in(jax.random.key(0), _crc("video"))
    _, pictures = _frames(run, (1, 2), Walk("conditions", seconds=0.6, frames_per_second=10))
    latents = run.experiment.latent.sample(key, 2)
    ends = np.eye(3) if condition == "labels" else np.eye(3)[:, :2]
    for number, picture in enumerate(pictures):  # three conditions in six frames: each, and the middle to the next
        stop, t = number // 2, number % 2 / 2
        between = (1 - t) * ends[stop] + t * ends[(stop + 1) % 3]
        images = generate(
            run.experiment.generator, run.state, latents, condition=jnp.tile(jnp.asarray(between, jnp.float32), (2, 1))
        )
        expected = figures.image_grid(np.asarray(images), columns=2, scale=None)
        assert np.abs(picture.astype(int) - expected).max() <= 1


def test_what_makes_no_video():
    with pytest.raises(UsageError, match="--along=conditions; the run has no condition"):
        walk_frames(_untrained(), jax.random.key(0), None, Walk("conditions"), gif=False)
    run = _untrained(sampling__method="rejection")
    with pytest.raises(UsageError, match="sampling.method=rejection makes no video; .*; leave it at plain"):
        walk_frames(run, jax.random.key(0), None, Walk(), gif=False)


@pytest.mark.medium
@pytest.mark.parametrize("ending", figures.ANIMATIONS)
def test_files_of_videos_last_as_long_as_they_say(sampled, ending, capsys):
    place = sampled(format=ending, grid="3x2", seconds=0.5, frames_per_second=30, stops=2)
    # A GIF has 3 hundredths of a second for 1/30 s. Frames that are alike are one that is shown longer.
    count, milliseconds = (17, 30) if ending == "gif" else (15, 33)
    with Image.open(place / f"{STEM}_grid_3x2.{ending}") as file:
        durations = []
        for number in range(file.n_frames):
            file.seek(number)
            file.load()
            durations.append(file.info["duration"])
    assert sum(durations) == count * milliseconds and len(durations) > count // 2
    in_words = f"{count} frames of step 10, {count * milliseconds / 1000:g} s (a loop through 2 latents, a condition in"
    assert capsys.readouterr().out.startswith(in_words)


# The run's directory, and signals


def _contents(directory):
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in directory.rglob("*")}


@pytest.mark.medium
def test_with_an_output_nothing_in_the_runs_directory_changes(run, tmp_path):
    before = _contents(run)
    for options in ({}, {"format": "npz"}, {"format": "folder"}, {"format": "gif", "seconds": 0.1}):
        runs.run("sample", None, {}, str(run), {"output": str(tmp_path / "out"), **options})
    evaluation = {"evaluation.metrics": "sliced_wasserstein", "evaluation.features": "raw", "evaluation.samples": "20"}
    runs.run("evaluate", None, evaluation, str(run), {"output": str(tmp_path / "scores")})
    assert _contents(run) == before
    names = sorted(os.listdir(tmp_path / "out"))
    assert names == [STEM, *(f"{STEM}{end}" for end in (".gif", ".npz", ".png", "_examples.npz"))]
    scored = [f"step_00000010_seed_0{end}" for end in (".json", "_classes.png", "_interpolation.png", "_nearest.png")]
    assert sorted(os.listdir(tmp_path / "scores")) == ["curves.png", "report.html", *scored]
    page = (tmp_path / "scores/report.html").read_text()
    assert page.count('src="data:image/png') == 4  # three of the evaluation, and the samples of the training


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="run it as root, who can mount a directory read-only")
def test_a_run_that_is_read_only(run, tmp_path):
    place = tmp_path / "run"
    place.mkdir()
    subprocess.run(["mount", "--bind", str(run), str(place)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True)
        for mode in ("sample", "evaluate"):
            with pytest.raises(WriteError, match=r"Read-only file system; .* by --output=DIRECTORY"):
                runs.run(mode, None, {}, str(place), {})
        runs.run("sample", None, {}, str(place), {"output": str(tmp_path / "out"), "count": 3})
        assert len(os.listdir(tmp_path / "out")) == 2
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.medium
@pytest.mark.parametrize("options", [{}, {"format": "folder"}])
def test_a_signal_ends_it_with_the_number_of_samples_and_no_file(run, tmp_path, monkeypatch, capfd, options):
    taken = []

    def signalled(experiment):
        def parts(state, key, count):
            for part in sampler_in_parts(experiment)(state, key, count):
                if len(taken) == 1:
                    signal.raise_signal(signal.SIGINT)
                taken.append(len(part.values))
                yield part

        return parts

    monkeypatch.setattr(sample_module, "sampler_in_parts", signalled)
    with pytest.raises(PreemptedError) as error:
        runs.run("sample", None, {}, str(run), {"count": 100_000, "output": str(tmp_path), **options})
    what = f"stopped by SIGINT after {sum(taken):,} of 100,000 samples; they are dropped; run the same command again"
    assert str(error.value).startswith(what) and error.value.exit_code == 75 and len(taken) > 1
    answer = "jaxgan: SIGINT: stopping after this batch of samples; press Ctrl-C again to quit at once"
    assert answer in capfd.readouterr().err.splitlines()
    assert os.listdir(tmp_path) == []


@pytest.mark.medium
def test_a_signal_where_nothing_is_saved_says_where_it_was():
    assert stopped("SIGTERM").what == "stopped by SIGTERM"
    with located(lambda: " after 0 of 20 samples"):
        assert stopped("SIGTERM").what == "stopped by SIGTERM after 0 of 20 samples"
    assert stopped("SIGTERM").what == "stopped by SIGTERM"
