// SPDX-License-Identifier: Apache-2.0
// Charts that can be looked into: by pointer, and by keys (arrows, Home, End; Enter opens the
// events of a bar). What is said is read from the chart's table.

const SVG = "http://www.w3.org/2000/svg";
const PITCH = 10;

/** Make every chart below `root` one that can be looked into. */
export function mountCharts(root) {
  for (const figure of root.querySelectorAll("[data-chart]")) {
    mount(figure);
  }
}

function mount(figure) {
  const table = document.getElementById(figure.dataset.table);
  const plot = figure.querySelector(".chart-plot");
  const drawing = plot?.querySelector("svg");
  if (table === null || !drawing) {
    return;
  }
  const names = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
  const bars = [...table.tBodies[0].rows].map((row) => ({
    label: row.cells[0].textContent,
    url: row.querySelector("a")?.getAttribute("href") ?? "",
    values: [...row.cells].slice(1).map((cell) => cell.textContent),
  }));
  if (bars.length === 0) {
    return;
  }
  const cursor = document.createElementNS(SVG, "rect");
  cursor.setAttribute("class", "chart-cursor");
  cursor.setAttribute("width", String(PITCH));
  cursor.setAttribute("height", "200");
  const tip = document.createElement("div");
  tip.className = "chart-tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  plot.append(tip);
  let chosen = bars.length - 1;

  const said = (bar) =>
    `${bar.label} UTC: ${names.map((name, index) => `${name} ${bar.values[index]}`).join(", ") || "nothing"}`;

  function show(index) {
    chosen = Math.min(Math.max(index, 0), bars.length - 1);
    const bar = bars[chosen];
    cursor.setAttribute("x", String(chosen * PITCH));
    drawing.append(cursor);
    const head = document.createElement("strong");
    head.textContent = bar.label;
    const lines = names.flatMap((name, at) => {
      if (bar.values[at] === "0") {
        return [];
      }
      const line = document.createElement("span");
      const value = document.createElement("b");
      value.textContent = bar.values[at];
      line.append(name, value);
      return [line];
    });
    if (lines.length === 0) {
      lines.push("No requests");
    }
    tip.replaceChildren(head, ...lines);
    tip.hidden = false;
    const width = plot.clientWidth;
    const middle = ((chosen + 0.5) / bars.length) * width;
    const right = middle + 12 + tip.offsetWidth <= width;
    tip.style.left = `${Math.max(0, right ? middle + 12 : middle - 12 - tip.offsetWidth)}px`;
    plot.setAttribute("aria-valuenow", String(chosen + 1));
    plot.setAttribute("aria-valuetext", said(bar));
  }

  function hide() {
    cursor.remove();
    tip.hidden = true;
  }

  function open() {
    if (bars[chosen].url) {
      window.location.assign(bars[chosen].url);
    }
  }

  const place = (event) => {
    const box = plot.getBoundingClientRect();
    return Math.floor(((event.clientX - box.left) / box.width) * bars.length);
  };

  // A slider says its value as it moves: what a chart under the keys is. The drawing itself is
  // then no picture of its own any more.
  const title = drawing.querySelector("title")?.textContent ?? "Chart";
  plot.tabIndex = 0;
  plot.setAttribute("role", "slider");
  plot.setAttribute("aria-label", `${title}. Arrow keys go from bar to bar, Enter opens its events`);
  plot.setAttribute("aria-valuemin", "1");
  plot.setAttribute("aria-valuemax", String(bars.length));
  plot.setAttribute("aria-valuenow", String(chosen + 1));
  plot.setAttribute("aria-valuetext", said(bars[chosen]));
  plot.classList.toggle("can-open", bars.some((bar) => bar.url));
  drawing.setAttribute("aria-hidden", "true");
  drawing.querySelector("title")?.remove();

  const keys = {
    ArrowLeft: () => show(chosen - 1),
    ArrowDown: () => show(chosen - 1),
    ArrowRight: () => show(chosen + 1),
    ArrowUp: () => show(chosen + 1),
    PageDown: () => show(chosen - 10),
    PageUp: () => show(chosen + 10),
    Home: () => show(0),
    End: () => show(bars.length - 1),
    Escape: hide,
    Enter: open,
  };
  plot.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (act !== undefined && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      act();
    }
  });
  plot.addEventListener("focus", () => {
    if (plot.matches(":focus-visible")) {
      show(chosen);
    }
  });
  plot.addEventListener("blur", hide);
  plot.addEventListener("pointermove", (event) => show(place(event)));
  plot.addEventListener("pointerleave", () => {
    if (document.activeElement !== plot) {
      hide();
    }
  });
  plot.addEventListener("click", (event) => {
    show(place(event));
    // A finger looks first.
    if (event.pointerType !== "touch") {
      open();
    }
  });
}
