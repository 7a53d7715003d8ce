"""What of scikit-learn's own tests does not pass with our functions, and why.

EXCEPTIONS[module][name] = reason. A name stands for the test with all of its parameters, unless it
ends in a bracket: "test_x" covers every test_x[...], "test_x[binary]" one case. An entry that no
failing test needs is itself a failure (`test_sklearn_suite.py`). Nothing here is about a wrong number.
"""

SPARSE = "sparse matrices are not read: TypeError that says .toarray()"
ROUTING = "scikit-learn's metadata routing is not supported"
POSITIONAL = "what scikit-learn takes by position until 1.11, with a FutureWarning, is keyword-only"
WORDS = "compares the words of an error, which are ours"
CALLBACKS = "scikit-learn's callbacks are not supported"
HTML = "estimators have no HTML diagram"
SOLVER = "asks LogisticRegression for a solver that ours does not have"
TOLERANCE = (
    "compares with refits to 1e-7; both are converged to a gradient of 1e-9, and differ by 6e-8 in "
    "scores that are nearly 0. At tol=1e-12 they agree to 1e-8 (tests/linear_model)"
)

EXCEPTIONS = {
    "sklearn.metrics.tests.test_classification": {
        "test_multilabel_confusion_matrix_multilabel": SPARSE,
    },
    "sklearn.metrics.tests.test_ranking": {
        "test_label_ranking_loss_sparse": SPARSE,
        "test_label_ranking_avg_precision_score_should_allow_csr_matrix_for_y_true_input": SPARSE,
        "test_confusion_matrix_at_thresholds_positional_args_deprecation": POSITIONAL,
    },
    "sklearn.metrics.tests.test_regression": {},
    "sklearn.metrics.tests.test_common": {
        "test_multilabel_representation_invariance": SPARSE,
    },
    "sklearn.metrics.tests.test_score_objects": {
        "test_scorer_metadata_request": ROUTING,
        "test_scorer_set_score_request_raises": ROUTING,
        "test_metadata_kwarg_conflict": ROUTING,
        "test_multimetric_scoring_metadata_routing": ROUTING,
        "test_kwargs_without_metadata_routing_error": ROUTING,
        "test_PassthroughScorer_set_score_request": ROUTING,
        "test_Pipeline_in_PassthroughScorer": ROUTING,
        "test_multimetric_scorer_exception_handling[False]": WORDS,
    },
    "sklearn.metrics.cluster.tests.test_supervised": {
        "test_adjusted_mutual_info_score": SPARSE,
        "test_contingency_matrix_sparse": SPARSE,
        "test_public_entropy_deprecation": "entropy is not deprecated here",
    },
    "sklearn.metrics.cluster.tests.test_unsupervised": {
        "test_silhouette": SPARSE,
        "test_silhouette_samples_precomputed_sparse": SPARSE,
        "test_silhouette_samples_euclidean_sparse": SPARSE,
    },
    "sklearn.metrics.cluster.tests.test_common": {},
    "sklearn.model_selection.tests.test_split": {
        "test_splitter_set_split_request": ROUTING,
    },
    "sklearn.model_selection.tests.test_validation": {
        "test_cross_validate[csr_matrix-True]": SPARSE,
        "test_cross_validate[csr_array-True]": SPARSE,
        "test_cross_val_predict": SPARSE,
        "test_cross_val_predict_input_types": SPARSE,
        "test_cross_val_predict_sparse_prediction": SPARSE,
        "test_cross_val_predict_with_method": TOLERANCE,
        "test_cross_val_predict_with_method_multilabel_ovr": SOLVER,
        "test_passed_unrequested_metadata": ROUTING,
        "test_validation_functions_routing": ROUTING,
        "test_learning_curve_exploit_incremental_learning_routing": ROUTING,
    },
    "sklearn.model_selection.tests.test_search": {
        "test_search_html_repr": HTML,
        "test_multi_metric_search_forwards_metadata": ROUTING,
        "test_score_rejects_params_with_no_routing_enabled": ROUTING,
        "test_search_callbacks_no_propagation": CALLBACKS,
        "test_search_callbacks_propagation": CALLBACKS,
        "test_search_callbacks_receive_sample_weight": CALLBACKS,
        "test_search_callbacks_receive_search_instance": CALLBACKS,
        "test_search_callbacks_with_partial_fit_failures": CALLBACKS,
    },
}
