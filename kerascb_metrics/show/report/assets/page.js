// The selection, and what the page shows for it.

const data = JSON.parse(byId("data").textContent);
// `atDefault`: use the threshold of the task: the chosen or the default one. Otherwise `threshold`, which is point `at` of `curve`.
const selected = { index: 0, output: 0, name: null, shares: false,
  atDefault: true, threshold: null, curve: null, at: 0, zoom: null, other: null };
const sortedReport = { column: 0, falling: false };
const movers = []; // functions of the index of the selected epoch, for charts and tables of all epochs
let matrix = null; // the table on the page, with its cells and headings

const output = () => data.outputs[selected.output];
const entry = () => (output() ? output().epochs[selected.index] : null);
const namesNow = () => entry().names || output().names;
const classAt = () => namesNow().indexOf(selected.name);
const curveNow = () => (entry() ? entry().curves.find((curve) => curve.of === classAt()) : undefined);

// Drawn once.

function addChart(to, series) {
  const chart = epochChart(data.epochs, series, (index) => { selected.index = index; showAll(); });
  to.append(chart.figure);
  movers.push(chart.moveTo);
}

// Of one result there is nothing to choose from and nothing to draw by epoch.
function drawSingle() {
  ["epoch-control", "to-best", "to-last", "scores-note", "score-table", "more-panels"].forEach((id) => show(id, false));
  show("controls", data.outputs.length > 1);
  setText("scores-title", "Scores");
  setText("summary", data.single);
  const facts = data.scores.map((series) => el("div", {}, el("dt", {}, series.name), el("dd", {}, number(series.values[0]))));
  byId("single-scores").append(...facts);
  show("single-scores", facts.length > 0);
}

