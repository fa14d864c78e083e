"use strict";
// Elements, and numbers as text. No script of the page parses HTML: names are set as text and stay text.

const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

function withContent(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function el(tag, attributes = {}, ...children) {
  return withContent(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return withContent(document.createElementNS(SVG, tag), attributes, children);
}

function setText(id, text) {
  byId(id).textContent = text;
}

function show(id, visible) {
  byId(id).hidden = !visible;
}

// null stands for nan.
function number(value) {
  if (value === null) return "–";
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-3 ? value.toExponential(3) : value.toFixed(size >= 1000 ? 1 : 4);
}

// At most four digits that matter, and no zeros at the end.
function shortened(value) {
  return String(Number(value.toPrecision(4)));
}

// Counts are integers; sums of sample weights are not.
function amount(value) {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}

function score(value) {
  return value === null ? "–" : value.toFixed(4);
}

// Long names are cut in the middle, because many differ only at the end.
function cut(name, longest) {
  const letters = [...name];
  if (letters.length <= longest) return name;
  const end = Math.floor((longest - 1) / 2);
  return `${letters.slice(0, longest - 1 - end).join("")}…${letters.slice(-end).join("")}`;
}

// A column or row heading. The full name is shown on hover and read by screen readers.
function heading(name, attributes, longest = 32) {
  const short = cut(name, longest);
  const whole = short === name ? {} : { title: name, "aria-label": name };
  return el("th", { ...attributes, ...whole }, el("span", { class: "clip" }, short));
}

// Round numbers between low and high, about as many as wanted.
function ticks(low, high, wanted) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => power * factor >= rough * 0.999);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) found.push(at * step);
  return found.map((value) => ({ value, text: tickText(value, digits) }));
}

function tickText(value, digits) {
  if (Math.abs(value) >= 1e5) return new Intl.NumberFormat("en", { notation: "compact" }).format(value);
  return digits > 5 ? value.toExponential(1) : value.toFixed(digits);
}
