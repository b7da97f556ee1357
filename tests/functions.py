"""Standard test functions, written as people write them: plain NumPy in many styles.

They are all 35 problems of Moré, Garbow and Hillstrom (1981, ACM TOMS 7:17-41), called MGH here, as sums of
squares with their standard starts and published minima; the classics of global optimisation; and losses
from courses and small studies. None is written with derivatives in mind.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Standard:
    """A function, generic points away from its kinks, and its known minima.

    `minimum` is the least known value, or None if there is none; `minimiser` is a point with that value.
    `also` holds the values of other published minima that a descent from `start` may reach.
    `scalars` tells whether `f` takes one scalar for each coordinate instead of one vector.
    """

    name: str
    f: Callable[..., Any]
    points: tuple[tuple[float, ...], ...]
    minimum: float | None
    minimiser: tuple[float, ...] | None
    start: tuple[float, ...]
    source: str
    scalars: bool = False
    also: tuple[float, ...] = ()

    @property
    def point(self) -> np.ndarray:
        """The first of the points, as an array."""
        return np.array(self.points[0], dtype=float)

    def value(self, vector: Any) -> Any:
        """Return f at a vector, also if f takes its coordinates one by one."""
        return self.f(*vector) if self.scalars else self.f(vector)


STANDARD: list[Standard] = []


def numbers(point: Any) -> tuple[float, ...]:
    return tuple(map(float, point.split() if isinstance(point, str) else point))


def standard(
    *points: Any,
    start: Any,
    source: str,
    minimum: float | None = None,
    minimiser: Any = None,
    scalars: bool = False,
    also: tuple[float, ...] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds a function to `STANDARD` and does not change it.

    A point is a sequence of numbers, or a string of numbers if there are many.
    """

    def enter(f: Callable[..., Any]) -> Callable[..., Any]:
        best = None if minimiser is None else numbers(minimiser)
        at = tuple(map(numbers, points))
        STANDARD.append(Standard(f.__name__, f, at, minimum, best, numbers(start), source, scalars, also))
        return f

    return enter


# --- Moré, Garbow and Hillstrom: 1 to 19, of fixed dimension -----------------------------------------

BARD = np.array([0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39])
BELL = np.array([0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989])
GAUSSIAN = np.concatenate([BELL, BELL[-2::-1]])
MEYER = np.array(
    [34780.0, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872]
)
KOWALIK_Y = np.array([0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246])
KOWALIK_U = np.array([4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
OSBORNE_1 = [
    *(0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658),
    *(0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431),
    *(0.424, 0.420, 0.414, 0.411, 0.406),
]
OSBORNE_2 = np.array(
    [
        *(1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608),
        *(0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661),
        *(0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428),
        *(0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559),
        *(0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054),
    ]
)


@standard((-1.1, 0.9), (0.6, -0.4), start=(-1.2, 1), minimum=0.0, minimiser=(1, 1), source="MGH 1")
def rosenbrock(x):
    r = np.array([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])
    return np.sum(r**2)


@standard(
    (0.7, -1.8),
    (4.2, 3.1),
    start=(0.5, -2),
    minimum=0.0,
    minimiser=(5, 4),
    also=(48.98425367924,),
    source="MGH 2",
)
def freudenstein_roth(x):
    x1, x2 = x
    r1 = -13 + x1 + ((5 - x2) * x2 - 2) * x2
    r2 = -29 + x1 + ((x2 + 1) * x2 - 14) * x2
    return r1**2 + r2**2


@standard(
    (0.3, 1.4),
    (0.02, 5.5),
    start=(0, 1),
    minimum=0.0,
    minimiser=(1.0981593296997e-05, 9.1061467398665),
    source="MGH 3",
)
def powell_badly_scaled(x):
    r = [1e4 * x[0] * x[1] - 1, np.exp(-x[0]) + np.exp(-x[1]) - 1.0001]
    return sum(ri * ri for ri in r)


@standard((5e3, 0.8), (2.5e5, 0.7), start=(1, 1), minimum=0.0, minimiser=(1e6, 2e-6), source="MGH 4")
def brown_badly_scaled(x):
    a, b = x
    return (a - 1e6) ** 2 + (b - 2e-6) ** 2 + (a * b - 2) ** 2


@standard((1.2, 0.7), (-0.8, 1.9), start=(1, 1), minimum=0.0, minimiser=(3, 0.5), source="MGH 5")
def beale(x):
    return sum((c - x[0] * (1 - x[1] ** k)) ** 2 for k, c in enumerate((1.5, 2.25, 2.625), start=1))


@standard(
    (0.3, 0.4),
    (0.21, 0.27),
    start=(0.3, 0.4),
    minimum=124.36218235561,
    minimiser=(0.2578252136704, 0.2578252136704),
    source="MGH 6, m = 10",
)
def jennrich_sampson(x):
    i = np.arange(1, 11)
    r = 2 + 2 * i - (np.exp(i * x[0]) + np.exp(i * x[1]))
    return r @ r


@standard((-1.1, 0.4, 0.3), (0.8, -0.5, 0.7), start=(-1, 0, 0), minimum=0.0, minimiser=(1, 0, 0), source="MGH 7")
def helical_valley(x):
    turn = np.arctan(x[1] / x[0]) / (2 * np.pi)
    if x[0] < 0:
        turn = turn + 0.5
    r = 10 * (x[2] - 10 * turn), 10 * (np.sqrt(x[0] ** 2 + x[1] ** 2) - 1), x[2]
    return np.sum(np.square(r))


@standard(
    (1.1, 0.9, 1.2),
    (0.1, 1.3, 2.1),
    start=(1, 1, 1),
    also=(17.4286,),
    minimum=0.008214877306579,
    minimiser=(0.0824105597498, 1.13303609203, 2.343695178643),
    source="MGH 8",
)
def bard(x):
    u = np.arange(1, 16)
    v = 16 - u
    w = np.minimum(u, v)
    r = BARD - (x[0] + u / (v * x[1] + w * x[2]))
    return np.sum(r**2)


@standard(
    (0.45, 1.1, 0.1),
    (0.3, 0.6, -0.2),
    start=(0.4, 1, 0),
    minimum=1.1279327696192e-08,
    minimiser=(0.3989561378388, 1.000019084488, 0.0),
    source="MGH 9",
)
def gaussian(x):
    t = (8 - np.arange(1, 16)) / 2
    r = x[0] * np.exp(-x[1] * (t - x[2]) ** 2 / 2) - GAUSSIAN
    return np.dot(r, r)


@standard(
    (0.02, 4000.0, 250.0),
    (0.006, 6100.0, 340.0),
    start=(0.02, 4000, 250),
    minimum=87.945855170894,
    minimiser=(0.0056096364709, 6181.3463463, 345.2236346246),
    source="MGH 10",
)
def meyer(x):
    t = 45 + 5 * np.arange(1, 17)
    residuals = x[0] * np.exp(x[1] / (t + x[2])) - MEYER
    return (residuals**2).sum()


@standard(
    (5.0, 2.5, 0.15),
    (40.0, 20.0, 1.2),
    start=(5, 2.5, 0.15),
    minimum=0.0,
    minimiser=(50, 25, 1.5),
    source="MGH 11, m = 99, with the misprint 'mi' read as a minus sign",
)
def gulf(x):
    t = np.arange(1, 100) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    return np.sum((np.exp(-(np.abs(y - x[1]) ** x[2]) / x[0]) - t) ** 2)


@standard(
    (0.4, 9.0, 15.0),
    (1.5, 7.0, 2.0),
    start=(0, 10, 20),
    minimum=0.0,
    minimiser=(1, 10, 1),
    source="MGH 12, m = 10",
)
def box(x):
    total = 0.0
    for i in range(1, 11):
        t = 0.1 * i
        r = np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (math.exp(-t) - math.exp(-10 * t))
        total += r**2
    return total


@standard(
    (3.0, -1.0, 0.2, 1.1),
    (0.5, -0.3, 0.7, -0.4),
    start=(3, -1, 0, 1),
    minimum=0.0,
    minimiser=(0, 0, 0, 0),
    source="MGH 13",
)
def powell_singular(x):
    a, b, c, d = x
    r = np.stack([a + 10 * b, np.sqrt(5) * (c - d), (b - 2 * c) ** 2, np.sqrt(10) * (a - d) ** 2])
    return np.sum(r**2)


@standard(
    (-2.9, -1.2, -2.7, -0.8),
    (0.4, 0.9, 1.3, 1.1),
    start=(-3, -1, -3, -1),
    minimum=0.0,
    minimiser=(1, 1, 1, 1),
    source="MGH 14",
)
def wood(x):
    r = np.zeros(6)
    r[0] = 10 * (x[1] - x[0] ** 2)
    r[1] = 1 - x[0]
    r[2] = np.sqrt(90) * (x[3] - x[2] ** 2)
    r[3] = 1 - x[2]
    r[4] = np.sqrt(10) * (x[1] + x[3] - 2)
    r[5] = (x[1] - x[3]) / np.sqrt(10)
    return r.dot(r)


@standard(
    (0.25, 0.39, 0.415, 0.39),
    (0.2, 0.15, 0.12, 0.16),
    start=(0.25, 0.39, 0.415, 0.39),
    also=(1.02734e-3,),
    minimum=0.00030750560384924,
    minimiser=(0.192806934579, 0.1912823287344, 0.1230565069263, 0.1360623306838),
    source="MGH 15",
)
def kowalik_osborne(x):
    u, y = KOWALIK_U, KOWALIK_Y
    return np.sum((y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])) ** 2)


