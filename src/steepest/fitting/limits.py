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
# Least squares of at most this many numbers are solved by NumPy alone. Measured on 442 rows of 10 columns: a fit took
# 1.0 ms instead of 2.9 ms, and the first fit of a process 1.3 s less, which compiling takes. The limit itself is
# chosen: a larger table takes most of its time in products with the rows in either way.
DIRECT = 100_000
# rescale="auto" whitens up to this many columns, which takes columns² numbers and rows x columns² multiplications. On
# 18 raw tables of up to 64 columns, fits in whitened columns took 9 to 12 passes over the rows, and no fit in raw
# columns was solved. The limit itself is chosen: a larger limit helps correlated columns, a smaller limit saves the
# work of whitening.
WHITENED = 500
# A certificate from a Hessian is computed up to this many coefficients. Chosen, not measured: at this size a
# Hessian takes 32 MB, and its inverse seconds.
CERTIFIED = 2_000
# Columns are padded by zeros to the next number of this many binary digits, and to this many coefficients at least, so
# that tables of similar width share compiled code: a new width took 1.2 to 4 s to compile, and small fits with padding
# take 1.0 to 1.2 times as long. Wider tables get at most half as many columns more. Tables of more numbers or
# coefficients than these are not padded: their steps take long. These sizes were chosen, not measured.
WIDTH_BITS, LEAST_COEFFICIENTS = 2, 16
PADDED_NUMBERS, PADDED_COEFFICIENTS = 2**20, 512
# Newton's method with conjugate gradients forms and factors a Hessian up to this many coefficients. Measured on 1,797
# images of digits with 64 columns and 10 classes, 585 coefficients: 0.7 s instead of 1.2 s, and it does not matter how
# much the columns depend on one another.
FACTORED = 1_000
