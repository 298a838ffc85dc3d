"""CloudWatch's alarms, evaluated as its user guide says, and metric math no further than it says.

How alarms treat missing data: "Using Amazon CloudWatch alarms", the section "How alarm state is
evaluated when data is missing". Metric math: "Using math expressions", the sections on arithmetic,
comparison and IF. What the guide leaves open is no value here but UndocumentedError, or one of two
readings: an alarm must rest on neither.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Points = list[float | None]
"""One value a period, the newest last; None where there is none. All None: it never had any."""
Value = float | Points
Calculation = Callable[[float, float], float]

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_OPERATORS: Mapping[type[ast.operator | ast.cmpop], Calculation] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}


class UndocumentedError(Exception):
    """What CloudWatch makes of this, nobody has written down."""


def state(alarm: Mapping[str, Any], points: Points) -> str:
    """``ALARM`` or ``OK``: what an alarm says of the data points in its evaluation range.

    CloudWatch looks at more of them than the alarm has evaluation periods, uses the newest that
    there are, and puts something in the place of missing ones only where these are too few.
    """
    periods = int(alarm["EvaluationPeriods"])
    compare, threshold = COMPARISONS[alarm["ComparisonOperator"]], float(alarm["Threshold"])
    breaches = [compare(point, threshold) for point in points if point is not None][-periods:]
    filler = {"breaching": True, "notBreaching": False}[alarm["TreatMissingData"]]
    breaches += [filler] * (periods - len(breaches))
    wanted = int(alarm.get("DatapointsToAlarm", periods))
    return "ALARM" if sum(breaches) >= wanted else "OK"


@dataclass(frozen=True)
class Math:
    """Expressions over these series, by one reading of the guide."""

    series: Mapping[str, Points]
    beside_number: float | None = None
    """What stands for a missing value beside a number: 0, or nothing. The guide tells it only for
    two series."""

    def value(self, expression: str) -> Points:
        """The time series that the expression comes to."""
        found = self._value(ast.parse(expression, mode="eval").body)
        if not isinstance(found, list):
            raise TypeError(f"{expression} is one number, which no alarm can watch")
        return found

    def _value(self, node: ast.expr) -> Value:
        match node:
            case ast.Name(id=name):
                return self.series[name]
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.BinOp(left=left, op=sign, right=right):
                return self._pairwise(type(sign), self._value(left), self._value(right))
            case ast.Compare(left=left, ops=[sign], comparators=[right]):
                return self._pairwise(type(sign), self._value(left), self._value(right))
            case ast.Call(func=ast.Name(id="IF"), args=arguments):
                return _if(*map(self._value, arguments))
            case ast.Call(func=ast.Name(id="FILL"), args=[filled, filler]):
                return _fill(self._value(filled), self._value(filler))
        raise UndocumentedError(f"{ast.unparse(node)} is not known here")

    def _pairwise(self, sign: type[ast.operator | ast.cmpop], left: Value, right: Value) -> Value:
        calculate = _OPERATORS[sign]
        if isinstance(left, list) and isinstance(right, list):
            if _is_empty(left) != _is_empty(right):
                raise UndocumentedError("one of two series has no value at all")
            return [
                None if a is None and b is None else _calculated(calculate, a or 0.0, b or 0.0)
                for a, b in zip(left, right, strict=True)
            ]
        if isinstance(left, list) and isinstance(right, float):
            return [self._beside(one, lambda a: calculate(a, right)) for one in left]
        if isinstance(left, float) and isinstance(right, list):
            return [self._beside(one, lambda b: calculate(left, b)) for one in right]
        raise UndocumentedError("two numbers make no series")

    def _beside(self, point: float | None, of: Callable[[float], float]) -> float | None:
        given = self.beside_number if point is None else point
        return None if given is None else float(of(given))


def _is_empty(points: Value) -> bool:
    return isinstance(points, list) and all(point is None for point in points)


def _calculated(calculate: Calculation, left: float, right: float) -> float | None:
    """The result; who would divide by 0 gets no value."""
    try:
        return float(calculate(left, right))
    except ZeroDivisionError:
        return None


def _if(condition: Value, then: Value, otherwise: Value | None = None) -> Points:
    """IF over a series of conditions: where that has a value so has the result, but for an
    ``otherwise`` that is left out or missing. A missing ``then`` is 0.
    """
    if not isinstance(condition, list):
        raise UndocumentedError("IF with one number for a condition")
    length = len(condition)
    trues = then if isinstance(then, list) else [then] * length
    falses = otherwise if isinstance(otherwise, list) else [otherwise] * length
    return [
        None if is_true is None else (one or 0.0) if is_true else other
        for is_true, one, other in zip(condition, trues, falses, strict=True)
    ]


def _fill(points: Value, filler: Value) -> Points:
    if not isinstance(points, list) or not isinstance(filler, float):
        raise UndocumentedError("FILL with anything but a series and a number")
    if _is_empty(points):
        raise UndocumentedError("FILL of a metric that never had a value")
    if points[-1] is None:
        raise UndocumentedError("FILL of the newest value, which may only be late: the guide warns")
    return [filler if point is None else point for point in points]