@standard(
    (24.0, 5.5, -4.5, -1.2),
    (-10.0, 12.0, -0.6, 0.4),
    start=(25, 5, -5, -1),
    minimum=85822.201626356,
    minimiser=(-11.59443990476, 13.20363005121, -0.4034394881769, 0.2367787744557),
    source="MGH 16, m = 20",
)
def brown_dennis(x):
    total = 0.0
    for t in np.arange(1, 21) / 5:
        total += ((x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2) ** 2
    return total


@standard(
    (0.5, 1.5, -1.0, 0.01, 0.02),
    (0.4, 1.8, -1.3, 0.013, 0.024),
    start=(0.5, 1.5, -1, 0.01, 0.02),
    minimum=5.4648946974826e-05,
    minimiser=(0.375410052107, 1.935846912712, -1.464687136613, 0.0128675346401, 0.0221226996617),
    source="MGH 17",
)
def osborne_1(x):
    t = 10.0 * np.arange(33)
    model = x[0] + x[1] * np.exp(-t * x[3]) + x[2] * np.exp(-t * x[4])
    return np.sum((OSBORNE_1 - model) ** 2)


@standard(
    "1.0 2.0 1.1 0.9 1.2 0.8",
    "0.8 9.0 1.3 4.5 3.5 2.6",
    start="1 2 1 1 1 1",
    minimum=0.0,
    minimiser="1 10 1 5 4 3",
    also=(5.6556499255e-03,),
    source="MGH 18, m = 13",
)
def biggs_exp6(x):
    x1, x2, x3, x4, x5, x6 = x
    t = 0.1 * np.arange(1, 14)
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    r = x3 * np.exp(-t * x1) - x4 * np.exp(-t * x2) + x6 * np.exp(-t * x5) - y
    return np.inner(r, r)


@standard(
    "1.3 0.65 0.65 0.7 0.6 3.0 5.0 7.0 2.0 4.5 5.5",
    "1.2 0.5 0.6 0.5 0.8 1.1 1.6 4.0 2.3 4.6 5.7",
    start="1.3 0.65 0.65 0.7 0.6 3 5 7 2 4.5 5.5",
    minimum=0.040137736293548,
    minimiser="1.309977154627 0.431553794603 0.6336616989607 0.5994305347859 0.754183226328 0.9042885798596 "
    "1.365811835237 4.823698817227 2.398684866132 4.568874597668 5.675341470581",
    source="MGH 19",
)
def osborne_2(x):
    t = np.arange(65) / 10
    heights, widths, centres = x[1:4], x[5:8], x[8:]
    peaks = heights * np.exp(-widths * (t[:, None] - centres) ** 2)
    return np.sum((OSBORNE_2 - x[0] * np.exp(-t * x[4]) - peaks.sum(axis=1)) ** 2)


# --- Moré, Garbow and Hillstrom: 20 to 35, of any dimension ------------------------------------------


@standard(
    "0.1 0.9 -0.2 1.1 -1.3 0.8",
    "-0.3 0.4 0.2 0.5 -0.1 0.6",
    start=np.zeros(6),
    minimum=0.0022876700535524,
    minimiser="-0.0157250864015 1.012434869369 -0.2329916259567 1.2604300878 -1.513728922722 0.9929964324311",
    source="MGH 20, n = 6",
)
def watson(x):
    n = len(x)
    total = x[0] ** 2 + (x[1] - x[0] ** 2 - 1) ** 2
    for i in range(1, 30):
        t = i / 29
        slope = sum(j * x[j] * t ** (j - 1) for j in range(1, n))
        level = sum(x[j] * t**j for j in range(n))
        total += (slope - level**2 - 1) ** 2
    return total


@standard(
    "-1.2 1.0 -1.1 0.8 0.7 0.3 -0.4 0.5 1.3 1.2",
    "0.2 0.4 0.6 0.1 1.1 0.9 -0.8 0.3 0.5 -0.6",
    start=(-1.2, 1) * 5,
    minimum=0.0,
    minimiser=np.ones(10),
    source="MGH 21, n = 10",
)
def extended_rosenbrock(x):
    odd, even = x[::2], x[1::2]
    return np.sum(100 * (even - odd**2) ** 2 + (1 - odd) ** 2)


@standard(
    "3.0 -1.0 0.2 1.1 2.8 -0.7 0.4 0.6",
    "0.5 -0.3 0.7 -0.4 0.9 0.2 -0.6 0.1",
    start=(3, -1, 0, 1) * 2,
    minimum=0.0,
    minimiser=np.zeros(8),
    source="MGH 22, n = 8",
)
def extended_powell(x):
    a, b, c, d = x.reshape(-1, 4).T
    return np.sum((a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4)


@standard(
    (1.1, 1.9, 3.2, 3.8),
    (0.3, 0.2, 0.4, 0.1),
    start=(1, 2, 3, 4),
    minimum=2.2499775008999e-05,
    minimiser=(0.2500074995875, 0.2500074995875, 0.2500074995875, 0.2500074995875),
    source="MGH 23, n = 4",
)
def penalty_1(x):
    residuals = np.append(math.sqrt(1e-5) * (x - 1), np.sum(x**2) - 0.25)
    return np.sum(residuals**2)


@standard(
    (0.5, 0.6, 0.4, 0.3),
    (0.2, 0.3, -0.4, 0.7),
    start=np.full(4, 0.5),
    minimum=9.3762930073554e-06,
    minimiser=(0.1999993333305, 0.1913166983796, 0.4801014824459, 0.5188454126677),
    source="MGH 24, n = 4",
)
def penalty_2(x):
    n = x.size
    r = np.empty(2 * n)
    r[0] = x[0] - 0.2
    for i in range(1, n):
        y = np.exp((i + 1) / 10) + np.exp(i / 10)
        r[i] = np.sqrt(1e-5) * (np.exp(x[i] / 10) + np.exp(x[i - 1] / 10) - y)
        r[n - 1 + i] = np.sqrt(1e-5) * (np.exp(x[i] / 10) - np.exp(-1 / 10))
    r[2 * n - 1] = np.sum(np.arange(n, 0, -1) * x**2) - 1
    return np.sum(r * r)


@standard(
    "0.9 0.7 0.8 0.5 0.6 0.3",
    "1.1 0.9 1.2 0.8 0.7 1.3",
    start=1 - np.arange(1, 7) / 6,
    minimum=0.0,
    minimiser=np.ones(6),
    source="MGH 25, n = 6",
)
def variably_dimensioned(x):
    weighted = np.dot(np.arange(1, x.size + 1), x - 1)
    return np.sum((x - 1) ** 2) + weighted**2 + weighted**4


@standard(
    "0.1 0.2 0.15 0.05 0.3 0.12 0.08 0.25 0.18 0.07",
    "-0.4 0.6 0.2 0.9 -0.1 0.5 0.3 -0.7 0.8 0.35",
    start=np.full(10, 0.1),
    minimum=0.0,
    minimiser=np.zeros(10),
    also=(2.795056121877e-05,),
    source="MGH 26, n = 10",
)
def trigonometric(x):
    n = x.shape[0]
    r = np.zeros_like(x)
    cosines = np.cos(x).sum()
    for i in range(n):
        r[i] = n - cosines + (i + 1) * (1 - np.cos(x[i])) - np.sin(x[i])
    return np.sum(r**2)


@standard(
    "0.5 0.6 0.4 0.55 0.45 0.7 0.52 0.48 0.61 0.39",
    "1.1 0.9 1.2 0.8 1.05 0.95 1.15 0.85 1.02 0.7",
    start=np.full(10, 0.5),
    minimum=0.0,
    minimiser=np.ones(10),
    also=(1.0,),
    source="MGH 27, n = 10",
)
def brown_almost_linear(x):
    n = len(x)
    linear = x[: n - 1] + np.sum(x) - (n + 1)
    return np.sum(linear**2) + (np.prod(x) - 1) ** 2


KNOTS = np.arange(1, 11) / 11


@standard(
    "-0.1 -0.12 -0.2 -0.21 -0.25 -0.24 -0.2 -0.22 -0.15 -0.08",
    "0.3 0.1 -0.4 0.6 0.2 -0.1 0.5 -0.3 0.7 0.4",
    start=KNOTS * (KNOTS - 1),
    minimum=0.0,
    minimiser="-0.0431649825188 -0.0815771565354 -0.1144857143805 -0.1409735768626 -0.159908696182 "
    "-0.1698772023128 -0.1690899837812 -0.1552495352218 -0.1253558916789 -0.0754165336859",
    source="MGH 28, n = 10",
)
def discrete_boundary_value(x):
    bent = -np.diff(np.concatenate(([0.0], x, [0.0])), 2)
    r = bent + (x + KNOTS + 1) ** 3 / (2 * 11**2)
    return r @ r


@standard(
    "-0.1 -0.12 -0.2 -0.21 -0.25 -0.24 -0.2 -0.22 -0.15 -0.08",
    "0.3 0.1 -0.4 0.6 0.2 -0.1 0.5 -0.3 0.7 0.4",
    start=KNOTS * (KNOTS - 1),
    minimum=0.0,
    minimiser="-0.0431649825188 -0.0815771565354 -0.1144857143805 -0.1409735768626 -0.159908696182 "
    "-0.1698772023128 -0.1690899837812 -0.1552495352218 -0.1253558916789 -0.0754165336859",
    source="MGH 29, n = 10",
)
def discrete_integral_equation(x):
    cubes = (x + KNOTS + 1) ** 3
    below = np.cumsum(KNOTS * cubes)
    above = np.cumsum(((1 - KNOTS) * cubes)[::-1])[::-1] - (1 - KNOTS) * cubes
    return np.sum((x + ((1 - KNOTS) * below + KNOTS * above) / 22) ** 2)


@standard(
    "-1.0 -0.9 -1.1 -0.8 -1.2 -0.7 -1.05 -0.95 -0.6 -1.3",
    "0.4 -0.6 0.2 0.7 -0.3 0.5 -0.1 0.8 0.9 -0.2",
    start=np.full(10, -1.0),
    minimum=0.0,
    minimiser="-0.5707221320112 -0.6818069499843 -0.7022100760177 -0.7055106298951 -0.7049061557287 "
    "-0.7014966070299 -0.6918893223548 -0.6657965144059 -0.5960351090264 -0.4164122575287",
    source="MGH 30, n = 10",
)
def broyden_tridiagonal(x):
    padded = np.zeros(len(x) + 2)
    padded[1:-1] = x
    return np.sum(((3 - 2 * x) * x - padded[:-2] - 2 * padded[2:] + 1) ** 2)


@standard(
    "-1.0 -0.9 -1.1 -0.8 -1.2 -0.7 -1.05 -0.95 -0.6 -1.3",
    "0.4 -0.6 0.2 0.7 -0.3 0.5 -0.1 0.8 0.9 -0.2",
    start=np.full(10, -1.0),
    minimum=0.0,
    minimiser="-0.4283028635873 -0.4765964243563 -0.5196524636469 -0.5580993248322 -0.5925061568295 "
    "-0.6245036821995 -0.6232394714406 -0.6213938417966 -0.6204535966591 -0.5864692707204",
    source="MGH 31, n = 10",
)
def broyden_banded(x):
    n = len(x)
    total = 0
    for i in range(n):
        band = [j for j in range(max(0, i - 5), min(n, i + 2)) if j != i]
        total += (x[i] * (2 + 5 * x[i] ** 2) + 1 - np.sum(x[band] * (1 + x[band]))) ** 2
    return total


FULL_RANK = np.vstack([np.eye(5), np.zeros((5, 5))]) - 2 / 10


@standard(
    (1.0, 0.8, 1.2, 0.9, 1.1),
    (-0.3, 0.6, -0.7, 0.2, 0.5),
    start=np.ones(5),
    minimum=5.0,
    minimiser=-np.ones(5),
    source="MGH 32, n = 5, m = 10",
)
def linear_full_rank(x):
    return np.sum((FULL_RANK @ x - 1) ** 2)


@standard(
    (1.0, 0.8, 1.2, 0.9, 1.1),
    (-0.3, 0.6, -0.7, 0.2, 0.5),
    start=np.ones(5),
    minimum=15 / 7,
    minimiser=(1 / 7, 0, 0, 0, 0),
    source="MGH 33, n = 5, m = 10",
)
def linear_rank_1(x):
    matrix = np.outer(np.arange(1, 11), np.arange(1, 6))
    return np.linalg.norm(matrix.dot(x) - 1) ** 2


@standard(
    (1.0, 0.8, 1.2, 0.9, 1.1),
    (-0.3, 0.6, -0.7, 0.2, 0.5),
    start=np.ones(5),
    minimum=62 / 17,
    minimiser=(0, 3 / 34, 0, 0, 0),
    source="MGH 34, n = 5, m = 10",
)
def linear_rank_1_with_zeros(x):
    inner = sum(j * x[j - 1] for j in range(2, 5))
    r = [(i - 1) * inner - 1 for i in range(2, 10)]
    return 2 + np.sum(np.array(r) ** 2)


@standard(
    "0.1 0.23 0.31 0.45 0.52 0.68 0.79 0.9",
    "0.05 0.2 0.26 0.4 0.61 0.7 0.83 0.97",
    start=np.arange(1, 9) / 9,
    minimum=0.0035168737256779,
    minimiser="0.043152760151 0.1930908403842 0.2663287068903 0.5 0.5 0.7336712931097 0.8069091596158 0.956847239849",
    source="MGH 35, n = m = 8",
)
def chebyquad(x):
    y = 2 * x - 1
    before, now, total = np.ones_like(y), y, 0.0
    for i in range(1, x.size + 1):
        integral = -1 / (i * i - 1) if i % 2 == 0 else 0.0
        total = total + (np.mean(now) - integral) ** 2
        before, now = now, 2 * y * now - before
    return total


# --- Classics of global optimisation -----------------------------------------------------------------


@standard((0.7, -1.3, 2.1), start=(3, -2, 1), minimum=0.0, minimiser=np.zeros(3), source="classic")
def sphere(x):
    return np.dot(x, x)


@standard(*((-0.7, 1.6), (1.4, 0.3)), start=(-1.2, 1), minimum=0.0, minimiser=(1, 1), scalars=True, source="classic")
def rosenbrock_of_scalars(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


@standard(
    "-1.1 0.8 0.3 1.2 -0.5 0.9",
    "0.6 0.4 0.7 0.2 1.1 1.3",
    start="0.5 1 1.5 0.5 1 1.5",
    minimum=0.0,
    minimiser=np.ones(6),
    also=(3.97394,),
    source="classic, n = 6",
)
def rosenbrock_chain(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2.0) ** 2.0 + (1 - x[:-1]) ** 2.0)


@standard((-1.4, 2.3), start=(0, 0), minimum=0.0, minimiser=(1, 3), scalars=True, source="classic")
def booth(x, y):
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2


@standard((0.5, -1.7), (3.4, 1.1), start=(0, 0), minimum=0.0, minimiser=(3, 2), source="classic")
def himmelblau(v):
    x, y = v
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


@standard(
    (0.4, -0.7),
    (-0.5, 0.3),
    start=(-0.5, 0.25),
    minimum=3.0,
    minimiser=(0, -1),
    also=(30.0, 84.0, 840.0),
    source="classic",
)
def goldstein_price(v):
    x, y = v[0], v[1]
    first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    second = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    return first * second


@standard((1.3, -0.6), start=(5, -3), minimum=0.0, minimiser=(0, 0), scalars=True, source="classic")
def matyas(x, y):
    return 0.26 * (x**2 + y**2) - 0.48 * x * y


@standard(
    (0.9, -0.4),
    (-1.6, 0.8),
    start=(0.5, 0.5),
    minimum=0.0,
    minimiser=(0, 0),
    also=(0.298638442236861,),
    scalars=True,
    source="classic",
)
def three_hump_camel(x, y):
    return 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2


@standard(
    (0.7, -0.9),
    (-1.2, 0.4),
    start=(0.5, -0.5),
    minimum=-1.031628453489877,
    minimiser=(0.089842013100318, -0.712656403020740),
    also=(-0.215463824384, 2.10425031031),
    source="classic",
)
def six_hump_camel(x):
    return (4 - 2.1 * x[0] ** 2 + x[0] ** 4 / 3) * x[0] ** 2 + x[0] * x[1] + 4 * (x[1] ** 2 - 1) * x[1] ** 2


@standard(
    (0.3, -0.8),
    (1.4, 2.2),
    start=(0, 0),
    minimum=-math.sqrt(3) / 2 - math.pi / 3,
    minimiser=(0.5 - math.pi / 3, -0.5 - math.pi / 3),
    scalars=True,
    source="classic",
)
def mccormick(x, y):
    return math.sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1


@standard(
    (2.6, 3.9),
    (3.5, 2.2),
    start=(2, 4),
    minimum=-1.0,
    minimiser=(math.pi, math.pi),
    scalars=True,
    source="classic",
)
def easom(x, y):
    return -math.cos(x) * math.cos(y) * math.exp(-((x - math.pi) ** 2) - (y - math.pi) ** 2)


@standard(
    (1.5, 4.2),
    (-2.3, 9.1),
    start=(2.5, 7.5),
    minimum=0.397887357729738,
    minimiser=(math.pi, 2.275),
    scalars=True,
    source="classic",
)
def branin(x, y, a=1.0, b=5.1 / (4 * np.pi**2), c=5 / np.pi, r=6.0, s=10.0, t=1 / (8 * np.pi)):
    return a * (y - b * x**2 + c * x - r) ** 2 + s * (1 - t) * np.cos(x) + s


@standard(
    (-2.1, 0.7, 1.9, -3.2),
    start=np.full(4, -1.0),
    minimum=-156.664662815086,
    minimiser=np.full(4, -2.903534027771177),
    also=(-142.527932992866, -128.391203170647, -114.254473348427, -100.117743526208),
    source="classic, n = 4",
)
def styblinski_tang(x):
    return 0.5 * np.sum(x**4 - 16 * x**2 + 5 * x)


@standard((0.6, -1.1, 0.35), start=(1, 1, 1), minimum=0.0, minimiser=np.zeros(3), source="classic, n = 3")
def ackley(x, a=20, b=0.2, c=2 * np.pi):
    n = len(x)
    spread = np.sqrt(np.sum(x**2) / n)
    return -a * np.exp(-b * spread) - np.exp(np.sum(np.cos(c * x)) / n) + a + np.e


@standard((0.3, -0.45, 1.2), start=(0.2, -0.2, 0.3), minimum=0.0, minimiser=np.zeros(3), source="classic, n = 3")
def rastrigin(x):
    return 10 * len(x) + sum(xi**2 - 10 * math.cos(2 * math.pi * xi) for xi in x)


@standard((1.3, -2.4, 0.8, 3.1), start=(2, 2, 2, 2), minimum=0.0, minimiser=np.zeros(4), source="classic, n = 4")
def griewank(x):
    return 1 + np.sum(x**2) / 4000 - np.prod(np.cos(x / np.sqrt(np.arange(1, x.size + 1))))


@standard((0.4, -1.3, 2.2, 0.7), start=(0, 0, 0, 0), minimum=0.0, minimiser=np.ones(4), source="classic, n = 4")
def levy(x):
    w = 1 + (x - 1) / 4
    middle = np.sum((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2))
    last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return np.sin(np.pi * w[0]) ** 2 + middle + last


@standard(
    (380.0, -120.0, 55.0),
    start=(400, 400, 400),
    minimum=0.0,
    minimiser=np.full(3, 420.968746359982),
    source="classic, n = 3",
)
def schwefel(x):
    return 418.982887272433799 * len(x) - np.sum(x * np.sin(np.sqrt(np.abs(x))))


@standard((0.5, -0.8, 1.1, 0.2), start=(1, 1, 1, 1), minimum=0.0, minimiser=np.zeros(4), source="classic, n = 4")
def zakharov(x):
    halves = np.sum(0.5 * np.arange(1, len(x) + 1) * x)
    return np.sum(x**2) + halves**2 + halves**4


@standard(
    (0.9, -0.6, 0.8, 0.4),
    start=np.ones(4),
    minimum=0.0,
    minimiser=[2 ** (-1 + 2.0**-i) for i in range(4)],
    also=(2 / 3,),
    source="classic, n = 4",
)
def dixon_price(x):
    total = (x[0] - 1) ** 2
    for i in range(1, len(x)):
        total += (i + 1) * (2 * x[i] ** 2 - x[i - 1]) ** 2
    return total


@standard(
    (2.1, 1.4, 1.2, 1.9, 1.75),
    (2.4, 1.6, 1.3, 2.0, 1.7),
    start=(2.1, 1.5, 1.3, 1.9, 1.7),
    minimum=-4.6876581790881,
    minimiser=(2.202905520173, 1.570796326795, 1.284991570553, 1.923058469866, 1.720469772566),
    source="classic, n = 5, m = 10",
)
def michalewicz(x):
    return -sum(np.sin(xi) * np.sin(i * xi**2 / np.pi) ** 20 for i, xi in enumerate(x, 1))


@standard((0.4, -0.7), (-1.2, 0.3), start=(0.5, -0.5), minimum=0.0, minimiser=(0, 0), scalars=True, source="classic")
def bohachevsky(x, y):
    return x**2 + 2 * y**2 - 0.3 * np.cos(3 * np.pi * x) - 0.4 * np.cos(4 * np.pi * y) + 0.7


@standard((310.0, 150.0), (-45.0, 120.0), start=(300, 150), source="classic")
def eggholder(x):
    a, b = x[0], x[1] + 47
    return -b * np.sin(np.sqrt(np.abs(a / 2 + b))) - a * np.sin(np.sqrt(np.abs(a - b)))


ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
HARTMANN_3 = np.array([[3.0, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
HARTMANN_3_AT = 1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]])
HARTMANN_6 = [
    [10, 3, 17, 3.5, 1.7, 8],
    [0.05, 10, 17, 0.1, 8, 14],
    [3, 3.5, 1.7, 10, 17, 8],
    [17, 8, 0.05, 10, 0.1, 14],
]
HARTMANN_6_AT = [
    [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
    [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
    [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
    [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
]


@standard(
    (0.2, 0.5, 0.8),
    (0.4, 0.3, 0.6),
    start=(0.5, 0.5, 0.5),
    minimum=-3.8627797873327,
    minimiser=(0.1145888766551, 0.5556488946169, 0.8525469846867),
    source="classic",
)
def hartmann_3(x):
    return -np.einsum("i,i->", ALPHA, np.exp(-np.einsum("ij,ij->i", HARTMANN_3, (x - HARTMANN_3_AT) ** 2)))


@standard(
    "0.25 0.2 0.4 0.3 0.35 0.6",
    "0.6 0.4 0.3 0.5 0.2 0.1",
    start="0.3 0.2 0.5 0.3 0.3 0.6",
    also=(-3.203161918,),
    minimum=-3.3223680114155,
    minimiser="0.20168951101 0.15001069182 0.47687397422 0.27533243049 0.3116516166 0.65730053407",
    source="classic",
)
def hartmann_6(x):
    total = 0
    for a, row, at in zip((1.0, 1.2, 3.0, 3.2), HARTMANN_6, HARTMANN_6_AT, strict=True):
        exponent = 0
        for j in range(6):
            exponent += row[j] * (x[j] - at[j]) ** 2
        total -= a * np.exp(-exponent)
    return total


@standard((-0.7, 0.4, 1.3, 0.9), start=(-1, 1, -1, 1), minimum=0.0, minimiser=(1, 1, 1, 1), source="classic")
def colville(x):
    x1, x2, x3, x4 = x
    return (
        100 * (x1**2 - x2) ** 2
        + (x1 - 1) ** 2
        + (x3 - 1) ** 2
        + 90 * (x3**2 - x4) ** 2
        + 10.1 * ((x2 - 1) ** 2 + (x4 - 1) ** 2)
        + 19.8 * (x2 - 1) * (x4 - 1)
    )


@standard(
    "2.0 4.5 -1.0 3.0 0.7 5.1",
    start=np.zeros(6),
    minimum=-50.0,
    minimiser=[i * (7 - i) for i in range(1, 7)],
    source="classic, n = 6",
)
def trid(x):
    return np.sum((x - 1) ** 2) - np.sum(x[1:] * x[:-1])


@standard((0.8, 1.7, 3.2), start=(0, 0, 0), minimum=0.0, minimiser=(1, 2, 3), source="classic, n = 3, beta = 1/2")
def perm(x, beta=0.5):
    j = np.arange(1, len(x) + 1)
    return sum(np.sum((j**i + beta) * ((x / j) ** i - 1)) ** 2 for i in j)


@standard((0.8, 0.7, 0.1), start=(0, 0, 0), minimum=0.0, minimiser=(1, 1 / 2, 1 / 3), source="classic, n = 3")
def perm_of_zero(x):
    j = np.arange(1.0, 4.0)
    outer = np.array([np.sum((j + 10) * (x**i - 1 / j**i)) for i in range(1, 4)])
    return outer @ outer


@standard((0.3, -1.2, 0.9, 0.5), start=(3, 3, 3, 3), minimum=0.0, minimiser=np.zeros(4), source="classic, n = 4")
def sum_of_squares(x):
    total = 0.0
    for i, xi in enumerate(x):
        total += (i + 1) * xi * xi
    return total


@standard((1.3, -0.4, 0.8, 2.2), start=(5, 5, 5, 5), minimum=0.0, minimiser=np.zeros(4), source="classic, n = 4")
def rotated_hyper_ellipsoid(x):
    return np.sum(np.cumsum(x**2))


SHEKEL = np.array(
    [
        *([4.0, 4, 4, 4], [1, 1, 1, 1], [8, 8, 8, 8], [6, 6, 6, 6], [3, 7, 3, 7]),
        *([2, 9, 2, 9], [5, 5, 3, 3], [8, 1, 8, 1], [6, 2, 6, 2], [7, 3.6, 7, 3.6]),
    ]
)
SHEKEL_WIDTHS = np.array([0.1, 0.2, 0.2, 0.4, 0.4, 0.6, 0.3, 0.7, 0.5, 0.5])


@standard(
    (4.3, 3.8, 4.1, 3.6),
    (6.5, 2.4, 5.8, 2.1),
    start=(4.5, 4.5, 4.5, 4.5),
    minimum=-10.536409816692,
    minimiser=(4.000746531592, 4.000592934139, 3.99966339804, 3.999509800587),
    source="classic, m = 10",
)
def shekel(x):
    return -np.sum(1 / (np.sum((x - SHEKEL) ** 2, axis=1) + SHEKEL_WIDTHS))


@standard((0.7, -0.4), (-1.3, 2.1), start=(0.3, 0.3), minimum=-1.0, minimiser=(0, 0), source="classic")
def drop_wave(x):
    square = x @ x
    return -(1 + np.cos(12 * np.sqrt(square))) / (0.5 * square + 2)


@standard((0.6, -1.4), (2.3, 0.9), start=(1, 1), minimum=0.0, minimiser=(0, 0), scalars=True, source="classic")
def schaffer_2(x, y):
    top = math.sin(x * x - y * y) ** 2 - 0.5
    return 0.5 + top / (1 + 0.001 * (x * x + y * y)) ** 2


@standard((0.3, -0.7), (1.6, 0.4), start=(0.8, 0.8), minimum=0.0, minimiser=(1, 1), source="classic")
def levy_13(v):
    x, y = v
    s = np.sin
    return (
        s(3 * np.pi * x) ** 2 + (x - 1) ** 2 * (1 + s(3 * np.pi * y) ** 2) + (y - 1) ** 2 * (1 + s(2 * np.pi * y) ** 2)
    )


@standard(
    (-1.1, 0.6),
    (4.7, 5.2),
    start=(-1.4, -0.8),
    minimum=-186.73090883102,
    minimiser=(-1.42512842832, -0.800321100472),
    source="classic",
)
def shubert(x):
    i = np.arange(1, 6)
    return np.prod([np.sum(i * np.cos((i + 1) * xi + i)) for xi in x])


@standard(
    (1.1, -0.9),
    (2.4, 0.7),
    start=(1, 1),
    minimum=-2.0626118708227,
    minimiser=(1.349406617154, 1.349406617154),
    source="classic",
)
def cross_in_tray(x):
    inner = np.abs(100 - np.hypot(x[0], x[1]) / np.pi)
    return -0.0001 * (np.abs(np.sin(x[0]) * np.sin(x[1]) * np.exp(inner)) + 1) ** 0.1


@standard((1.2, -0.7, 0.9), start=(2, 2, 2), minimum=0.0, minimiser=np.zeros(3), source="classic, n = 3")
def salomon(x):
    radius = np.linalg.norm(x)
    return 1 - np.cos(2 * np.pi * radius) + 0.1 * radius


@standard((0.6, -0.8, 0.7), start=(0.9, 0.9, 0.9), minimum=0.0, minimiser=np.zeros(3), source="classic, n = 3")
def different_powers(x):
    return np.sum(np.abs(x) ** (np.arange(x.size) + 2))


@standard((1.5, 0.7, -0.4, 1.1), start=np.ones(4), minimum=0.0, minimiser=np.zeros(4), source="classic, n = 4")
def ill_conditioned_ellipsoid(x):
    exponents = np.linspace(0, 6, len(x))
    return np.sum(10.0**exponents * x**2)


@standard((0.4, -0.3, 0.8), start=(1, 1, 1), minimum=0.0, minimiser=np.zeros(3), source="classic, n = 3")
def brown(x):
    squares = np.power(x, 2)
    return np.sum(squares[:-1] ** (squares[1:] + 1) + squares[1:] ** (squares[:-1] + 1))


@standard((-1.3, 0.7), (0.8, 2.9), start=(-2, 1), minimum=None, source="classic")
def adjiman(x):
    return np.cos(x[0]) * np.sin(x[1]) - x[0] / (x[1] ** 2 + 1)


# --- Regression, classification, likelihoods ---------------------------------------------------------

HOURS = np.array([0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5, 4.0, 4.25, 4.5, 4.75])
PASSED = np.array([0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1])
DOSE = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5])
COUNTS = [2, 3, 6, 7, 8, 9, 10, 12]
TABLE = np.array([[1, 0.2, -1.1], [1, 1.3, 0.4], [1, -0.7, 0.8], [1, 2.2, -0.3], [1, 0.5, 1.9], [1, -1.6, -0.9]])
TARGET = np.array([0.7, 2.9, 0.3, 3.4, 3.1, -2.5])
LABELS = np.array([0, 1, 2, 1, 2, 0])


@standard(
    (-1.5, 0.8),
    (0.4, -0.3),
    start=(0, 0),
    minimum=0.44333825843674,
    minimiser=(-3.963518603994, 1.453302820654),
    source="a course's logistic regression",
)
def logistic_loss(w):
    z = w[0] + w[1] * HOURS
    return np.mean(np.logaddexp(0, z) - PASSED * z)


def log1p_exp(z):
    if z > 0:
        return z + np.log1p(np.exp(-z))
    return np.log1p(np.exp(z))


@standard(
    (-1.5, 0.8),
    (0.4, -0.3),
    start=(0, 0),
    minimum=0.44333825843674,
    minimiser=(-3.963518603994, 1.453302820654),
    source="the same, row by row with a stable branch",
)
def logistic_loss_by_rows(w):
    total = 0.0
    for hours, passed in zip(HOURS, PASSED, strict=True):
        z = w[0] + w[1] * hours
        total += log1p_exp(z) - passed * z
    return total / len(HOURS)


@standard(
    (0.6, 0.4),
    (1.2, 0.1),
    start=(0, 0),
    minimum=-60.56541642242,
    minimiser=(1.159175715693, 0.4007190710344),
    source="a course's Poisson regression",
)
def poisson_loss(w):
    log_rate = w[0] + w[1] * DOSE
    return np.sum(np.exp(log_rate) - COUNTS * log_rate)


@standard(
    (0.3, -1.2, 2.1, 0.8),
    (1.0, 1.1, 0.9, 0.95),
    start=(1, 2, 3, 4),
    minimum=math.log(4),
    minimiser=(1.0, 1.0, 1.0, 1.0),
    source="log-sum-exp over the mean",
)
def log_sum_exp(x):
    peak = np.max(x)
    return peak + np.log(np.sum(np.exp(x - peak))) - np.mean(x)


@standard(
    "0.3 -0.7 0.5 1.1 -0.2 0.8 0.4",
    start="0.5 -0.5 0.3 0.1 1 -1 0",
    minimum=0.12482769028134,
    minimiser="0.2805432827325 -0.5818610574724 -0.0771993999407 -0.1731483903238 1.233675989548 "
    "-1.215628767267 1.266570024962",
    source="a net of two neurons",
)
def small_network(w):
    hidden = np.tanh(np.outer(DOSE, w[:2]) + w[2:4])
    output = hidden @ w[4:6] + w[6]
    return np.sum((output - np.sqrt(COUNTS)) ** 2) + 0.01 * np.sum(w**2)


@standard(
    "0.2 -0.4 0.6 0.3 0.9 -0.5 -0.1 0.7 0.25",
    start=np.zeros(9),
    minimum=0.42494693747483,
    minimiser="0.1463589395908 -0.1808318626945 0.0344729231037 -0.5144130232927 0.9728366737216 "
    "-0.4584236504289 -1.032035503388 -0.0363626185246 1.068398121913",
    source="multinomial regression with a ridge",
)
def softmax_cross_entropy(w):
    scores = TABLE @ w.reshape(3, 3)
    scores = scores - scores.max(axis=1, keepdims=True)
    log_chance = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return -np.mean(log_chance[np.arange(6), LABELS]) + 0.05 * np.sum(w**2)


@standard(
    (0.5, 1.1, 0.9),
    start=(0, 0, 0),
    minimum=0.21843659978411,
    minimiser=(0.7596760789938, 1.43379098112, 0.7721758273863),
    source="least squares",
)
def least_squares(w):
    r = TABLE @ w - TARGET
    return r.T @ r / 2


@standard(
    (0.6, 1.3, 0.8),
    start=(0, 0, 0),
    minimum=0.37911215120666,
    minimiser=(0.715699704608, 1.36608543491, 0.7260245290724),
    source="ridge regression by einsum",
)
def ridge(w):
    predicted = np.einsum("ij,j", TABLE, w)
    return ((predicted - TARGET) ** 2).mean() + 0.1 * np.einsum("j,j", w, w)


@standard(
    (0.9, -0.3, 0.4),
    (0.1, 1.4, 0.7),
    start=(0, 0, 0),
    minimum=0.21843659978411,
    minimiser=(0.7596760789938, 1.43379098112, 0.7721758273863),
    source="Huber's loss by where",
)
def huber(w):
    r = TARGET - TABLE @ w
    return np.sum(np.where(np.abs(r) <= 0.75, 0.5 * r**2, 0.75 * (np.abs(r) - 0.375)))


@standard(
    (0.9, -0.3, 0.4),
    (0.1, 1.4, 0.7),
    start=(0, 0, 0),
    minimum=0.21843659978411,
    minimiser=(0.7596760789938, 1.43379098112, 0.7721758273863),
    source="Huber's loss by branches",
)
def huber_by_rows(w):
    loss = 0
    for row, y in zip(TABLE, TARGET, strict=True):
        r = abs(y - row @ w)
        if r <= 0.75:
            loss += 0.5 * r**2
        else:
            loss += 0.75 * (r - 0.375)
    return loss


@standard(
    (0.9, -0.3, 0.4),
    start=(0, 0, 0),
    minimum=0.40061673208732,
    minimiser=(0.7406726948558, 1.43328565386, 0.7925304397319),
    source="a Cauchy likelihood",
)
def cauchy_loss(w):
    return np.log1p((TABLE.dot(w) - TARGET) ** 2).sum()


@standard(
    (1.2, -0.3),
    (-0.4, 0.5),
    start=(0, 0),
    minimum=12.91360379001,
    minimiser=(1.316666666667, 0.7333287651303),
    source="a normal likelihood in log sigma",
)
def normal_likelihood(p):
    mean, log_sigma = p
    z = (TARGET - mean) / np.exp(log_sigma)
    return 0.5 * np.sum(z**2) + len(TARGET) * (log_sigma + 0.5 * np.log(2 * np.pi))


@standard(
    (-0.5, 2.3, -0.4, 0.2, 0.3),
    start=(-1, 2, 0, 0, 0),
    minimum=3.6942131441901,
    minimiser=(-0.4586085269057, 3.134025837564, 0.3706609491193, -1.528720598561, 0.0234289928179),
    source="a mixture of two normals",
)
def normal_mixture(p):
    means, log_sigmas, logit = p[:2], p[2:4], p[4]
    log_weights = np.array([-np.logaddexp(0, -logit), -np.logaddexp(0, logit)])
    z = (TARGET[:, np.newaxis] - means) / np.exp(log_sigmas)
    return -np.sum(np.logaddexp.reduce(log_weights - log_sigmas - 0.5 * z**2, axis=1)) + 0.1 * np.sum(log_sigmas**2)


@standard(
    (4.0, 0.8),
    start=(1, 1),
    minimum=0.010592694880576,
    minimiser=(4.128571739296, 0.7861113830577),
    source="Michaelis-Menten kinetics",
)
def michaelis_menten(p):
    fitted = [p[0] * s / (p[1] + s) for s in (0.2, 0.5, 1.0, 2.0, 4.0)]
    seen = [0.9, 1.6, 2.3, 2.9, 3.5]
    return np.sum([(a - b) ** 2 for a, b in zip(fitted, seen, strict=True)])


@standard(
    (11.0, 1.2, 0.9),
    start=(10, 1, 1),
    minimum=0.32861023817168,
    minimiser=(13.20089455973, 0.9981765677175, 1.206056382216),
    source="logistic growth",
)
def logistic_growth(p):
    capacity, rate, middle = p
    return np.std(capacity / (1 + np.exp(-rate * (DOSE - middle))) - COUNTS) ** 2 + (capacity - 12) ** 2 / 100


@standard(
    (0.7, -1.1, 0.4, 1.9),
    start=np.zeros(4),
    minimum=1.2142857142857,
    minimiser=(0.2222222222222, -1.380952380952, 5.015873015873, 1.666666666667),
    source="a cubic fitted by polyval",
)
def cubic_fit(c):
    return np.sum((np.polyval(c, DOSE) - np.array(COUNTS)) ** 2)


def oscillation(t, amplitude, decay, frequency, phase):
    return amplitude * np.exp(-decay * t) * np.cos(frequency * t + phase)


@standard(
    (2.9, 0.35, 2.1, 0.4),
    start=(2, 0.5, 2, 0),
    minimum=0.05868233649386,
    minimiser=(2.94153393017, 0.3812261594238, 2.037352153821, 0.4332029238003),
    source="a damped oscillation",
)
def oscillation_fit(p):
    return np.sum((oscillation(DOSE, *p) - oscillation(DOSE, 3.0, 0.4, 2.0, 0.5) - 0.1) ** 2)


@standard(
    (0.4, 0.3),
    (-0.2, 0.7),
    start=(0, 0.5),
    minimum=1.0928745770541,
    minimiser=(1.000735503538, -0.0410430455316),
    source="an autoregression, step by step",
)
def autoregression(p):
    seen, error = [0.3, 0.9, 0.2, 1.1, 1.6, 0.8, 1.2], 0.0
    level = seen[0]
    for value in seen[1:]:
        level = p[0] + p[1] * level
        error += (value - level) ** 2
        level = 0.5 * (level + value)
    return error


# --- Matrices, geometry, mechanics -------------------------------------------------------------------

SPREAD = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -0.7], [0.5, -0.7, 2.0]])
PULL = np.array([1.0, -2.0, 0.5])


def make_quadratic(matrix, vector):
    def quadratic(x):
        return 0.5 * x @ matrix @ x - vector @ x

    return quadratic


quadratic = standard(
    (0.3, -0.9, 1.4),
    start=(0, 0, 0),
    minimiser=np.linalg.solve(SPREAD, PULL),
    minimum=-0.5 * float(PULL @ np.linalg.solve(SPREAD, PULL)),
    source="a quadratic in a closure",
)(make_quadratic(SPREAD, PULL))


@standard((0.4, 1.2, -0.6), start=(1, 1, 1), minimum=1.3110663080904, source="Rayleigh's quotient")
def rayleigh_quotient(x):
    return (x @ SPREAD @ x) / (x @ x)


@standard("1.1 0.2 0.8 -0.3 0.1 1.4", start="1 0 1 0 0 1", source="log-determinant of a covariance")
def log_determinant(p):
    lower = np.zeros((3, 3))
    lower[np.tril_indices(3)] = p
    precision = lower @ lower.T
    return np.trace(precision @ SPREAD) - np.linalg.slogdet(precision)[1]


@standard(
    (1.3, 0.4, 0.9),
    start=(1, 0.5, 1),
    minimum=1.3332131116732,
    minimiser=(0.0, 0.7124606944224, 1.084611720111),
    source="determinant and inverse",
)
def inverse_trace(p):
    matrix = SPREAD + np.diag(p**2)
    return np.trace(np.linalg.inv(matrix)) + 0.01 * np.linalg.det(matrix)


@standard((0.7, 1.1, 0.3), start=(1, 1, 1), source="a solve inside the function")
def compliance(p):
    a, b, c = np.exp(p)
    stiffness = np.array([[a + b, -b, 0], [-b, b + c, -c], [0, -c, c + 1.0]])
    return PULL @ np.linalg.solve(stiffness, PULL) + np.sum(np.exp(p))


@standard(
    (0.2, -0.5),
    (0.6, 0.3),
    start=(0, 0),
    minimum=-6.0853099635693,
    minimiser=(0.3246227416434, -2.47703732242),
    source="a Gaussian process's marginal likelihood",
)
def gaussian_process(p):
    scale, noise = np.exp(p)
    kernel = np.exp(-0.5 * (DOSE[:, None] - DOSE[None, :]) ** 2 / scale**2) + noise**2 * np.eye(len(DOSE))
    data = np.log(COUNTS) - np.mean(np.log(COUNTS))
    return 0.5 * data @ np.linalg.solve(kernel, data) + 0.5 * np.linalg.slogdet(kernel)[1]


@standard(
    "0.9 0.4 1.3 -0.6 1.1 0.2",
    start="1 0.5 1 0.5 1 0.5",
    minimum=1.7188948642098,
    source="a matrix of rank 1 plus 1",
)
def factorisation(p):
    u, v = p.reshape(2, 3)
    return np.linalg.norm(SPREAD - np.outer(u, u) - np.outer(v, v)) ** 2


@standard(
    "0.0 0.1 -0.1 1.2 0.2 0.1 0.4 1.1 -0.2 0.6 0.5 1.05",
    start="0 0 0 1.1 0 0 0.5 1 0 0.5 0.4 0.9",
    minimum=-6.0,
    source="Lennard-Jones, four atoms",
)
def lennard_jones(x):
    atoms = x.reshape(-1, 3)
    i, j = np.triu_indices(len(atoms), 1)
    squared = np.sum((atoms[i] - atoms[j]) ** 2, axis=1)
    return np.sum(squared**-6 - 2 * squared**-3)


@standard(
    "0.3 1.1 0.8 -0.4 -0.9 0.5",
    start="0.5 1 1 -0.5 -1 0.3",
    minimum=5.4311120913133,
    source="charges on a bowl",
)
def charges(x):
    at = x.reshape(3, 2)
    gaps = at[:, None] - at[None, :]
    distances = np.sqrt((gaps**2).sum(axis=-1) + np.eye(3))
    return np.sum(1 / distances) / 2 + np.sum(at**2)


TOWNS = np.array([[0.0, 0.0], [4.0, 0.5], [3.0, 3.5], [-0.5, 2.5]])


@standard(
    (1.1, 1.7),
    start=(0.5, 0.6),
    minimum=9.5342011295445,
    minimiser=(1.413793103448, 1.649425287356),
    source="Fermat and Weber",
)
def fermat_weber(x):
    return np.sum(np.linalg.norm(TOWNS - x, axis=1))


@standard(
    (1.4, 0.9),
    start=(1, 1),
    minimum=0.020066372615824,
    minimiser=(0.9844464758701, 0.8703877482681),
    source="position from bearings",
)
def bearings(v):
    x, y = v
    seen = np.array([0.7, 2.9, -2.2, -0.9])
    return np.sum((np.arctan2(y - TOWNS[:, 1], x - TOWNS[:, 0]) - seen) ** 2)


@standard(
    (1.3, 1.2, 2.4),
    start=(1, 1, 1),
    minimum=0.0042879299807952,
    minimiser=(1.768302004438, 1.515225921584, 2.397300123636),
    source="a circle through points",
)
def circle_fit(p):
    x, y, radius = p
    return np.var(np.hypot(TOWNS[:, 0] - x, TOWNS[:, 1] - y)) + (np.mean(np.hypot(*(TOWNS - p[:2]).T)) - radius) ** 2


@standard(
    (0.8, 0.55, 0.4, 0.2),
    start=(0.8, 0.6, 0.4, 0.2),
    minimum=0.48906405066454,
    minimiser=(0.5883785438777, 0.3735985741963, 0.2158493096657, 0.0942944273162),
    source="the brachistochrone, five legs",
)
def brachistochrone(y):
    heights = np.concatenate([[1.0], y, [0.0]])
    speeds = np.sqrt(2 * 9.81 * (1.05 - heights))
    lengths = np.sqrt(0.2**2 + np.diff(heights) ** 2)
    return np.sum(lengths / ((speeds[1:] + speeds[:-1]) / 2))


@standard(
    (-0.2, -0.5, -0.6, -0.3),
    start=np.zeros(4),
    minimum=0.22423760900976,
    minimiser=(-0.0979779594321, -0.1548195268231, -0.1548195268231, -0.0979779594321),
    source="a hanging chain of springs",
)
def hanging_chain(y):
    ends = np.hstack([0.0, y, 0.0])
    stretch = np.maximum(np.hypot(0.25, np.ediff1d(ends)) - 0.2, 0.0)
    return 40 * np.sum(stretch**2) + np.sum(y)


@standard(
    (0.2, 0.7, 0.4, 1.1, 0.9),
    start=np.zeros(5),
    minimum=0.52010815649801,
    minimiser=(0.2456041128464, 0.649523909322, 0.5517382284493, 1.03325283235, 1.019880917032),
    source="total variation, smoothed",
)
def smoothed_variation(x):
    data = np.array([0.1, 0.9, 0.3, 1.2, 1.0])
    return np.square(x - data).sum() + 0.3 * np.sqrt(np.diff(x) ** 2 + 1e-2).sum()


@standard(
    (0.4, -0.2, 0.3, 0.1),
    start=np.zeros(4),
    minimum=0.2793407148122,
    minimiser=(-0.6963868628414, -0.1330714125762, 0.0865428329923, 0.0809631448015),
    source="control of a pendulum, four pushes",
)
def pendulum(pushes):
    angle, speed, cost = 0.5, 0.0, 0.0
    for push in pushes:
        speed = speed + 0.3 * (push - np.sin(angle))
        angle = angle + 0.3 * speed
        cost = cost + angle**2 + 0.1 * push**2
    return cost


@standard(
    (0.3, 1.4, -0.6),
    (1.7, -0.8, 0.2),
    start=(0.5, 0.5, 0.5),
    minimum=0.0,
    minimiser=(0.25, 0.25, 0.25),
    source="a box by clip",
)
def clipped(x):
    inside = np.clip(x, 0.0, 1.0)
    return np.sum((inside - 0.25) ** 2) + 3 * np.sum((x - inside) ** 2)


@standard((0.6, 1.1, 0.4), start=(0.5, 0.5, 0.5), minimum=0.0, source="steady state of a chain of reactions")
def reactions(rates):
    state = np.array([1.0, 0.0, 0.0])
    matrix = np.array([[-1, 0.2, 0], [1, -1.2, 0.1], [0, 1, -0.1]]) * rates
    for _ in range(6):
        state = state + 0.2 * matrix @ state
    return np.sum((state - [0.4, 0.3, 0.3]) ** 2)


@standard((0.4, 0.9), start=(1, 1), scalars=True, source="one variable inside the other")
def nested_logs(a, b):
    return math.log(1 + math.exp(a * b)) + math.sqrt(a**2 + b**2 + 1) + math.atan2(b, a)


@standard(
    (0.3, 0.8, 1.3, 0.2),
    start=np.ones(4),
    minimum=-0.26207007576838,
    minimiser=(0.0390392589501, 0.4341918298493, 0.0390392589501, 0.0390392589501),
    source="pairwise kernel by einsum",
)
def kernel_energy(x):
    gaps = np.subtract.outer(x, x)
    kernel = np.exp(-(gaps**2))
    return np.einsum("ij,i,j->", kernel, x, x) - np.sum(x)