// The scores of groups have a table, so their charts come last, and are hidden at first.
function drawScores() {
  const ofGroups = new Set(data.slices.flatMap((slice) => [...Object.values(slice.scores).flat(), ...Object.values(slice.worst)]));
  const own = data.scores.filter((series) => !ofGroups.has(series.name));
  const first = own.slice(0, 12);
  const others = data.scores.filter((series) => !first.includes(series));
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

// What was scored: how many rows, and how many of each class.
function drawRows() {
  const lines = data.rows.map(({ output: name, kind, unit, total, classes, more }) => {
    const parts = classes.map(([of, count]) => `${of}: ${amount(count)}`);
    const rest = more ? `, … ${more} more` : "";
    return el("p", {}, `${name ? `${name}: ` : ""}${amount(total)} ${unit} in the last epoch, ${kind}. ${parts.join(", ")}${rest}`);
  });
  byId("rows").replaceChildren(...lines);
  show("rows-section", lines.length);
}

function drawSlices() {
  const tables = data.slices.map((slice) => sliceTable(slice, data.scores));
  byId("slice-tables").replaceChildren(...tables.map((one) => one.part));
  movers.push(...tables.map((one) => one.moveTo));
  show("slices", tables.length);
}

function drawSummary() {
  const [first, last] = [data.epochs[0], data.epochs.at(-1)];
  const epochs = data.epochs.length === 1 ? `1 scored epoch, ${first}` : `${data.epochs.length} scored epochs, ${first} to ${last}`;
  const head = headline();
  const corrected = data.corrected === null ? ""
    : ` Corrected for choosing among ${data.epochs.length} epochs: ${score(data.corrected)}.`;
  const withLast = comparisonOf(bestIndex(), data.epochs.length - 1);
  setText("compared", withLast ?? "");
  show("compared", withLast);
  setText("summary", bestIndex() !== null ? `${epochs}. ${head.name}: ${bestOf(data.epochs, head)}.${corrected}` : `${epochs}.`);
}

function headline() {
  return data.scores.find((series) => series.name === data.headline);
}

function bestIndex() {
  return headline()?.best ?? null;
}

function fillSelect(id, names) {
  byId(id).replaceChildren(...names.map((name, i) => el("option", { value: i }, name)));
}

// Drawn for each selection.

function showEpoch() {
  const epoch = data.epochs[selected.index];
  const head = headline();
  const best = head?.best === selected.index ? ", the best" : "";
  const text = head ? `${epoch} (${head.name} ${number(head.values[selected.index])}${best})` : String(epoch);
  setText("epoch-shown", text);
  byId("epoch").value = selected.index;
  byId("epoch").setAttribute("aria-valuetext", `epoch ${text}`);
  document.querySelectorAll(".of-epoch").forEach((span) => { span.textContent = ofEpoch(epoch); });
  showComparison();
  movers.forEach((moveTo) => moveTo(selected.index));
}

// The sentence about two epochs, by their indices, in whichever order; undefined if they were not compared.
function comparisonOf(one, other) {
  return data.compared.find(([i, j]) => (i === one && j === other) || (i === other && j === one))?.[2];
}

// Another epoch to compare with: the one that was asked for, else the best one, and for that the last or the one before.
function otherNow() {
  const best = bestIndex();
  return selected.other ?? [best, data.epochs.length - 1, best - 1].find((index) => index !== selected.index);
}

function showComparison() {
  show("comparison", data.compared.length);
  if (!data.compared.length) return;
  const [index, other] = [selected.index, otherNow()];
  byId("other").value = other;
  setText("compared-text", index === other ? "This is the selected epoch. Choose another one." : comparisonOf(index, other) ?? notCompared(index, other));
}

function notCompared(index, other) {
  const [one, two] = [index, other].map((i) => (i === bestIndex() ? '"best"' : data.epochs[i]));
  return `These two are not compared here, because that would take long for all. history.compare(${one}, ${two}, ${JSON.stringify(data.headline)}) does it.`;
}

function fillOthers() {
  const compared = [...new Set(data.compared.flatMap(([i, j]) => [i, j]))].toSorted((i, j) => i - j);
  byId("other").replaceChildren(...compared.map((index) => {
    const best = index === bestIndex() ? ", the best" : "";
    return el("option", { value: index }, `epoch ${data.epochs[index]} (${data.headline} ${number(headline().values[index])}${best})`);
  }));
}

function ofEpoch(epoch) {
  const parts = [data.outputs.length > 1 ? output().name : null, data.single === null ? `epoch ${epoch}` : null];
  return parts.filter(Boolean).map((part) => `· ${part}`).join(" ");
}

const NO_COUNTS = "This run has no counts of classes and no rows of a regression: its scores are undefined, or it comes from a file "
  + "without them (.csv, or one that an earlier version wrote). So the page shows its scores only.";

function whyNoCounts() {
  if (!data.outputs.length) return NO_COUNTS;
  return entry() ? "" : `${data.single === null ? `Epoch ${data.epochs[selected.index]}` : "This result"} has no counts: its rows could not be scored.`;
}

function showCounts() {
  const missing = whyNoCounts();
  if (!data.outputs.length) setText("confusion-name", "Predictions");
  show("errors", data.outputs.length || !data.regressions.length);
  show("no-counts", missing);
  show("no-report", missing);
  show("confusion", !missing);
  show("report", !missing);
  setText("no-counts", missing);
  setText("no-report", missing);
  if (missing) return;
  byId("report").replaceChildren(reportTable(namesNow(), entry().report, entry().averages, sortedReport));
  setText("report-note", entry().report ? "" : data.without_report);
  showConfused();
  showMatrix();
}

// Whether the slider has left the threshold by which the rows were labelled.
function atOtherThreshold() {
  const curve = curveNow();
  return Boolean(curve) && output().kind !== "multiclass" && pointOnCurve(curve) !== (curve.chosen ?? curve.default);
}

// The matrix and the tables of labels of the epoch; of the class with the slider, as its threshold has them.
function countsShown() {
  const { matrix: counts, tables } = entry();
  if (!atOtherThreshold()) return { counts, tables };
  const curve = curveNow();
  const { tp, fp, fn, tn } = countsAt(curve, pointOnCurve(curve));
  if (tables) return { counts, tables: tables.map((table, i) => (i === curve.of ? [tn, fp, fn, tp] : table)) };
  return { counts: curve.of === 1 ? [[tn, fp], [fn, tp]] : [[tp, fn], [fp, tn]], tables };
}

function showMatrix() {
  const { counts, tables } = countsShown();
  show("matrix-note", atOtherThreshold());
  if (atOtherThreshold()) {
    setText("matrix-note", `Counted at the threshold of the slider, ${thresholdText(curveNow(), pointOnCurve(curveNow()))}`
      + `${tables ? `, for the label ${selected.name}` : ""}. Scores and report have the threshold of the task.`);
  }
  const shown = counts ? viewOf(counts) : entry().part ? partAt(entry().part) : null;
  show("matrix", shown || tables);
  show("cells", shown);
  show("scale", shown);
  show("zoom-control", counts && counts.length > FEW);
  setText("confusion-name", output().kind === "multilabel" ? "Counts of each label" : "Confusion matrix");
  byId("matrix").classList.toggle("large", (shown ?? { names: namesNow() }).names.length > LARGE);
  if (tables) byId("matrix").replaceChildren(labelTable(namesNow(), tables));
  if (!shown) { matrix = null; return; }
  const key = JSON.stringify([shown.names, shown.others]);
  if (!matrix || matrix.key !== key) {
    matrix = { key, ...matrixTable(shown.names, shown.others) };
    byId("matrix").replaceChildren(matrix.table);
  }
  paintMatrix(matrix.cells, shown.counts, matrix.names, selected.shares);
}

// The classes that are shown, and in which order. Of many classes the most confused ones are shown at first.
function zoomNow() {
  return selected.zoom ?? (namesNow().length > MANY ? String(SOME) : "all");
}

function viewOf(counts) {
  const [names, zoom] = [namesNow(), zoomNow()];
  byId("zoom").value = zoom;
  if (zoom === "all") return { names, counts, others: 0 };
  return partOf({ names, counts }, byConfusion(counts), zoom === "sorted" ? names.length : Number(zoom));
}

function partAt({ of, matrix: counts }) {
  return { names: of.map((i) => namesNow()[i]), counts, others: namesNow().length - of.length };
}

function showConfused() {
  const { confused, matrix: counts, tables, part } = entry();
  const large = counts || tables ? "" : part
    ? `The matrix of ${namesNow().length} classes is too large; here are those of the most frequent confusions.` : data.without_matrix;
  const parts = [];
  if (confused.length && (large || namesNow().length > 4)) {
    parts.push(el("h3", {}, "Most frequent confusions"), el("p", { class: "note" }, large),
      el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Most frequent confusions, table" },
        confusedTable(namesNow(), confused, data.weighted ? "weight" : "rows")));
  }
  byId("confused").replaceChildren(...(parts.length || !large ? parts : [el("p", { class: "note" }, large)]));
}

