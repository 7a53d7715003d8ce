"""What of scikit-learn's own tests does not pass with our functions, and why.

EXCEPTIONS[module][name] = reason. A name stands for the test with all of its parameters, unless it
ends in a bracket: "test_x" covers every test_x[...], "test_x[binary]" one case. An entry that no
failing test needs is itself a failure (`test_sklearn_suite.py`). Nothing here is about a wrong number.
"""

SPARSE = "sparse matrices are not read: TypeError that says .toarray()"
ARRAY_API = "arrays of other libraries (array API) are not supported"
ROUTING = "scikit-learn's metadata routing is not supported"
PRIVATE = "looks at a private name of scikit-learn, which we do not have"
GLOBAL_STATE = "random_state=None draws from a fresh generator, not from NumPy's global state"

EXCEPTIONS = {
    "sklearn.metrics.tests.test_classification": {},
    "sklearn.metrics.tests.test_ranking": {},
    "sklearn.metrics.tests.test_regression": {},
    "sklearn.metrics.tests.test_common": {},
    "sklearn.metrics.tests.test_score_objects": {},
    "sklearn.metrics.cluster.tests.test_supervised": {},
    "sklearn.metrics.cluster.tests.test_unsupervised": {},
    "sklearn.metrics.cluster.tests.test_common": {},
    "sklearn.model_selection.tests.test_split": {},
    "sklearn.model_selection.tests.test_validation": {},
}

# How many tests passed when the list was written, with the versions of the test extras: fewer means
# that something no longer runs.
PASSED = {}
