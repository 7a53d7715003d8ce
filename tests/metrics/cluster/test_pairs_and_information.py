"""Two clusterings compared: by their equations over pairs and over draws, by laws, scikit-learn's."""

import math
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.metrics import cluster
from scratchnet.metrics.cluster.chance import log_factorials

SYMMETRIC = [
    "adjusted_mutual_info_score",
    "adjusted_rand_score",
    "fowlkes_mallows_score",
    "mutual_info_score",
    "normalized_mutual_info_score",
    "rand_score",
    "v_measure_score",
]
SCORES = [*SYMMETRIC, "completeness_score", "homogeneity_score"]
NORMALISED = [name for name in SCORES if name != "mutual_info_score"]
AVERAGES = ["min", "geometric", "arithmetic", "max"]

clusterings = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=25
).map(lambda pairs: np.array(pairs).T)


# the equations


@given(clusterings)
def test_the_pair_confusion_matrix_counts_ordered_pairs(labels):
    a, b = labels
    expected = np.zeros((2, 2), int)
    for i in range(len(a)):
        for j in range(len(a)):
            if i != j:
                expected[int(a[i] == a[j]), int(b[i] == b[j])] += 1
    np.testing.assert_array_equal(cluster.pair_confusion_matrix(a, b), expected)
    if len(a) > 1:
        right = expected[0, 0] + expected[1, 1]
        assert cluster.rand_score(a, b) == right / expected.sum()


@given(clusterings)
def test_the_contingency_matrix_counts_what_two_clusters_share(labels):
    a, b = labels
    expected = [[((a == k) & (b == l)).sum() for l in np.unique(b)] for k in np.unique(a)]
    np.testing.assert_array_equal(cluster.contingency_matrix(a, b), expected)


@given(clusterings)
def test_mutual_information_is_what_the_entropies_have_in_common(labels):
    a, b = labels
    both = cluster.entropy(a * 10 + b)
    expected = cluster.entropy(a) + cluster.entropy(b) - both
    assert cluster.mutual_info_score(a, b) == pytest.approx(expected, abs=1e-12)
    table = cluster.contingency_matrix(a, b)
    assert cluster.mutual_info_score(None, None, contingency=table) == pytest.approx(
        cluster.mutual_info_score(a, b), abs=1e-15
    )
    _, sizes = np.unique(a, return_counts=True)
    shares = sizes / len(a)
    assert cluster.entropy(a) == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-12)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([0, 0, 1, 1], [0, 0, 1, 1]),
        ([0, 0, 0, 1, 1], [0, 1, 1, 2, 2]),
        ([0, 0, 0, 0, 1, 2], [0, 0, 1, 1, 1, 2]),
        ([0, 1, 2, 3, 4], [0, 0, 0, 1, 1]),
        ([0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]),
    ],
)
def test_the_expected_information_is_the_mean_over_all_orders(a, b):
    exact = np.mean([cluster.mutual_info_score(a, order) for order in permutations(b)])
    table = cluster.contingency_matrix(a, b)
    assert cluster.expected_mutual_information(table, len(a)) == pytest.approx(exact, rel=1e-12)


def test_the_expected_information_leaves_out_nothing_that_counts():
    # The sum over every overlap, against the one over the likely ones.
    a, b = np.array([700, 900, 400]), np.array([1500, 300, 200])
    n = 2000
    log = [math.lgamma(k + 1) for k in range(n + 1)]
    exact = 0.0
    for i in a:
        for j in b:
            for k in range(max(1, i + j - n), min(i, j) + 1):
                p = log[i] + log[j] + log[n - i] + log[n - j]
                p -= log[n] + log[k] + log[i - k] + log[j - k] + log[n - i - j + k]
                exact += k / n * math.log(n * k / (i * j)) * math.exp(p)
    table = np.diag([700, 300, 0])
    table[0] = [700, 0, 0]
    table[1] = [800, 100, 0]
    table[2] = [0, 200, 200]
    assert table.sum(axis=1).tolist() == a.tolist()
    assert table.sum(axis=0).tolist() == b.tolist()
    # lgamma is rounded at some 1e-12 here, and so are its differences.
    assert cluster.expected_mutual_information(table, n) == pytest.approx(exact, rel=1e-9)


def test_logarithms_of_factorials_are_right_to_the_last_digits():
    found = log_factorials(400)
    exact = [math.log(math.factorial(k)) for k in range(401)]  # of integers: rounded once
    np.testing.assert_allclose(found, exact, rtol=4 * np.finfo(float).eps)
    assert log_factorials(0).tolist() == [0.0]
    assert log_factorials(10**6)[-1] == pytest.approx(math.lgamma(10**6 + 1), rel=1e-14)


