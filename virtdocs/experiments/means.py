"""Means of ratios, as rationals: the geometric one rounded to a stated precision."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from math import prod

GEOMETRIC_DECIMALS = 15


def arithmetic(ratios: Sequence[Fraction]) -> Fraction:
    """The sum over the count."""
    return sum(ratios, Fraction(0)) / len(ratios)


def harmonic(ratios: Sequence[Fraction]) -> Fraction:
    """The count over the sum of reciprocals."""
    return len(ratios) / sum((1 / one for one in ratios), Fraction(0))


def geometric(ratios: Sequence[Fraction]) -> Fraction:
    """The n-th root of the product, irrational as a rule: rounded to 15 decimals."""
    product = prod(ratios, start=Fraction(1))
    with localcontext() as context:
        context.prec = 50
        root = (Decimal(product.numerator) / Decimal(product.denominator)) ** (
            Decimal(1) / Decimal(len(ratios))
        )
        return Fraction(round(root, GEOMETRIC_DECIMALS))


def median(ratios: Sequence[Fraction]) -> Fraction:
    """The middle one, or the mean of the two in the middle."""
    ordered = sorted(ratios)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2
