// The scores of groups: a table per way to divide the samples, with a line per group.

// slice: {name, groups, n, scores, worst, of, intervals}; all: the scores of the run.
// Returns the part of the page, and a function that shows an epoch in it.
function sliceTable(slice, all) {
  const values = new Map(all.map((series) => [series.name, series.values]));
  const heads = Object.keys(slice.scores).flatMap((score) => (score === slice.of ? [score, "95 % interval"] : [score]));
  const table = plainTable([slice.name, ...(slice.n ? ["samples"] : []), ...heads], []);
  const [summary, sorted] = [el("p", { class: "note" }), { column: 0, falling: false }];
  let lines = [];
  const arrange = () => arrangeLines(table, lines, sorted);
  if (slice.groups.length > 2) makeSortable(table, sorted, arrange);
  const moveTo = (index) => {
    lines = slice.groups.map((group, i) => groupLine(slice, i, values, index));
    arrange();
    summary.textContent = slice.intervals[index] ? `${slice.of}: ${slice.intervals[index][1]}.` : "";
  };
  const label = `Scores by ${slice.name}, table`;
  const scroll = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, table);
  return { part: el("div", { class: "slice" }, scroll, summary), moveTo };
}

function groupLine({ groups, n, scores, worst, of, intervals }, i, values, index) {
  const counted = n ? [[n[i], el("td", {}, amount(n[i]))]] : [];
  const interval = intervals[index]?.[0][i] ?? null;
  const cells = Object.entries(scores).flatMap(([score, keys]) => {
    const value = values.get(keys[i])[index];
    const isWorst = groups.length > 1 && value !== null && value === values.get(worst[score])[index];
    const cell = isWorst ? el("td", { class: "worst" }, "▾ ", number(value), el("span", { class: "unseen" }, " worst"))
      : el("td", {}, number(value));
    return score === of ? [[value, cell], [interval?.[0] ?? null, el("td", {}, intervalText(interval))]] : [[value, cell]];
  });
  const shown = [...counted, ...cells];
  const line = el("tr", {}, heading(groups[i], { scope: "row", class: "name" }), ...shown.map(([, cell]) => cell));
  return { values: [i, ...shown.map(([value]) => value)], line };
}

function intervalText(interval) {
  return interval ? `${score(interval[0])} to ${score(interval[1])}` : "–";
}