# laws


@pytest.mark.parametrize("name", SCORES)
@given(labels=clusterings)
def test_names_of_clusters_and_the_order_of_samples_do_not_matter(name, labels):
    a, b = labels
    score = getattr(cluster, name)
    order = np.random.default_rng(0).permutation(len(a))
    renamed = np.array(["c", "a", "e", "b", "d"])[b]
    assert score(a, renamed) == pytest.approx(score(a, b), abs=1e-12)
    assert score(a[order], b[order]) == pytest.approx(score(a, b), abs=1e-12)
    assert score(a - 7, b * 1.0) == pytest.approx(score(a, b), abs=1e-12)


@pytest.mark.parametrize("name", SYMMETRIC)
@given(labels=clusterings)
def test_symmetric_scores_are(name, labels):
    a, b = labels
    score = getattr(cluster, name)
    assert score(a, b) == pytest.approx(score(b, a), abs=1e-12)


@pytest.mark.parametrize("name", NORMALISED)
@given(labels=clusterings)
def test_equal_clusterings_score_one_and_none_scores_more(name, labels):
    a, b = labels
    score = getattr(cluster, name)
    if name != "fowlkes_mallows_score" or len(np.unique(a)) < len(a):  # it needs a pair
        assert score(a, 4 - a) == pytest.approx(1.0)
    assert score(a, b) <= 1 + 1e-12
    if not name.startswith("adjusted"):
        assert score(a, b) >= 0


@given(labels=clusterings, beta=st.floats(0, 10))
def test_v_is_the_harmonic_mean_and_nmi_is_v(labels, beta):
    a, b = labels
    h, c, v = cluster.homogeneity_completeness_v_measure(a, b, beta=beta)
    assert (h, c) == (cluster.homogeneity_score(a, b), cluster.completeness_score(a, b))
    expected = (1 + beta) / (beta / c + 1 / h) if h and c else 0
    assert v == pytest.approx(expected)
    assert c == pytest.approx(cluster.homogeneity_score(b, a))
    nmi = cluster.normalized_mutual_info_score(a, b)
    assert cluster.v_measure_score(a, b) == pytest.approx(nmi, abs=1e-12)


@given(labels=clusterings)
def test_means_of_the_entropies_come_in_their_order(labels):
    scores = [
        cluster.normalized_mutual_info_score(*labels, average_method=method) for method in AVERAGES
    ]
    assert all(x >= y - 1e-12 for x, y in pairwise(scores))


@pytest.mark.parametrize("name", ["adjusted_rand_score", "adjusted_mutual_info_score"])
def test_adjusted_scores_of_random_clusterings_are_zero_on_average(name):
    a, b = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 1]
    scores = [getattr(cluster, name)(a, order) for order in permutations(b)]
    assert np.mean(scores) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("average_method", AVERAGES)
def test_independent_clusterings_share_exactly_nothing(average_method):
    a, b = np.repeat(np.arange(6), 7), np.tile(np.arange(7), 6)
    assert cluster.mutual_info_score(a, b) == 0.0
    assert cluster.normalized_mutual_info_score(a, b, average_method=average_method) == 0.0
    assert cluster.normalized_mutual_info_score([0] * 9, range(9)) == 0.0
    assert cluster.adjusted_mutual_info_score([0] * 9, range(9)) == 0.0


@pytest.mark.parametrize("n", [6, 60, 600])
def test_where_chance_and_the_bound_are_the_same_the_adjusted_information_is_one(n):
    # Every sample apart: whatever the other clustering, they share its entropy, and "min" is that.
    b = np.arange(n) % 3
    found = cluster.adjusted_mutual_info_score(np.arange(n), b, average_method="min")
    assert found == 1.0
    assert cluster.adjusted_mutual_info_score(np.arange(n), b) == 0.0


@pytest.mark.parametrize("name", [n for n in SCORES if n != "mutual_info_score"])
def test_no_samples_and_one_sample_agree(name):
    score = getattr(cluster, name)
    expected = 0.0 if name == "fowlkes_mallows_score" else 1.0  # there is no pair
    assert score([], []) == expected
    assert score([3], ["x"]) == expected
    assert cluster.mutual_info_score([], []) == 0.0


def test_counts_do_not_overflow():
    # (10⁵)⁴ is beyond 64 bits; two random halves agree by chance only.
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 100_000)).astype(np.int8)
    assert abs(cluster.adjusted_rand_score(a, b)) < 1e-4
    assert abs(cluster.adjusted_mutual_info_score(a, b)) < 1e-4
    assert cluster.fowlkes_mallows_score(a, a) == 1.0


