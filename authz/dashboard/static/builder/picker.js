// SPDX-License-Identifier: Apache-2.0
// Choosing a field: a combobox that searches names, what people call them, and descriptions.
// https://www.w3.org/WAI/ARIA/apg/patterns/combobox/

import { h, unique } from "./dom.js";

/**
 * @param kinds the catalogue.
 * @param name the field that is chosen, or null.
 * @param chosen gets the name of another one.
 */
export function fieldPicker({ kinds, name, label, key, chosen }) {
  const listId = unique("b-fields");
  const list = h("ul", { id: listId, role: "listbox", class: "b-options", "aria-label": "Fields", hidden: true });
  const input = h("input", {
    type: "text",
    role: "combobox",
    class: "b-picker-input",
    "aria-label": label,
    "aria-autocomplete": "list",
    "aria-controls": listId,
    "aria-expanded": "false",
    "data-key": key,
    placeholder: "Choose a field",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
  });
  let options = [];
  let active = -1;

  const show = () => {
    const field = kinds.fields.get(name);
    input.value = field === undefined ? (name ?? "") : (field.label ?? field.name);
    input.title = field === undefined ? "" : `${field.name}: ${field.about}`;
  };

  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    active = -1;
  };

  const open = (query) => {
    options = [];
    const parts = [];
    for (const { title, fields } of query.trim() === "" ? kinds.sections : search(kinds, query)) {
      parts.push(h("li", { role: "presentation", class: "b-section" }, title));
      for (const field of fields) {
        const element = option(field, field.name === name);
        if (field.missing === undefined) {
          element.addEventListener("click", () => choose(field.name));
          options.push(element);
        }
        parts.push(element);
      }
    }
    list.replaceChildren(...parts);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    const at = options.findIndex((one) => one.dataset.name === name);
    activate(query.trim() === "" ? at : 0);
  };

  const activate = (at) => {
    options[active]?.classList.remove("b-active");
    active = Math.min(at, options.length - 1);
    const element = options[active];
    if (element === undefined) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    element.classList.add("b-active");
    element.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", element.id);
  };

  const choose = (wanted) => {
    close();
    if (wanted !== name) {
      name = wanted;
      show();
      chosen(wanted);
    } else {
      show();
    }
  };

  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => {
    if (list.hidden) {
      open("");
    }
  });
  input.addEventListener("input", () => open(input.value));
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.shiftKey) {
      return;
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) {
        open("");
      } else if (options.length > 0) {
        const by = event.key === "ArrowDown" ? 1 : -1;
        activate((active + by + options.length) % options.length);
      }
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (list.hidden) {
        open("");
      } else if (options[active] !== undefined) {
        choose(options[active].dataset.name);
      }
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      close();
      show();
    }
  });
  input.addEventListener("blur", () => {
    close();
    show();
  });
  // A click on an option must not take the focus from the input, which closes the list.
  list.addEventListener("mousedown", (event) => event.preventDefault());

  show();
  return { element: h("div", { class: "b-picker" }, input, list), input };
}

function option(field, isChosen) {
  return h(
    "li",
    {
      id: unique("b-field"),
      role: "option",
      class: "b-option",
      "aria-selected": String(isChosen),
      "aria-disabled": field.missing === undefined ? null : "true",
      "data-name": field.name,
    },
    h(
      "span",
      { class: "b-option-name" },
      field.label === undefined ? null : h("strong", {}, field.label),
      h("code", {}, field.name),
    ),
    h("span", { class: "b-option-about" }, field.missing === undefined ? plain(field.about) : `Not here: ${field.missing}`),
  );
}

/** Descriptions have Markdown's marks around code. */
export function plain(about) {
  return about.replaceAll("`", "");
}

/** The fields that a query finds, the best first, under a heading. */
function search(kinds, query) {
  const terms = query.toLowerCase().split(/\s+/).filter((one) => one !== "");
  const whole = terms.join(" ");
  const scored = [];
  for (const field of kinds.fields.values()) {
    const label = (field.label ?? "").toLowerCase();
    const words = `${label} ${field.name}`;
    const all = `${words} ${field.about.toLowerCase()}`;
    if (terms.every((term) => all.includes(term))) {
      const ranks = [
        label === whole || field.name === whole,
        label.startsWith(whole) || field.name.startsWith(whole),
        words.includes(whole),
        terms.every((term) => words.includes(term)),
      ];
      const rank = ranks.indexOf(true);
      scored.push([(rank < 0 ? ranks.length : rank) + (field.missing === undefined ? 0 : 8), field]);
    }
  }
  scored.sort((one, other) => one[0] - other[0]);
  const title = scored.length === 0 ? "No field is called so" : "Found";
  return [{ title, fields: scored.map((one) => one[1]) }];
}
