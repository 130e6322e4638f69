// SPDX-License-Identifier: Apache-2.0
// The expression builder around a textarea: rows or text, and the preview beside them. The textarea
// is what the form sends; it always has what is shown. The server reads and writes; what it has not
// seen yet is never sent as if it had.

import { Refused, get, post } from "../asking.js";
import { button, h, icon, unique } from "./dom.js";
import { showFindings } from "./findings.js";
import { paint } from "./highlight.js";
import { Kinds } from "./kinds.js";
import { Latest } from "./latest.js";
import { emptyRow, group, identified, isUntouched } from "./model.js";
import { RowsView } from "./rows.js";
import { Telling } from "./telling.js";

const ACTIONS = ["block", "skip", "log"];

/** One builder. */
export class Builder {
  #root;
  #textarea;
  #url;
  #mode = "text";
  #tree = null;
  #valid = false;
  #answer = null;
  #isTyped = false;

  constructor(root) {
    this.#root = root;
    this.#textarea = root.querySelector("textarea");
    this.#url = `/zones/${root.dataset.zone}/expression`;
    const fail = (error) => this.#failed(error);
    this.reading = new Latest({ fail, work: (signal) => this.#read(signal), take: (one) => this.#wasRead(one) });
    this.writing = new Latest({ fail, work: (signal) => this.#write(signal), take: (one) => this.#wasWritten(one) });
  }

  /** Ask what there is to build from and what the text is, and begin. */
  async start() {
    const text = this.#textarea.value;
    const [catalogue, answer] = await Promise.all([
      get(`${this.#url}/catalogue`),
      text.trim() === "" ? null : post(`${this.#url}/read`, { expression: text, action: this.#action() }),
    ]);
    this.kinds = new Kinds(catalogue);
    this.#build();
    if (this.#textarea.value !== text) {
      // Somebody was faster.
      await this.#showText();
      this.reading.now();
    } else if (answer === null) {
      this.#begin();
    } else if (answer.rows === null) {
      await this.#showText();
      this.#wasRead(answer);
      this.#explain(answer);
    } else {
      this.#wasRead(answer);
      this.#take(answer);
    }
    this.#listen();
    this.#root.classList.add("b-on");
  }

  /** What the form would send, and whether it can be used; when the server has said so. */
  async settled() {
    const known = await this.#current().settled();
    return { expression: this.#textarea.value, valid: known && this.#valid };
  }

  #build() {
    this.telling = new Telling();
    this.switch = button({ class: "b-switch" });
    this.rowsBox = h("div", { class: "b-rows-box" });
    this.preview = h("code", { class: "b-code" });
    this.state = h("p", { class: "b-state", id: unique("b-state") });
    this.findings = h("ul", { class: "b-findings", "aria-label": "Findings", hidden: true });
    this.side = h(
      "section",
      { class: "b-preview", "aria-label": "Expression Preview" },
      h("h3", {}, "Expression Preview"),
      h("pre", { tabindex: "0", "aria-label": "Expression" }, this.preview),
      this.state,
    );
    this.textBox = h("div", { class: "b-text-box" });
    const label = this.#root.querySelector("label");
    this.told = this.#root.querySelector(".builder-errors");
    this.textBox.append(this.#textarea);
    this.#root.append(
      h("div", { class: "b-bar" }, label, this.switch),
      this.telling.notice,
      ...(this.told === null ? [] : [this.told]),
      h("div", { class: "b-main" }, this.rowsBox, this.textBox, this.side),
      this.findings,
      this.telling.live,
    );
  }

  #listen() {
    this.switch.addEventListener("click", () => (this.#mode === "rows" ? this.#toText() : this.#toRows()));
    this.#textarea.form?.addEventListener("submit", (event) => this.#submitted(event), { capture: true });
    this.#actionSource()?.addEventListener("change", () => this.#current().soon());
    window.addEventListener("online", () => this.#retry());
  }

  #current() {
    return this.#mode === "rows" ? this.writing : this.reading;
  }

  #actionSource() {
    const selector = this.#root.dataset.actionFrom;
    return selector ? document.querySelector(selector) : null;
  }

  /** What the rule is to do; null where it is not known. */
  #action() {
    const source = this.#actionSource();
    const value = source?.value ?? source?.querySelector("input:checked")?.value;
    return ACTIONS.includes(value) ? value : null;
  }

  #read(signal) {
    const asked = {
      expression: this.#textarea.value,
      action: this.#action(),
      caret: this.#textarea.selectionStart,
    };
    return post(`${this.#url}/read`, asked, { signal });
  }

  #write(signal) {
    return post(`${this.#url}/write`, { rows: this.#tree, action: this.#action() }, { signal });
  }

  #wasRead(answer) {
    this.telling.reached();
    this.#answer = answer;
    this.#valid = answer.valid;
    if (!answer.valid) {
      this.#forgetTold();
    }
    if (this.#mode === "text") {
      this.editor?.show(answer);
      this.editor?.completion.offer(this.#isTyped ? answer.completion : null);
      this.#showFindings(answer.findings);
      const [error] = answer.errors;
      this.telling.say(error === undefined ? "The expression is valid" : `Error: ${error.message}`);
    }
    this.#tell();
  }

  #wasWritten(answer) {
    this.telling.reached();
    this.#valid = answer.valid;
    this.#textarea.value = isUntouched(this.#tree) ? "" : answer.expression;
    this.rows.show(answer.errors);
    paint(this.preview, answer.expression, answer.tokens);
    this.state.textContent = answer.valid ? "" : "Not complete yet";
    this.#showFindings(answer.findings);
    this.#tell();
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
    this.writing.forget();
    this.#textarea.value = suggestion;
    if ((await this.reading.now()) && this.#answer.rows !== null) {
      this.#take(this.#answer);
      this.rows.focus();
    } else {
      await this.#toText();
    }
    this.telling.say("The proposal is used", 0);
  }

  /** What the server said of the expression when it made the page is old now. */
  #forgetTold() {
    this.told?.remove();
    this.told = null;
  }

  #changed() {
    this.telling.clear();
    this.#forgetTold();
    this.#current().soon();
  }

  /** One row in which nothing is chosen. */
  #begin() {
    this.#tree = group("and", [emptyRow()]);
    this.#showRows();
    this.writing.now();
  }

  /** Show the rows of an expression that was read; the text stays as its author wrote it. */
  #take(answer) {
    this.#tree = identified(answer.rows);
    this.#showRows();
    this.writing.forget();
    this.state.textContent = "";
    this.#showFindings(answer.findings);
    const text = this.#textarea.value;
    paint(this.preview, answer.formatted, answer.formatted === text ? answer.tokens : []);
    if (answer.formatted !== text) {
      this.#colour(text);
    }
  }

