"""The limits by which a solver, coordinates and certificates are chosen, with the measurement behind each.

`benchmarks/limits.py` measures both sides of each limit that says so. The sizes count coefficients, with the intercept
and those of each class.
"""

from __future__ import annotations

# Newton's method up to so many coefficients: below it a Hessian costs little beside reading the rows. For losses whose
# slopes bend suddenly, such as Huber's, L-BFGS takes many more steps, and a Hessian is worth it for longer.
# Measured: benchmarks/glms.py and benchmarks/tables.py have cases on both sides.
NEWTON, NEWTON_IF_BENT = 65, 501
# Proximal Newton up to so many coefficients: its quadratic model takes memory by the square of this and time by its
# cube; proximal gradient, which serves more, takes many more steps.
PROXIMAL_NEWTON = 1_000
# Levenberg-Marquardt up to so many parameters: a step decomposes a matrix over all of them, and takes time by their
# cube. It is the default as long as the rows times the squared parameters, the work of a QR decomposition, are at most
# the other number: 2**32 multiplications take seconds, and L-BFGS has cheaper steps then. Both chosen, not measured.
LEVENBERG_PARAMETERS, LEVENBERG_WORK = 200, 2**32
# rescale="auto" whitens up to so many columns, which takes columns² numbers and rows x columns² multiplications. On 18
# raw tables of up to 64 columns, whitened columns were solved in 9 to 12 readings of the rows, and raw ones not at all.
# The limit itself is chosen: larger helps correlated columns, smaller saves the work of whitening.
WHITENED = 500
# A certificate, which forms a Hessian, up to so many coefficients. Chosen, not measured: at this size a Hessian takes
# 32 MB, and its inverse seconds.
CERTIFIED = 2_000
