"""Formulas against Python's own arithmetic, and everything that a formula must refuse."""

import copy
import inspect
import math
import pickle
import random
import re

import numpy as np
import pytest
from numpy.lib.mixins import NDArrayOperatorsMixin

from steepest.expression import Expression, ExpressionError, parse, parse_point

POINTS = [(0.3, 0.7), (-0.4, 0.2), (0.9, -0.6), (0.5, 0.5)]

GOOD = {
    "x + y": lambda x, y: x + y,
    "x - y - 1": lambda x, y: (x - y) - 1,
    "2*x*y/4": lambda x, y: x * y / 2,
    "-x**2 + y": lambda x, y: y - x * x,
    "x**2**3 * y": lambda x, y: x**8 * y,
    "(x + y)**-2": lambda x, y: 1 / (x + y) ** 2,
    "2**-x*y": lambda x, y: y / 2**x,
    "+x - -y": lambda x, y: x + y,
    "  x\n\t+ y ": lambda x, y: x + y,
    "x*1e-2 + y*.5 + 1.": lambda x, y: x / 100 + y / 2 + 1,
    "x/3 + y*1E+1": lambda x, y: x / 3 + 10 * y,
    "pi*x + e*y + tau": lambda x, y: math.pi * x + math.e * y + 2 * math.pi,
    "sin(x) + cos(y)": lambda x, y: math.sin(x) + math.cos(y),
    "tan(x)*y": lambda x, y: math.sin(x) / math.cos(x) * y,
    "arcsin(x) + asin(y)": lambda x, y: math.asin(x) + math.asin(y),
    "arccos(x) + acos(y)": lambda x, y: math.acos(x) + math.acos(y),
    "arctan(x) + atan(y)": lambda x, y: math.atan(x) + math.atan(y),
    "arctan2(x, y) - 2*atan2(x, y)": lambda x, y: -math.atan2(x, y),
    "sinh(x) + cosh(y) + tanh(x)": lambda x, y: math.sinh(x) + math.cosh(y) + math.tanh(x),
    "arcsinh(x) + asinh(y)": lambda x, y: math.asinh(x) + math.asinh(y),
    "arccosh(2 + x) + acosh(2 + y)": lambda x, y: math.acosh(2 + x) + math.acosh(2 + y),
    "arctanh(x) + atanh(y)": lambda x, y: math.atanh(x) + math.atanh(y),
    "exp(x)*expm1(y)": lambda x, y: math.exp(x) * math.expm1(y),
    "log(1 + x) - log1p(y)": lambda x, y: math.log(1 + x) - math.log1p(y),
    "log2(2 + x) + log10(2 + y)": lambda x, y: math.log2(2 + x) + math.log10(2 + y),
    "sqrt(x*x) + cbrt(y**3)": lambda x, y: abs(x) + y,
    "abs(x) + sign(y)": lambda x, y: math.fabs(x) + math.copysign(1, y),
    "min(x, y) + minimum(x, y, 0)": lambda x, y: min(x, y) + min(x, y, 0),
    "max(x, y, 0.4) - maximum(y, x)": lambda x, y: max(x, y, 0.4) - max(x, y),
    "hypot(x, y)": lambda x, y: math.sqrt(x * x + y * y),
    "where(x < y, x, y**2)": lambda x, y: x if x < y else y**2,
    "where(x <= .5, 1, 2) + y": lambda x, y: (1 if x <= 0.5 else 2) + y,
    "where(x > 0, where(y >= 0, 1, 2), 3)": lambda x, y: (1 if y >= 0 else 2) if x > 0 else 3,
    "where(x == y, 1, 2)": lambda x, y: 1 if x == y else 2,
    "where(x != y, sqrt(-1), y)": lambda x, y: math.nan if x != y else y,
    "(((((x)))))*y": lambda x, y: x * y,
    "(1 - x)**2 + 100*(y - x**2)**2": lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
    "-20*exp(-0.2*sqrt(0.5*(x**2 + y**2))) + 20": lambda x, y: (
        20 - 20 * math.exp(-0.2 * math.sqrt((x * x + y * y) / 2))
    ),
}

