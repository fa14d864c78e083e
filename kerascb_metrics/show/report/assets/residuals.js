// The predictions of a regression: predicted by true value, and the residuals by predicted value.

const PLOT = { left: 54, right: 10, top: 10, bottom: 40 };
const FACTS = ["mean residual", "standard deviation", "5 % quantile", "median", "95 % quantile"];

// `output` and `column`: what is shown of the regressions.
const regressed = { output: 0, column: 0 };

// Numbers are whole steps from the lowest one.
function fromSteps({ low, step, at }) {
  return at.map((steps) => low + step * steps);
}

// found: {predicted, residual}. Returns [true, predicted, residual] of each row.
function rowsOf(found) {
  const [predicted, residual] = [fromSteps(found.predicted), fromSteps(found.residual)];
  return predicted.map((value, i) => [value + residual[i], value, residual[i]]);
}

function plotScales(xs, ys) {
  return [scaleOf(xs, PLOT.left + 8, SIDE - PLOT.right - 8), scaleOf(ys, SIDE - PLOT.bottom - 8, PLOT.top + 8)];
}

function plotAxes(x, y, xName, yName) {
  const [bottom, right] = [SIDE - PLOT.bottom, SIDE - PLOT.right];
  const middle = { x: (PLOT.left + right) / 2, y: (PLOT.top + bottom) / 2 };
  return [
    ...ticks(x.low, x.high, 5).flatMap(({ value, text }) => [
      svg("path", { class: "grid", d: `M${x.at(value).toFixed(2)} ${bottom}V${PLOT.top}` }),
      svg("text", { x: x.at(value), y: bottom + 14, "text-anchor": "middle" }, text)]),
    ...ticks(y.low, y.high, 5).flatMap(({ value, text }) => [
      svg("path", { class: "grid", d: `M${PLOT.left} ${y.at(value).toFixed(2)}H${right}` }),
      svg("text", { x: PLOT.left - 5, y: y.at(value) + 4, "text-anchor": "end" }, text)]),
    svg("path", { class: "axis", d: `M${PLOT.left} ${PLOT.top}V${bottom}H${right}` }),
    svg("text", { x: middle.x, y: SIDE - 6, "text-anchor": "middle" }, xName),
    svg("text", { x: 11, y: middle.y, "text-anchor": "middle", transform: `rotate(-90 11 ${middle.y})` }, yName)];
}

// chart: {title, x, y, points, scales, line, textOf}. `line`: the ends of the line of a perfect model.
function pointChart(chart) {
  const [x, y] = chart.scales;
  const pixels = (points) => points.map(([across, up]) => [x.at(across), y.at(up)]);
  const places = pixels(chart.points);
  const label = `${chart.title}: ${chart.points.length} points. The numbers below describe the residuals.`;
  const drawing = svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": label },
    ...plotAxes(x, y, chart.x, chart.y),
    ...places.map(([across, up]) => svg("circle", { class: "point", cx: across.toFixed(1), cy: up.toFixed(1), r: 2.2 })),
    svg("path", { class: "perfect", d: pathOf(pixels(chart.line)) }));
  followPointer(drawing, places, false, chart.textOf, () => {});
  return el("figure", {}, el("figcaption", {}, el("strong", {}, chart.title)), drawing);
}

function residualCharts(rows, name) {
  const [predicted, residuals] = [rows.map((row) => row[1]), rows.map((row) => row[2])];
  const both = rows.flatMap(([value, other]) => [value, other]);
  const square = plotScales(both, both);
  const flat = plotScales(predicted, [...residuals, 0]);
  const [{ low, high }] = square;
  return [
    pointChart({ title: `Predicted and true${name}`, x: "true", y: "predicted", points: rows, scales: square,
      line: [[low, low], [high, high]],
      textOf: (i) => `true ${shortened(rows[i][0])}, predicted ${shortened(rows[i][1])}` }),
    pointChart({ title: `Residuals${name}`, x: "predicted", y: "true − predicted", points: rows.map((row) => row.slice(1)),
      scales: flat, line: [[flat[0].low, 0], [flat[0].high, 0]],
      textOf: (i) => `predicted ${shortened(rows[i][1])}, residual ${shortened(rows[i][2])}` }),
  ];
}

function residualFacts(facts) {
  return facts.map((value, i) => el("div", {}, el("dt", {}, FACTS[i]), el("dd", {}, shortened(value))));
}

// Why there are no points; "" if there are. found: of the epoch, null if it was not scored.
function whyNoPoints(found, epoch) {
  if (!found) return `${data.single === null ? `Epoch ${epoch}` : "This result"} has no points: its rows could not be scored.`;
  if (!found.columns.length) return data.without_points;
  return found.columns[regressed.column].facts.length ? "" : "No row of this column is left to show.";
}

// index: that of the selected epoch.
function showResiduals(index) {
  show("residuals", data.regressions.length);
  const shown = data.regressions[regressed.output];
  if (!shown) return;
  const [found, epoch] = [shown.epochs[index], data.epochs[index]];
  const parts = [data.regressions.length > 1 ? shown.name : null, data.single === null ? `epoch ${epoch}` : null];
  setText("residuals-of", parts.filter(Boolean).map((part) => `· ${part}`).join(" "));
  const missing = whyNoPoints(found, epoch);
  show("no-points", missing);
  show("points", !missing);
  setText("no-points", missing);
  if (missing) return;
  const column = found.columns[regressed.column];
  const name = shown.columns + shown.more > 1 ? `, column ${regressed.column}` : "";
  byId("residual-charts").replaceChildren(...residualCharts(rowsOf(column), name));
  byId("residual-facts").replaceChildren(...residualFacts(column.facts));
  const more = shown.more ? ` The first ${shown.columns} of ${shown.columns + shown.more} columns are kept.` : "";
  setText("residuals-note", `${column.rows}${more} The line is a perfect prediction; the numbers are of the residuals of these rows.`);
}

function fillColumns() {
  const count = data.regressions[regressed.output].columns;
  regressed.column = Math.min(regressed.column, count - 1);
  fillSelect("residual-column", [...Array(count).keys()].map(String));
  byId("residual-column").value = regressed.column;
  show("residual-column-control", count > 1);
}

// Called once. redraw: shows the selected epoch again.
function connectResiduals(redraw) {
  if (!data.regressions.length) return;
  fillSelect("residual-output", data.regressions.map((one) => one.name));
  show("residual-output-control", data.regressions.length > 1);
  fillColumns();
  byId("residual-output").addEventListener("change", ({ target }) => {
    regressed.output = Number(target.value);
    fillColumns();
    redraw();
  });
  byId("residual-column").addEventListener("change", ({ target }) => {
    regressed.column = Number(target.value);
    redraw();
  });
}
