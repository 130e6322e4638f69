// SPDX-License-Identifier: Apache-2.0
// An input for several values: each becomes a tag. Enter adds one, Backspace in an empty input
// takes the last one back to be corrected.

import { button, h, icon } from "./dom.js";

//: Numbers and addresses have none of these in them; texts may have all of them.
const BETWEEN = /[\s,;]+/;

/**
 * @param literals the values, changed in place.
 * @param type of the values.
 * @param changed is called after each change.
 */
export function tagsInput({ literals, type, label, placeholder, key, changed }) {
  const list = h("ul", { class: "b-tag-list", "aria-label": `${label}: values` });
  const input = h("input", {
    type: "text",
    class: "b-tag-input",
    "aria-label": `${label}: add a value`,
    "data-key": key,
    placeholder: literals.length === 0 ? placeholder : "",
    title: "Press Enter after each value",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    enterkeyhint: "enter",
  });
  const box = h("div", { class: "b-tags" }, list, input);
  box.addEventListener("click", (event) => {
    if (event.target === box || event.target === list) {
      input.focus();
    }
  });

  const draw = () => {
    list.replaceChildren(...literals.map((one, number) => tag(one, number)));
    input.placeholder = literals.length === 0 ? placeholder : "";
  };

  const tag = (literal, number) =>
    h(
      "li",
      { class: "b-tag", "data-item": number },
      h("span", {}, literal.text === "" ? "(empty)" : literal.text),
      button(
        {
          class: "b-tag-remove",
          "aria-label": `Remove ${literal.text}`,
          on: {
            click: () => {
              literals.splice(number, 1);
              draw();
              changed();
              input.focus();
            },
          },
        },
        icon("remove"),
      ),
    );

  const add = (text) => {
    const parts = type === "Bytes" ? text.split(/[\r\n]+/) : text.split(BETWEEN);
    const wanted = parts.map((one) => one.trim()).filter((one) => one !== "");
    for (const one of wanted) {
      if (!literals.some((other) => other.text === one && !other.escaped)) {
        literals.push({ type, text: one, escaped: false });
      }
    }
    input.value = "";
    if (wanted.length > 0) {
      draw();
      changed();
    }
  };

  input.addEventListener("keydown", (event) => {
    if (event.isComposing) {
      return;
    }
    const ends = event.key === "Enter" || (type !== "Bytes" && [" ", ",", ";"].includes(event.key));
    if (ends) {
      // Enter would send the form.
      event.preventDefault();
      add(input.value);
    } else if (event.key === "Backspace" && input.value === "" && literals.length > 0) {
      event.preventDefault();
      const last = literals.pop();
      input.value = last.escaped ? "" : last.text;
      draw();
      changed();
    }
  });
  input.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (/[\r\n]/.test(text) || (type !== "Bytes" && BETWEEN.test(text.trim()))) {
      event.preventDefault();
      add(input.value + text);
    }
  });
  input.addEventListener("blur", () => add(input.value));

  draw();
  return { element: box, input };
}