# What is typed, and what the message must show of it.
REFUSED = {
    "": "empty",
    " \n ": "empty",
    "2x": "2*x",
    "3x**2": "3*x",
    "2 x": "2*x",
    "x y": "x*y",
    "x 2": "x*2",
    "2(x + 1)": "2*(",
    "(x)(y)": "column 4",
    "(x)y": ")*y",
    "sin x": "sin(x)",
    "0xff*x": "'xff'",
    "1_000*x": "'_000'",
    "x + 1j": "1*j",
    "007*x": "'007'",
    "0" * 5000 + "*x": "'000",
    "x^2": "'^' at column 2: write **",
    "x − 1": "'−' at column 3: write -",
    "2×x": "'×' at column 2: write *",
    "2·x": "'·' at column 2: write *",
    "x·y": "'·' at column 2: write *",
    "x²": "**2",
    "x ≤ 2": "<=",
    "2*π*x": "write pi",
    "é + x": "'é'",
    "xé": "'é' at column 2",
    "ﬁ": "'ﬁ'",
    "x + ٣": "'٣'",
    "x\0": "'\\x00'",
    "\ufeffx": "'\\ufeff'",
    "x\u200b": "'\\u200b'",
    "x\ud800": "'\\ud800'",
    "x\n+ 'a\nb'": '"\'" at column 5',
    '"x"': "'\"'",
    "f'{x}'": '"\'"',
    "x # why": "'#'",
    "x; y": "';'",
    "x % 2": "'%'",
    "x // 2": "'x // 2'",
    "x << 2": "'x << 2'",
    "x >> 2": "'x >> 2'",
    "x @ y": "'@'",
    "x | y": "'|'",
    "x & y": "'&'",
    "~x": "'~'",
    "x!": "'!'",
    "x$": "'$'",
    "x\\": "'\\\\'",
    "`x`": "'`'",
    "f = x**2": "'=' at column 3",
    "x := 1": "':'",
    "lambda x: x": "'lambda'",
    "x if x > 0 else -x": "'if'",
    "1if x else 2": "'if'",
    "where(x > 0 and y > 0, 1, 2)": "'and'",
    "x or y": "'or'",
    "not x": "'not'",
    "x in y": "'in'",
    "x is y": "'is'",
    "await x": "'await'",
    "yield": "'yield'",
    "True": "'True'",
    "None + x": "'None'",
    "x[0]": "'['",
    "[x for x in y]": "'['",
    "{x: 1}": "'{'",
    "x.real": "'.'",
    "1.real": "'real'",
    "1..real": "'.'",
    "np.sin(x)": "not np.sin(x)",
    "x.__class__.__mro__": "'.'",
    "_x + 1": "'_x'",
    "__import__('os').system('true')": "'__import__'",
    "exec(x)": "'exec(x)'",
    "eval(x)": "'eval(x)' at column 1: not a function",
    "1 + x(1)": "'x(1)' at column 5: not a function",
    "pi(x)": "pi*(...)",
    "sine(x)": "did you mean sin?",
    "Exp(x)": "did you mean exp?",
    "floor(x)": "'floor(x)'",
    "ln(x)": "log, log10",
    "sin": "'sin' at column 1",
    "x + min": "'min' at column 5",
    "sin + x": "'sin' at column 1",
    "where(sin, x, 1)": "'where(sin, x, 1)'",
    "sin()": "')' at column 5",
    "sin(x, y)": "2 given where sin takes 1",
    "hypot(x)": "1 given where hypot takes 2",
    "min(x)": "two or more",
    "log(x, 2)": "'log(x, 2)'",
    "x" * 9_000 + " y": "'y' at column 9002",
    "x" * 9_000 + "(y)": "not a function",
    "sin(x=1)": "'='",
    "sin(*x)": "'*' at column 5",
    "sin(**x)": "'**' at column 5",
    "sin(x,)": "')' at column 7",
    "sin(,x)": "',' at column 5",
    "where(x, 1, 2)": "where(x < 0, a, b)",
    "where(x < 0, 1)": "'where(x < 0, 1)'",
    "where(0 < x < 1, 1, 2)": "where(x < 0, a, b)",
    "where((x < 0)*(y < 0), 1, 2)": "where(x < 0, a, b)",
    "where(x < 0, y < 0, 1)": "'y < 0' at column 14",
    "where": "'where'",
    "x < 1": "'x < 1'",
    "(x > 1)*x": "'x > 1' at column 2",
    "x <> 1": "'>'",
    "x, y": "'x, y'",
    "(x, y)": "'(x, y)'",
    "()": "')' at column 2",
    "(x": "'(' at column 1: never closed",
    "(x))": "')' at column 4",
    ")x(": "')' at column 1",
    "x +": "'+' at column 3",
    "x ** ": "'**' at column 3",
    "*x": "'*' at column 1",
    "x +* y": "'*' at column 4",
    "x *** y": "'*' at column 5",
    "x -> y": "'>'",
    "3": "no variable",
    "sin(pi)/e": "no variable",
    "1e400*x": "'1e400'",
    "9" * 309 + "*x": "'999",
    "9" * 5000 + "*x": "'999",
    "x" * 10_001: "10,001 characters",
    "(" * 9_000: "column 101",
    "(" * 150 + "x" + ")" * 150: "column 101",
    "-" * 5_000 + "x": "more than 100 deep",
    "-" * 100 + "x": "more than 100 deep",
    "x" + "+x" * 4_500: "(a + b) + (c + d)",
    "x" + "**x" * 3_000: "more than 100 deep",
    "sin(" * 2_000 + "x": "column",
    "min(" + "x," * 1_999 + "x)": "2,002 numbers",
}

