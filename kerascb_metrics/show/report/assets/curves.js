// ROC and precision-recall curves of one class, and the counts at one point.

const SIDE = 300, MARGIN = 40, EDGE = 10;

const across = (value) => MARGIN + value * (SIDE - MARGIN - EDGE);
const upward = (value) => SIDE - MARGIN - value * (SIDE - MARGIN - EDGE);

// curve: {thresholds, tps, fps, default}. The first threshold is null: above every score.
function countsAt(curve, at) {
  const [positives, negatives] = [curve.tps.at(-1), curve.fps.at(-1)];
  const [tp, fp] = [curve.tps[at], curve.fps[at]];
  return { tp, fp, fn: positives - tp, tn: negatives - fp };
}

// undefinedValue: the precision if nothing is predicted, as scikit-learn's zero_division; null is nan.
function ratiosAt(curve, at, undefinedValue) {
  const { tp, fp, fn } = countsAt(curve, at);
  const precision = tp + fp > 0 ? tp / (tp + fp) : undefinedValue;
  return { precision, recall: tp / (tp + fn), f1: (2 * tp) / (2 * tp + fp + fn) };
}

function highestF1(curve) {
  const all = curve.tps.map((_, at) => ratiosAt(curve, at, 0).f1);
  return all.indexOf(Math.max(...all));
}

// The point of a threshold that comes from another curve: the lowest one at or above it.
function pointAt(curve, threshold) {
  if (threshold === null) return 0;
  return curve.thresholds.findLastIndex((other) => other === null || other >= threshold);
}

function rocPoints(curve) {
  const [positives, negatives] = [curve.tps.at(-1), curve.fps.at(-1)];
  return curve.tps.map((tp, at) => [curve.fps[at] / negatives, tp / positives]);
}

// As in scikit-learn, precision is 1 if nothing is predicted.
function recallPoints(curve) {
  return curve.tps.map((_, at) => {
    const { precision, recall } = ratiosAt(curve, at, 1);
    return [recall, precision];
  });
}

function toPixels([x, y]) {
  return [across(x), upward(y)];
}

// Steps, as in scikit-learn: precision between two points is not always between their values.
function steps(points) {
  return points.flatMap((point, i) => (i ? [[points[i - 1][0], point[1]], point] : [point]));
}

function unitAxes(xName, yName) {
  const drawn = ticks(0, 1, 5).flatMap(({ value, text }) => [
    svg("path", { class: "grid", d: `M${across(value)} ${upward(0)}V${upward(1)}M${across(0)} ${upward(value)}H${across(1)}` }),
    svg("text", { x: across(value), y: upward(0) + 14, "text-anchor": "middle" }, text),
    svg("text", { x: across(0) - 5, y: upward(value) + 4, "text-anchor": "end" }, text),
  ]);
  const middle = upward(0.5);
  return [...drawn,
    svg("path", { class: "axis", d: `M${across(0)} ${upward(1)}V${upward(0)}H${across(1)}` }),
    svg("text", { x: across(0.5), y: SIDE - 6, "text-anchor": "middle" }, xName),
    svg("text", { x: 11, y: middle, "text-anchor": "middle", transform: `rotate(-90 11 ${middle})` }, yName)];
}

// chart: {title, x, y, points, line, chance, area, thresholds}. `line`: the points to join; `chance`: the two ends of the
// chance level. choose: called with the index of a point that is clicked.
function unitChart(chart, at, choose) {
  const [x, y] = toPixels(chart.points[at]);
  const drawing = svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": chart.title },
    ...unitAxes(chart.x, chart.y),
    svg("path", { class: "chance", d: pathOf(chart.chance.map(toPixels)) }),
    svg("path", { class: "line", d: pathOf(chart.line.map(toPixels)) }),
    svg("circle", { class: "here", cx: x, cy: y, r: 5 }));
  const textOf = (i) => `${chart.thresholds[i] === null ? "nothing" : `≥ ${shortened(chart.thresholds[i])}`}: `
    + chart.points[i].map((value) => value?.toFixed(3)).join(", ");
  followPointer(drawing, chart.points.map(toPixels), false, textOf, choose);
  const caption = el("figcaption", {}, el("strong", {}, chart.title), chart.area ? ` ${areaText(chart.area)}` : "");
  return el("figure", {}, caption, drawing);
}

// area: [name, value, low, high]; the ends are null where no interval is known.
function areaText([name, value, low, high]) {
  const interval = low === null ? "" : `, 95 % interval ${score(low)} to ${score(high)}`;
  return `${name} ${score(value)}${interval}`;
}

function curveCharts(curve, name, at, choose) {
  const { thresholds } = curve;
  const [roc, recall] = [rocPoints(curve), recallPoints(curve)];
  const share = curve.tps.at(-1) / (curve.tps.at(-1) + curve.fps.at(-1));
  return [
    unitChart({ title: `ROC of ${name}`, x: "false positive rate", y: "true positive rate",
      area: curve.roc, points: roc, line: roc, chance: [[0, 0], [1, 1]], thresholds }, at, choose),
    unitChart({ title: `Precision and recall of ${name}`, x: "recall", y: "precision",
      area: curve.average, points: recall, line: steps(recall), chance: [[0, share], [1, share]], thresholds }, at, choose),
  ];
}
