// The confusion matrix, coloured by the share of the true class, and the classification report.

// Above these tones the text colour changes: there black and white have equal contrast. Dark scheme first, then light.
const DEEP_IN_DARK = 0.515, DEEP_IN_LIGHT = 0.685;
const LARGE = 20;
// Up to so many classes all are shown, in their order, without a choice; from so many on only some at first.
const FEW = 5, MANY = 30, SOME = 20;

function sum(numbers) {
  return numbers.reduce((total, value) => total + value, 0);
}

// The classes of the most frequent confusions first, whichever of the two is the true one; then the others, in order.
function byConfusion(counts) {
  const pairs = counts.flatMap((row, i) => row.slice(0, i).map((count, j) => [count + counts[j][i], j, i]));
  const frequent = pairs.filter(([both]) => both > 0).sort((one, other) => other[0] - one[0]);
  return [...new Set([...frequent.flatMap(([, j, i]) => [j, i]), ...counts.keys()])];
}

// A part of a matrix: the first classes of an order, and one row and column of all others.
function partOf({ names, counts }, order, size) {
  const [own, others] = [order.slice(0, size), order.slice(size)];
  const merged = (row) => [...own.map((j) => row[j]), ...(others.length ? [sum(others.map((j) => row[j]))] : [])];
  const rest = counts.map((_, j) => sum(others.map((i) => counts[i][j])));
  const rows = [...own.map((i) => merged(counts[i])), ...(others.length ? [merged(rest)] : [])];
  return { names: own.map((i) => names[i]), counts: rows, others: others.length };
}

function othersText(others) {
  return others === 1 ? "1 other class" : `${others} other classes`;
}

// names: of the classes. Where there are `others`, the last row and column are theirs.
function matrixTable(names, others) {
  const all = others ? [...names, othersText(others)] : names;
  const upright = all.length > 12 || (all.length > 6 && all.some((name) => name.length > 8));
  const head = el("tr", {}, el("th", { scope: "col", class: "name" }, "true ↓", el("br"), "predicted →"),
    ...all.map((name) => heading(name, { scope: "col", class: upright && name.length > 3 ? "upright" : null }, 18)));
  const kind = (i, j) => (Math.max(i, j) === names.length ? "plain" : i === j ? "right" : null);
  const cells = all.map((_, i) => all.map((_, j) => el("td", { class: kind(i, j) })));
  const rows = all.map((name, i) => el("tr", {}, heading(name, { scope: "row", class: "name" }), ...cells[i]));
  return { table: el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)), cells, names: all };
}

function paintMatrix(cells, counts, names, asShares) {
  cells.forEach((row, i) => {
    const total = sum(counts[i]);
    row.forEach((cell, j) => paintCell(cell, counts[i][j], total, asShares, `${names[i]}, predicted ${names[j]}`));
  });
}

function paintCell(cell, count, total, asShares, pair) {
  const share = total > 0 ? count / total : 0;
  const tone = Math.sqrt(share); // makes small shares visible
  cell.textContent = asShares ? shareText(share, total) : amount(count);
  cell.title = `true ${pair}: ${amount(count)} of ${amount(total)}`;
  cell.style.setProperty("--tone", tone.toFixed(4));
  cell.classList.toggle("middle", tone > DEEP_IN_DARK);
  cell.classList.toggle("deep", tone > DEEP_IN_LIGHT);
  cell.classList.toggle("zero", count === 0);
}

function shareText(share, total) {
  if (!(total > 0)) return "–";
  return share === 0 || share === 1 ? String(share) : share.toFixed(3);
}

// names: how many columns contain names; they are aligned left.
function plainTable(head, rows, names = 1) {
  return el("table", {},
    el("thead", {}, el("tr", {}, ...head.map((text, i) => el("th", { scope: "col", class: i < names ? "name" : null }, text)))),
    el("tbody", {}, ...rows));
}

// Multilabel: the four cells of the 2 × 2 table of each label.
function labelTable(names, tables) {
  const rows = names.map((name, i) => el("tr", {}, heading(name, { scope: "row", class: "name" }),
    ...tables[i].flat().map((count) => el("td", { class: "plain" }, amount(count)))));
  return plainTable(["label", "true negatives", "false positives", "false negatives", "true positives"], rows);
}

// pairs: [true, predicted, amount, share of the true class]. unit: what was counted.
function confusedTable(names, pairs, unit) {
  const rows = pairs.map(([i, j, count, share]) => el("tr", {}, heading(names[i], { scope: "row", class: "name" }),
    heading(names[j], { class: "name" }), el("td", {}, amount(count)), el("td", {}, share.toFixed(3))));
  return plainTable(["true", "predicted", unit, "share of true"], rows, 2);
}

// rows: [precision, recall, f1, support] of each class; averages the same after a name. A line separates them.
// sorted: {column, falling}, column 0 with the names in their order; a click on a heading changes it.
function reportTable(names, rows, averages, sorted) {
  const line = ([name, ...cells]) => el("tr", {}, heading(name, { scope: "row", class: "name" }),
    ...cells.map((value, at) => el("td", {}, value === "" ? "" : at === 3 ? amount(value) : score(value))));
  const classes = (rows ?? []).map((row, i) => ({ values: [i, ...row], line: line([names[i], ...row]) }));
  const below = averages.map(line);
  if (classes.length) below[0]?.classList.add("first-average");
  const table = plainTable(["class", "precision", "recall", "F1", "support"], []);
  const arrange = () => arrangeLines(table, classes, sorted, below);
  if (classes.length > 2) makeSortable(table, sorted, arrange);
  arrange();
  return table;
}

// lines: {values, line}, sorted by one of the values; below: lines that stay below them.
function arrangeLines(table, lines, sorted, below = []) {
  table.tHead.querySelectorAll("th").forEach((th, i) =>
    th.setAttribute("aria-sort", i !== sorted.column ? "none" : sorted.falling ? "descending" : "ascending"));
  table.tBodies[0].replaceChildren(...sortedBy(lines, sorted).map((one) => one.line), ...below);
}

// Lines without a value come last.
function sortedBy(lines, { column, falling }) {
  const value = (one) => one.values[column] ?? (falling ? -Infinity : Infinity);
  return lines.toSorted((one, other) => (falling ? value(other) - value(one) : value(one) - value(other)));
}

function makeSortable(table, sorted, arrange) {
  table.tHead.querySelectorAll("th").forEach((th, column) => {
    const button = el("button", { type: "button", class: "sort" }, th.textContent);
    button.addEventListener("click", () => {
      Object.assign(sorted, { column, falling: sorted.column === column && !sorted.falling });
      arrange();
    });
    th.replaceChildren(button);
  });
}
