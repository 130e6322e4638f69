// SPDX-License-Identifier: Apache-2.0
// The expression builder around a textarea: rows or text, and the preview beside them. The textarea
// is what the form sends; it always has what is shown. The server reads and writes; what it has not
// seen yet is never sent as if it had.

import { get, post } from "../asking.js";
import { button, h, icon, unique } from "./dom.js";
import { Editor } from "./editor.js";
import { showFindings } from "./findings.js";
import { paint } from "./highlight.js";
import { Kinds } from "./kinds.js";
import { Latest } from "./latest.js";
import { emptyRow, group, identified, isUntouched } from "./model.js";
import { RowsView } from "./rows.js";

//: How long nobody types before screen readers are told, in milliseconds.
const QUIET = 900;
//: How often a server that could not be reached is asked again, in milliseconds.
const AGAIN = 4000;

/** One builder. */
export class Builder {
  #root;
  #textarea;
  #url;
  #mode = "text";
  #tree = null;
  #valid = false;
  #answer = null;
  #saying = null;
  #again = null;

  constructor(root) {
    this.#root = root;
    this.#textarea = root.querySelector("textarea");
    this.#url = `/zones/${root.dataset.zone}/expression`;
    const options = { fail: (error) => this.#failed(error) };
    this.reading = new Latest({ ...options, work: (signal) => this.#read(signal), take: (one) => this.#wasRead(one) });
    this.writing = new Latest({ ...options, work: (signal) => this.#write(signal), take: (one) => this.#wasWritten(one) });
  }

  /** Ask what there is to build from and what the text is, and begin. */
  async start() {
    const text = this.#textarea.value;
    const isEmpty = text.trim() === "";
    const reading = isEmpty ? null : post(`${this.#url}/read`, { expression: text, action: this.#action() });
    this.kinds = new Kinds(await get(`${this.#url}/catalogue`));
    const answer = await reading;
    this.#build();
    this.#listen();
    if (isEmpty || this.#textarea.value !== text) {
      this.#begin();
    } else {
      this.#showText();
      this.#wasRead(answer);
      if (answer.rows !== null) {
        this.#take(answer);
      } else if (answer.reason !== null) {
        this.#explain(answer);
      }
    }
  }

  /** What the form would send, and whether it can be used; when the server has said so. */
  async settled() {
    const known = await (this.#mode === "rows" ? this.writing : this.reading).settled();
    return { expression: this.#textarea.value, valid: known && this.#valid };
  }

  #build() {
    this.switch = button({ class: "b-switch" });
    this.notice = h("p", { class: "b-notice", role: "status", hidden: true });
    this.rowsBox = h("div", { class: "b-rows-box" });
    this.preview = h("code", { class: "b-code" });
    this.state = h("p", { class: "b-state", id: unique("b-state") });
    this.findings = h("ul", { class: "b-findings", "aria-label": "Findings", hidden: true });
    this.live = h("p", { class: "visually-hidden", role: "status" });
    this.side = h(
      "section",
      { class: "b-preview", "aria-label": "Expression Preview" },
      h("h3", {}, "Expression Preview"),
      h("pre", { tabindex: "0", "aria-label": "Expression" }, this.preview),
      this.state,
    );
    this.editor = new Editor({
      textarea: this.#textarea,
      kinds: this.kinds,
      changed: () => this.#typed(),
      ask: () => this.reading.now().then((known) => (known ? this.#answer.completion : null)),
      say: (text, after) => this.#say(text, after),
    });
    this.label = this.#root.querySelector("label");
    this.told = this.#root.querySelector(".builder-errors");
    const main = h("div", { class: "b-main" }, this.rowsBox, this.editor.element, this.side);
    const bar = h("div", { class: "b-bar" }, this.label, this.switch);
    this.#root.append(bar, this.notice, ...(this.told === null ? [] : [this.told]), main, this.findings, this.live);
    this.#root.classList.add("b-on");
  }

  #listen() {
    this.switch.addEventListener("click", () => (this.#mode === "rows" ? this.#toText() : this.#toRows()));
    this.#textarea.form?.addEventListener("submit", (event) => this.#submitted(event), { capture: true });
    const selector = this.#root.dataset.actionFrom;
    const source = selector ? document.querySelector(selector) : null;
    source?.addEventListener("change", () => this.#current().soon());
    window.addEventListener("online", () => this.#retry());
  }

  #current() {
    return this.#mode === "rows" ? this.writing : this.reading;
  }

  /** What the rule is to do; null where it is not known. */
  #action() {
    const selector = this.#root.dataset.actionFrom;
    const source = selector ? document.querySelector(selector) : null;
    const value = source?.value ?? source?.querySelector("input:checked")?.value ?? "";
    return ["block", "skip", "log"].includes(value) ? value : null;
  }

  #read(signal) {
    const { text, caret } = this.editor;
    return post(`${this.#url}/read`, { expression: text, action: this.#action(), caret }, { signal });
  }

  #write(signal) {
    return post(`${this.#url}/write`, { rows: this.#tree, action: this.#action() }, { signal });
  }

  #wasRead(answer) {
    this.#reached();
    this.#answer = answer;
    this.#valid = answer.valid;
    this.editor.show(answer);
    if (!answer.valid) {
      this.#forgetTold();
    }
    if (this.#mode === "text") {
      this.editor.completion.offer(this.wasTyped ? answer.completion : null);
      this.#showFindings(answer.findings);
      const [error] = answer.errors;
      this.#say(error === undefined ? "The expression is valid" : `Error: ${error.message}`);
    }
    this.#tell();
  }

  #wasWritten(answer) {
    this.#reached();
    this.#valid = answer.valid;
    this.#textarea.value = isUntouched(this.#tree) ? "" : answer.expression;
    this.rows.show(answer.errors);
    this.#preview(answer.expression, answer.tokens);
    this.state.textContent = answer.valid ? "" : "Not complete yet";
    this.#showFindings(answer.findings);
    this.#tell();
  }

  #preview(expression, tokens) {
    paint(this.preview, expression, tokens);
  }

  #showFindings(findings) {
    showFindings(this.findings, findings, (suggestion) => this.#use(suggestion));
  }

  /** Take what a finding proposes. */
  async #use(suggestion) {
    if (this.#mode === "text") {
      this.editor.replace(suggestion);
      return;
    }
    this.editor.set(suggestion);
    this.#showText();
    if ((await this.reading.now()) && this.#answer.rows !== null) {
      this.#take(this.#answer);
      this.rows.focus();
    } else {
      this.editor.focus();
    }
    this.#say("The proposal is used", 0);
  }

  /** What the server said of the expression when it made the page is old now. */
  #forgetTold() {
    this.told?.remove();
    this.told = null;
  }

  #typed() {
    this.wasTyped = true;
    this.#forgetTold();
    this.#notify(null);
    this.reading.soon();
  }

  /** One row in which nothing is chosen; or the text, if somebody was typing already. */
  #begin() {
    if (this.#textarea.value.trim() !== "") {
      this.#showText();
      this.reading.now();
      return;
    }
    this.#tree = group("and", [emptyRow()]);
    this.#showRows();
    this.writing.now();
  }

  /** Show the rows of an expression that was read. */
  #take(answer) {
    this.#tree = identified(answer.rows);
    this.#showRows();
    this.#preview(answer.formatted, []);
    this.state.textContent = "";
    this.#showFindings(answer.findings);
    // The text is as its author wrote it until a row is changed.
    this.writing.forget();
    this.#paintPreview(answer);
  }

  /** The preview of a text that rows are shown of has the words of its canonical form. */
  async #paintPreview(answer) {
    const kept = this.#textarea.value;
    if (answer.formatted === kept) {
      this.#preview(kept, answer.tokens);
      return;
    }
    try {
      const written = await post(`${this.#url}/write`, { rows: this.#tree, action: this.#action() });
      if (!this.writing.pending && this.#textarea.value === kept) {
        this.#preview(written.expression, written.tokens);
      }
    } catch {
      // It is shown, without colours.
    }
  }

  #showRows() {
    this.#mode = "rows";
    this.rows = new RowsView({
      kinds: this.kinds,
      root: this.#tree,
      changed: () => {
        this.#notify(null);
        this.#forgetTold();
        this.writing.soon();
      },
      say: (text) => this.#say(text, 0),
    });
    this.rowsBox.replaceChildren(this.rows.element);
    this.reading.forget();
    this.#arrange();
  }

  #showText() {
    this.#mode = "text";
    this.wasTyped = false;
    this.writing.forget();
    this.#arrange();
  }

  #arrange() {
    const isText = this.#mode === "text";
    this.rowsBox.hidden = isText;
    this.side.hidden = isText;
    this.editor.element.hidden = !isText;
    this.#root.classList.toggle("b-is-text", isText);
    this.switch.replaceChildren(
      icon(isText ? "rows" : "wrench"),
      isText ? "Use the Expression Builder" : "Edit expression",
    );
  }

  async #toText() {
    await this.writing.settled();
    this.editor.set(this.#textarea.value);
    this.#notify(null);
    this.#showText();
    this.editor.focus();
    this.reading.now();
  }

  async #toRows() {
    if (this.editor.text.trim() === "") {
      this.#notify(null);
      this.#begin();
      this.rows.focus();
      return;
    }
    if (!(await this.reading.settled())) {
      return;
    }
    const answer = this.#answer;
    if (answer.rows !== null) {
      this.#notify(null);
      this.#take(answer);
      this.rows.focus();
    } else if (answer.reason !== null) {
      this.#explain(answer);
      this.editor.point(answer.reason);
    } else {
      this.#notify("Correct the expression first; then it can be shown as rows.", "bad");
      this.editor.point(answer.errors[0]);
    }
  }

  #explain({ reason }) {
    this.#notify(`This expression stays a text: ${reason.message}.`, "info");
  }

  /** A form is sent when the server knows what is in it. */
  async #submitted(event) {
    if (this.#mode !== "rows" || event.submitter?.formNoValidate) {
      return;
    }
    if (!this.writing.pending && this.#valid) {
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    const { submitter } = event;
    const known = await this.writing.settled();
    if (known && this.#valid) {
      this.#textarea.form.requestSubmit(submitter);
    } else if (known) {
      this.rows.insist();
      this.#say("The conditions are not complete yet", 0);
    }
  }

  #failed(error) {
    if (error.name === "AbortError") {
      return;
    }
    if (error.status === 0) {
      this.#notify("The server cannot be reached. Your expression is kept, and is checked as soon as it can be.", "warn");
    } else {
      this.#notify(`${error.message} Your expression is kept.`, "bad");
    }
    this.state.textContent = "Not up to date";
    this.isLost = true;
    clearTimeout(this.#again);
    if (error.status === 0 || error.status >= 500) {
      this.#again = setTimeout(() => this.#retry(), AGAIN);
    }
  }

  #retry() {
    if (this.isLost && this.#current().pending) {
      this.#current().now();
    }
  }

  #reached() {
    clearTimeout(this.#again);
    if (this.isLost) {
      this.isLost = false;
      this.#notify(null);
    }
  }

  #notify(text, kind = "info") {
    if (text === null && this.isLost) {
      return;
    }
    this.notice.hidden = text === null;
    this.notice.className = `notice b-notice ${kind}`;
    this.notice.textContent = text ?? "";
  }

  #say(text, after = QUIET) {
    clearTimeout(this.#saying);
    this.#saying = setTimeout(() => {
      this.live.textContent = text;
    }, after);
  }

  #tell() {
    const detail = { expression: this.#textarea.value, valid: this.#valid };
    this.#root.dispatchEvent(new CustomEvent("builder-change", { bubbles: true, detail }));
  }
}
