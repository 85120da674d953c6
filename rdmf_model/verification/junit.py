"""JUnit XML of a verification: a test case for the certificate, the random texts, and every property."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from rdmf_model.properties import PROPERTIES
from rdmf_model.verification.report import certificate_lines, random_texts_line, violation_lines
from rdmf_model.verification.run import VerificationReport
from rdmf_theory.support.files import write_atomically


def junit_tree(report: VerificationReport) -> ElementTree.Element:
    """The report as a `testsuites` element."""
    cases: list[tuple[str, float, list[str]]] = []
    if report.certificate is not None:
        cases.append(("certificate", 0.0, [] if report.certificate.holds else certificate_lines(report)))
    if report.random_texts is not None:
        cases.append(
            (
                "random_texts",
                report.random_texts.seconds,
                [] if report.random_texts.holds else [random_texts_line(report.random_texts)],
            )
        )
    prop = [
        (result.prop.name, result.seconds, [] if result.holds else violation_lines(result))
        for result in report.properties
    ]
    skipped = report.not_checked
    prop += [(name, 0.0, []) for name in skipped]
    order = {known.name: number for number, known in enumerate(PROPERTIES)}
    cases += sorted(prop, key=lambda case: order.get(case[0], len(order)))
    failed = sum(bool(lines) for _, _, lines in cases)
    counts = {
        "tests": str(len(cases)),
        "failures": str(failed),
        "errors": "0",
        "skipped": str(len(skipped)),
        "time": f"{report.seconds:.3f}",
    }
    root = ElementTree.Element("testsuites", {"name": "rdmf verify", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": str(report.checkpoint), **counts})
    for name, seconds, lines in cases:
        attributes = {"classname": "rdmf.verify", "name": name, "time": f"{seconds:.3f}"}
        case = ElementTree.SubElement(suite, "testcase", attributes)
        if name in skipped:
            ElementTree.SubElement(case, "skipped", {"message": skipped[name]})
        if lines:
            failure = ElementTree.SubElement(case, "failure", {"message": lines[0]})
            failure.text = "\n".join(lines)
    return root


def write_junit(report: VerificationReport, file: Path) -> None:
    """Write the report as JUnit XML, whole or not at all."""
    tree = junit_tree(report)
    ElementTree.indent(tree)
    write_atomically(file, ElementTree.tostring(tree, encoding="utf-8", xml_declaration=True))
