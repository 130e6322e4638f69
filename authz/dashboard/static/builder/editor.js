// SPDX-License-Identifier: Apache-2.0
// The expression as a text: the page's own textarea, over a layer that shows the same text in
// colours. What is wrong is underlined, and said below and to screen readers.

import { Completion, insert } from "./completion.js";
import { h, sentence, unique } from "./dom.js";
import { asObjects, asTokens, carried, errorMark, paint } from "./highlight.js";

/** The editor around a textarea. */
export class Editor {
  #textarea;
  #layer;
  #problem;
  #tokens = [];
  #marks = [];
  #text = "";

  /**
   * @param changed is called when the text has changed.
   * @param ask gives a promise of what could stand at the caret.
   * @param say tells something to those who do not see it.
   */
  constructor({ textarea, kinds, changed, ask, say }) {
    this.#textarea = textarea;
    this.#layer = h("div", { class: "b-layer", "aria-hidden": "true" });
    this.#problem = h("p", { class: "b-problem", id: unique("b-problem"), hidden: true });
    this.completion = new Completion({ textarea, layer: this.#layer, kinds, ask, say });
    const box = h("div", { class: "b-editor" }, this.#layer);
    const help = h("p", { class: "b-note" }, "Ctrl+Space suggests names and operators.");
    textarea.before(h("div", { class: "b-text" }, box, this.#problem, help));
    box.append(textarea, this.completion.list);
    this.#describe();
    textarea.addEventListener("input", () => {
      this.follow();
      changed();
    });
    textarea.addEventListener("scroll", () => {
      this.#layer.scrollTop = textarea.scrollTop;
    });
    this.follow();
  }

  /** The text. */
  get text() {
    return this.#textarea.value;
  }

  /** Put another text there; what was there can be had back with undo. */
  replace(text) {
    insert(this.#textarea, 0, this.#textarea.value.length, text);
  }

  /** Show the server's answer about the text. */
  show({ tokens, errors, findings }) {
    this.#tokens = tokens;
    this.#marks = [
      ...errors.map((one) => errorMark(one, this.text)),
      ...findings.map(({ start, end }) => ({ kind: "finding", start, end })),
    ];
    this.#paint();
    const [error] = errors;
    this.#problem.hidden = error === undefined;
    this.#textarea.removeAttribute("aria-invalid");
    this.#problem.textContent = "";
    if (error !== undefined) {
      this.#textarea.setAttribute("aria-invalid", "true");
      this.#problem.textContent = problemText(error);
    }
  }

  /** Show that one part is the reason for something. */
  point({ start, end }) {
    this.#textarea.focus();
    this.#textarea.setSelectionRange(start, end);
  }

  /** The text has changed: what is known of it moves along. */
  follow() {
    const text = this.text;
    this.#tokens = asTokens(carried(asObjects(this.#tokens), this.#text, text));
    this.#marks = carried(this.#marks, this.#text, text);
    this.#text = text;
    this.#paint();
  }

  #describe() {
    const others = this.#textarea.getAttribute("aria-describedby");
    this.#textarea.setAttribute("aria-describedby", [others, this.#problem.id].filter(Boolean).join(" "));
  }

  #paint() {
    paint(this.#layer, this.text, this.#tokens, this.#marks);
    // A last line that is empty has its height only with something in it.
    this.#layer.append("\u200b");
  }
}

/** An error with its place. */
function problemText({ message, hint, line, column }) {
  return `Line ${line}, column ${column}: ${sentence(message, hint)}`;
}