function showClasses() {
  const names = entry() ? output().curved.filter((name) => namesNow().includes(name)) : [];
  if (names.length && !names.includes(selected.name)) selected.name = names[0];
  fillSelect("class", names);
  byId("class").value = names.indexOf(selected.name);
  show("class-control", names.length > 1);
  show("one-class", names.length === 1);
  setText("one-class", `Positive class: ${selected.name}`);
}

function whyNoCurve() {
  if (whyNoCounts()) return whyNoCounts();
  if (!output().curved.length) return output().no_curves;
  if (!entry().has_curves) return "This epoch has no curves here, to keep the page small.";
  return `In this epoch there is no curve of ${selected.name}: no row or every row has this class, or its score is undefined.`;
}

function showCurves() {
  showClasses();
  const curve = curveNow();
  show("no-curve", !curve);
  show("curves", curve);
  if (!curve) { setText("no-curve", whyNoCurve()); return; }
  const at = pointOnCurve(curve);
  const slider = byId("threshold");
  slider.max = curve.thresholds.length - 1;
  slider.value = slider.max - at; // right is up: thresholds descend along the curve
  show("to-default", curve.default !== null);
  show("to-chosen", curve.chosen !== null);
  showThreshold(curve, at);
}

function whyNoCalibration() {
  if (!curveNow()) return whyNoCurve();
  if (output().calibrated.includes(selected.name)) return data.without_calibration;
  return `${selected.name} has no calibration here: to keep the page small only the first ${output().calibrated.length} classes have.`;
}

function showCalibration() {
  show("calibrations", output()?.calibrated.length);
  const found = curveNow()?.calibration;
  show("calibration", found);
  show("no-calibration", !found);
  if (!found) { setText("no-calibration", output() ? whyNoCalibration() : ""); return; }
  byId("calibration-facts").replaceChildren(...calibrationFacts(found));
  byId("calibration-chart").replaceChildren(reliabilityChart(found, selected.name));
  byId("bins").replaceChildren(calibrationTable(found));
  setText("calibration-note", calibrationNote(found));
}

