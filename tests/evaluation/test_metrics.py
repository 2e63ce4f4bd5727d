"""Every metric against an independent implementation on the same arrays, published cases, and cases worked by hand."""

import math

import jax
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from sklearn.neighbors import KernelDensity, NearestNeighbors

from jaxgan.evaluation import (
    conditional,
    frechet,
    inception_score,
    kernel,
    modes,
    nearest,
    parzen,
    precision_recall,
    sliced_wasserstein,
)

KEY = jax.random.key(0)
RANDOM = np.random.default_rng(3)


def blobs(count, dim, shift=0.0, scale=1.0, seed=0):
    """Correlated, not quite Gaussian features."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(dim, dim)) / math.sqrt(dim)
    return (scale * np.abs(random.normal(size=(count, dim))) @ mixing + shift).astype(np.float32)


def images(count, seed=0):
    """[n, 784] in [0, 1], most pixels black."""
    random = np.random.default_rng(seed)
    return (random.random((count, 784)) * (random.random((count, 784)) < 0.2)).astype(np.float32)


# Parzen windows


def test_parzen_published_case():
    # samples (0,0), (1,1), σ = .5: log(½(1 + e⁻⁴)) − 2·log(.5·√(2π)) = −0.674998 − 0.451582
    found = parzen.log_likelihood(np.array([[0.0, 0.0], [1.0, 1.0]]), np.zeros((1, 2)), 0.5)
    np.testing.assert_allclose(found, [-1.126580], atol=1e-5)


def kernel_density(samples, points, sigma):
    """scikit-learn's log-likelihoods. One leaf for all: in 784 dimensions its trees prune windows that count, and its
    values are then off by tens of nats and more, at any tolerance."""
    density = KernelDensity(bandwidth=sigma, algorithm="kd_tree", leaf_size=len(samples), rtol=0)
    return density.fit(samples).score_samples(points)


@pytest.mark.parametrize("sigma", [0.1, 0.2154, 1.0])
@pytest.mark.parametrize("dim", [2, 784])
def test_parzen_against_scikit_learn(sigma, dim):
    samples, points = (images(400, seed)[:, :dim] if dim == 784 else blobs(400, dim, seed=seed) for seed in (0, 1))
    found = parzen.log_likelihood(samples, points, sigma)
    np.testing.assert_allclose(found, kernel_density(samples, points, sigma), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("offset", [0, 100])
@pytest.mark.parametrize("name", ["ring", "gaussian"])
def test_parzen_with_windows_far_narrower_than_the_data(name, offset):
    samples, points = (split + np.float32(offset) for split in drawn(name))
    found = parzen.log_likelihood(samples, points[:300], 0.0036)
    np.testing.assert_allclose(found, kernel_density(samples, points[:300], 0.0036), atol=1e-4, rtol=1e-6)


def drawn(name):
    from jaxgan.datasets import DATASETS

    data = DATASETS[name](examples=5_000)
    return data.train.examples, data.test.examples


def test_parzen_of_near_copies_of_images():
    samples = images(200)
    points = samples[:50] + np.float32(1e-3) * images(50, 1)
    found = parzen.log_likelihood(samples, points, 0.002)
    np.testing.assert_allclose(found, kernel_density(samples, points, 0.002), atol=1e-4, rtol=1e-6)


@pytest.mark.medium
def test_means_in_float32_are_right_to_a_ten_thousandth(monkeypatch):
    samples, points = images(1_000), images(500, 1)
    wide, narrow = (samples, points, [0.1, 0.2, 1.0]), (samples, points, [0.01, 0.01, 0.01])
    few = (samples[:, :32], points[:, :32], [0.1, 0.2, 1.0])
    found = [parzen.mean_log_likelihoods(*case) for case in (wide, narrow, few)]
    monkeypatch.setattr(parzen, "ROUNDING", 0.0)  # always in float64
    exact = [parzen.mean_log_likelihoods(*case) for case in (wide, narrow, few)]
    assert 0 < np.abs(found[0][0] - exact[0][0]).max() < 1e-4
    np.testing.assert_allclose(found[0][1], exact[0][1], rtol=1e-4)
    # Narrow windows and few dimensions are never in float32.
    np.testing.assert_array_equal(found[1:], exact[1:])


def test_parzen_far_from_the_origin_and_far_from_the_samples():
    samples, points = blobs(50, 10) + 1000, blobs(20, 10, seed=1) + 1000
    near = parzen.log_likelihood(samples, points, 0.3)
    np.testing.assert_allclose(near, parzen.log_likelihood(samples - 1000, points - 1000, 0.3), rtol=1e-3)
    # e^(−½·(1000/.1)²) underflows; its logarithm does not
    found = parzen.log_likelihood(np.zeros((2, 1)), np.full((1, 1), 1000.0), 0.1)
    np.testing.assert_allclose(found, [-0.5e8 - math.log(0.1 * math.sqrt(2 * math.pi))], rtol=1e-6)


def test_parzen_in_blocks_is_parzen(monkeypatch):
    samples, points = blobs(37, 5), blobs(53, 5, seed=1)
    whole = parzen.log_likelihoods(samples, points, [0.2, 0.4])
    monkeypatch.setattr(parzen, "block_size", lambda columns: 7)
    np.testing.assert_allclose(parzen.log_likelihoods(samples, points, [0.2, 0.4]), whole, atol=1e-5)


def test_the_width_is_the_one_of_the_best_mean():
    samples, validation = blobs(300, 3), blobs(100, 3, seed=1)
    sigma, scores = parzen.select_sigma(samples, validation, parzen.PAPER_SIGMAS)
    expected = [kernel_density(samples, validation, s).mean() for s in parzen.PAPER_SIGMAS]
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert sigma == parzen.PAPER_SIGMAS[np.argmax(expected)]
    np.testing.assert_allclose(parzen.PAPER_SIGMAS, [10 ** (-1 + i / 9) for i in range(10)])


@pytest.mark.medium
def test_the_protocol_reports_mean_and_error_and_the_fine_grid_scores_no_less_on_validation():
    samples, validation, test = blobs(300, 3), blobs(200, 3, seed=1), blobs(250, 3, seed=2)
    paper, fine = parzen.protocol(samples, validation, test)
    values = kernel_density(samples, test, paper.sigma)
    assert paper.value == pytest.approx(values.mean(), abs=1e-4)
    assert paper.standard_error == pytest.approx(values.std(ddof=0) / math.sqrt(250), rel=1e-4)
    assert paper.sigma in parzen.PAPER_SIGMAS and fine.sigma not in parzen.PAPER_SIGMAS
    scores = [parzen.log_likelihood(samples, validation, e.sigma).mean() for e in (paper, fine)]
    assert scores[1] >= scores[0]


@pytest.mark.medium
def test_the_fine_grid_leaves_the_coarse_one_where_the_data_is_small():
    # σ = .01 is far below the coarse grid's .1
    samples, validation = (0.01 * np.random.default_rng(i).normal(size=(2000, 1)) for i in range(2))
    _, fine = parzen.protocol(samples, validation, validation)
    assert 0.0005 < fine.sigma < 0.01
    copies = np.zeros((5, 1))
    assert np.isfinite(parzen.protocol(copies, copies, copies)[1].value)  # wants σ = 0, and stops


@pytest.mark.parametrize(
    ("samples", "points", "sigma", "said"),
    [
        ((0, 2), (3, 2), 0.1, "at least one"),
        ((3, 2), (3, 4), 0.1, r"same dimension.*\(3, 2\).*\(3, 4\)"),
        ((3, 2), (3, 2), 0.0, "positive"),
        ((3, 2), (3, 2), np.nan, "positive"),
    ],
)
def test_parzen_says_what_is_wrong(samples, points, sigma, said):
    with pytest.raises(ValueError, match=said):
        parzen.log_likelihood(np.zeros(samples), np.zeros(points), sigma)


# Fréchet distance


def scipy_frechet(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T))
    gap = a.mean(0) - b.mean(0)
    return gap @ gap + np.trace(np.cov(a.T)) + np.trace(np.cov(b.T)) - 2 * np.trace(root).real


def test_frechet_published_case():
    real, fake = np.ones((100, 2)), np.full((100, 2), 9.0)
    real[:50, 0], fake[50:, 0] = 2, 2
    assert frechet.frechet_distance(real, fake) == pytest.approx(89.0909, abs=1e-4)


@pytest.mark.medium
@pytest.mark.parametrize(("dim", "shift", "scale"), [(1, 0.5, 1.0), (16, 0.0, 1.01), (64, 0.1, 1.5)])
def test_frechet_against_scipy(dim, shift, scale):
    a, b = blobs(500, dim), blobs(400, dim, shift, scale, seed=1)
    if dim == 1:
        expected = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    else:
        expected = scipy_frechet(a, b)
    assert frechet.frechet_distance(a, b) == pytest.approx(expected, rel=1e-3)
    assert frechet.frechet_distance(a, b) == pytest.approx(frechet.frechet_distance(b, a), rel=1e-9)
    assert frechet.frechet_estimate(a, b).value == pytest.approx(expected, rel=1e-3)
    assert abs(frechet.frechet_distance(a, a)) < 1e-6


def test_frechet_of_singular_covariances():
    # b = a + 1 in a subspace of 3 of 10 dimensions: the distance is ‖shift‖² = 3 exactly
    flat = np.zeros((100, 10))
    flat[:, :3] = np.random.default_rng(0).normal(size=(100, 3))
    moved = flat + np.r_[1, 1, 1, np.zeros(7)]
    found = frechet.frechet_estimate(flat, moved)
    assert found.value == pytest.approx(3, abs=1e-6)
    # only the means matter here: each coordinate's error is 2·√(2s²/n), and they add in squares
    expected = math.sqrt(4 * flat[:, :3].sum(1).var(ddof=1) * 2 / 100)
    assert found.standard_error == pytest.approx(expected, rel=1e-6)


@pytest.mark.medium
def test_the_frechet_standard_error_is_the_spread_over_fresh_samples():
    draws = [(blobs(400, 8, seed=2 * i), blobs(300, 8, 0.2, 1.2, seed=2 * i + 1)) for i in range(200)]
    spread = np.std([frechet.frechet_distance(a, b) for a, b in draws], ddof=1)
    errors = [frechet.frechet_estimate(a, b).standard_error for a, b in draws[:20]]
    assert np.mean(errors) == pytest.approx(spread, rel=0.2)  # a deviation of 200 draws is known to 5 %


@pytest.mark.slow
def test_the_intra_class_distance_is_the_mean_of_scipys_over_the_classes():
    a, b = blobs(300, 6), blobs(240, 6, 0.3, 1.2, seed=1)
    of_a, of_b = np.arange(300) % 3, np.r_[np.arange(239) % 3, 3]
    found = frechet.intra_class_distance(a, of_a, b, of_b, 5)
    expected = [scipy_frechet(a[of_a == c], b[of_b == c]) for c in range(3)]
    np.testing.assert_allclose(found.distances, [*expected, np.nan, np.nan], rtol=1e-6)  # 3 and 4 lack examples
    assert found.value == pytest.approx(np.mean(expected), rel=1e-6)
    errors = [frechet.frechet_estimate(a[of_a == c], b[of_b == c]).standard_error for c in range(3)]
    assert found.standard_error == pytest.approx(np.linalg.norm(errors) / 3)
    # Classes in the wrong places: as far apart as the classes are, where the distance of the whole sets is 0.
    two = np.concatenate([a, a + np.float32(3)])
    swapped = frechet.intra_class_distance(two, np.arange(600) // 300, two, 1 - np.arange(600) // 300, 2)
    assert swapped.value == pytest.approx(6 * 9, rel=1e-4) and abs(frechet.frechet_distance(two, two)) < 1e-6
    assert math.isnan(frechet.intra_class_distance(a, of_a, b, np.full(240, 4), 5).value)
    with pytest.raises(ValueError, match="do not fit"):
        frechet.intra_class_distance(a, of_a[:9], b, of_b, 5)
    with pytest.raises(ValueError, match="labels must be 0 to 4"):
        frechet.intra_class_distance(a, of_a, b, of_b - 1, 5)


# Kernel distance


def numpy_kernel(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    k = [(x @ y.T / a.shape[1] + 1) ** 3 for x, y in ((a, a), (b, b), (a, b))]
    n, m = len(a), len(b)
    within = (k[0].sum() - np.trace(k[0])) / (n * (n - 1)) + (k[1].sum() - np.trace(k[1])) / (m * (m - 1))
    return within - 2 * k[2].mean()


def test_kernel_by_hand():
    # one dimension: k(0,1) = 1, k(2,2) = 125 in the pair {2,2}, cross terms k(0,2) = 1 and k(1,2) = 27 twice each
    # k(0,1) twice over 2 = 1; k(2,2) = 125; cross mean (1 + 1 + 27 + 27)/4 = 14: 1 + 125 − 28 = 98
    assert kernel.kernel_distance(np.array([[0.0], [1.0]]), np.array([[2.0], [2.0]])) == pytest.approx(98)


@pytest.mark.medium
@pytest.mark.parametrize(("sizes", "dim"), [((300, 200), 16), ((50, 80), 256)])
def test_kernel_against_numpy(sizes, dim):
    a, b = blobs(sizes[0], dim), blobs(sizes[1], dim, 0.05, 1.05, seed=1)
    assert kernel.kernel_distance(a, b) == pytest.approx(numpy_kernel(a, b), rel=1e-6)
    found = kernel.kernel_estimate(KEY, a, b)
    assert found.value == pytest.approx(numpy_kernel(a, b), rel=1e-6)


@pytest.mark.medium
def test_the_kernel_distance_is_unbiased_and_its_error_is_its_spread():
    def draws(shift):
        pairs = [(blobs(100, 4, seed=2 * i), blobs(80, 4, shift, seed=2 * i + 1)) for i in range(80)]
        return np.array([kernel.kernel_estimate(KEY, *pair) for pair in pairs]).T

    values, errors = draws(0.0)
    assert abs(values.mean()) < 4 * values.std(ddof=1) / math.sqrt(80)
    assert 0.9 < errors.mean() / values.std(ddof=1) < 2.2  # of equal distributions √2 too large
    values, errors = draws(1.0)
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.3)


# Inception score


def test_inception_score_published_case():
    logits = np.array([[1, 2] * 500 + [4], [4, 5] * 500 + [6]], np.float32)
    assert inception_score.inception_score(logits) == pytest.approx(1.00080878, abs=1e-7)


def test_inception_score_of_certain_classifiers():
    # p(y|x) is 1 for one of ten classes, each as often: exp(log 10). With logits of −∞ instead of a large gap, too.
    certain = np.where(np.eye(10, dtype=bool), 0.0, -np.inf).repeat(3, 0)
    assert inception_score.inception_score(certain) == pytest.approx(10)
    # A class that no sample can have adds nothing. All samples alike: 1.
    more = np.pad(certain, ((0, 0), (0, 2)), constant_values=-np.inf)
    assert inception_score.inception_score(more) == pytest.approx(10)
    assert inception_score.inception_score(np.array([[0.0, 0.0, -np.inf]] * 4)) == pytest.approx(1)


def test_inception_score_at_its_ends_and_against_scipy():
    assert inception_score.inception_score(np.zeros((50, 7))) == pytest.approx(1)
    assert inception_score.inception_score(1e4 * np.eye(7)) == pytest.approx(7)
    logits = np.random.default_rng(0).normal(size=(300, 10)) * 3
    probability = scipy.special.softmax(logits, axis=1)
    divergences = scipy.stats.entropy(probability, probability.mean(0, keepdims=True), axis=1)
    assert inception_score.inception_score(logits) == pytest.approx(np.exp(divergences.mean()), rel=1e-9)
    estimate = inception_score.inception_score_estimate(KEY, logits)
    assert estimate.value == pytest.approx(np.exp(divergences.mean()), rel=0.1)
    assert 0 < estimate.standard_error < 0.5


# Precision, recall, density, coverage


@pytest.mark.medium
@pytest.mark.parametrize(("sizes", "k"), [((500, 400), 5), ((300, 600), 3), ((200, 200), 1)])
@pytest.mark.parametrize("seed", [0, 1])
def test_precision_recall_is_that_of_prdc(sizes, k, seed):
    from prdc import compute_prdc

    real, fake = blobs(sizes[0], 12, seed=seed), blobs(sizes[1], 12, 0.3, 1.1, seed=seed + 10)
    expected = compute_prdc(real_features=real, fake_features=fake, nearest_k=k)
    assert precision_recall.precision_recall(real, fake, k)._asdict() == expected


@pytest.mark.medium
def test_precision_recall_in_blocks_and_by_hand(monkeypatch):
    # real 0, 1, 3 with k = 1: radii 1, 1, 2. fake 0.5, 10, 10.5: radii 9.5, .5, .5.
    # 0.5 lies in the balls of 0, 1 (not 3: 2.5 > 2): precision 1/3, density 2/3. All real ones lie within 9.5 of 0.5.
    # The balls of 0 and 1 hold 0.5: coverage 2/3.
    real, fake = np.array([0.0, 1.0, 3.0]), np.array([0.5, 10.0, 10.5])
    expected = (1 / 3, 1.0, 2 / 3, 2 / 3)
    for block in (100, 2):
        monkeypatch.setattr(precision_recall, "block_size", lambda columns: block)  # noqa: B023
        jax.clear_caches()  # the block is chosen while the program is traced
        assert precision_recall.precision_recall(real, fake, 1) == pytest.approx(expected)
    with pytest.raises(ValueError, match="more than k examples"):
        precision_recall.precision_recall(real, fake, 3)


@pytest.mark.medium
def test_a_set_with_copies_against_itself_and_against_prdc(monkeypatch):
    from prdc import compute_prdc

    # Every example three times: with k = 2 all radii are 0, and the ball of each holds its 3 copies: density 3/2.
    points = blobs(40, 12) + np.float32(50)
    copies = points.repeat(3, 0)
    for block in (10_000, 7):
        monkeypatch.setattr(precision_recall, "block_size", lambda columns: block)  # noqa: B023
        jax.clear_caches()
        for fake in (copies, np.random.default_rng(0).permutation(copies)):
            assert precision_recall.precision_recall(copies, fake, 2) == (1, 1, 1.5, 1)
        # Half of the fake examples are copies of real ones, the others are far away.
        mixed = np.concatenate([copies[:60], copies[60:] + 1e3])
        assert precision_recall.precision_recall(copies, mixed, 2) == (0.5, 0.5, 0.75, 0.5)
    # A set without copies against itself is what prdc says of it, radius by radius.
    assert precision_recall.precision_recall(points, points, 3)[::2] == (1, 1)
    assert compute_prdc(real_features=copies, fake_features=copies, nearest_k=2)["recall"] < 1


@pytest.mark.slow
def test_precision_and_recall_of_many_examples_fit_in_a_gibibyte():
    with jax.enable_x64(True):
        many = jax.ShapeDtypeStruct((200_000, 128), np.float64)
        memory = precision_recall.ball_counts.lower(many, many, 5).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 2**30


# What is not finite

POINTS, LOGITS = blobs(30, 4), np.random.default_rng(0).normal(size=(30, 3))
OF_TWO_SETS = {
    "frechet_distance": frechet.frechet_distance,
    "frechet_estimate": frechet.frechet_estimate,
    "intra_class_distance": lambda a, b: frechet.intra_class_distance(a, np.arange(30) % 2, b, np.arange(30) % 2, 2),
    "kernel_distance": kernel.kernel_distance,
    "kernel_estimate": lambda a, b: kernel.kernel_estimate(KEY, a, b, 5),
    "precision_recall": lambda a, b: precision_recall.precision_recall(a, b, 3),
    "sliced_wasserstein": lambda a, b: sliced_wasserstein.sliced_wasserstein(KEY, a, b, projections=4),
    "nearest_neighbors": nearest.nearest_neighbors,
    "log_likelihood": lambda a, b: parzen.log_likelihood(a, b, 0.5),
    "protocol": lambda a, b: parzen.protocol(a, POINTS, b),
    "mode_coverage": lambda a, b: modes.mode_coverage(a, b, 1.0),
    "memorisation": lambda a, b: nearest.memorisation(a[:, 0], b[:, 0]),
    "within_class_diversity": lambda a, b: conditional.within_class_diversity(
        a, np.arange(30) % 2, b, np.arange(30) % 2, 2
    ),
}


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", OF_TWO_SETS)
def test_sets_that_are_not_finite_are_refused_by_every_score(name, place, bad):
    sets = [POINTS.copy(), POINTS[::-1].copy()]
    sets[place][[7, 11], 0] = bad
    with pytest.raises(
        ValueError, match=r"\w+: 2 of 30 examples are not finite \(NaN or infinite\), the first at index 7"
    ):
        OF_TWO_SETS[name](*sets)


@pytest.mark.parametrize(
    ("row", "refused"),
    [([np.nan, 0, 0], True), ([np.inf, 0, 0], True), ([-np.inf] * 3, True), ([-np.inf, 0, -np.inf], False)],
)
def test_logits_are_of_a_classifier_or_refused(row, refused):
    logits = LOGITS.copy()
    logits[4] = row
    for score in (
        inception_score.inception_score,
        lambda x: modes.class_coverage(x, np.ones(3)).reverse_kl,
        lambda x: conditional.label_accuracy(x, np.arange(30) % 3),
    ):
        if refused:
            with pytest.raises(ValueError, match="logits: 1 of 30 examples are not finite.*first at index 4"):
                score(logits)
        else:
            assert np.isfinite(score(logits))


def test_large_numbers_of_float64_are_finite():
    # 1e100 is infinite as a float32.
    far = POINTS + np.float64(1e100)
    assert not nearest.nearest_neighbors(far, far).distances.any()


# Sliced Wasserstein distance


def test_sliced_wasserstein_of_one_dimension_is_scipys():
    a, b = RANDOM.normal(size=70), RANDOM.normal(size=45) * 2 + 1
    found = sliced_wasserstein.sliced_wasserstein(KEY, a, b, projections=2, order=1)
    assert found.value == pytest.approx(scipy.stats.wasserstein_distance(a, b), rel=1e-5)


def test_sliced_wasserstein_does_not_change_with_the_origin():
    a, b = blobs(200, 10), blobs(150, 10, 0.01, seed=1)
    near, far = (sliced_wasserstein.sliced_wasserstein(KEY, a + x, b + x) for x in (np.float64(0), np.float64(1e6)))
    assert far.value == pytest.approx(near.value, rel=1e-6)


def test_sliced_wasserstein_of_a_shift():
    # all of a shift v is seen along u as |uᵀv|; E (uᵀv)² = ‖v‖²/dim
    a = blobs(200, 10)
    shift = np.full(10, 2.0, np.float32)
    found = sliced_wasserstein.sliced_wasserstein(KEY, a, a + shift, projections=2000)
    assert abs(found.value - math.sqrt(40 / 10)) < 4 * found.standard_error
    assert found.standard_error == pytest.approx(2 * math.sqrt(2 / 2000) / 2, rel=0.25)  # (uᵀv)² is nearly χ² of 1


@pytest.mark.medium
def test_sliced_wasserstein_of_unequal_sizes_is_that_of_repeated_points():
    a, b = blobs(20, 3), blobs(30, 3, 1.0, seed=1)
    short = sliced_wasserstein.sliced_wasserstein(KEY, a, b).value
    assert short == pytest.approx(
        sliced_wasserstein.sliced_wasserstein(KEY, a.repeat(3, 0), b.repeat(2, 0)).value, rel=1e-5
    )


# Modes


def test_modes_by_hand():
    centers = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    # within 3: three of mode 0, one of mode 1; one nearest to mode 2 at distance 4: of low quality, so not hit
    samples = np.array([[0, 0], [0, 2.9], [1, 1], [9, 0], [0, 6]])
    found = modes.mode_coverage(samples, centers, 1.0)
    assert (found.modes, found.high_quality) == (2, 0.8)
    # q = (.6, .2, .2, 0), p = ¼: .6 log 2.4 + 2·.2 log .8
    assert found.reverse_kl == pytest.approx(0.6 * math.log(2.4) + 0.4 * math.log(0.8))


def test_the_mixture_itself_has_the_high_quality_of_a_gaussian_in_the_plane():
    from jaxgan.datasets.mixtures import MIXTURES

    for mixture in (MIXTURES["ring"], MIXTURES["grid"]):
        noise = np.random.default_rng(0).normal(size=(100_000, 2)) * mixture.sigma
        labels = np.random.default_rng(1).integers(len(mixture.centers), size=100_000)
        found = modes.mode_coverage(mixture.centers[labels] + noise, mixture.centers, mixture.sigma)
        assert found.modes == len(mixture.centers)
        assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=4 * math.sqrt(0.011 * 0.989 / 1e5))
        assert found.reverse_kl < 1e-3


def test_classes_by_hand():
    logits = np.array([[9.0, 0, 0], [9.0, 0, 0], [0, 9.0, 0], [1.0, 0.9, 0]])
    found = modes.class_coverage(logits, np.array([1, 1, 2]))
    assert found.modes == 2
    assert found.high_quality == 0.75  # the last is unsure
    assert found.reverse_kl == pytest.approx(0.75 * math.log(0.75 / 0.25))  # .25 log(.25/.25) is 0
    assert modes.reverse_kl([1, 0], [0, 1]) == math.inf


# Nearest neighbours


@pytest.mark.parametrize("block", [3, 10_000])
def test_nearest_neighbors_against_scikit_learn(block, monkeypatch):
    monkeypatch.setattr(nearest, "block_size", lambda columns: block)
    training, queries = images(400), images(55, seed=1)
    distances, indices = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(training).kneighbors(queries)
    found = nearest.nearest_neighbors(queries, training)
    np.testing.assert_array_equal(found.indices, indices[:, 0])
    np.testing.assert_allclose(found.distances, distances[:, 0], rtol=1e-5)


@pytest.mark.parametrize("name", ["ring", "gaussian"])
def test_nearest_neighbors_that_are_close_beside_the_datas_extent(name):
    training, queries = drawn(name)
    exact = NearestNeighbors(n_neighbors=1).fit(training.astype(np.float64))
    distances, indices = exact.kneighbors(queries[:500].astype(np.float64))
    for offset in (0, 8):
        found = nearest.nearest_neighbors(queries[:500] + np.float32(offset), training + np.float32(offset))
        if not offset:  # the sums round
            np.testing.assert_array_equal(found.indices, indices[:, 0])
        np.testing.assert_allclose(found.distances, distances[:, 0], atol=2e-6 if offset else 1e-8, rtol=1e-6)


def test_near_copies_of_images_are_told_apart():
    training = images(300).repeat(2, 0)
    training[1::2] += np.float32(1e-4) * images(300, 1)
    found = nearest.nearest_neighbors(training + np.float32(1e-6), training)
    np.testing.assert_array_equal(found.indices, np.arange(600))


def test_a_copy_has_distance_zero_and_is_found():
    training = images(300)
    found = nearest.nearest_neighbors(training[[7, 250]], training)
    assert found.indices.tolist() == [7, 250] and found.distances.tolist() == [0, 0]


def test_memorisation_is_the_rank_test_of_mann_and_whitney():
    generated, held_out = RANDOM.normal(size=80), RANDOM.normal(size=60) + 0.5
    expected = scipy.stats.mannwhitneyu(held_out, generated).statistic / (80 * 60)
    found = nearest.memorisation(generated, held_out)
    assert found.closer == pytest.approx(expected)
    assert nearest.memorisation(np.zeros(5), np.ones(5)).closer == 1.0  # copies
    assert nearest.memorisation(np.ones(5), np.ones(9)).closer == 0.5  # ties
    null = [nearest.memorisation(RANDOM.normal(size=40), RANDOM.normal(size=30)).closer for _ in range(2000)]
    assert found.standard_error == pytest.approx(np.sqrt(141 / (12 * 80 * 60)))
    assert np.std(null) == pytest.approx(math.sqrt(71 / (12 * 40 * 30)), rel=0.06)


@pytest.mark.medium
def test_arrays_of_any_shape_are_flattened_and_integers_are_floats():
    a, b = np.arange(24).reshape(4, 2, 3), np.arange(30).reshape(5, 2, 3) % 7
    for measure in (
        frechet.frechet_distance,
        kernel.kernel_distance,
        lambda x, y: precision_recall.precision_recall(x, y, 2),
    ):
        assert measure(a, b) == measure(a.reshape(4, 6).astype(float), b.reshape(5, 6).astype(float))
