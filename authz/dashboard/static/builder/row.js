// SPDX-License-Identifier: Apache-2.0
// One row: field, operator, value, and what can be done with it.

import { button, h, icon, iconButton } from "./dom.js";
import { chooseField, chooseOperator } from "./kinds.js";
import { isAboutElements, join, leave, move, parentOf, remove, wrap } from "./model.js";
import { pathControls } from "./path.js";
import { fieldPicker } from "./picker.js";
import { valueControl } from "./values.js";

/**
 * The element of a row.
 *
 * @param view what draws the tree: `kinds`, `root`, `changed()`, `structure(change)`.
 * @param number of the row among all, from 1.
 */
export function rowElement(view, row, number) {
  const { kinds, root } = view;
  const label = `Condition ${number}`;
  const aboutElements = isAboutElements(root, row);
  const changed = () => view.changed();
  const structure = (change) => view.structure(change);
  const typed = { kinds, row, label, aboutElements, structure, changed };

  const picker = fieldPicker({
    kinds,
    name: row.field,
    label: `${label}: field`,
    key: `${row.id}:field`,
    chosen: (name) => view.structure(() => chooseField(kinds, row, name, aboutElements), `${row.id}:operator`),
  });
  const value = valueControl(typed);
  const path = pathControls(typed);
  const problemId = `${row.id}-problem`;
  const element = h(
    "div",
    { class: "b-row", role: "group", "aria-label": label, "aria-describedby": problemId, "data-row": row.id },
    h("div", { class: "b-cell b-cell-field" }, picker.element),
    path.length > 0 ? h("div", { class: "b-cell b-cell-path" }, ...path) : null,
    h("div", { class: "b-cell b-cell-operator" }, operatorControl(view, row, label)),
    h("div", { class: "b-cell b-cell-value" }, value),
    h("div", { class: "b-cell b-acts" }, ...acts(view, row, number)),
    h("p", { class: "b-problem", id: problemId, hidden: true }),
  );
  element.addEventListener("keydown", (event) => {
    if (event.altKey && event.shiftKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      moved(view, row, event.key === "ArrowUp" ? -1 : 1);
    }
  });
  element.addEventListener("focusout", (event) => {
    // What nobody has come to yet is not wrong.
    if (event.relatedTarget !== null && !element.contains(event.relatedTarget) && element.isConnected) {
      view.touch(row);
    }
  });
  return element;
}

function operatorControl({ kinds, structure }, row, label) {
  const choices = kinds.choicesFor(row);
  const select = h(
    "select",
    {
      "aria-label": `${label}: operator`,
      "data-key": `${row.id}:operator`,
      value: String(choices.findIndex((one) => one.operator === row.operator && one.negated === row.negated)),
      on: {
        change: () => {
          const { operator, negated } = choices[Number(select.value)];
          structure(() => chooseOperator(row, operator, negated));
        },
      },
    },
    ...choices.map((one, at) => h("option", { value: String(at) }, one.label)),
  );
  return select;
}

function acts(view, row, number) {
  const { root } = view;
  const joined = (logic) => () => {
    view.structure(() => join(root, row, logic), (made) => `${made.id}:field`);
  };
  const removed = () =>
    view.structure(() => remove(root, row), (nearest) => `${nearest.id}:field`, `Condition ${number} removed`);
  return [
    button({ class: "b-join-button", "aria-label": `And: add a condition after ${number}`, on: { click: joined("and") } }, "And"),
    button({ class: "b-join-button", "aria-label": `Or: add a condition after ${number}`, on: { click: joined("or") } }, "Or"),
    menu(view, row, number),
    iconButton("remove", `Remove condition ${number}`, removed),
  ];
}

function menu(view, row, number) {
  const { kinds, root } = view;
  const details = h("details", { class: "b-more" });
  const close = () => {
    details.open = false;
  };
  const entry = (text, act, more = {}) =>
    button(
      {
        ...more,
        on: {
          click: () => {
            close();
            act();
          },
        },
      },
      text,
    );
  const parent = parentOf(root, row);
  const at = parent.rows.indexOf(row);
  details.append(
    h(
      "summary",
      { class: "b-icon-button", "aria-label": `More for condition ${number}`, title: "More", "data-key": `${row.id}:more` },
      icon("more"),
    ),
    h(
      "div",
      { class: "b-menu" },
      entry("Move up", () => moved(view, row, -1), { disabled: at === 0, title: "Alt+Shift+Up" }),
      entry("Move down", () => moved(view, row, 1), { disabled: at === parent.rows.length - 1, title: "Alt+Shift+Down" }),
      entry("Put into a group", () => view.structure(() => wrap(root, row), (made) => `${made.id}:field`)),
      parent === root ? null : entry("Take out of the group", () => view.structure(() => leave(root, row))),
      kinds.functionsFor(row).length === 0
        ? null
        : entry("Apply a function", () =>
            view.structure(() => {
              row.choosesFunction = true;
            }, `${row.id}:function`),
          ),
    ),
  );
  details.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && details.open) {
      event.stopPropagation();
      close();
      details.firstElementChild.focus();
    }
  });
  details.addEventListener("focusout", (event) => {
    if (event.relatedTarget !== null && !details.contains(event.relatedTarget)) {
      close();
    }
  });
  return details;
}

function moved(view, row, by) {
  view.structure(() => move(view.root, row, by), null, by < 0 ? "Moved up" : "Moved down");
}
