// SPDX-License-Identifier: Apache-2.0
// A text with its words in colours and what is wrong underlined. The words are the server's; while
// it has not answered yet, those of the text before are moved along with what is typed.

import { h } from "./dom.js";

/**
 * Fill an element with a text.
 *
 * @param tokens `[kind, start, end]`, in their order.
 * @param marks `{kind, start, end}`: "error" or "finding".
 */
export function paint(element, text, tokens, marks = []) {
  const edges = new Set([0, text.length]);
  for (const [, start, end] of tokens) {
    edges.add(start).add(end);
  }
  for (const { start, end } of marks) {
    edges.add(start).add(end);
  }
  const places = [...edges].filter((one) => one <= text.length).sort((one, other) => one - other);
  const parts = [];
  let at = 0;
  for (let number = 0; number + 1 < places.length; number += 1) {
    const [start, end] = [places[number], places[number + 1]];
    while (at < tokens.length && tokens[at][2] <= start) {
      at += 1;
    }
    const names = [];
    if (at < tokens.length && tokens[at][1] <= start) {
      names.push(`b-t-${tokens[at][0]}`);
    }
    for (const mark of marks) {
      if (mark.start <= start && mark.end >= end) {
        names.push(`b-mark-${mark.kind}`);
      }
    }
    const piece = text.slice(start, end);
    parts.push(names.length === 0 ? piece : h("span", { class: names.join(" ") }, piece));
  }
  if (marks.some((one) => one.kind === "error" && one.start >= text.length)) {
    // Something is missing at the end.
    parts.push(h("span", { class: "b-mark-error" }, "\u00a0"));
  }
  element.replaceChildren(...parts);
}

/** What an error is drawn under: at least one character, where there is one. */
export function errorMark({ start, end }, text) {
  return { kind: "error", start, end: end > start ? end : Math.min(start + 1, text.length) };
}

/** Words and marks of a text, moved to where they are in the text that it has become. */
export function carried(items, before, after) {
  const shortest = Math.min(before.length, after.length);
  let same = 0;
  while (same < shortest && before[same] === after[same]) {
    same += 1;
  }
  let rest = 0;
  while (rest < shortest - same && before.at(-1 - rest) === after.at(-1 - rest)) {
    rest += 1;
  }
  const by = after.length - before.length;
  const place = ({ start, end }) => {
    if (end <= same) {
      return { start, end };
    }
    if (start >= before.length - rest) {
      return { start: start + by, end: end + by };
    }
    // What is typed into a word is of the word.
    return start <= same && end >= before.length - rest ? { start, end: end + by } : null;
  };
  return items.flatMap((one) => {
    const found = place(one);
    return found === null || found.end <= found.start ? [] : [{ ...one, ...found }];
  });
}

/** `[kind, start, end]` as objects. */
export function asObjects(tokens) {
  return tokens.map(([kind, start, end]) => ({ kind, start, end }));
}

/** The other way. */
export function asTokens(objects) {
  return objects.map(({ kind, start, end }) => [kind, start, end]);
}
