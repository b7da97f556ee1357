"""scikit-learn's own checks of estimators."""

import pytest
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks
from tests.estimators.kinds import QUICK, SLOW, excused


# All checks are one test, so that one process compiles the code that they share.
@pytest.mark.parametrize("estimator", QUICK, ids=lambda estimator: type(estimator).__name__)
@pytest.mark.filterwarnings("ignore")
def test_conforms(estimator):
    check_estimator(estimator, on_skip=None)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(SLOW, expected_failed_checks=excused)
def test_every_kind_conforms(estimator, check):
    check(estimator)