POINT_REFUSED = {
    "": "0 of 2",
    "1": "1 of 2",
    "1,2,3": "3 of 2",
    "1,2,": "3 of 2",
    "1;2": "'1;2'",
    "(1,2)": "'(1'",
    "1,": "'' for y",
    "1,two": "'two' for y",
    "1,−2": "'−2' for y",
    "1,2\n3": "'2\\n3' for y",
    "x=1": "has no y",
    "x=1,z=2": "'z' is not a variable",
    "x=1,X=2": "'X' is not a variable",
    "x=1,=2": "'' is not a variable",
    "x=1,x=2": "'x' is given twice",
    "x=1,2": "'2' has no name",
    "x=1,y=2,": "'' has no name",
    "x==1,y=2": "'=1' for x",
    "x=,y=2": "'' for x",
    "x=pi,y=2": "'pi' for x",
    "x=nan,y=2": "'nan' for x is not finite",
    "x=1,y=-inf": "'-inf' for y is not finite",
    "1e999,2": "'1e999' for x is not finite",
    "x\n=1,\n\ny=2\nx=3": "'2\\nx=3' for y",
}


def refusal(function, *args):
    with pytest.raises(ExpressionError) as caught:
        function(*args)
    message = str(caught.value)
    assert message.isprintable(), "one line, nothing invisible in it"
    assert len(message) < 500
    return message


@pytest.mark.parametrize("text", GOOD)
def test_values(text):
    f = parse(text)
    for point in POINTS:
        values = point if f.names == ("x", "y") else point[:1]
        value = f(*values)
        assert type(value) is float
        assert value == pytest.approx(GOOD[text](*point), rel=1e-14, abs=1e-15, nan_ok=True)


