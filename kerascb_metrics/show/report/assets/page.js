// What is chosen, and what follows from it.

const data = JSON.parse(byId("data").textContent);
// `own`: stay at the task's own threshold; else at `threshold`, which is point `at` of `curve`.
const chosen = { place: data.epochs.length - 1, output: 0, name: null, shares: false,
  own: true, threshold: null, curve: null, at: 0 };
const movers = []; // called with the place of the chosen epoch, for what shows all epochs
let matrix = null; // the table on the page, and the names that it was made for

const output = () => data.outputs[chosen.output];
const entry = () => (output() ? output().epochs[chosen.place] : null);
const namesNow = () => entry().names || output().names;
const classAt = () => namesNow().indexOf(chosen.name);
const curveNow = () => (entry() ? entry().curves.find((curve) => curve.of === classAt()) : undefined);

// Once.

function addChart(to, series) {
  const chart = epochChart(data.epochs, series);
  to.append(chart.figure);
  movers.push(chart.moveTo);
}

function drawScores() {
  const [first, others] = [data.scores.slice(0, 12), data.scores.slice(12)];
  first.forEach((series) => addChart(byId("score-panels"), [series]));
  const more = byId("more-panels");
  more.hidden = others.length === 0;
  more.querySelector("summary").textContent = `${others.length} more scores`;
  others.forEach((series) => addChart(more.querySelector(".panels"), [series]));
  const { table, moveTo } = epochTable(data.epochs, [...data.scores, ...data.logs]);
  byId("score-table").querySelector(".scroll").append(table);
  movers.push(moveTo);
}

// A loss and its val_ counterpart share a chart.
function drawLogs() {
  const byName = new Map(data.logs.map((series) => [series.name, series]));
  for (const [name, series] of byName) {
    if (name.startsWith("val_") && byName.has(name.slice(4))) continue;
    addChart(byId("log-panels"), [series, byName.get(`val_${name}`)].filter(Boolean));
  }
  show("logs", byName.size > 0);
}

function drawSettings() {
  const rows = data.settings.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]);
  byId("settings-list").append(...rows);
  show("settings", rows.length > 0);
}

function drawSummary() {
  const [first, last] = [data.epochs[0], data.epochs.at(-1)];
  const epochs = data.epochs.length === 1 ? `1 scored epoch, ${first}` : `${data.epochs.length} scored epochs, ${first} to ${last}`;
  const head = headline();
  say("summary", bestPlace() !== null ? `${epochs}. ${head.name}: ${bestOf(data.epochs, head)}.` : `${epochs}.`);
}

function headline() {
  return data.scores.find((series) => series.name === data.headline);
}

function bestPlace() {
  return headline()?.best ?? null;
}

function fillSelect(id, names) {
  byId(id).replaceChildren(...names.map((name, i) => el("option", { value: i }, name)));
}

// At each choice.

function showEpoch() {
  const epoch = data.epochs[chosen.place];
  const head = headline();
  const best = head?.best === chosen.place ? ", the best" : "";
  const text = head ? `${epoch} (${head.name} ${number(head.values[chosen.place])}${best})` : String(epoch);
  say("epoch-shown", text);
  byId("epoch").value = chosen.place;
  byId("epoch").setAttribute("aria-valuetext", `epoch ${text}`);
  document.querySelectorAll(".of-epoch").forEach((span) => { span.textContent = `· ${whose()}epoch ${epoch}`; });
  movers.forEach((moveTo) => moveTo(chosen.place));
}

function whose() {
  return data.outputs.length > 1 ? `${output().name} · ` : "";
}

function whyNoCounts() {
  if (!data.outputs.length) return "This run has no counts of classes (a regression, or none kept), so this page shows its scores only.";
  return entry() ? "" : `Epoch ${data.epochs[chosen.place]} has no counts: its pass could not be scored.`;
}

function showCounts() {
  const missing = whyNoCounts();
  show("no-counts", missing);
  show("no-report", missing);
  show("confusion", !missing);
  show("report", !missing);
  say("no-counts", missing);
  say("no-report", missing);
  if (missing) return;
  byId("report").replaceChildren(reportTable(entry().report, namesNow().length));
  showConfused();
  showMatrix();
}

function showMatrix() {
  const { matrix: counts, tables } = entry();
  show("matrix", counts || tables);
  show("cells", counts);
  show("scale", counts);
  byId("matrix").classList.toggle("large", namesNow().length > LARGE);
  if (tables) byId("matrix").replaceChildren(labelTable(namesNow(), tables));
  if (!counts) { matrix = null; return; }
  if (!matrix || matrix.names !== namesNow()) {
    matrix = { names: namesNow(), ...matrixTable(namesNow()) };
    byId("matrix").replaceChildren(matrix.table);
  }
  paintMatrix(matrix.cells, counts, matrix.names, chosen.shares);
}

