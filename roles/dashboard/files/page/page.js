// Copyright: (c) 2026, mesh.workshop contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What both pages share: the choices above, asking again every few seconds, and what to say where there is nothing.

const SECONDS = 5;
const NOBODY =
  "No workload of the mesh has been called yet: open the page of the shop a few times, or let ansible-playbook " +
  "mesh.workshop.traffic do it.";

/** An element with properties and children; no text of ours or of the cluster is ever read as HTML. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export function percent(share) {
  const text = (share * 100).toFixed(0);
  if (text === "0" && share > 0) return "<1 %";
  return text === "100" && share < 1 ? ">99 %" : `${text} %`;
}

export function rate(value) {
  if (value === null) return "–";
  return value.toFixed(value < 10 ? 2 : 0);
}

export function duration(milliseconds) {
  if (milliseconds === null) return "–";
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}

async function ask(what, query = "") {
  let answer;
  try {
    answer = await fetch(`api/${what}?${query}`, { signal: AbortSignal.timeout(30000) });
  } catch {
    throw new Error("The server of this page does not answer: see whether kubectl port-forward still runs.");
  }
  const found = await answer.json();
  if (found.error) throw new Error(found.error);
  return found;
}

/** Show what the server says of the choices, again and again. */
export function follow(what, show) {
  const form = document.querySelector("form");
  const pause = document.getElementById("pause");
  const message = document.getElementById("message");
  const shown = document.getElementById("shown");
  const given = new URLSearchParams(location.search);
  let asked = 0;
  let timer = 0;

  function choices() {
    return new URLSearchParams(new FormData(form));
  }

  function say(text) {
    message.textContent = text;
    message.hidden = !text;
    shown.hidden = Boolean(text);
  }

  function offer(names) {
    const select = form.elements.namespace;
    const chosen = select.value || given.get("namespace") || names[0] || "";
    const offered = names.includes(chosen) || !chosen ? names : [chosen, ...names];
    if (offered.join() !== [...select.options].map((one) => one.value).join()) {
      select.replaceChildren(...offered.map((name) => new Option(name, name, false, name === chosen)));
    }
  }

  async function refresh() {
    clearTimeout(timer);
    asked += 1;
    const mine = asked;
    try {
      offer((await ask("namespaces")).namespaces);
      if (!form.elements.namespace.value) throw new Error(NOBODY);
      for (const link of document.querySelectorAll("nav a")) {
        link.search = new URLSearchParams({ namespace: form.elements.namespace.value });
      }
      const found = await ask(what, choices());
      if (mine === asked) {
        say("");
        show(found);
      }
    } catch (error) {
      if (mine === asked) say(error.message);
    }
    if (mine === asked && pause.ariaPressed !== "true") timer = setTimeout(refresh, SECONDS * 1000);
  }

  for (const [name, value] of given) {
    const choice = form.elements[name];
    // The form has a button, too, and names of its own, such as its length.
    if (choice instanceof HTMLSelectElement && [...choice.options].some((one) => one.value === value)) choice.value = value;
  }
  form.addEventListener("change", () => {
    history.replaceState(null, "", `?${choices()}`);
    refresh();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  pause.addEventListener("click", () => {
    const paused = pause.ariaPressed !== "true";
    pause.ariaPressed = String(paused);
    if (paused) clearTimeout(timer);
    else refresh();
  });
  refresh();
}
