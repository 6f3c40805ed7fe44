"""Arithmetic, comparisons, elementary and special functions, activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numpy_reference.library import FUNCTIONS, NoReference, creates, reference, wrap

INF = math.inf


def vectorized(function: Any) -> Any:
    """A function of Python's numbers on arrays; where it has no value, NaN."""

    def one(*numbers: float) -> float:
        try:
            return float(function(*numbers))
        except (ValueError, ZeroDivisionError):
            return math.nan
        except OverflowError:
            return INF

    return np.vectorize(one, otypes=[np.float64])


def inexact(x: Any) -> Any:
    x = np.asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


ARRAY_FUNCTIONS: dict[str, Any] = {
    "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "exp": np.exp, "exp2": lambda x: 2.0**x,
    "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "sinc": np.sinc, "deg2rad": np.deg2rad,
    "rad2deg": np.rad2deg, "reciprocal": lambda x: 1 / x, "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "erf": vectorized(math.erf), "erfc": vectorized(math.erfc), "log_ndtr": lambda x: log_ndtr(x),
    "ndtr": lambda x: 0.5 * vectorized(math.erfc)(-x / math.sqrt(2)),
    "entr": lambda x: np.where(x > 0, -x * np.log(x), np.where(x == 0, 0, -INF)),
}  # fmt: skip
ALIASES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "sigmoid": "special.expit expit", "lgamma": "special.gammaln gammaln",
}  # fmt: skip


def log_ndtr(x: Any) -> Any:
    tail = (
        -0.5 * x**2
        - np.log(-x * math.sqrt(2 * math.pi))
        + np.log1p(-1 / x**2 + 3 / x**4 - 15 / x**6)
    )
    return np.where(x < -20, tail, np.log(0.5 * vectorized(math.erfc)(-x / math.sqrt(2))))


for name, function in ARRAY_FUNCTIONS.items():
    reference(name, *ALIASES.get(name, "").split())(lambda input, f=function: f(inexact(input)))


@reference("lgamma", "special.gammaln", "gammaln")
def lgamma(input: Any) -> Any:
    x = inexact(input)
    poles = (x <= 0) & (x == np.floor(x)) | np.isinf(x)
    return np.where(poles, INF, vectorized(math.lgamma)(np.where(poles, 1, x)))


@reference("erfinv")
def erfinv(input: Any) -> Any:
    """Newton's steps from Winitzki's approximation."""
    x = inexact(input)
    ln = np.log1p(-x * x)
    a = 2 / (math.pi * 0.147) + ln / 2
    y = np.sign(x) * np.sqrt(np.sqrt(a * a - ln / 0.147) - a)
    for _ in range(6):
        y = y - (vectorized(math.erf)(y) - x) / (2 / math.sqrt(math.pi) * np.exp(-y * y))
    return np.where(np.abs(x) == 1, x * INF, np.where(np.abs(x) > 1, np.nan, y))


@reference("polygamma", "special.polygamma")
def polygamma(n: Any, input: Any) -> Any:
    """The recurrence up to 20, then the asymptotic series."""
    if isinstance(n, np.ndarray):
        n, input = input, n
    x, total = inexact(input), 0.0
    sign = -1.0 if n % 2 == 0 else 1.0
    for _ in range(30):
        small = x < 20
        total = total + np.where(small, sign * math.factorial(n) / x ** (n + 1), 0)
        x = np.where(small, x + 1, x)
    bernoulli = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66]
    if n == 0:
        series = np.log(x) - 1 / (2 * x)
        for k, b in enumerate(bernoulli, 1):
            series = series - b / (2 * k * x ** (2 * k))
    else:
        series = math.factorial(n - 1) / x**n + math.factorial(n) / (2 * x ** (n + 1))
        for k, b in enumerate(bernoulli, 1):
            rise = math.factorial(2 * k + n - 1) / math.factorial(2 * k)
            series = series + b * rise / x ** (2 * k + n)
        series = sign * series
    return total + series


@reference("digamma", "special.psi", "special.digamma")
def digamma(input: Any) -> Any:
    x = inexact(input)
    poles = (x <= 0) & (x == np.floor(x))
    reflected = np.where(x < 0, 1 - x, np.where(poles, 1.0, x))
    at = polygamma(0, reflected)
    value = np.where(x < 0, at - math.pi / np.tan(math.pi * x), at)
    return np.where(poles, np.where(x == 0, np.copysign(INF, -x), np.nan), value)


# --- of exact results -----------------------------------------------------------------------------


def exact(*names: str) -> Any:
    return reference(*names, elementwise=True)


