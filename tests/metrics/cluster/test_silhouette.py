"""Silhouettes and the scores by centres: their equations, laws, and memory; scikit-learn's figures."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.metrics import cluster

DISTANCES = {
    "euclidean": lambda x, z: np.sqrt(((x - z) ** 2).sum()),
    "sqeuclidean": lambda x, z: ((x - z) ** 2).sum(),
    "manhattan": lambda x, z: abs(x - z).sum(),
    "cosine": lambda x, z: 1 - x @ z / np.sqrt((x @ x) * (z @ z)),
}
ALIASES = {"l2": "euclidean", "cityblock": "manhattan", "l1": "manhattan"}


def sample(n, n_clusters, n_features, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_clusters), rng.integers(0, n_clusters, n - n_clusters)])
    centres = rng.normal(size=(n_clusters, n_features)) * 2
    return centres[labels] + rng.normal(size=(n, n_features)), labels


def silhouettes(distance, X, labels):
    """Return the silhouettes as the docstring states them, sample by sample."""
    found = []
    for i, own in enumerate(labels):
        means = {}
        for k in np.unique(labels):
            others = [j for j in np.flatnonzero(labels == k) if j != i]
            means[k] = np.mean([distance(X[i], X[j]) for j in others]) if others else None
        a = means.pop(own)
        b = min(means.values())
        found.append(0.0 if a is None or a == b == 0 else (b - a) / max(a, b))
    return np.array(found)


# the equations


@pytest.mark.parametrize("metric", DISTANCES)
@given(n=st.integers(3, 25), data=st.data(), seed=st.integers(0, 500))
def test_a_silhouette_is_what_its_equation_says(metric, n, data, seed):
    n_clusters = data.draw(st.integers(2, n - 1))
    least = 2 if metric == "cosine" else 1  # numbers have two directions: the means are 0 or 1
    X, labels = sample(n, n_clusters, data.draw(st.integers(least, 4)), seed)
    expected = silhouettes(DISTANCES[metric], X, labels)
    found = cluster.silhouette_samples(X, labels, metric=metric)
    # √(|x|² + |z|² − 2xz) of near samples has lost half the digits.
    np.testing.assert_allclose(found, expected, atol=1e-7)
    score = cluster.silhouette_score(X, labels, metric=metric)
    assert score == pytest.approx(expected.mean(), abs=1e-7)


@pytest.mark.parametrize("alias", ALIASES)
def test_a_metric_with_two_names_is_the_same(alias):
    X, labels = sample(20, 3, 2)
    np.testing.assert_array_equal(
        cluster.silhouette_samples(X, labels, metric=alias),
        cluster.silhouette_samples(X, labels, metric=ALIASES[alias]),
    )


@pytest.mark.parametrize("dtype", [float, np.float32, int])
def test_given_distances_and_a_function_give_the_same(dtype):
    X, labels = sample(20, 3, 2)
    X = np.round(10 * X)  # whole numbers, so that the distances are too
    D = abs(X[:, None] - X).sum(axis=2).astype(dtype)
    expected = cluster.silhouette_samples(X, labels, metric="manhattan")
    found = cluster.silhouette_samples(D, labels, metric="precomputed")
    np.testing.assert_allclose(found, expected, rtol=1e-12)

    def distance(x, z, scale):
        return scale * abs(x - z).sum()

    found = cluster.silhouette_samples(X, labels, metric=distance, scale=3)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@given(n=st.integers(4, 20), seed=st.integers(0, 500), data=st.data())
def test_the_scores_by_centres_are_what_their_equations_say(n, seed, data):
    X, labels = sample(n, data.draw(st.integers(2, n - 1)), data.draw(st.integers(1, 3)), seed)
    names = np.unique(labels)
    parts = [X[labels == k] for k in names]
    centres = [part.mean(axis=0) for part in parts]
    between = sum(
        len(p) * ((c - X.mean(axis=0)) ** 2).sum() for p, c in zip(parts, centres, strict=True)
    )
    within = sum(((p - c) ** 2).sum() for p, c in zip(parts, centres, strict=True))
    expected = (between / (len(names) - 1)) / (within / (n - len(names)))
    assert cluster.calinski_harabasz_score(X, labels) == pytest.approx(expected)

    width = [
        np.sqrt(((p - c) ** 2).sum(axis=1)).mean() for p, c in zip(parts, centres, strict=True)
    ]
    worst = [
        max(
            (width[k] + width[l]) / np.sqrt(((centres[k] - centres[l]) ** 2).sum())
            for l in range(len(names))
            if l != k
        )
        for k in range(len(names))
    ]
    assert cluster.davies_bouldin_score(X, labels) == pytest.approx(np.mean(worst))


# laws


@pytest.mark.parametrize("metric", [*DISTANCES, "precomputed"])
def test_the_result_does_not_depend_on_blocks_threads_or_the_order_of_samples(metric):
    X, labels = sample(300, 4, 3)
    X = abs(X[:, None] - X).sum(axis=2) if metric == "precomputed" else X
    expected = cluster.silhouette_samples(X, labels, metric=metric)
    for options in ({"working_memory": 0.01}, {"n_jobs": 2}, {"n_jobs": 2, "working_memory": 0.1}):
        found = cluster.silhouette_samples(X, labels, metric=metric, **options)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)  # other sums
    order = np.random.default_rng(0).permutation(300)
    shuffled = X[np.ix_(order, order)] if metric == "precomputed" else X[order]
    found = cluster.silhouette_samples(shuffled, labels[order], metric=metric)
    np.testing.assert_allclose(found, expected[order], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_features", [1, 3, 40, 300])
@pytest.mark.parametrize("n", [63, 64, 65, 200])
def test_tiles_of_the_product_fit_together(n, n_features):
    X, labels = sample(n, 3, n_features)
    D = np.sqrt(((X[:, None] - X) ** 2).sum(axis=2))
    found = cluster.silhouette_samples(X, labels)
    expected = cluster.silhouette_samples(D, labels, metric="precomputed")
    np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "manhattan"])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_equal_samples_are_at_distance_zero(metric, offset):
    # In the first two clusters a = b = 0, which rounding must not turn into a quotient of crumbs.
    X = np.repeat([[0.1, 0.3], [0.1, 0.3], [0.7, 0.2]], 5, axis=0) + offset
    labels = np.repeat([0, 1, 2], 5)
    found = cluster.silhouette_samples(X, labels, metric=metric)
    np.testing.assert_array_equal(found, np.repeat([0.0, 0.0, 1.0], 5))
    same = np.full((6, 2), 0.1 + offset)
    assert not cluster.silhouette_samples(same, [0, 0, 1, 1, 2, 2], metric=metric).any()


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "manhattan"])
def test_one_sample_far_away_does_not_blur_the_others(metric):
    X, labels = sample(40, 3, 2)
    far = np.vstack([X[:1] * 0 + 1e9, X])
    at = np.concatenate([[3], labels])
    expected = silhouettes(DISTANCES[metric], far, at)
    found = cluster.silhouette_samples(far, at, metric=metric)
    np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-9)
    assert found[0] == 0  # a cluster of its own


def test_vectors_of_zeros_are_at_cosine_distance_one_from_all_others():
    X = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    labels = [0, 0, 1, 1]
    # a = 1 and b = 1 for the zeros; for (1, 0): a = 1 − √½, b = 1.
    expected = [0, 0, np.sqrt(0.5), np.sqrt(0.5)]
    found = cluster.silhouette_samples(X, labels, metric="cosine")
    np.testing.assert_allclose(found, expected, atol=1e-15)


def test_a_cluster_of_one_scores_zero_and_coincident_samples_one():
    X = [[0.0], [1.0], [1.0], [2.0], [3.0], [3.0]]
    found = cluster.silhouette_samples(X, [0, 1, 1, 1, 2, 2])
    np.testing.assert_array_equal(found, [0, 0.5, 0.5, 0, 1, 1])


@pytest.mark.parametrize("metric", DISTANCES)
def test_memory_stays_far_below_that_of_all_distances(metric):
    X, labels = sample(6000, 5, 2)
    tracemalloc.start()
    try:
        cluster.silhouette_samples(X, labels, metric=metric)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6000 * 6000 * 8 / 20


def test_the_samples_drawn_for_a_score_are_those_of_the_permutation():
    X, labels = sample(50, 3, 2)
    drawn = np.random.RandomState(7).permutation(50)[:20]
    expected = cluster.silhouette_score(X[drawn], labels[drawn])
    assert cluster.silhouette_score(X, labels, sample_size=20, random_state=7) == expected
    D = np.sqrt(((X[:, None] - X) ** 2).sum(axis=2))
    found = cluster.silhouette_score(
        D, labels, metric="precomputed", sample_size=20, random_state=7
    )
    assert found == pytest.approx(expected)


def test_centres_that_coincide_and_clusters_of_no_width():
    X, labels = [[-1, -1], [1, 1]] * 10, [0] * 10 + [1] * 10
    assert cluster.calinski_harabasz_score(X, labels) == 0.0
    assert cluster.davies_bouldin_score(X, labels) == 0.0
    same = np.full((10, 2), 0.1)
    assert cluster.calinski_harabasz_score(same, [0] * 5 + [1] * 5) == 1.0
    assert cluster.davies_bouldin_score(same, [0] * 5 + [1] * 5) == 0.0
    tight = np.repeat([[0.1], [0.7]], 3, axis=0)
    assert cluster.calinski_harabasz_score(tight, [0, 0, 0, 1, 1, 1]) == 1.0


def test_equal_centres_that_differ_by_rounding_are_left_out():
    X, labels = np.array([[0.0], [0], [1], [1], [0], [0], [0]]), [1, 2, 1, 0, 0, 0, 1]
    # Clusters 0 and 1 have the centre 1/3 and the width 4/9, cluster 2 is the point 0.
    for offset in (0, 1e3):
        assert cluster.davies_bouldin_score(X + offset, labels) == pytest.approx(4 / 3)
    # Centres far from 0 are apart if more than rounding is between them.
    wide = [[0.0], [2e-6], [4e-6], [6e-6]]
    found = cluster.davies_bouldin_score(np.add(wide, 1.0), [0, 0, 1, 1])
    assert found == pytest.approx(0.5, rel=1e-9)


def test_samples_alone_among_equal_ones_score_zero():
    found = cluster.silhouette_samples([[1.0, 1.0]] * 4, [1, 1, 1, 0])
    np.testing.assert_array_equal(found, np.zeros(4))


def test_given_distances_are_not_negative_but_by_rounding():
    D = 1 - np.eye(4)
    D[0, 1] = D[1, 0] = -1e-15
    expected = cluster.silhouette_samples(np.maximum(D, 0), [0, 0, 1, 1], metric="precomputed")
    found = cluster.silhouette_samples(D, [0, 0, 1, 1], metric="precomputed")
    np.testing.assert_allclose(found, expected, atol=1e-14)
    for dtype in (float, np.float32, int):
        D[0, 1] = -2
        with pytest.raises(ValueError, match=r"must not be negative, the least is -2"):
            cluster.silhouette_score(D.astype(dtype), [0, 0, 1, 1], metric="precomputed")


# bad input

SCORES = [
    "silhouette_samples",
    "silhouette_score",
    "calinski_harabasz_score",
    "davies_bouldin_score",
]


@pytest.mark.parametrize("name", SCORES)
def test_clusterings_that_cannot_be_judged_are_refused(name):
    score = getattr(cluster, name)
    X = np.arange(8.0).reshape(4, 2)
    for labels, words in (
        ([0, 0, 0, 0], r"Number of labels is 1\. Valid values are 2 to n_samples - 1"),
        ([0, 1, 2, 3], "Number of labels is 4"),
        ([0, 1], "X has 4, labels has 2"),
        ([0, 1, np.nan, 1], "Input labels contains NaN: row 2"),
    ):
        with pytest.raises(ValueError, match=words):
            score(X, labels)
    with pytest.raises(ValueError, match="Input X contains NaN: row 0"):
        score(np.full((4, 2), np.nan), [0, 0, 1, 1])


def test_metrics_and_arguments_that_do_not_exist_are_refused():
    X, labels = sample(6, 2, 2)
    with pytest.raises(ValueError, match=r"metric must be one of .* got 'jaccard'"):
        cluster.silhouette_score(X, labels, metric="jaccard")
    with pytest.raises(TypeError, match=r"metric='euclidean' takes no arguments, got \['p'\]"):
        cluster.silhouette_score(X, labels, p=3)
    with pytest.raises(ValueError, match=r"\(N, N\), they have shape \(6, 2\)"):
        cluster.silhouette_score(X, labels, metric="precomputed")
    for dtype in (float, int):
        D = np.ones((6, 6), dtype)
        with pytest.raises(ValueError, match="diagonal: row 0 has 1"):
            cluster.silhouette_score(D, labels, metric="precomputed")
    for options in ({"sample_size": 0}, {"working_memory": 0}, {"n_jobs": 0}):
        with pytest.raises(ValueError, match=next(iter(options))):
            cluster.silhouette_score(X, labels, **options)


# scikit-learn


@pytest.mark.parametrize("metric", [*DISTANCES, *ALIASES, "precomputed"])
def test_the_silhouettes_are_scikit_learns(metric):
    reference = pytest.importorskip("sklearn.metrics")
    for n, n_clusters, n_features in ((10, 3, 1), (150, 4, 7), (150, 100, 3)):
        X, labels = sample(n, n_clusters, n_features)
        X = abs(X[:, None] - X).sum(axis=2) if metric == "precomputed" else X
        ours = cluster.silhouette_samples(X, labels, metric=metric)
        theirs = reference.silhouette_samples(X, labels, metric=metric)
        np.testing.assert_allclose(ours, theirs, atol=1e-10)
        options = {"metric": metric, "sample_size": n - 1, "random_state": 3}
        ours = cluster.silhouette_score(X, labels, **options)
        theirs = reference.silhouette_score(X, labels, **options)
        assert ours == pytest.approx(theirs, abs=1e-10)


@pytest.mark.parametrize("name", ["calinski_harabasz_score", "davies_bouldin_score"])
@pytest.mark.parametrize("dtype", [float, np.float32])
def test_the_scores_by_centres_are_scikit_learns(name, dtype):
    reference = pytest.importorskip("sklearn.metrics")
    for n, n_clusters, n_features in ((10, 3, 1), (150, 4, 7), (150, 100, 3)):
        X, labels = sample(n, n_clusters, n_features)
        ours = getattr(cluster, name)(X.astype(dtype), labels)
        theirs = getattr(reference, name)(X.astype(dtype), labels)
        # Theirs takes √(|x|² + |c|² − 2xc), in the type of X: half the digits are lost where x = c.
        assert ours == pytest.approx(theirs, rel=1e-7 if dtype is float else 1e-3)
