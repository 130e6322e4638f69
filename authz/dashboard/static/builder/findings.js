// SPDX-License-Identifier: Apache-2.0
// What is probably not meant in an expression, and what to use instead.

import { button, h, sentence } from "./dom.js";

/**
 * Fill an element with findings.
 *
 * @param use gets the expression to use instead.
 */
export function showFindings(element, findings, use) {
  element.hidden = findings.length === 0;
  element.replaceChildren(...findings.map((one) => finding(one, use)));
}

function finding({ message, hint, suggestion, certain }, use) {
  const kind = certain ? "warn" : "info";
  return h(
    "li",
    { class: `b-finding b-finding-${kind}` },
    h("span", { class: `badge ${kind}` }, certain ? "Warning" : "Note"),
    h(
      "div",
      { class: "b-finding-text" },
      h("p", {}, sentence(message, hint)),
      suggestion === null
        ? null
        : h(
            "div",
            { class: "b-suggestion" },
            h("code", {}, suggestion),
            button({ "aria-label": `Use this: ${suggestion}`, on: { click: () => use(suggestion) } }, "Use this"),
          ),
    ),
  );
}