for name, function in {
    "neg": np.negative, "negative": np.negative, "square": np.square, "sgn": np.sign,
    "sign": np.sign, "conj": np.conj, "conj_physical": np.conj, "bitwise_not": np.invert,
    "absolute": np.abs, "abs": np.abs, "positive": lambda x: x, "signbit": np.signbit,
    "logical_not": np.logical_not, "isnan": np.isnan, "isfinite": np.isfinite, "isinf": np.isinf,
    "isposinf": np.isposinf, "isneginf": np.isneginf, "isreal": np.isreal, "floor": np.floor,
    "ceil": np.ceil, "trunc": np.trunc, "fix": np.trunc, "frac": lambda x: x - np.trunc(x),
    "adjoint": lambda x: np.conj(np.swapaxes(x, -2, -1)),
}.items():  # fmt: skip
    exact(name)(lambda input, f=function: f(input))

for name, function in {
    "maximum": np.maximum, "minimum": np.minimum, "fmax": np.fmax, "fmin": np.fmin,
    "floor_divide": np.floor_divide, "remainder": np.mod, "fmod": np.fmod, "gcd": np.gcd,
    "lcm": np.lcm, "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor, "bitwise_left_shift": np.left_shift,
    "bitwise_right_shift": np.right_shift, "eq": np.equal, "ne": np.not_equal, "lt": np.less,
    "not_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal,
    "greater": np.greater, "greater_equal": np.greater_equal, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal, "logical_and": np.logical_and,
    "logical_or": np.logical_or, "logical_xor": np.logical_xor, "mul": np.multiply,
    "multiply": np.multiply,
}.items():  # fmt: skip
    exact(name)(lambda input, other, f=function: f(input, other))

for name, function in {
    "atan2": np.arctan2, "arctan2": np.arctan2, "hypot": np.hypot, "copysign": np.copysign,
    "logaddexp": np.logaddexp, "logaddexp2": np.logaddexp2, "ldexp": lambda a, b: a * 2.0**b,
    "xlogy": lambda a, b: np.where(a == 0, np.where(np.isnan(b), np.nan, 0), a * np.log(b)),
    "special.xlog1py": lambda a, b: np.where(a == 0, np.where(np.isnan(b), np.nan, 0), a * np.log1p(b)),
}.items():  # fmt: skip
    exact(name)(lambda input, other, f=function: f(inexact(input), inexact(other)))


@exact("add")
def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    return np.add(input, other if alpha == 1 else np.multiply(alpha, other))


@exact("sub", "subtract")
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    return np.subtract(input, other if alpha == 1 else np.multiply(alpha, other))


@exact("rsub")
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    return np.subtract(other, np.multiply(alpha, input))


@exact("div", "divide", "true_divide")
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode == "floor":
        return np.floor_divide(input, other)
    quotient = np.true_divide(input, other)
    if rounding_mode is None:
        return quotient
    whole = np.trunc(quotient)
    inexact_in = any(np.asarray(v).dtype.kind == "f" for v in (input, other))
    return whole if inexact_in else whole.astype(np.int64)


@exact("heaviside")
def heaviside(input: Any, other: Any) -> Any:
    return np.heaviside(input, other).astype(np.result_type(input, other))


@creates("float_power")
def float_power(input: Any, exponent: Any) -> Any:
    return wrap(np.float_power(*[getattr(v, "array", v) for v in (input, exponent)]))


@exact("pow")
def pow_(input: Any, exponent: Any) -> Any:
    if (
        isinstance(exponent, np.ndarray)
        and exponent.dtype.kind in "iu"
        and (np.asarray(input).dtype.kind in "iu")
    ):
        return np.power(inexact(input), exponent).astype(np.int64)
    return np.power(input, exponent)


@exact("addcmul")
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    return input + value * tensor1 * tensor2


@exact("addcdiv")
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    return input + value * tensor1 / tensor2


@exact("lerp")
def lerp(input: Any, end: Any, weight: Any) -> Any:
    return input + weight * (end - input)


@exact("clamp", "clip")
def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    low = input if min is None else np.maximum(input, min)
    return low if max is None else np.minimum(low, max)


@exact("clamp_min")
def clamp_min(input: Any, min: Any) -> Any:
    return np.maximum(input, min)


@exact("clamp_max")
def clamp_max(input: Any, max: Any) -> Any:
    return np.minimum(input, max)


@exact("round", "special.round")
def round_(input: Any, *, decimals: int = 0) -> Any:
    return np.round(input, decimals)


