// SPDX-License-Identifier: Apache-2.0
// Elements made of data. Text only ever becomes a text node or the value of an attribute.

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  wrench: "M14.7 6.3a4 4 0 0 0-5.4 5.1L3 17.7 6.3 21l6.3-6.3a4 4 0 0 0 5.1-5.4L15 12l-3-3z",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  remove: "M6 6l12 12M18 6L6 18",
  more: "M5 12h.5M12 12h.5M19 12h.5",
  rows: "M4 6h16M4 12h16M4 18h10",
};

/** An element. `on` has listeners; null, undefined and false leave an attribute or child out. */
export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false || name === "value") {
      continue;
    }
    if (name === "on") {
      for (const [event, heard] of Object.entries(value)) {
        made.addEventListener(event, heard);
      }
    } else {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  const given = children.flat(2);
  made.append(...given.filter((one) => one !== null && one !== undefined && one !== false));
  if ("value" in props) {
    // Of a select only when it has its options.
    made.value = props.value ?? "";
  }
  return made;
}

/** A drawing that takes the colour of the text. */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("class", "b-icon");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}

/** A button that does something on the page. */
export function button(props, ...children) {
  return h("button", { type: "button", ...props }, ...children);
}

/** A button with a drawing and a name. */
export function iconButton(name, label, pressed, more = {}) {
  const { class: kind = "", ...others } = more;
  return button(
    { class: `b-icon-button ${kind}`.trim(), "aria-label": label, title: label, on: { click: pressed }, ...others },
    icon(name),
  );
}

/** A message of the server as a sentence. */
export function sentence(message, hint = null) {
  const text = message.slice(0, 1).toUpperCase() + message.slice(1);
  const whole = hint ? `${text} — ${hint}` : text;
  return /[?!.]$/u.test(whole) ? whole : `${whole}.`;
}

let count = 0;

/** An identifier that no other element has. */
export function unique(prefix) {
  count += 1;
  return `${prefix}-${count}`;
}
