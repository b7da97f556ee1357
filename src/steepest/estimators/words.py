"""Messages of `fit` in the words of the estimators, whose parameters have scikit-learn's names."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

NUMBER = r"(?:strength=)?([-+.\deE]+)[^()]*(?:\([^()]*\))?"
# Patterns of expressions of `fit`, and their replacements, which are made in this order.
WORDS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (rf"penalty=(?:penalties\.)?(L[12])\({NUMBER}\)", r"penalty='\1', alpha=\2"),
        (r"penalty=(?:penalties\.)?ElasticNet\([^()]*(?:\([^()]*\))?\)", "penalty='elasticnet'"),
        (r"(?:penalty=)?penalties\.(L[12])\b(?:\([^()]*\))?", r"penalty='\1'"),
        (r"penalty='L", "penalty='l"),
        (r" or seconds=", ""),
        (r"(?<!\w)epochs=", "max_epochs="),
        (r"(?<!\w)tolerance=", "tol="),
        (r"(?<!\w)rng=", "random_state="),
        (r"(?<!\w)progress=", "verbose="),
        (r"(?<![\w.])diagnose\(\)", "run_.diagnose()"),
        (r"(?<!\w)validation=(?:[.\d]+|\([^()]*\))?", "early_stopping=True"),
    )
)


def in_our_words(message: str) -> str:
    """Return a message of `fit` with the parameters of the estimators.

    Parameters
    ----------
    message : str
        The message.

    Returns
    -------
    str
        The message with ``max_epochs=`` in place of ``epochs=``, for example.

    Examples
    --------
    >>> in_our_words("allow more with epochs=")
    'allow more with max_epochs='
    >>> in_our_words("add penalty=L2(1e-3), for example")
    "add penalty='l2', alpha=1e-3, for example"
    """
    for pattern, words in WORDS:
        message = pattern.sub(words, message)
    return message


@contextlib.contextmanager
def errors_in_our_words() -> Iterator[None]:
    """Raise the errors of `fit` with the parameters of the estimators."""
    try:
        yield
    except (TypeError, ValueError) as error:
        # The constructors of other classes may take more than a message.
        if type(error) not in (TypeError, ValueError) or (words := in_our_words(str(error))) == str(error):
            raise
        raise type(error)(words) from error
