// Charts of values by epoch: one small chart per score, each with its own scale.

const WIDE = 300, HIGH = 150, LEFT = 46, RIGHT = 10, TOP = 8, BOTTOM = 22;

function scaleOf(values, from, to) {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (low === high) [low, high] = [low - (Math.abs(low) * 0.05 || 0.5), high + (Math.abs(high) * 0.05 || 0.5)];
  return { low, high, at: (value) => from + ((value - low) / (high - low)) * (to - from) };
}

// "M x y L x y …", with a gap at each null.
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
  const integers = ticks(x.low, x.high, 5).map((tick) => tick.value).filter(Number.isInteger);
  return integers.map((value) => svg("text", { x: x.at(value), y: HIGH - 6, "text-anchor": "middle" }, String(value)));
}

function valueAxis(y) {
  return ticks(y.low, y.high, 5).flatMap((tick) => [
    svg("line", { class: "grid", x1: LEFT, x2: WIDE - RIGHT, y1: y.at(tick.value), y2: y.at(tick.value) }),
    svg("text", { x: LEFT - 5, y: y.at(tick.value) + 4, "text-anchor": "end" }, tick.text),
  ]);
}

// Dots where a line alone is not visible: few epochs, or a value between two gaps.
function dots(points, kind) {
  const isolated = (i) => !points[i - 1] && !points[i + 1];
  const shown = points.filter((point, i) => point && (points.length <= 25 || isolated(i)));
  return shown.map(([x, y]) => svg("circle", { class: `dot ${kind}`, cx: x, cy: y, r: 2.2 }));
}

// The area of one pair [low, high] per epoch, a null where there is none.
function bandOf(bands, x, y) {
  const runs = bands.reduce((found, pair, i) => {
    if (pair === null) return [...found, []];
    return [...found.slice(0, -1), [...found.at(-1), [x(i), y(pair[0]), y(pair[1])]]];
  }, [[]]);
  const at = (across, up) => `${across.toFixed(2)} ${up.toFixed(2)}`;
  return runs.filter((run) => run.length > 1).map((run) =>
    `M${[...run.map(([i, low]) => at(i, low)), ...run.toReversed().map(([i, , high]) => at(i, high))].join("L")}Z`).join("");
}

// Shows what is under the pointer: the nearest point and its text. A click chooses it; keys have the sliders.
// points: in pixels, null for a gap; onlyAcross: whether the height of the pointer does not matter.
function followPointer(drawing, points, onlyAcross, textOf, choose) {
  const { width, height } = drawing.viewBox.baseVal;
  const [ring, text] = [svg("circle", { r: 4 }), svg("text", { "text-anchor": "middle" })];
  const shown = svg("g", { class: "under", "aria-hidden": "true", visibility: "hidden" }, ring, text);
  drawing.append(shown);
  const nearest = (event) => {
    const box = drawing.getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
    const distances = points.map((point) => (point ? Math.hypot(point[0] - x, onlyAcross ? 0 : point[1] - y) : Infinity));
    return distances.indexOf(Math.min(...distances));
  };
  drawing.addEventListener("pointermove", (event) => {
    const at = nearest(event);
    if (!points[at]) return;
    text.textContent = textOf(at);
    withContent(ring, { cx: points[at][0], cy: points[at][1] }, []);
    shown.setAttribute("visibility", "visible");
    const half = text.getComputedTextLength() / 2;
    const x = Math.min(Math.max(points[at][0], half), width - half);
    withContent(text, { x, y: points[at][1] < 24 ? points[at][1] + 20 : points[at][1] - 9 }, []);
  });
  drawing.addEventListener("pointerleave", () => shown.setAttribute("visibility", "hidden"));
  drawing.addEventListener("click", (event) => { if (points[nearest(event)]) choose(nearest(event)); });
}

// series: [{name, values, best, bands}]. Returns the figure and a function that moves its cursor to an epoch.
// choose: called with the index of an epoch that is clicked.
function epochChart(epochs, series, choose) {
  const known = series.flatMap((one) => [...one.values, ...(one.bands ?? []).flat()]).filter((value) => value !== null);
  const x = scaleOf(epochs, LEFT + 6, WIDE - RIGHT - 6);
  const y = scaleOf(known.length ? known : [0, 1], HIGH - BOTTOM - 4, TOP + 6);
  const points = series.map((one) => one.values.map((v, i) => (v === null ? null : [x.at(epochs[i]), y.at(v)])));
  const kinds = ["", "second"];
  const cursor = svg("line", { class: "cursor", y1: TOP, y2: HIGH - BOTTOM });
  const drawing = svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": labelOf(epochs, series) },
    ...valueAxis(y), ...epochAxis(x), cursor,
    ...series.filter((one) => one.bands).map((one) =>
      svg("path", { class: "band", d: bandOf(one.bands, (i) => x.at(epochs[i]), y.at) })),
    ...points.flatMap((line, i) => [svg("path", { class: `line ${kinds[i]}`, d: pathOf(line) }), ...dots(line, kinds[i])]),
    ...series.flatMap((one, i) => (one.best === null ? [] : [star(points[i][one.best])])));
  followPointer(drawing, epochs.map((_, i) => points.map((line) => line[i]).find(Boolean) ?? null), true,
    (i) => `epoch ${epochs[i]}: ${series.map((one) => number(one.values[i])).join(", ")}`, choose);
  const caption = el("figcaption");
  const moveTo = (index) => {
    cursor.setAttribute("x1", x.at(epochs[index]));
    cursor.setAttribute("x2", x.at(epochs[index]));
    caption.replaceChildren(...captionOf(epochs, series, index));
  };
  return { figure: el("figure", {}, caption, drawing), moveTo };
}

function labelOf(epochs, series) {
  const parts = series.map((one) => one.name + (one.best === null ? "" : `, ${bestOf(epochs, one)}`));
  return `Chart by epoch: ${parts.join("; ")}. The values are in the table.`;
}

function bestOf(epochs, one) {
  return `best ${number(one.values[one.best])} in epoch ${epochs[one.best]}`;
}

function captionOf(epochs, series, index) {
  return series.flatMap((one, i) => {
    const kind = series.length > 1 ? `key ${i ? "second" : ""}` : "";
    const best = one.best === null ? [] : [el("span", { class: "note" }, `★ ${bestOf(epochs, one)}`)];
    return [el("span", { class: kind }, el("strong", {}, one.name), " ",
      el("span", { class: "value" }, number(one.values[index])), " ", ...best), " "];
  });
}

// A table of all values: one row per epoch, one column per series.
function epochTable(epochs, series) {
  const head = el("tr", {}, el("th", { scope: "col" }, "epoch"),
    ...series.map((one) => heading(one.name, { scope: "col" })));
  const rows = epochs.map((epoch, index) =>
    el("tr", {}, el("th", { scope: "row" }, String(epoch)), ...series.map((one) => valueCell(one, index))));
  const table = el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows));
  const moveTo = (index) => rows.forEach((row, i) => {
    row.classList.toggle("selected", i === index);
    if (i === index) row.setAttribute("aria-current", "true"); else row.removeAttribute("aria-current");
  });
  return { table, moveTo };
}

function valueCell(one, index) {
  const text = number(one.values[index]);
  if (index !== one.best) return el("td", {}, text);
  return el("td", { class: "best" }, "★ ", text, el("span", { class: "unseen" }, " best"));
}
