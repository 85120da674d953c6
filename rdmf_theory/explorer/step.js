// The layer's step, and what the page asks of a point. Names as in rdmf_theory.
const explorer = {};

// x of (alpha I - beta Delta) x = right on clips with replicate ends; alpha may differ from clip to clip.
explorer.solve = (alpha, beta, right) => {
  const n = right.length, upper = new Float64Array(n), x = new Float64Array(n);
  for (let t = 0; t < n; t++) {
    const neighbours = n === 1 ? 0 : t === 0 || t === n - 1 ? 1 : 2;
    const pivot = alpha[t] + beta * neighbours - (t > 0 ? beta * upper[t - 1] : 0);
    upper[t] = beta / pivot;
    x[t] = (right[t] + (t > 0 ? beta * x[t - 1] : 0)) / pivot;
  }
  for (let t = n - 2; t >= 0; t--) x[t] += upper[t] * x[t + 1];
  return x;
};

// One semi-implicit step, h = 1: positive and bounded for all positive parameters.
explorer.step = (p, u, v) => {
  const gain = v.map(value => p.s * value * value), w = p.F + p.k;
  const after = explorer.solve(gain.map(g => 1 + p.F + g), p.D_u, u.map(value => value + p.F));
  return [after, explorer.solve(v.map(() => 1 + w), p.D_v, v.map((value, t) => value + gain[t] * after[t]))];
};

// The chart of F, k (s = 1), or null where there is no v-rich state.
explorer.chart = (F, k) => {
  if (!(F > 0 && k >= 0) || formulas.steady_discriminant(F, k, 1) < 0) return null;
  const u_star = formulas.steady_u(F, k, 1);
  return { u_star, z: F / ((F + k) * u_star), rate: F + k };
};

// A point of the page: parameters, chart, d, and the conditions with their margins (positive: holds).
explorer.point = (p, clips) => {
  const found = explorer.chart(p.F / p.s, p.k / p.s), d = p.D_u / p.D_v;
  if (!found) return { ...p, d, chart: null, conditions: [["v_rich", formulas.steady_discriminant(p.F, p.k, p.s)]] };
  const { u_star, z } = found, w = p.F + p.k, d_T = formulas.turing_threshold(u_star, z);
  const growths = [];
  for (let j = 1; j < clips; j++) growths.push(explorer.growth(u_star, z, d, w, p.D_v, 4 * Math.sin(j * Math.PI / (2 * clips)) ** 2));
  const conditions = [
    ["v_rich", 0.5 - u_star], ["damped", z - 1], ["fed", 1 - z * u_star], ["turing", d - d_T],
    ["mode_on_axis", Math.max(...growths)],
  ];
  if (d_T > z && z >= 1) conditions.push(["soft_onset", formulas.cubic_coefficient(z, d_T, 1)]);
  return { ...p, d, d_T, chart: { u_star, z, rate: w }, v_star: formulas.steady_v(u_star, z), growths, conditions };
};

// Growth rate (largest real part) of the mode mu, 1/step.
explorer.growth = (u_star, z, d, w, D_v, mu) => {
  const m = D_v * mu / w, trace = formulas.mode_trace(u_star, z, d, m), determinant = formulas.mode_determinant(u_star, z, d, m);
  return w * (trace * trace < 4 * determinant ? trace / 2 : formulas.larger_eigenvalue(trace, determinant));
};

// The admissible region at a ratio d in the (F/s, k/s) plane, as the polygon of its edges: Hopf (z = 1) with growing u*,
// then u* near 1/2 with growing z, then back along the Turing curve or k = 0.
explorer.region = (d, count = 200) => {
  const hopf = [], last = [], turing = [];
  const at = (u_star, z) => { const [F, k, s] = formulas.parameters_from_chart(u_star, z, 1); return [F / s, k / s]; };
  for (let row = 0; row <= count; row++) {
    const u_star = 0.5 * (row + 0.5) / (count + 0.5), top = Math.min(d / formulas.turing_threshold(u_star, 1), 1 / u_star);
    if (top <= 1) continue;
    hopf.push(at(u_star, 1));
    turing.unshift(at(u_star, top));
    if (row === count) for (let part = 1; part < 50; part++) last.push(at(u_star, 1 + (top - 1) * part / 50));
  }
  return [...hopf, ...last, ...turing];
};
if (typeof module !== "undefined") module.exports = { formulas, explorer };