def test_many_clusters_take_no_table_of_all_pairs():
    # A table of 10⁵ × 10⁵ counts would be 80 GB.
    a = np.arange(100_000)
    assert cluster.adjusted_rand_score(a, a[::-1]) == 1.0
    assert cluster.v_measure_score(a, a[::-1]) == pytest.approx(1.0)
    assert cluster.mutual_info_score(a, a // 2) == pytest.approx(np.log(50_000))


# bad input


@pytest.mark.parametrize("name", SCORES)
def test_what_is_no_clustering_is_refused(name):
    score = getattr(cluster, name)
    for a, b, words in (
        ([0, 1], [1, 1, 1], "labels_true has 2, labels_pred has 3"),
        ([[0, 1], [1, 0]], [1, 1], r"labels_true must be 1D: shape is \(2, 2\)"),
        ([0, 1], [[1], [0]], r"labels_pred must be 1D: shape is \(2, 1\)"),
        ([0, np.nan], [0, 1], "Input labels_true contains NaN: row 1"),
    ):
        with pytest.raises(ValueError, match=words):
            score(a, b)
    with pytest.warns(UserWarning, match="labels_pred received continuous values"):
        score([0, 1, 1], [0.5, 1.0, 1.0])


def test_options_that_do_not_exist_are_refused():
    for score in (cluster.normalized_mutual_info_score, cluster.adjusted_mutual_info_score):
        with pytest.raises(ValueError, match=r"average_method .* got 'mean'"):
            score([0, 1], [0, 1], average_method="mean")
    with pytest.raises(ValueError, match="sparse=True is not supported"):
        cluster.contingency_matrix([0, 1], [0, 1], sparse=True)
    with pytest.raises(ValueError, match="beta"):
        cluster.v_measure_score([0, 1], [0, 1], beta=-1)
    for table in ([[0.5, 1]], [[-1, 2]]):
        with pytest.raises(ValueError, match="must hold counts"):
            cluster.mutual_info_score(None, None, contingency=table)
    with pytest.raises(ValueError, match="needs both labels"):
        cluster.mutual_info_score([0], None)


def test_the_expected_information_is_of_counts_and_of_their_sum():
    for table in ([[0.5, 1.5], [1, 1]], [[-1, 2], [1, 2]]):
        with pytest.raises(ValueError, match="must hold counts"):
            cluster.expected_mutual_information(table, 4)
    with pytest.raises(ValueError, match="n_samples is 5, but the counts of contingency sum to 4"):
        cluster.expected_mutual_information([[1, 1], [1, 1]], 5)
    for n_samples, error in ((0, ValueError), (4.5, TypeError)):
        with pytest.raises(error, match="n_samples"):
            cluster.expected_mutual_information([[1, 1], [1, 1]], n_samples)
    full = cluster.expected_mutual_information([[1, 2], [3, 1]], 7)
    empty = cluster.expected_mutual_information([[1, 0, 2], [0, 0, 0], [3, 0, 1]], 7)
    assert full == empty > 0


# scikit-learn


@pytest.mark.parametrize("name", [*SCORES, "pair_confusion_matrix", "contingency_matrix"])
def test_the_figures_are_scikit_learns(name):
    reference = pytest.importorskip("sklearn.metrics.cluster")
    rng = np.random.default_rng(0)
    for n, n_classes, n_clusters in ((5, 2, 3), (40, 4, 4), (300, 12, 60), (3000, 5, 7)):
        a, b = rng.integers(0, n_classes, n), rng.integers(0, n_clusters, n)
        b[: n // 2] = a[: n // 2]
        for options in [{"average_method": m} for m in AVERAGES] if "_info_" in name else [{}]:
            options = {} if name == "mutual_info_score" else options
            ours = getattr(cluster, name)(a, b, **options)
            theirs = getattr(reference, name)(a, b, **options)
            # Sums and differences of logarithms, each rounded in another place.
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13)
            assert type(ours) is type(theirs)


def test_the_expected_information_is_scikit_learns():
    reference = pytest.importorskip("sklearn.metrics.cluster")
    rng = np.random.default_rng(0)
    for shape, high in (((2, 2), 5), ((5, 3), 50), ((3, 30), 400)):
        table = rng.integers(0, high, shape) + 1
        n = int(table.sum())
        ours = cluster.expected_mutual_information(table, n)
        theirs = reference.expected_mutual_information(table, n)
        # Theirs takes exp of sums of lgamma, of some 1e5 here: eleven digits are left.
        assert ours == pytest.approx(theirs, rel=1e-9)