function pointOnCurve(curve) {
  if (selected.atDefault) return curve.chosen ?? curve.default ?? highestF1(curve);
  return curve === selected.curve ? selected.at : pointAt(curve, selected.threshold);
}

function thresholdText(curve, at) {
  if (curve.thresholds[at] === null) return "above every score: nothing is predicted";
  const threshold = shortened(exactThreshold(curve, at));
  if (at === curve.chosen) return `${output().score} > ${threshold} (chosen)`;
  if (at === curve.default) return `${output().score} ${output().default_sign} ${threshold} (default)`;
  return `${output().score} ≥ ${threshold}`;
}

function exactThreshold(curve, at) {
  return at === curve.chosen ? curve.chosen_at : curve.thresholds[at];
}

function showThreshold(curve, at) {
  const counts = countsAt(curve, at);
  const ratios = ratiosAt(curve, at, output().zero_division);
  Object.entries(counts).forEach(([id, value]) => setText(id, amount(value)));
  Object.entries(ratios).forEach(([id, value]) => setText(id, score(value)));
  const text = thresholdText(curve, at);
  setText("threshold-shown", text);
  setText("threshold-exact", exactThreshold(curve, at) ?? "–");
  byId("threshold").setAttribute("aria-valuetext",
    `${text}; precision ${score(ratios.precision)}, recall ${score(ratios.recall)}, F1 ${score(ratios.f1)}`);
  byId("curve-charts").replaceChildren(...curveCharts(curve, selected.name, at, showPoint));
  show("chosen-note", curve.chosen !== null);
}

function showAll() {
  showEpoch();
  showCurves(); // before the counts, which may follow its threshold
  showCounts();
  showCalibration();
  showResiduals(selected.index);
}

// Controls.

function on(id, type, act) {
  byId(id).addEventListener(type, (event) => { act(event.target); showAll(); });
}

// pointOf: returns the point of the curve to go to. What a threshold does not change is not drawn again.
function onThreshold(id, type, pointOf) {
  byId(id).addEventListener(type, (event) => showPoint(pointOf(event.target)));
}

function showPoint(at) {
  goTo(curveNow(), at);
  showCurves();
  if (output().kind !== "multiclass") showMatrix();
}

function goTo(curve, at) {
  Object.assign(selected, { atDefault: at === (curve.chosen ?? curve.default), threshold: curve.thresholds[at], curve, at });
}

function connectControls() {
  on("epoch", "input", (slider) => { selected.index = Number(slider.value); });
  on("to-best", "click", () => { selected.index = bestIndex(); });
  on("to-last", "click", () => { selected.index = data.epochs.length - 1; });
  on("other", "change", (select) => { selected.other = Number(select.value); });
  on("output", "change", (select) => { selected.output = Number(select.value); selected.atDefault = true; });
  on("cells", "change", (radio) => { selected.shares = radio.value === "shares"; });
  on("zoom", "change", (select) => { selected.zoom = select.value; });
  on("class", "change", (select) => { selected.name = select.selectedOptions[0].textContent; });
  onThreshold("threshold", "input", (slider) => Number(slider.max) - Number(slider.value));
  onThreshold("to-default", "click", () => curveNow().default);
  onThreshold("to-chosen", "click", () => curveNow().chosen);
  onThreshold("to-f1", "click", () => highestF1(curveNow()));
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
}

function start() {
  selected.index = bestIndex() ?? data.epochs.length - 1;
  if (data.single === null) {
    drawSummary();
    drawScores();
  } else {
    drawSingle();
  }
  fillOthers();
  drawSlices();
  drawLogs();
  drawSettings();
  drawRows();
  fillSelect("output", data.outputs.map((one) => one.name));
  show("output-control", data.outputs.length > 1);
  show("thresholds", data.outputs.length);
  show("reports", data.outputs.length);
  byId("epoch").max = data.epochs.length - 1;
  byId("to-best").disabled = bestIndex() === null;
  setText("counts-name", data.weighted ? "sums of weights" : "rows");
  setText("thinned", data.thinned);
  connectControls();
  connectResiduals(() => showResiduals(selected.index));
  showAll();
}

start();
