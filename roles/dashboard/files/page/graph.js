// Copyright: (c) 2026, mesh.workshop contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Draws the service graph; dagre says where things are.

import { duration, element, follow, percent, rate } from "./page.js";

const SPACE = { name: 15, label: 13, line: 17, edge: 8 };
const NARROW = window.matchMedia("(max-width: 40rem)");
const pen = document.createElement("canvas").getContext("2d");
let latest = null;

function draw(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function width(text, size) {
  pen.font = `700 ${size}px system-ui, sans-serif`;
  return Math.ceil(pen.measureText(text).width);
}

/** What a call is at a glance. */
function state(edge) {
  if (edge.failed.share > 0) return "failed";
  return edge.refused.share > 0 || edge.delayed > 0 ? "warned" : "fine";
}

function verdict(edge) {
  if (edge.failed.share > 0) return `${percent(edge.failed.share)} fail`;
  if (edge.refused.share > 0) return `${percent(edge.refused.share)} refused`;
  return edge.delayed > 0 ? `${percent(edge.delayed)} delayed` : "";
}

function secured(edge) {
  if (edge.mtls === null) return "–";
  if (edge.mtls === 1) return "yes";
  return edge.mtls === 0 ? "no" : `partly (${percent(edge.mtls)})`;
}

/** The lines beside a call. All have room for three, so that nothing moves when a fault comes or goes. */
function lines(edge) {
  let times = "";
  // On a phone the larger of the two has to do.
  if (edge.p95 !== null) times = NARROW.matches ? duration(edge.p95) : `${duration(edge.p50)} / ${duration(edge.p95)}`;
  return [`${rate(edge.rate)}/s`, times, verdict(edge)];
}

function kinds(node) {
  if (node.kind === "workload") return node.version;
  return node.kind === "service" && node.namespace ? "no version asked" : "";
}

function layout(found) {
  const plan = new dagre.graphlib.Graph();
  const narrow = NARROW.matches;
  plan.setGraph({
    rankdir: narrow ? "TB" : "LR",
    nodesep: narrow ? 10 : 26,
    edgesep: narrow ? 4 : 12,
    ranksep: 34,
    marginx: 8,
    marginy: 8,
  });
  plan.setDefaultEdgeLabel(() => ({}));
  for (const node of found.nodes) {
    const room = Math.max(width(node.name, SPACE.name), width(kinds(node), SPACE.label));
    plan.setNode(node.id, { width: room + (narrow ? 16 : 28), height: 50 });
  }
  for (const edge of found.edges) {
    const room = Math.max(narrow ? 60 : 88, ...lines(edge).map((line) => width(line, SPACE.label))) + SPACE.edge * 2;
    plan.setEdge(edge.from, edge.to, { width: room, height: SPACE.line * 3 + 4, labelpos: "c" });
  }
  dagre.layout(plan);
  return plan;
}

/** A line through points, with its corners rounded. */
function path(points) {
  const [first, ...rest] = points.map(({ x, y }) => [x, y]);
  const last = rest.pop();
  let text = `M${first}`;
  rest.forEach((point, index) => {
    const next = rest[index + 1] ?? last;
    const middle = [(point[0] + next[0]) / 2, (point[1] + next[1]) / 2];
    text += index === rest.length - 1 ? ` Q${point} ${last}` : ` Q${point} ${middle}`;
  });
  return rest.length ? text : `${text} L${last}`;
}

function lock(x, y, closed) {
  const bow = closed ? "M-3 -1 v-3 a3 3 0 0 1 6 0 v3" : "M3 -1 v-3 a3 3 0 0 1 6 0 v2";
  return draw(
    "g",
    { class: closed ? "lock" : "lock open", transform: `translate(${x} ${y})` },
    draw("path", { d: bow }),
    draw("rect", { x: -5, y: -1, width: 10, height: 7, rx: 1.5 }),
  );
}

function drawEdge(edge, place) {
  const top = place.y - SPACE.line;
  const [speed, ...others] = lines(edge);
  const group = draw(
    "g",
    { class: `edge ${state(edge)}`, "data-from": edge.from, "data-to": edge.to },
    draw("path", {
      class: "way",
      d: path(place.points),
      "stroke-width": Math.min(6, 1.5 + Math.log10(1 + edge.rate * 10)).toFixed(1),
      "marker-end": `url(#arrow-${state(edge)})`,
    }),
    draw("rect", {
      class: "back",
      x: place.x - place.width / 2 + SPACE.edge,
      y: top - SPACE.line / 2 - 1,
      width: place.width - SPACE.edge * 2,
      height: SPACE.line * lines(edge).filter(Boolean).length + 2,
      rx: 4,
    }),
  );
  const wide = width(speed, SPACE.label);
  const shift = edge.mtls === null ? 0 : 8;
  group.append(draw("text", { class: "label", x: place.x + shift, y: top }, speed));
  if (edge.mtls !== null) group.append(lock(place.x + shift - wide / 2 - 11, top, edge.mtls === 1));
  others.filter(Boolean).forEach((line, index) => {
    const kind = line === verdict(edge) ? "label verdict" : "label";
    group.append(draw("text", { class: kind, x: place.x, y: top + SPACE.line * (index + 1) }, line));
  });
  return group;
}

function drawNode(node, place) {
  const below = kinds(node);
  const { x, y } = place;
  const group = draw(
    "g",
    { class: `node ${node.kind} ${node.failed > 0 ? "failed" : ""}`, "data-id": node.id },
    draw("rect", { x: x - place.width / 2, y: y - 25, width: place.width, height: 50, rx: 9 }),
    draw("text", { class: "name", x, y: below ? y - 9 : y }, node.name),
  );
  if (below) group.append(draw("text", { class: "version", x, y: y + 11 }, below));
  return group;
}

function arrow(kind) {
  const shape = draw("path", { d: "M0 0 L10 5 L0 10 z" });
  const size = { refX: 9, refY: 5, markerWidth: 13, markerHeight: 13, markerUnits: "userSpaceOnUse", orient: "auto" };
  return draw("marker", { id: `arrow-${kind}`, class: `arrow ${kind}`, viewBox: "0 0 10 10", ...size }, shape);
}

function drawGraph(found) {
  if (!found.nodes.length) return;
  const plan = layout(found);
  const size = plan.graph();
  const graph = document.getElementById("graph");
  graph.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  // In front of a room it grows with the screen, but a graph of two boxes does not fill it.
  graph.style.maxWidth = `${size.width * 1.5}px`;
  graph.replaceChildren(
    draw("defs", {}, ...["fine", "warned", "failed"].map(arrow)),
    ...found.edges.map((edge) => drawEdge(edge, plan.edge(edge.from, edge.to))),
    ...found.nodes.map((node) => drawNode(node, plan.node(node.id))),
  );
}

function named(found, id) {
  const node = found.nodes.find((one) => one.id === id);
  return [node.name, kinds(node)].filter(Boolean).join(" ");
}

function drawRow(found, edge) {
  const cells = [
    String(edge.requests),
    rate(edge.rate),
    duration(edge.p50),
    duration(edge.p95),
    percent(edge.failed.share),
    Object.entries(edge.codes).map(([code, count]) => `${code === "0" ? "none" : code}: ${count}`).join(", "),
    secured(edge),
  ].map((text, index) => element("td", { className: index === 4 ? "fail" : "" }, text));
  const row = element("tr", { className: state(edge) });
  row.append(element("th", { scope: "row" }, named(found, edge.from)), element("td", {}, named(found, edge.to)), ...cells);
  return row;
}

/** The sentence on top is read aloud when it changes, so it has no number that changes all the time. */
function headline(found) {
  if (!found.edges.length) {
    const period = found.minutes === 1 ? "minute" : `${found.minutes} minutes`;
    const nobody = `Nobody called anybody in namespace ${found.namespace} in the last ${period}`;
    return `${nobody}: open its page, or choose another namespace or period.`;
  }
  const failing = found.edges.filter((edge) => edge.failed.share > 0);
  if (!failing.length) return "No call fails.";
  return `Calls fail: ${failing.map((edge) => `${named(found, edge.from)} to ${named(found, edge.to)}`).join("; ")}.`;
}

function show(found) {
  latest = found;
  const head = document.getElementById("headline");
  const text = headline(found);
  if (head.textContent !== text) head.textContent = text;
  head.className = found.edges.some((edge) => edge.failed.share > 0) ? "failing" : "";
  document.getElementById("problems").replaceChildren(...found.problems.map((one) => element("li", {}, one)));
  document.getElementById("rows").replaceChildren(...found.edges.map((edge) => drawRow(found, edge)));
  document.getElementById("age").textContent =
    found.age === null ? "" : `The newest reading is ${found.age.toFixed(0)} s old.`;
  document.getElementById("graph").toggleAttribute("hidden", !found.nodes.length);
  drawGraph(found);
}

NARROW.addEventListener("change", () => latest && drawGraph(latest));
follow("graph", show);
