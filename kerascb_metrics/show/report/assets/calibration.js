// How often a class came true, by the probability that was predicted.

// found: {predicted, observed, n, low, high, …}, one entry per bin; the ends are null where there is no band.
function reliabilityChart(found, name) {
  const points = found.predicted.map((predicted, i) => [predicted, found.observed[i]]);
  const label = `Calibration of ${name}: observed share by predicted probability. The values are in the table.`;
  const drawing = svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": label },
    ...unitAxes("predicted probability", "observed share"),
    svg("path", { class: "chance", d: pathOf([[0, 0], [1, 1]].map(toPixels)) }),
    ...found.predicted.map((predicted, i) => bandBar(predicted, found.low[i], found.high[i])).filter(Boolean),
    svg("path", { class: "line", d: pathOf(points.map(toPixels)) }),
    ...points.map(toPixels).map(([x, y]) => svg("circle", { class: "dot", cx: x, cy: y, r: 3 })));
  return el("figure", {}, el("figcaption", {}, el("strong", {}, `Calibration of ${name}`)), drawing);
}

function bandBar(predicted, low, high) {
  if (low === null) return null;
  const [x, y] = toPixels([predicted, high]);
  return svg("rect", { class: "band", x: x - 5, y, width: 10, height: Math.max(1, upward(low) - y) });
}

function calibrationTable(found) {
  const rows = found.predicted.map((predicted, i) => el("tr", {},
    ...[predicted, found.observed[i]].map((value) => el("td", {}, value.toFixed(3))), el("td", {}, amount(found.n[i])),
    el("td", {}, found.low[i] === null ? "–" : `${found.low[i].toFixed(3)} to ${found.high[i].toFixed(3)}`)));
  return plainTable(["predicted", "observed", data.weighted ? "weight" : "rows", "if calibrated (95 %)"], rows, 0);
}

function calibrationFacts(found) {
  const facts = [["Brier score", found.brier], ["log loss", found.log_loss], ["calibration error (ECE)", found.ece],
    ["ECE of a calibrated model", found.ece_if_calibrated]];
  return facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, score(value))));
}

function calibrationNote(found) {
  const band = found.reason ? `There is no band: ${found.reason}.`
    : "A bar is where the share of a perfectly calibrated model lies with 95 % confidence.";
  return `${found.predicted.length} bins of about equally many rows. ${band} From the curve that is kept, about 1,000 points.`;
}