@pytest.mark.parametrize("text", GOOD)
def test_arrays_broadcast(text):
    f = parse(text)
    xs, ys = np.array(POINTS).T
    grid = (xs, ys[:, None]) if len(f.names) == 2 else (xs,)
    expected = np.array([[GOOD[text](x, y) for x in xs] for y in (ys if len(grid) == 2 else ys[:1])])
    np.testing.assert_allclose(np.atleast_2d(f(*grid)), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    assert REFUSED[text] in refusal(parse, text)


def test_within_the_limits():
    assert parse("-" * 99 + "x")(2) == -2
    assert parse("(" * 100 + "x" + ")" * 100)(2) == 2
    assert parse("x" + "+x" * 99)(2) == 200
    assert parse("min(" + "x," * 1_997 + "x)")(2) == 2
    assert parse("x" * 10_000)(2) == 2


def test_floating_point_has_an_answer_for_everything():
    assert parse("9**9**9**9 + x")(1) == math.inf
    assert parse("1/0 + x")(1) == math.inf
    assert parse("1/x")(0) == math.inf
    assert parse("x**-1")(-0.0) == -math.inf
    assert parse("x**1000")(1e10) == math.inf
    assert math.isnan(parse("x**(1/3)")(-8))
    assert math.isnan(parse("log(x)")(-1))
    assert parse("x**20")(np.array([10**9]))[0] == pytest.approx(1e180), "integers would wrap round"
    assert parse("x**-2")(np.array([2, 4])).tolist() == [0.25, 0.0625]
    assert parse("x + x")(np.True_) == 2


def test_single_precision_stays():
    assert parse("2*pi*x + 1/3")(np.ones(2, np.float32)).dtype == np.float32


class Spy(NDArrayOperatorsMixin):
    """A duck array: a value, and what was done to it."""

    def __init__(self, value, seen):
        self.value, self.seen = value, seen

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        self.seen.append((ufunc.__name__, [v for v in inputs if not isinstance(v, Spy)]))
        return Spy(ufunc(*(v.value if isinstance(v, Spy) else v for v in inputs)), self.seen)

    def __array_function__(self, function, types, args, kwargs):
        self.seen.append((function.__name__, []))
        return Spy(function(*(v.value if isinstance(v, Spy) else v for v in args)), self.seen)


@pytest.mark.parametrize("text", GOOD)
def test_duck_arrays(text):
    f = parse(text)
    values = (0.3, 0.7)[: len(f.names)]
    result = f(*(Spy(value, []) for value in values))
    assert getattr(result, "value", result) == pytest.approx(f(*values), rel=1e-14, nan_ok=True)


@pytest.mark.parametrize(
    ("exponent", "seen", "kind"),
    [
        ("2", 2, int),
        ("-3", -3, int),
        ("64", 64, int),
        ("65", 65, float),
        ("2.0", 2, float),
        ("(1 + 1)", 2, float),
    ],
)
def test_small_whole_exponents_stay_integers(exponent, seen, kind):
    done = []
    parse(f"x**{exponent}")(Spy(1.5, done))
    assert done == [("power", [seen])]
    assert type(done[0][1][0]) is kind


def test_numbers_elsewhere_are_floats():
    done = []
    parse("3*x")(Spy(1.5, done))
    assert done == [("multiply", [3])]
    assert type(done[0][1][0]) is float


def test_is_a_function_of_its_names():
    f = parse("zeta + b*A1 - pi*b")
    assert f.names == ("A1", "b", "zeta")
    parameters = inspect.signature(f).parameters
    assert list(parameters) == ["A1", "b", "zeta"]
    assert all(p.kind is p.POSITIONAL_ONLY and p.default is p.empty for p in parameters.values())
    assert list(inspect.signature(Expression).parameters) == ["text", "names", "tree"]
    with pytest.raises(TypeError, match=r"takes \(A1, b, zeta\), and was given 2"):
        f(1, 2)


def test_is_a_value():
    f = parse(" x**2 +\tmin(x, y, where(x < 1, 2, y))")
    assert repr(f) == "Expression(text='x**2 + min(x, y, where(x < 1, 2, y))', names=('x', 'y'))"
    for twin in (parse(f.text), copy.deepcopy(f), pickle.loads(pickle.dumps(f))):  # noqa: S301
        assert twin == f
        assert hash(twin) == hash(f)
        assert twin(3, 4) == f(3, 4) == 12
    assert f != parse("x**2")
    with pytest.raises(AttributeError):
        f.text = "y"


@pytest.mark.parametrize("text", ["x=9,y=-1.5", " y = -1.5 , x = 9 ", "9,-1.5", "9.0, -15e-1"])
def test_point(text):
    point = parse_point(text, ("x", "y"))
    assert point == {"x": 9.0, "y": -1.5}
    assert list(point) == ["x", "y"]


@pytest.mark.parametrize("text", POINT_REFUSED)
def test_point_refused(text):
    message = refusal(parse_point, text, ("x", "y"))
    assert POINT_REFUSED[text] in message
    assert "write " in message


WORDS = (
    "x y x y x y 2 3 0.5 1e3 64 65 pi e + - * / ** ( ) ( ) , < == sin( exp( log( sqrt( abs( min( hypot( "
    "where( atan2( where(x<y, )) // ^ = . [ ] lambda and _ ' : 07 x2 ² \\ # \n \0"
)
PLAIN = {name: getattr(np, name) for name in ("sin", "exp", "log", "sqrt", "abs", "hypot", "where")}
PLAIN |= {"min": lambda *v: np.min(v), "atan2": np.arctan2, "F": np.float64, "__builtins__": {}}
PLAIN |= {"pi": np.float64(np.pi), "e": np.float64(np.e)}


def outcome(text):
    """Return the function that a text stands for, or the message that it is refused with."""
    try:
        return parse(text)
    except ExpressionError as error:
        return str(error)


def formula(rng, depth=4):
    """Return a random formula, right for the most part."""
    inner = lambda: formula(rng, depth - 1)  # noqa: E731
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(["x", "y", "x", "y", "2", "0.5", "3", "pi", "07", "x2", "lambda"])
    return rng.choice(
        [
            lambda: f"{inner()} {rng.choice(['+', '-', '*', '/', '**', '^', ''])} {inner()}",
            lambda: f"{rng.choice(['', '-', '+'])}({inner()})",
            lambda: f"{rng.choice(['sin', 'exp', 'log', 'sqrt', 'abs'])}({inner()})",
            lambda: f"{rng.choice(['min', 'hypot', 'atan2'])}({inner()}, {inner()})",
            lambda: f"where({inner()} {rng.choice(['<', '>=', '!='])} {inner()}, {inner()}, {inner()})",
            lambda: f"{inner()}**{rng.choice(['2', '-1', '65', '-(3)', '-x'])}",
        ]
    )()


def test_any_text_is_refused_or_means_what_it_means_in_python():
    rng = random.Random(0)
    soups = ["".join(rng.choices(WORDS.split(" "), k=rng.randint(1, 9))) for _ in range(2_000)]
    accepted = 0
    for text in soups + [formula(rng) for _ in range(1_500)]:
        f = outcome(text)
        if isinstance(f, str):
            assert f.isprintable(), text
            assert "100 deep" not in f, "no short text is too deep: its mistake has a name"
            continue
        accepted += 1
        # NumPy's floats in place of Python's integers, of which 65**65**65 would never end.
        oracle = re.sub(r"(?<![\w.])(\d+\.?\d*(?:e[-+]?\d+)?)", r"F(\1)", " ".join(text.split()))
        for point in POINTS[:2]:
            values = [np.float64(point[k % 2]) for k in range(len(f.names))]
            with np.errstate(all="ignore"):
                expected = eval(oracle, PLAIN | dict(zip(f.names, values, strict=True)))  # noqa: S307
            assert f(*values) == pytest.approx(float(expected), rel=1e-12, nan_ok=True), text
    assert accepted > 300
