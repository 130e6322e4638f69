// SPDX-License-Identifier: Apache-2.0
// What the word at the caret could become. The server says what is expected there; the names are
// the catalogue's. Ctrl+Space opens, arrows choose, Enter takes, Escape closes.

import { h, unique } from "./dom.js";
import { plain } from "./picker.js";

const MOST = 60;
const WORD = /[A-Za-z0-9_.$]/;

/** The list at the caret of a textarea. */
export class Completion {
  #textarea;
  #layer;
  #kinds;
  #say;
  #items = [];
  #active = 0;
  #from = 0;
  #last = null;

  /**
   * @param layer shows the same text in the same places as the textarea.
   * @param ask gives a promise of the server's answer for the caret.
   */
  constructor({ textarea, layer, kinds, ask, say }) {
    this.#textarea = textarea;
    this.#layer = layer;
    this.#kinds = kinds;
    this.#say = say;
    this.list = h("ul", {
      id: unique("b-completion"),
      class: "b-options b-completion",
      role: "listbox",
      "aria-label": "Suggestions",
      hidden: true,
    });
    textarea.setAttribute("role", "combobox");
    textarea.setAttribute("aria-autocomplete", "list");
    textarea.setAttribute("aria-controls", this.list.id);
    textarea.setAttribute("aria-expanded", "false");
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    textarea.addEventListener("blur", () => this.close());
    textarea.addEventListener("input", () => this.#follow());
    textarea.addEventListener("keydown", (event) => {
      if (event.key === " " && event.ctrlKey) {
        event.preventDefault();
        ask().then((completion) => this.offer(completion, { wanted: true }));
      } else if (!this.list.hidden && !event.isComposing) {
        this.#pressed(event);
      }
    });
  }

  /** Whether it is shown. */
  get isOpen() {
    return !this.list.hidden;
  }

  /**
   * Show what there is to offer.
   *
   * @param wanted somebody asked for it; otherwise it takes two letters to be shown.
   */
  offer(completion, { wanted = false } = {}) {
    const caret = this.#textarea.selectionStart;
    const text = this.#textarea.value;
    this.close();
    if (!completion || completion.start > caret || document.activeElement !== this.#textarea) {
      return;
    }
    const typed = text.slice(completion.start, caret);
    if (!wanted && typed.length < 2) {
      return;
    }
    const items = candidates(this.#kinds, completion, typed);
    if (items.length === 0) {
      if (wanted) {
        this.#say("No suggestions here", 0);
      }
      return;
    }
    if (!wanted && items.length === 1 && items[0].text === typed) {
      return;
    }
    this.#from = completion.start;
    this.#last = completion;
    this.#items = items;
    this.#draw();
    this.#say(`${items.length} suggestions, choose with the arrow keys`);
  }

  /** While the server has not answered yet, what was there is narrowed. */
  #follow() {
    if (this.list.hidden) {
      return;
    }
    const typed = this.#textarea.value.slice(this.#from, this.#textarea.selectionStart);
    if ([...typed].every((one) => WORD.test(one))) {
      this.offer(this.#last, { wanted: typed.length > 0 });
    } else {
      this.close();
    }
  }

  /** Hide it. */
  close() {
    this.list.hidden = true;
    this.#textarea.setAttribute("aria-expanded", "false");
    this.#textarea.removeAttribute("aria-activedescendant");
  }

  #draw() {
    const elements = this.#items.map((item, at) => {
      const element = h(
        "li",
        { id: unique("b-suggestion"), role: "option", class: "b-option", "aria-selected": "false" },
        h("span", { class: "b-option-name" }, h("code", {}, item.text), item.label ? h("strong", {}, item.label) : null),
        h("span", { class: "b-option-about" }, item.about),
      );
      element.addEventListener("click", () => this.#take(at));
      return element;
    });
    this.list.replaceChildren(...elements);
    this.list.hidden = false;
    this.#textarea.setAttribute("aria-expanded", "true");
    this.#place();
    this.#activate(0);
  }

  /** Under the first letter of the word. */
  #place() {
    const box = this.#layer.parentElement.getBoundingClientRect();
    const { left, bottom } = placeOf(this.#layer, this.#from) ?? { left: box.left, bottom: box.bottom };
    const room = box.width - this.list.offsetWidth;
    this.list.style.left = `${Math.max(0, Math.min(left - box.left, room))}px`;
    this.list.style.top = `${bottom - box.top + 4}px`;
  }

