// SPDX-License-Identifier: Apache-2.0
// Which part of a field is meant: the name in a map, the elements of an array, and the functions
// around it.

import { h, iconButton } from "./dom.js";
import { settle } from "./kinds.js";

//: What `[*]` is asked with: quantity and whether it is turned around.
const SOME = { any: ["any", false], all: ["all", false], none: ["any", true], "not all": ["all", true] };
const WORDS = {
  Map: { any: "any name", all: "every name", none: "no name", "not all": "not every name", each: "each name" },
  Array: { any: "any value", all: "every value", none: "no value", "not all": "not every value", each: "each value" },
};

/**
 * @param row changed in place.
 * @param structure changes a row, draws it again and tells.
 * @param changed tells that a text has changed.
 */
export function pathControls({ kinds, row, label, aboutElements, structure, changed }) {
  const field = kinds.fields.get(row.field);
  const parts = [];
  if (field !== undefined) {
    field.shape.slice(0, row.indexes.length + 1).forEach((kind, at) => {
      if (kind === "Map" || kind === "Array") {
        parts.push(level({ kinds, row, label, aboutElements, structure, changed, field, kind, at }));
      }
    });
  }
  row.functions.forEach((one, at) => {
    parts.push(functionChip({ kinds, row, label, aboutElements, structure, changed, one, at }));
  });
  if (row.choosesFunction) {
    parts.push(functionChoice({ kinds, row, label, aboutElements, structure }));
  }
  return parts;
}

function level({ kinds, row, label, aboutElements, structure, changed, field, kind, at }) {
  const step = row.indexes[at];
  const isLast = !row.indexes.slice(at + 1).includes("*");
  const words = WORDS[kind];
  const choices = [];
  if (kind === "Map") {
    choices.push(["key", "the name"]);
  }
  if (isLast && !aboutElements) {
    for (const name of Object.keys(SOME)) {
      choices.push([name, words[name]]);
    }
  } else {
    choices.push(["each", words.each]);
  }
  if (kind === "Array") {
    choices.push(["position", "value number"]);
  }
  choices.push(["whole", kind === "Map" ? "all names together" : "all values together"]);

  const select = h(
    "select",
    {
      "aria-label": `${label}: which ${kind === "Map" ? "name" : "value"}`,
      "data-key": `${row.id}:level${at}`,
      value: chosenOf(row, step, isLast, aboutElements),
      on: { change: () => structure(() => choose(kinds, row, field, at, select.value, aboutElements)) },
    },
    ...choices.map(([value, text]) => h("option", { value }, text)),
  );
  const input = step !== undefined && step !== "*" ? stepInput({ row, label, kind, at, step, changed }) : null;
  return h("span", { class: "b-level" }, select, input);
}

function chosenOf(row, step, isLast, aboutElements) {
  if (step === undefined) {
    return "whole";
  }
  if (step !== "*") {
    return typeof step === "object" && step !== null ? "key" : "position";
  }
  if (!isLast || aboutElements) {
    return "each";
  }
  const found = Object.entries(SOME).find(([, [quantity, negated]]) => quantity === row.quantity && negated === row.negated);
  return found?.[0] ?? "any";
}

function choose(kinds, row, field, at, choice, aboutElements) {
  const before = kinds.typeOf(row);
  const rest = kinds.usualIndexes(field.shape).slice(at + 1);
  const had = row.indexes[at] !== undefined;
  if (choice === "whole") {
    row.indexes = row.indexes.slice(0, at);
    row.functions = [];
  } else {
    const index = choice === "key" ? { key: null } : choice === "position" ? 0 : "*";
    row.indexes = [...row.indexes.slice(0, at), index, ...(had ? row.indexes.slice(at + 1) : rest)];
  }
  if (choice in SOME) {
    [row.quantity, row.negated] = SOME[choice];
  }
  settle(kinds, row, aboutElements, before);
}

function stepInput({ row, label, kind, at, step, changed }) {
  if (kind === "Map") {
    const input = h("input", {
      type: "text",
      class: "b-step",
      "aria-label": `${label}: name`,
      "data-key": `${row.id}:step${at}`,
      placeholder: row.field.endsWith("headers") ? "x-api-key" : "name",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      value: step.key ?? "",
      on: {
        input: () => {
          row.indexes[at] = { key: input.value === "" ? null : input.value, escaped: step.escaped ?? false };
          changed();
        },
      },
    });
    return input;
  }
  // People count from one, the language from zero.
  const input = h("input", {
    type: "number",
    class: "b-step b-short",
    min: "1",
    max: "4294967296",
    "aria-label": `${label}: which value, counted from 1`,
    "data-key": `${row.id}:step${at}`,
    value: String(step + 1),
    on: {
      input: () => {
        const number = Number.parseInt(input.value, 10);
        row.indexes[at] = Number.isSafeInteger(number) && number >= 1 && number <= 2 ** 32 ? number - 1 : null;
        changed();
      },
    },
  });
  return input;
}

function functionChip({ kinds, row, label, aboutElements, structure, changed, one, at }) {
  const known = kinds.functions.get(one.name);
  const inputs = one.arguments.map((argument, number) => {
    const named = known?.more[number] ?? known?.more.at(-1);
    const input = h("input", {
      type: "text",
      class: "b-step b-short",
      "aria-label": `${label}: ${named?.name ?? "argument"} of ${one.name}`,
      "data-key": `${row.id}:argument${at}-${number}`,
      placeholder: named?.name ?? "",
      autocomplete: "off",
      spellcheck: "false",
      value: argument.text,
      on: {
        input: () => {
          argument.text = input.value;
          changed();
        },
      },
    });
    return input;
  });
  const remove = () =>
    structure(() => {
      const before = kinds.typeOf(row);
      row.functions.splice(at, 1);
      settle(kinds, row, aboutElements, before);
    });
  return h(
    "span",
    { class: "b-function", title: known?.about.replaceAll("`", "") },
    h("code", {}, `${one.name}()`),
    ...inputs,
    iconButton("remove", `Remove ${one.name}()`, remove, { "data-key": `${row.id}:function${at}` }),
  );
}

function functionChoice({ kinds, row, label, aboutElements, structure }) {
  const offered = kinds.functionsFor(row);
  const select = h(
    "select",
    {
      "aria-label": `${label}: function`,
      "data-key": `${row.id}:function`,
      on: {
        change: () =>
          structure(() => {
            const before = kinds.typeOf(row);
            const known = kinds.functions.get(select.value);
            row.choosesFunction = false;
            row.functions.push({
              name: known.name,
              arguments: known.more.filter((one) => one.need !== "optional").map(newArgument),
              indexes: [],
            });
            settle(kinds, row, aboutElements, before);
          }),
      },
    },
    h("option", { value: "" }, "Choose a function"),
    ...offered.map((one) => h("option", { value: one.name, title: one.about.replaceAll("`", "") }, one.signature)),
  );
  return h("span", { class: "b-level" }, select);
}

function newArgument(parameter) {
  const [type] = parameter.type.split(" ");
  return { type, text: "", escaped: false };
}
