// Copyright: (c) 2026, mesh.workshop contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Draws the golden signals with uPlot: how much, how often it fails, how long it takes.

import { duration, element, follow, percent, rate } from "./page.js";

const HEIGHT = 150;
// What an axis reaches at least, so that nothing looks large which is next to nothing: calls per second, a share, ms.
const LEAST = 0.1;
const CHARTS = [
  { title: "Calls per second", lines: ["rate"], text: rate },
  { title: "Calls that fail", lines: ["errors"], text: percent },
  { title: "Duration: p50, and p95 dashed", lines: ["p50", "p95"], text: duration },
];
const shown = new Map();

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const STROKES = { rate: "link", errors: "bad", p50: "link", p95: "warn" };

function clock(seconds) {
  return new Date(seconds * 1000).toTimeString().slice(0, 5);
}

function last(values) {
  return values.at(-1) ?? null;
}

function most(values) {
  return values.reduce((top, value) => Math.max(top, value ?? 0), 0);
}

/** One chart in a box, which follows the box's width. */
class Chart {
  constructor(kind, name) {
    this.kind = kind;
    this.name = name;
    this.box = element("div", { role: "img" });
    this.whole = element("div", {}, element("h3", {}, kind.title), this.box);
    new ResizeObserver(() => this.fit()).observe(this.box);
  }

  fit() {
    if (this.plot && this.box.clientWidth) this.plot.setSize({ width: this.box.clientWidth, height: HEIGHT });
  }

  show(times, one) {
    const { lines, text, title } = this.kind;
    this.data = [times, ...lines.map((line) => one[line])];
    const words = lines.map((line) => {
      const now = last(one[line]);
      return `${line} ${now === null ? "not measured" : text(now)} now, at most ${text(most(one[line]))}`;
    });
    this.box.ariaLabel = `${title} of ${this.name}: ${words.join("; ")}`;
    if (this.plot) this.plot.setData(this.data);
    else this.draw();
  }

  draw() {
    this.plot?.destroy();
    const axis = { stroke: color("soft"), grid: { stroke: color("rule"), width: 1 }, ticks: { stroke: color("rule") } };
    this.plot = new uPlot(
      {
        width: this.box.clientWidth || 300,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_plot, _low, high) => [0, Math.max(high ?? 0, LEAST) * 1.1] } },
        axes: [
          { ...axis, size: 34, values: (_plot, splits) => splits.map(clock) },
          { ...axis, size: 62, values: (_plot, splits) => splits.map((value) => this.kind.text(value)) },
        ],
        series: [
          {},
          ...this.kind.lines.map((line) => ({
            stroke: color(STROKES[line]),
            width: 2,
            points: { show: false },
            dash: line === "p95" ? [7, 4] : [],
          })),
        ],
      },
      this.data,
      this.box,
    );
  }
}

function section(name) {
  const charts = CHARTS.map((kind) => new Chart(kind, name));
  const row = element("div", { className: "row" }, ...charts.map((chart) => chart.whole));
  return { charts, whole: element("section", {}, element("h2", {}, name), row) };
}

function drawRow(one) {
  const errors = last(one.errors);
  const cells = [
    rate(last(one.rate)),
    errors === null ? "–" : percent(errors),
    duration(last(one.p50)),
    duration(last(one.p95)),
  ].map((text, index) => element("td", { className: index === 1 ? "fail" : "" }, text));
  const row = element("tr", { className: errors > 0 ? "failed" : "" });
  row.append(element("th", { scope: "row" }, one.name), ...cells);
  return row;
}

function show(found) {
  const names = found.series.map((one) => one.name);
  for (const [name, { whole }] of shown) {
    if (!names.includes(name)) {
      whole.remove();
      shown.delete(name);
    }
  }
  document.getElementById("rows").replaceChildren(...found.series.map(drawRow));
  for (const one of found.series) {
    if (!shown.has(one.name)) shown.set(one.name, section(one.name));
    const { charts, whole } = shown.get(one.name);
    // In the order of the names; what is in place stays, so that nobody's view jumps.
    const place = document.getElementById("charts").children[names.indexOf(one.name)];
    if (place !== whole) document.getElementById("charts").insertBefore(whole, place ?? null);
    for (const chart of charts) chart.show(found.times, one);
  }
}

window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const { charts } of shown.values()) charts.forEach((chart) => chart.draw());
});
follow("signals", show);