  #activate(at) {
    const elements = [...this.list.children];
    this.#active = (at + elements.length) % elements.length;
    elements.forEach((one, number) => {
      const isActive = number === this.#active;
      one.classList.toggle("b-active", isActive);
      one.setAttribute("aria-selected", String(isActive));
    });
    elements[this.#active].scrollIntoView({ block: "nearest" });
    this.#textarea.setAttribute("aria-activedescendant", elements[this.#active].id);
  }

  #pressed(event) {
    const acts = {
      ArrowDown: () => this.#activate(this.#active + 1),
      ArrowUp: () => this.#activate(this.#active - 1),
      Enter: () => this.#take(this.#active),
      Escape: () => this.close(),
    };
    if (event.key in acts) {
      event.preventDefault();
      event.stopPropagation();
      acts[event.key]();
    } else if (event.key === "Tab" || event.key.startsWith("Arrow")) {
      this.close();
    }
  }

  #take(at) {
    const item = this.#items[at];
    const text = this.#textarea.value;
    let end = this.#textarea.selectionStart;
    while (end < text.length && WORD.test(text[end])) {
      end += 1;
    }
    this.close();
    insert(this.#textarea, this.#from, end, item.text + item.after);
    if (item.back) {
      const caret = this.#textarea.selectionStart - item.back;
      this.#textarea.setSelectionRange(caret, caret);
    }
  }
}

/** Put a text in the place of another one, so that undo works. */
export function insert(textarea, start, end, text) {
  textarea.focus();
  textarea.setSelectionRange(start, end);
  // Deprecated, and the only way that browsers have to keep the history of a textarea.
  if (!document.execCommand("insertText", false, text)) {
    textarea.setRangeText(text, start, end, "end");
    textarea.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
}

/** Where a character of the layer is drawn. */
function placeOf(layer, offset) {
  const walker = document.createTreeWalker(layer, NodeFilter.SHOW_TEXT);
  let left = offset;
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    if (left <= node.length) {
      const range = document.createRange();
      range.setStart(node, Math.min(left, node.length));
      range.collapse(true);
      return range.getClientRects()[0] ?? null;
    }
    left -= node.length;
  }
  return null;
}

/** What could stand in the place of a word, the best first. */
function candidates(kinds, { expects, type, operator }, typed) {
  const offered = {
    value: () => [...fields(kinds), ...functions(kinds), ...words(kinds, (one) => one.name === "not")],
    operator: () => words(kinds, (one) => one.kind === "comparison" && (type === null || one.types.includes(type))),
    logic: () => words(kinds, (one) => one.kind === "logical" && one.name !== "not"),
    right: () => (operator === "in" ? members(kinds, type) : []),
  };
  const all = offered[expects]?.() ?? [];
  const wanted = typed.toLowerCase();
  const scored = all.flatMap((one) => {
    const score = scoreOf(one, wanted);
    return score === null ? [] : [[score, one]];
  });
  scored.sort((one, other) => one[0] - other[0]);
  return scored.slice(0, MOST).map((one) => one[1]);
}

function scoreOf({ text, label }, wanted) {
  const name = text.toLowerCase();
  if (name.startsWith(wanted)) {
    return 0;
  }
  if (name.includes(`.${wanted}`) || name.includes(`_${wanted}`)) {
    return 1;
  }
  return name.includes(wanted) || label?.toLowerCase().includes(wanted) ? 2 : null;
}

function fields(kinds) {
  return [...kinds.fields.values()]
    .filter((one) => one.missing === undefined)
    .map((one) => ({ text: one.name, after: "", label: one.label, about: plain(one.about) }));
}

function functions(kinds) {
  return [...kinds.functions.values()].map((one) => ({
    text: one.name,
    after: "()",
    back: 1,
    about: one.signature,
  }));
}

function words(kinds, isWanted) {
  return kinds.words.filter(isWanted).map((one) => ({ text: one.name, after: " ", about: plain(one.about) }));
}

function members(kinds, type) {
  const lists = kinds.listsOf(type) ?? [];
  return [
    ...lists.map((one) => ({ text: `$${one.name}`, after: "", about: `List of kind ${one.kind}` })),
    { text: "{}", after: "", back: 1, about: "A set of values with spaces between them" },
  ];
}
