// Controls and pictures. State: a design, or parameters with s = 1; the other one follows.
const DESIGN = [
  ["u_star", "substrate u*", 0.02, 0.498], ["z", "damping z", 1.001, 6], ["excess", "excess r", 0.5, 4],
  ["wavelength", "wavelength", 3, 48], ["rate", "rate w", 0.02, 1],
];
const PARAMETERS = [["F", "feed F", 0.0005, 0.2], ["k", "kill k", 0, 0.12], ["D_u", "D_u", 0.01, 400], ["D_v", "D_v", 0.001, 40]];
const LOGARITHMIC = new Set(["D_u", "D_v", "rate", "wavelength", "excess", "F"]);
const state = { mode: "design", design: { ...START }, parameters: {}, point: null };
const $ = id => document.getElementById(id);
const format = x => !Number.isFinite(x) ? "–" : Math.abs(x) >= 1000 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(2) : x.toPrecision(4);

const parametersOfDesign = () => {
  const { u_star, z, excess, wavelength, rate } = state.design;
  const [F, k, s, D_u, D_v] = formulas.parameters_from_design(u_star, z, excess, wavelength, rate);
  return { F, k, s, D_u, D_v };
};
// Equal dynamics with s = 1: rates scale with s, diffusion too.
const scaled = p => ({ F: p.F / p.s, k: p.k / p.s, s: 1, D_u: p.D_u / p.s, D_v: p.D_v / p.s });

function controls() {
  const list = state.mode === "design" ? DESIGN : PARAMETERS, values = state.mode === "design" ? state.design : state.parameters;
  $("controls").replaceChildren(...list.map(([name, text, low, high]) => {
    const label = document.createElement("label"), input = document.createElement("input"), output = document.createElement("output");
    const curved = LOGARITHMIC.has(name);
    const toUnit = x => curved ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low);
    const fromUnit = t => curved ? low * (high / low) ** t : low + t * (high - low);
    Object.assign(input, { type: "range", min: 0, max: 1, step: "any", id: name });
    input.value = Math.min(1, Math.max(0, toUnit(values[name])));
    output.textContent = format(values[name]);
    input.addEventListener("input", () => { values[name] = fromUnit(+input.value); output.textContent = format(values[name]); update(); });
    label.append(text, input, output);
    return label;
  }));
  for (const mode of ["design", "parameters"]) $("tab-" + mode).setAttribute("aria-selected", state.mode === mode);
}

function update() {
  const p = state.mode === "design" ? parametersOfDesign() : { ...state.parameters, s: 1 };
  state.point = explorer.point(p, START.clips);
  $("ratio").textContent = format(state.point.d);
  $("conditions").tBodies[0].replaceChildren(...state.point.conditions.map(([name, margin]) => {
    const row = document.createElement("tr"), holds = margin > 0;
    for (const [text, style] of [[name, ""], [format(margin), ""], [holds ? "holds" : "violated", holds ? "holds" : "violated"]]) {
      const cell = document.createElement("td");
      cell.textContent = text; cell.className = style; row.append(cell);
    }
    return row;
  }));
  const q = state.point, growing = q.chart ? q.growths.filter(growth => growth > 0).length : 0;
  $("summary").textContent = !q.chart ? "No v-rich state: sF < 4 w²." :
    `F ${format(q.F)}, k ${format(q.k)}, s ${format(q.s)}, D_u ${format(q.D_u)}, D_v ${format(q.D_v)}; u* ${format(q.chart.u_star)}, ` +
    `z ${format(q.chart.z)}, d_T ${format(q.d_T)}. ${growing} of ${START.clips - 1} modes grow.`;
  drawRegion(); drawDispersion(); restart();
}

// Pixels of data in a canvas with a margin for the axes.
function frame(canvas, [x0, x1], [y0, y1], xName, yName) {
  const c = canvas.getContext("2d"), { width, height } = canvas, left = 62, bottom = 34, top = 10, right = 12;
  const X = x => left + (x - x0) / (x1 - x0) * (width - left - right), Y = y => height - bottom - (y - y0) / (y1 - y0) * (height - bottom - top);
  c.clearRect(0, 0, width, height);
  c.font = "13px system-ui"; c.fillStyle = "#55606c"; c.strokeStyle = "#c5ced6"; c.lineWidth = 1;
  c.strokeRect(left, top, width - left - right, height - bottom - top);
  c.textAlign = "left"; c.fillText(format(x0), left, height - 18); c.textAlign = "right"; c.fillText(format(x1), width - right, height - 18);
  c.textAlign = "center"; c.fillText(xName, (left + width) / 2, height - 5);
  c.textAlign = "right"; c.fillText(format(y0), left - 4, height - bottom); c.fillText(format(y1), left - 4, top + 10);
  c.fillText(yName, left - 4, height / 2);
  return { c, X, Y, x: px => x0 + (px - left) / (width - left - right) * (x1 - x0), y: py => y0 + (height - bottom - py) / (height - bottom - top) * (y1 - y0) };
}

let axes = null;
function drawRegion() {
  const q = state.point, polygon = explorer.region(q.d), point = [q.F / q.s, q.k / q.s];
  const shown = polygon.length ? polygon : [point];
  const span = i => { const all = [...shown.map(p => p[i]), point[i]], low = Math.min(...all), high = Math.max(...all), pad = 0.08 * (high - low) || 0.01;
    return [Math.max(0, low - pad), high + pad]; };
  // while the point is dragged in it, the picture stands still
  axes = frame($("region"), dragging ? dragging.x : span(0), dragging ? dragging.y : span(1), "F / s", "k / s");
  axes.spans = dragging ?? { x: span(0), y: span(1) };
  const { c, X, Y } = axes;
  c.beginPath(); polygon.forEach(([F, k], i) => i ? c.lineTo(X(F), Y(k)) : c.moveTo(X(F), Y(k))); c.closePath();
  c.fillStyle = "#9ec5e8"; c.fill(); c.strokeStyle = "#1f4e79"; c.stroke();
  c.beginPath(); c.arc(X(point[0]), Y(point[1]), 6, 0, 7); c.fillStyle = "#c0504d"; c.fill();
}

