"""The sizes at which the library changes the solver, the coordinates or the certificate, each with its reason.

`benchmarks/limits.py` runs both sides of most limits. Sizes count all coefficients: with the intercept, and of every
class.
"""

from __future__ import annotations

# Newton's method is used up to this many coefficients. Measured on 2,000 rows of 32, 64 and 128 columns with the log
# loss: Newton's method took half the passes of L-BFGS with its certificate, in 1.4, 1.3 and 1.4 times the seconds. For
# losses whose first or second derivative jumps, such as the hinge and Huber's, L-BFGS takes many more steps, so that a
# Hessian is worth it for more coefficients: benchmarks/glms.py and benchmarks/tables.py have cases on both sides.
# Beyond that the method of multipliers serves them if there is an L2 penalty: a support vector machine on text with
# 15,945 coefficients took 1.2 s instead of more than a minute. Its own side of this limit was not measured.
NEWTON, NEWTON_IF_JUMPS = 65, 501
# Proximal Newton is used up to this many coefficients: its quadratic model takes memory that grows with the square of
# their number, and time that grows with the cube. Working sets, which are used for more coefficients, take a Hessian of
# some at a time.
PROXIMAL_NEWTON = 1_000
# Levenberg-Marquardt is possible up to this many parameters: a step decomposes a matrix of that size, in time that
# grows with its cube. It is the default up to this much work, which is that of a QR decomposition: the rows times the
# squared number of parameters. 2**32 multiplications take seconds, and the steps of L-BFGS are then cheaper. Both
# chosen, not measured.
LEVENBERG_PARAMETERS, LEVENBERG_WORK = 200, 2**32
# Up to this many rows and parameters a function with the squared loss is fitted in one compiled call. Measured on
# curves of 50 points: a fit took 0.7 ms instead of 9 ms, half of it in compiled code. With more rows, compiled code
# takes most of the time in either way. More parameters take longer to compile.
KERNEL_ROWS, KERNEL_PARAMETERS = 500, 12
# rescale="auto" whitens up to this many columns, which takes columns² numbers and rows x columns² multiplications. On
# 18 raw tables of up to 64 columns, fits in whitened columns took 9 to 12 passes over the rows, and no fit in raw
# columns was solved. The limit itself is chosen: a larger limit helps correlated columns, a smaller limit saves the
# work of whitening.
WHITENED = 500
# A certificate, which needs a Hessian, is computed up to this many coefficients. Chosen, not measured: at this size a
# Hessian takes 32 MB, and its inverse seconds.
CERTIFIED = 2_000
