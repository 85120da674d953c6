"""Do box certificates prove what they claim, and only that? Two small certificates, made, checked and falsified.

The boxes are enclosed in ball arithmetic (Arb) by `certify`, then decided by the exact-rational checker. A false
variant, with its digest made right again, must be refused: a checker that cannot refuse proves nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rdmf_theory.certificates import checkers as checker
from rdmf_theory.certificates.certificate import Certificate, digest

LOWER = ("0.40", "1.30", "1.5", "8", "0.1")
UPPER = ("0.41", "1.31", "1.6", "10", "0.2")


@dataclass(frozen=True)
class BoxClaim:
    """A certificate and falsehoods about it.

    Arguments:
        name, words: what is claimed.
        certificate: makes it.
        falsehoods: paths into its content, each with a value that makes the claim false.
    """

    name: str
    words: str
    certificate: Callable[[], Certificate]
    falsehoods: tuple[tuple[tuple[str | int, ...], Any], ...]

    def check(self) -> str | None:
        """None if the certificate is accepted and every falsehood refused, else what went wrong."""
        certificate = self.certificate()
        if not certificate.holds:
            return f"not certified: {certificate.detail}"
        content = certificate.to_dict()
        if problem := _refusal(content):
            return problem
        for path, value in self.falsehoods:
            false = copy.deepcopy(content)
            part: Any = false
            for key in path[:-1]:
                part = part[key]
            if part[path[-1]] == value:
                return f"the falsehood at {path} is the truth"
            part[path[-1]] = value
            if _refusal(false) is None:
                return f"accepted with a stale digest, {path} changed"
            if _refusal(false | {"sha256": digest(false)}) is None:
                return f"accepted although {path} is {value}"
        return None


def _refusal(content: dict[str, Any]) -> str | None:
    try:
        checker.check_content(content)
    except checker.Refused as refused:
        return str(refused)
    return None


def _design_box() -> Certificate:
    from rdmf_theory.certificates.certify import certify_box
    from rdmf_theory.regions.admissible import DEFAULT_REGION

    return certify_box(LOWER, UPPER, DEFAULT_REGION)


def _paving() -> Certificate:
    from rdmf_theory.certificates.region_certificate import certify_region

    return certify_region("2", "1", strips=8)[0]


BOX_CLAIMS = (
    BoxClaim(
        "design_box",
        "all designs of a box are admissible, float32 rounding of the emitted parameters included",
        _design_box,
        (
            (("box", "u_star", 1), "1/2"),
            (("box", "z", 0), "1"),
            (("box", "excess", 0), "1"),
            (("box", "wavelength", 1), "100000"),
            (("box", "rate", 1), "4000"),
        ),
    ),
    BoxClaim(
        "paving",
        "inner strips lie in the Turing region at d = 2, outer strips cover it, the areas bracket it",
        _paving,
        (
            (("strips", 3, "inner", 0), "7/16"),
            (("strips", 3, "outer", 0), "15/32"),
            (("strips", 3, "z", 1), "5/4"),
            (("area", "inner"), "1/1000"),
            (("points", "bogdanov_takens", 0), "1/17"),
        ),
    ),
)
