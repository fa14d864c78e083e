// The confusion matrix, coloured by the share of the true class, and the classification report.

// Above these tones the text colour changes: there black and white have equal contrast. Dark scheme first, then light.
const DEEP_IN_DARK = 0.515, DEEP_IN_LIGHT = 0.685;
const LARGE = 20;

function sum(numbers) {
  return numbers.reduce((total, value) => total + value, 0);
}

function matrixTable(names) {
  const upright = names.length > 12 || (names.length > 6 && names.some((name) => name.length > 8));
  const head = el("tr", {}, el("th", { scope: "col", class: "name" }, "true ↓", el("br"), "predicted →"),
    ...names.map((name) => heading(name, { scope: "col", class: upright && name.length > 3 ? "upright" : null }, 18)));
  const cells = names.map((_, i) => names.map((_, j) => el("td", { class: i === j ? "right" : null })));
  const rows = names.map((name, i) => el("tr", {}, heading(name, { scope: "row", class: "name" }), ...cells[i]));
  return { table: el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)), cells };
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

// pairs: [true, predicted, amount, share of the true class].
function confusedTable(names, pairs) {
  const rows = pairs.map(([i, j, count, share]) => el("tr", {}, heading(names[i], { scope: "row", class: "name" }),
    heading(names[j], { class: "name" }), el("td", {}, amount(count)), el("td", {}, share.toFixed(3))));
  return plainTable(["true", "predicted", "", "share of true"], rows, 2);
}

// rows: [precision, recall, f1, support] of each class; averages the same after a name. A line separates them.
function reportTable(names, rows, averages) {
  const body = [...(rows ?? []).map((row, i) => [names[i], ...row]), ...averages].map(([name, ...cells], i) =>
    el("tr", { class: rows && i === rows.length ? "first-average" : null }, heading(name, { scope: "row", class: "name" }),
      ...cells.map((value, at) => el("td", {}, value === "" ? "" : at === 3 ? amount(value) : score(value)))));
  return plainTable(["", "precision", "recall", "F1", "support"], body);
}