function drawDispersion() {
  const q = state.point, n = START.clips, modes = [...Array(n).keys()].map(j => 4 * Math.sin(j * Math.PI / (2 * n)) ** 2);
  const grow = mu => q.chart ? explorer.growth(q.chart.u_star, q.chart.z, q.d, q.F + q.k, q.D_v, mu) : 0;
  // to three times the fastest wave, at most to the shortest
  const fastest = q.chart && q.d > 1 ? formulas.fastest_mode(q.chart.u_star, q.chart.z, q.d) * (q.F + q.k) / q.D_v : 0;
  const end = Math.min(4, fastest > 0 ? 3 * fastest : 4), curve = [...Array(201).keys()].map(i => [end * i / 200, grow(end * i / 200)]);
  const values = curve.map(p => p[1]), low = Math.min(...values, 0), high = Math.max(...values, 1e-9);
  const { c, X, Y } = frame($("dispersion"), [0, end], [low, high + 0.08 * (high - low)], "mode eigenvalue μ", "λ");
  c.strokeStyle = "#8a949e"; c.beginPath(); c.moveTo(X(0), Y(0)); c.lineTo(X(end), Y(0)); c.stroke();
  c.strokeStyle = "#1f4e79"; c.lineWidth = 2; c.beginPath(); curve.forEach(([x, y], i) => i ? c.lineTo(X(x), Y(y)) : c.moveTo(X(x), Y(y))); c.stroke();
  for (const mu of modes) if (mu <= end) { const y = grow(mu); c.fillStyle = y > 0 ? "#c0504d" : "#8a949e"; c.beginPath(); c.arc(X(mu), Y(y), 2.5, 0, 7); c.fill(); }
}

let fields = null;
function restart() {
  const q = state.point;
  $("kymograph").getContext("2d").clearRect(0, 0, 560, 220);
  if (!q.chart) { fields = null; return; }
  // the same start every time: a small generator with a fixed seed
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647 - 0.5;
  const clips = START.clips;
  fields = { u: Float64Array.from({ length: clips }, () => q.chart.u_star * (1 + 0.02 * random())),
             v: Float64Array.from({ length: clips }, () => q.v_star * (1 + 0.02 * random())), steps: 0 };
}
function run() {
  requestAnimationFrame(run);
  if (!fields) return;
  const canvas = $("kymograph"), c = canvas.getContext("2d"), q = state.point, row = 2;
  for (let turn = 0; turn < 2; turn++) {
    [fields.u, fields.v] = explorer.step(q, fields.u, fields.v);
    fields.steps += 1;
    c.drawImage(canvas, 0, row, canvas.width, canvas.height - row, 0, 0, canvas.width, canvas.height - row);
    for (let t = 0; t < START.clips; t++) {
      // white at the base state, blue below, red above
      const x = Math.max(-1, Math.min(1, (fields.v[t] / q.v_star - 1) / 1.5)), fade = Math.round(255 * (1 - Math.abs(x)));
      c.fillStyle = x > 0 ? `rgb(255,${fade},${fade})` : `rgb(${fade},${fade},255)`;
      c.fillRect(Math.floor(t * canvas.width / START.clips), canvas.height - row, Math.ceil(canvas.width / START.clips), row);
    }
  }
}

let dragging = null;
const move = event => {
  const box = $("region").getBoundingClientRect(), px = (event.clientX - box.left) * 560 / box.width, py = (event.clientY - box.top) * 300 / box.height;
  const F = Math.max(1e-6, axes.x(px)), k = Math.max(0, axes.y(py));
  if (state.mode === "design") select("parameters");
  Object.assign(state.parameters, { F, k });
  controls(); update();
};
$("region").addEventListener("pointerdown", event => { dragging = axes.spans; $("region").setPointerCapture(event.pointerId); move(event); });
$("region").addEventListener("pointermove", event => { if (dragging) move(event); });
for (const end of ["pointerup", "pointercancel"]) $("region").addEventListener(end, () => { dragging = null; drawRegion(); });

function select(mode) {
  if (mode === state.mode) return;
  if (mode === "parameters") {
    const { F, k, D_u, D_v } = scaled(parametersOfDesign());
    state.parameters = { F, k, D_u, D_v };
  } else if (state.point.chart && state.point.chart.z > 1) {
    // back to a design where there is one: outside, the last one stays
    const q = state.point, m = formulas.fastest_mode(q.chart.u_star, q.chart.z, q.d), mu = m * (q.F + q.k) / q.D_v;
    if (q.d > 1 && mu > 0 && mu < 4)
      state.design = { ...state.design, u_star: q.chart.u_star, z: q.chart.z, excess: q.d / q.d_T, wavelength: Math.PI / Math.asin(Math.sqrt(mu) / 2), rate: q.F + q.k };
  }
  state.mode = mode;
  controls(); update();
}
for (const mode of ["design", "parameters"]) $("tab-" + mode).addEventListener("click", () => select(mode));
$("restart").addEventListener("click", restart);
$("clips").textContent = START.clips;
controls(); update(); run();