@exact("nan_to_num")
def nan_to_num(input: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    largest = float(np.finfo(np.float32).max)
    return np.nan_to_num(
        input,
        nan=nan or 0.0,
        posinf=largest if posinf is None else posinf,
        neginf=-largest if neginf is None else neginf,
    )


@reference("angle")
def angle(input: Any) -> Any:
    return np.where(np.isnan(input), np.nan, np.angle(input))


@exact("logit", "special.logit")
def logit(input: Any, eps: float | None = None) -> Any:
    x = input if eps is None else np.clip(input, eps, 1 - eps)
    return np.log(x / (1 - x))


@exact("isclose")
def isclose(
    input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    return np.isclose(input, other, rtol, atol, equal_nan)


@reference("allclose")
def allclose(
    input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    return bool(np.allclose(input, other, rtol, atol, equal_nan))


@reference("equal")
def equal(input: Any, other: Any) -> bool:
    return bool(np.array_equal(input, other))


@exact("where")
def where(condition: Any, input: Any, other: Any) -> Any:
    if np.asarray(input).dtype.kind == "b" != np.asarray(condition).dtype.kind:
        condition, input = input, condition  # Tensor.where
    return np.where(condition, input, other)


choose = FUNCTIONS["where"]
FUNCTIONS["where"] = lambda *args, **kwargs: (
    FUNCTIONS["nonzero"](*args, as_tuple=True)
    if len(args) == 1 and not kwargs
    else choose(*args, **kwargs)
)


@exact("masked_fill")
def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    return np.where(mask, np.asarray(value).astype(input.dtype), input)


@exact("complex")
def complex_(real: Any, imag: Any) -> Any:
    return real + 1j * imag


@exact("polar")
def polar(abs: Any, angle: Any) -> Any:
    return abs * np.exp(1j * angle)


# --- activations ----------------------------------------------------------------------------------

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def softplus_of(x: Any) -> Any:
    return np.logaddexp(0, x)


def expit(x: Any) -> Any:
    return np.exp(-np.logaddexp(0, -x))


def normal_cdf(x: Any) -> Any:
    return 0.5 * vectorized(math.erfc)(-x / math.sqrt(2))


def elu_of(x: Any, alpha: float, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x * input_scale, 0)))


def cut(x: Any, low: float, high: float) -> Any:
    return np.minimum(np.maximum(x, low), high)


ACTIVATIONS: dict[str, Any] = {
    "relu": lambda input, inplace=False: np.maximum(input, 0),
    "relu6": lambda input, inplace=False: cut(input, 0, 6),
    "threshold": lambda input, threshold, value, inplace=False: np.where(
        ~(input <= threshold), input, np.asarray(value).astype(input.dtype)
    ),
    "leaky_relu": lambda input, negative_slope=0.01, inplace=False: np.where(
        input > 0, input, input * negative_slope
    ),
    "elu": lambda input, alpha=1.0, inplace=False: elu_of(input, alpha),
    "selu": lambda input, inplace=False: elu_of(input, SELU_ALPHA, SELU_SCALE),
    "celu": lambda input, alpha=1.0, inplace=False: elu_of(input, alpha, 1.0, 1 / alpha),
    "hardtanh": lambda input, min_val=-1.0, max_val=1.0, inplace=False: cut(input, min_val, max_val),
    "hardswish": lambda input, inplace=False: input * cut(input + 3, 0, 6) / 6,
    "hardsigmoid": lambda input, inplace=False: cut(input + 3, 0, 6) / 6,
    "silu": lambda input, inplace=False: input * expit(input),
    "mish": lambda input, inplace=False: input * np.tanh(softplus_of(input)),
    "logsigmoid": lambda input: -softplus_of(-input),
    "softplus": lambda input, beta=1.0, threshold=20.0: np.where(
        input * beta > threshold, input, softplus_of(input * beta) / beta
    ),
    "hardshrink": lambda input, lambd=0.5: np.where(np.abs(input) <= lambd, 0.0, input),
    "softshrink": lambda input, lambd=0.5: np.sign(input) * np.maximum(np.abs(input) - lambd, 0),
    "softsign": lambda input: input / (1 + np.abs(input)),
    "tanhshrink": lambda input: input - np.tanh(input),
    "gelu": lambda input, approximate="none": input * normal_cdf(input)
    if approximate == "none"
    else 0.5 * input * (1 + np.tanh(math.sqrt(2 / math.pi) * (input + 0.044715 * input**3))),
}  # fmt: skip
for name, function in ACTIVATIONS.items():
    exact(name)(function)
FUNCTIONS["log_sigmoid"] = FUNCTIONS["logsigmoid"]


@reference("prelu")
def prelu(input: Any, weight: Any) -> Any:
    shape = (1, -1) + (1,) * (input.ndim - 2) if input.ndim > 1 else (-1,)
    weight = weight.reshape(shape if weight.size > 1 else ())
    return np.where(input > 0, input, input * weight)


@reference("glu")
def glu(input: Any, dim: int = -1) -> Any:
    a, b = np.split(input, 2, dim)
    return a * expit(b)


@reference("rrelu")
def rrelu(
    input: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, **_: Any
) -> Any:
    if training:
        raise NoReference("random slopes")
    return np.where(input >= 0, input, input * (lower + upper) / 2)