  /** The words of a canonical form that is not what its author wrote. */
  async #colour(text) {
    try {
      const { expression, tokens } = await this.#write();
      if (!this.writing.pending && this.#textarea.value === text) {
        paint(this.preview, expression, tokens);
      }
    } catch {
      // It is shown without colours.
    }
  }

  #showRows() {
    this.#mode = "rows";
    this.rows = new RowsView({
      kinds: this.kinds,
      root: this.#tree,
      changed: () => this.#changed(),
      say: (text) => this.telling.say(text, 0),
    });
    this.rowsBox.replaceChildren(this.rows.element);
    this.reading.forget();
    this.#arrange();
  }

  /** Show the text. What it takes to edit one is loaded when it is first wanted. */
  async #showText() {
    if (this.editor === undefined) {
      const { Editor } = await import("./editor.js");
      this.editor = new Editor({
        textarea: this.#textarea,
        kinds: this.kinds,
        changed: () => {
          this.#isTyped = true;
          this.#changed();
        },
        ask: () => this.reading.now().then((known) => (known ? this.#answer.completion : null)),
        say: (text, after) => this.telling.say(text, after),
      });
    }
    this.#mode = "text";
    this.#isTyped = false;
    this.editor.follow();
    this.writing.forget();
    this.#arrange();
  }

  #arrange() {
    const isText = this.#mode === "text";
    this.rowsBox.hidden = isText;
    this.side.hidden = isText;
    this.textBox.hidden = !isText;
    this.#root.classList.toggle("b-is-text", isText);
    this.switch.replaceChildren(
      icon(isText ? "rows" : "wrench"),
      isText ? "Use the Expression Builder" : "Edit expression",
    );
  }

  async #toText() {
    if (!(await this.writing.settled())) {
      // The text would not be what the rows show.
      return;
    }
    try {
      await this.#showText();
    } catch {
      this.#failed(new Refused(0, ""));
      return;
    }
    this.telling.clear();
    this.#textarea.focus();
    this.reading.now();
  }

  async #toRows() {
    if (this.#textarea.value.trim() === "") {
      this.telling.clear();
      this.#begin();
      this.rows.focus();
      return;
    }
    if (!(await this.reading.settled())) {
      return;
    }
    const answer = this.#answer;
    if (answer.rows !== null) {
      this.telling.clear();
      this.#take(answer);
      this.rows.focus();
    } else if (answer.reason !== null) {
      this.#explain(answer);
      this.editor.point(answer.reason);
    } else {
      this.telling.show("Correct the expression first; then it can be shown as rows.", "bad");
      this.editor.point(answer.errors[0]);
    }
  }

  #explain({ reason }) {
    if (reason !== null) {
      this.telling.show(`This expression stays a text: ${reason.message}.`);
    }
  }

  /** A form is sent when the server knows what is in it. */
  async #submitted(event) {
    if (this.#mode !== "rows" || event.submitter?.formNoValidate || (!this.writing.pending && this.#valid)) {
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
      this.telling.say("The conditions are not complete yet", 0);
    }
  }

  #failed(error) {
    this.telling.failed(error, () => this.#retry());
    this.state.textContent = "Not up to date";
  }

  #retry() {
    if (this.telling.isLost && this.#current().pending) {
      this.#current().now();
    }
  }

  #tell() {
    const detail = { expression: this.#textarea.value, valid: this.#valid };
    this.#root.dispatchEvent(new CustomEvent("builder-change", { bubbles: true, detail }));
  }
}
