// SPDX-License-Identifier: Apache-2.0
// The rows of an expression: groups in groups, drawn again whenever their structure changes; the
// focus stays where it was.

import { button, h, iconButton, sentence } from "./dom.js";
import { append, dissolve, itemAt, remove } from "./model.js";
import { rowElement } from "./row.js";

const LOGIC = {
  and: "All of these are true",
  or: "Any of these is true",
  xor: "An odd number of these is true",
};
const QUANTITY = { any: "For some element:", all: "For every element:" };

/** The tree on the page. */
export class RowsView {
  #changed;
  #say;
  #touched = new Set();
  #problems = [];

  /**
   * @param root the tree, changed in place.
   * @param changed is called after each change.
   * @param say tells something to those who do not see it.
   */
  constructor({ kinds, root, changed, say }) {
    this.kinds = kinds;
    this.root = root;
    this.#changed = changed;
    this.#say = say;
    this.structure = this.structure.bind(this);
    this.element = h("div", { class: "b-rows", role: "group", "aria-label": "Conditions" });
    this.draw();
  }

  /** Something of a value has changed. */
  changed() {
    this.#changed();
  }

  /**
   * Change the structure and draw it again.
   *
   * @param change gives what `focus` gets.
   * @param focus the key of what gets the focus, or what makes it of the change; null to stay.
   * @param said what is told.
   */
  structure(change, focus = null, said = null) {
    const had = document.activeElement?.closest("[data-key]")?.dataset.key ?? null;
    if (this.element.contains(document.activeElement)) {
      // What is half typed counts; an element that is only taken away does not tell.
      document.activeElement.blur();
    }
    const made = change();
    this.draw();
    const wanted = typeof focus === "function" ? focus(made) : (focus ?? had);
    this.focus(wanted);
    if (said !== null) {
      this.#say(said);
    }
    this.#changed();
  }

  /** Put the focus on something, or on the first thing. */
  focus(key = null) {
    const found = key === null ? null : this.element.querySelector(`[data-key="${CSS.escape(key)}"]`);
    (found ?? this.element.querySelector("[data-key]"))?.focus();
  }

  /** Somebody has been in a row: what is missing there is wrong now. */
  touch(row) {
    if (!this.#touched.has(row.id)) {
      this.#touched.add(row.id);
      this.#showProblems();
    }
  }

  /** Draw everything. */
  draw() {
    this.numbers = 0;
    this.element.replaceChildren(this.#group(this.root));
    this.#showProblems();
  }

  /** Show what is wrong, where it is. */
  show(errors) {
    this.#problems = errors.map((error) => ({ ...error, id: itemAt(this.root, error.path)?.id ?? this.root.id }));
    this.#showProblems();
  }

  /** Everything counts as visited; the focus goes to the first thing that is wrong. */
  insist() {
    for (const one of this.#problems) {
      this.#touched.add(one.id);
    }
    this.#showProblems();
    const wrong = this.element.querySelector('[aria-invalid="true"], .b-problem:not([hidden])');
    const row = wrong?.closest(".b-row, .b-group");
    (wrong?.matches("input, select") ? wrong : row?.querySelector("input, select, button"))?.focus();
  }

  #showProblems() {
    for (const one of this.element.querySelectorAll(".b-problem")) {
      one.hidden = true;
      one.textContent = "";
    }
    for (const one of this.element.querySelectorAll("[aria-invalid]")) {
      one.removeAttribute("aria-invalid");
    }
    for (const one of this.element.querySelectorAll(".b-wrong")) {
      one.classList.remove("b-wrong");
    }
    for (const problem of this.#problems) {
      this.#showProblem(problem);
    }
  }

  #showProblem(problem) {
    const line = document.getElementById(`${problem.id}-problem`);
    if (line === null) {
      return;
    }
    const touched = this.#touched.has(problem.id) || problem.hint !== null || problem.part === "group";
    line.hidden = false;
    line.classList.toggle("b-quiet", !touched);
    line.textContent = [line.textContent, sentence(problem.message, problem.hint)].join(" ").trim();
    if (!touched) {
      return;
    }
    const row = line.closest(".b-row");
    if (problem.item !== null) {
      row?.querySelector(`.b-tag[data-item="${problem.item}"]`)?.classList.add("b-wrong");
    }
    row?.querySelector(`[data-key="${problem.id}:${problem.part}"]`)?.setAttribute("aria-invalid", "true");
  }

  #group(item) {
    const isRoot = item === this.root;
    const parts = [];
    if (!isRoot || item.rows.length > 1 || item.negated) {
      parts.push(this.#head(item, isRoot));
    }
    item.rows.forEach((one, at) => {
      if (at > 0) {
        parts.push(h("p", { class: "b-join" }, item.logic));
      }
      if (one.kind === "group") {
        parts.push(this.#group(one));
      } else {
        this.numbers += 1;
        parts.push(rowElement(this, one, this.numbers));
      }
    });
    if (!isRoot) {
      const add = () => this.structure(() => append(item), (made) => `${made.id}:field`);
      parts.push(button({ class: "b-add", on: { click: add } }, "Add a condition to the group"));
    }
    parts.push(h("p", { class: "b-problem", id: `${item.id}-problem`, hidden: true }));
    const props = isRoot
      ? { class: "b-group b-root" }
      : { class: "b-group", role: "group", "aria-label": `Group: ${LOGIC[item.logic].toLowerCase()}` };
    return h("div", props, ...parts);
  }

  #head(item, isRoot) {
    const negated = h("input", {
      type: "checkbox",
      "data-key": `${item.id}:not`,
      on: {
        change: () =>
          this.structure(() => {
            item.negated = negated.checked;
          }),
      },
    });
    negated.checked = item.negated;
    const parts = [h("label", { class: "b-not" }, negated, "not"), this.#quantity(item)];
    if (item.rows.length > 1) {
      parts.push(this.#logic(item));
    }
    if (!isRoot) {
      parts.push(
        h("span", { class: "b-space" }),
        item.quantity === null && !item.negated
          ? button({ class: "b-add", on: { click: () => this.structure(() => dissolve(this.root, item)) } }, "Ungroup")
          : null,
        iconButton("remove", "Remove the group", () =>
          this.structure(() => remove(this.root, item), (nearest) => `${nearest.id}:field`, "Group removed"),
        ),
      );
    }
    return h("div", { class: "b-head" }, ...parts);
  }

  #logic(item) {
    const select = h(
      "select",
      {
        "aria-label": item === this.root ? "How the conditions are joined" : "How the group is joined",
        "data-key": `${item.id}:logic`,
        value: item.logic,
        on: {
          change: () =>
            this.structure(() => {
              item.logic = select.value;
            }),
        },
      },
      ...Object.entries(LOGIC).map(([value, text]) => h("option", { value }, text)),
    );
    return select;
  }

  #quantity(item) {
    if (item.quantity === null) {
      return null;
    }
    const select = h(
      "select",
      {
        "aria-label": "For which elements",
        "data-key": `${item.id}:quantity`,
        value: item.quantity,
        on: {
          change: () =>
            this.structure(() => {
              item.quantity = select.value;
            }),
        },
      },
      ...Object.entries(QUANTITY).map(([value, text]) => h("option", { value }, text)),
    );
    return select;
  }
}
