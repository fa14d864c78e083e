// Charts of values by epoch: a small one a score, each with its own scale.

const WIDE = 300, HIGH = 150, LEFT = 46, RIGHT = 10, TOP = 8, BOTTOM = 22;

function scaleOf(values, from, to) {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (low === high) [low, high] = [low - (Math.abs(low) * 0.05 || 0.5), high + (Math.abs(high) * 0.05 || 0.5)];
  return { low, high, at: (value) => from + ((value - low) / (high - low)) * (to - from) };
}

// "M x y L x y …", broken at null.
function pathOf(points) {
  let pen = "M";
  return points.map((point) => {
    if (point === null) { pen = "M"; return ""; }
    const step = `${pen}${point[0].toFixed(2)} ${point[1].toFixed(2)}`;
    pen = "L";
    return step;
  }).join("");
}

function star([x, y]) {
  const corner = (i) => {
    const [angle, size] = [(i * Math.PI) / 5, i % 2 ? 3 : 7];
    return `${(x + size * Math.sin(angle)).toFixed(2)},${(y - size * Math.cos(angle)).toFixed(2)}`;
  };
  return svg("polygon", { class: "star", points: [...Array(10).keys()].map(corner).join(" ") });
}

function epochAxis(x) {
  const whole = ticks(x.low, x.high, 5).map((tick) => tick.value).filter(Number.isInteger);
  return whole.map((value) => svg("text", { x: x.at(value), y: HIGH - 6, "text-anchor": "middle" }, String(value)));
}

function valueAxis(y) {
  return ticks(y.low, y.high, 5).flatMap((tick) => [
    svg("line", { class: "grid", x1: LEFT, x2: WIDE - RIGHT, y1: y.at(tick.value), y2: y.at(tick.value) }),
    svg("text", { x: LEFT - 5, y: y.at(tick.value) + 4, "text-anchor": "end" }, tick.text),
  ]);
}

// A dot where a line alone would not show: few epochs, or a value between two gaps.
function dots(points, kind) {
  const alone = (i) => !points[i - 1] && !points[i + 1];
  const shown = points.filter((point, i) => point && (points.length <= 25 || alone(i)));
  return shown.map(([x, y]) => svg("circle", { class: `dot ${kind}`, cx: x, cy: y, r: 2.2 }));
}

// series: [{name, values, best}]; returns the figure, and how to move its cursor to an epoch.
function epochChart(epochs, series) {
  const known = series.flatMap((one) => one.values).filter((value) => value !== null);
  const x = scaleOf(epochs, LEFT + 6, WIDE - RIGHT - 6);
  const y = scaleOf(known.length ? known : [0, 1], HIGH - BOTTOM - 4, TOP + 6);
  const points = series.map((one) => one.values.map((v, i) => (v === null ? null : [x.at(epochs[i]), y.at(v)])));
  const kinds = ["", "second"];
  const cursor = svg("line", { class: "cursor", y1: TOP, y2: HIGH - BOTTOM });
  const drawing = svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": labelOf(epochs, series) },
    ...valueAxis(y), ...epochAxis(x), cursor,
    ...points.flatMap((line, i) => [svg("path", { class: `line ${kinds[i]}`, d: pathOf(line) }), ...dots(line, kinds[i])]),
    ...series.flatMap((one, i) => (one.best === null ? [] : [star(points[i][one.best])])));
  const caption = el("figcaption");
  const moveTo = (place) => {
    cursor.setAttribute("x1", x.at(epochs[place]));
    cursor.setAttribute("x2", x.at(epochs[place]));
    caption.replaceChildren(...captionOf(epochs, series, place));
  };
  return { figure: el("figure", {}, caption, drawing), moveTo };
}

function labelOf(epochs, series) {
  const about = series.map((one) => one.name + (one.best === null ? "" : `, ${bestOf(epochs, one)}`));
  return `Chart by epoch of ${about.join("; ")}. The values are in the table.`;
}

function bestOf(epochs, one) {
  return `best ${number(one.values[one.best])} in epoch ${epochs[one.best]}`;
}

function captionOf(epochs, series, place) {
  return series.flatMap((one, i) => {
    const kind = series.length > 1 ? `key ${i ? "second" : ""}` : "";
    const best = one.best === null ? [] : [el("span", { class: "note" }, `★ ${bestOf(epochs, one)}`)];
    return [el("span", { class: kind }, el("strong", {}, one.name), " ",
      el("span", { class: "value" }, number(one.values[place])), " ", ...best), " "];
  });
}

// A table of all values: rows epochs, columns series.
function epochTable(epochs, series) {
  const head = el("tr", {}, el("th", { scope: "col" }, "epoch"),
    ...series.map((one) => heading(one.name, { scope: "col" })));
  const rows = epochs.map((epoch, place) =>
    el("tr", {}, el("th", { scope: "row" }, String(epoch)), ...series.map((one) => valueCell(one, place))));
  const table = el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows));
  const moveTo = (place) => rows.forEach((row, i) => {
    row.classList.toggle("chosen", i === place);
    if (i === place) row.setAttribute("aria-current", "true"); else row.removeAttribute("aria-current");
  });
  return { table, moveTo };
}

function valueCell(one, place) {
  const text = number(one.values[place]);
  if (place !== one.best) return el("td", {}, text);
  return el("td", { class: "best" }, "★ ", text, el("span", { class: "unseen" }, " best"));
}
