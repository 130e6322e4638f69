// SPDX-License-Identifier: Apache-2.0
// The right side of a row: one value, several, a list, or nothing.

import { h } from "./dom.js";
import { tagsInput } from "./tags.js";

const LIKE = { Bytes: "value", Int: "443", Ip: "192.0.2.1" };
const SET_LIKE = { Int: "443 8000..8080", Ip: "192.0.2.1 10.0.0.0/8" };
const PATTERNS = { wildcard: "*.example.com", "strict wildcard": "/api/*", matches: "^/v[0-9]+/" };

/**
 * @param row changed in place.
 * @param changed tells that it has.
 * @returns the element, null where there is no right side.
 */
export function valueControl({ kinds, row, label, changed }) {
  const { operator } = row;
  if (operator === "is true" || operator === "is false") {
    return null;
  }
  const key = `${row.id}:value`;
  const name = `${label}: value`;
  if (operator === "in list") {
    return listControl({ kinds, row, name, key, changed });
  }
  const type = literalType(kinds, row);
  if (operator === "in") {
    for (const one of row.literals) {
      one.type = type;
    }
    const like = kinds.fields.get(row.field)?.like;
    const placeholder = SET_LIKE[type] ?? (like === undefined ? "Values" : like);
    return tagsInput({ literals: row.literals, type, label: name, placeholder, key, changed }).element;
  }
  return single({ kinds, row, type, name, key, changed });
}

/** What the literals of a row are. */
function literalType(kinds, row) {
  const type = kinds.typeOf(row);
  if (row.operator === "has_value") {
    return kinds.shapeOf(row)?.[1] ?? "Bytes";
  }
  return type === "Int" || type === "Ip" ? type : "Bytes";
}

function single({ kinds, row, type, name, key, changed }) {
  const [literal] = row.literals;
  const escaped = literal?.escaped ?? false;
  const input = h("input", {
    type: "text",
    class: type === "Bytes" ? "" : "b-number",
    inputmode: type === "Int" ? "numeric" : null,
    "aria-label": name,
    "data-key": key,
    placeholder: PATTERNS[row.operator] ?? likeOf(kinds, row, type),
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    value: literal?.text ?? "",
    on: {
      input: () => {
        const text = type === "Bytes" ? input.value : input.value.trim();
        row.literals = [{ type, text, escaped }];
        changed();
      },
    },
  });
  if (!escaped) {
    return input;
  }
  return h(
    "div",
    {},
    input,
    h("p", { class: "b-note" }, "With escapes for what an input cannot hold: \\x0a is a line break."),
  );
}

function likeOf(kinds, row, type) {
  const field = kinds.fields.get(row.field);
  if (field?.like !== undefined && row.functions.length === 0 && field.shape.at(-1) === type) {
    return field.like;
  }
  return LIKE[type];
}

function listControl({ kinds, row, name, key, changed }) {
  const lists = kinds.listsOf(kinds.typeOf(row));
  const take = (text) => {
    row.list = text === "" ? null : text.replace(/^\$/, "");
    changed();
  };
  if (lists === null) {
    // Whoever may not read lists can still name one.
    const input = h("input", {
      type: "text",
      "aria-label": name,
      "data-key": key,
      placeholder: "Name of a list",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      value: row.list ?? "",
      on: { input: () => take(input.value) },
    });
    return input;
  }
  const names = lists.map((one) => one.name);
  if (row.list !== null && !names.includes(row.list)) {
    names.push(row.list);
  }
  const select = h(
    "select",
    { "aria-label": name, "data-key": key, value: row.list ?? "", on: { change: () => take(select.value) } },
    h("option", { value: "" }, names.length === 0 ? "No list holds such values" : "Choose a list"),
    ...names.map((one) => h("option", { value: one }, `$${one}`)),
  );
  return select;
}