function showConfused() {
  const { confused, matrix: counts, tables } = entry();
  const large = counts || tables ? "" : ` The matrix of ${namesNow().length} classes is too large for a page.`;
  const parts = [];
  if (confused.length && (large || namesNow().length > 4)) {
    parts.push(el("h3", {}, "Most often taken for each other"), el("p", { class: "note" }, large),
      el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Most frequent errors, table" },
        confusedTable(namesNow(), confused)));
  }
  byId("confused").replaceChildren(...parts);
}

function showClasses() {
  const names = entry() ? output().curved.filter((name) => namesNow().includes(name)) : [];
  if (names.length && !names.includes(chosen.name)) chosen.name = names[0];
  fillSelect("class", names);
  byId("class").value = names.indexOf(chosen.name);
  show("class-control", names.length > 1);
  show("one-class", names.length === 1);
  say("one-class", `Positive class: ${chosen.name}`);
}

function whyNoCurve() {
  if (whyNoCounts()) return whyNoCounts();
  if (!output().curved.length) return output().no_curves;
  if (!entry().has_curves) return "To keep this page small, the curves of this epoch are not on it.";
  return `In this epoch ${chosen.name} cannot be ranked against the rest: it has no true row, or all of them, or its score is undefined.`;
}

function showCurves() {
  showClasses();
  const curve = curveNow();
  show("no-curve", !curve);
  show("curves", curve);
  if (!curve) { say("no-curve", whyNoCurve()); return; }
  const at = placeOnCurve(curve);
  const slider = byId("threshold");
  slider.max = curve.thresholds.length - 1;
  slider.value = slider.max - at; // rightwards is upwards: thresholds fall along the curve
  show("to-own", curve.own !== null);
  showThreshold(curve, at);
}

function placeOnCurve(curve) {
  if (chosen.own) return curve.own === null ? highestF1(curve) : curve.own;
  return curve === chosen.curve ? chosen.at : pointAt(curve, chosen.threshold);
}

function thresholdText(curve, at) {
  const threshold = curve.thresholds[at];
  if (threshold === null) return "above every score: nothing is predicted";
  if (at === curve.own) return `${output().score} ${output().own_sign} ${threshold}, the task's own`;
  return `${output().score} ≥ ${threshold}`;
}

function showThreshold(curve, at) {
  const counts = countsAt(curve, at);
  const ratios = ratiosAt(curve, at, output().zero_division);
  Object.entries(counts).forEach(([id, value]) => say(id, amount(value)));
  Object.entries(ratios).forEach(([id, value]) => say(id, score(value)));
  const text = thresholdText(curve, at);
  say("threshold-shown", text);
  byId("threshold").setAttribute("aria-valuetext",
    `${text}; precision ${score(ratios.precision)}, recall ${score(ratios.recall)}, F1 ${score(ratios.f1)}`);
  byId("curve-charts").replaceChildren(...curveCharts(curve, chosen.name, at));
}

function showAll() {
  showEpoch();
  showCounts();
  showCurves();
}

// What the controls do.

function on(id, event, act) {
  byId(id).addEventListener(event, (happened) => { act(happened.target); showAll(); });
}

function goTo(curve, at) {
  Object.assign(chosen, { own: at === curve.own, threshold: curve.thresholds[at], curve, at });
}

function wire() {
  on("epoch", "input", (slider) => { chosen.place = Number(slider.value); });
  on("to-best", "click", () => { chosen.place = bestPlace(); });
  on("to-last", "click", () => { chosen.place = data.epochs.length - 1; });
  on("output", "change", (select) => { chosen.output = Number(select.value); chosen.own = true; });
  on("cells", "change", (radio) => { chosen.shares = radio.value === "shares"; });
  on("class", "change", (select) => { chosen.name = select.selectedOptions[0].textContent; });
  on("threshold", "input", (slider) => goTo(curveNow(), Number(slider.max) - Number(slider.value)));
  on("to-own", "click", () => { chosen.own = true; });
  on("to-f1", "click", () => goTo(curveNow(), highestF1(curveNow())));
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
}

function start() {
  drawSummary();
  drawScores();
  drawLogs();
  drawSettings();
  fillSelect("output", data.outputs.map((one) => one.name));
  show("output-control", data.outputs.length > 1);
  show("thresholds", data.outputs.length);
  show("reports", data.outputs.length);
  byId("epoch").max = data.epochs.length - 1;
  byId("to-best").disabled = bestPlace() === null;
  say("counts-name", data.weighted ? "sums of weights" : "rows");
  say("thinned", data.thinned);
  wire();
  showAll();
}

start();
