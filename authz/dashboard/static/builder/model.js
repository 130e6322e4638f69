// SPDX-License-Identifier: Apache-2.0
// The rows as a tree, and what buttons do to it. Groups and rows are what the server gave
// (services/expression_rows.py), each with an `id` of ours. Nothing here knows the grammar: what
// the tree means, and whether it is allowed, is the server's to say.

let count = 0;

function newId() {
  count += 1;
  return `b${count}`;
}

/** A row in which nothing is chosen. */
export function emptyRow() {
  return {
    kind: "row",
    id: newId(),
    field: null,
    indexes: [],
    functions: [],
    operator: "eq",
    literals: [],
    list: null,
    negated: false,
    quantity: null,
  };
}

/** A group of these. */
export function group(logic, rows) {
  return { kind: "group", id: newId(), logic, rows, negated: false, quantity: null };
}

/** Give everything of a tree an `id`. */
export function identified(item) {
  item.id ??= newId();
  for (const one of item.rows ?? []) {
    identified(one);
  }
  return item;
}

/** Whether a group is only its rows: neither turned around nor about elements. */
function isPlain(item) {
  return !item.negated && item.quantity === null;
}

/** The group that something is in; null for the root. */
export function parentOf(root, item) {
  for (const one of root.rows) {
    if (one === item) {
      return root;
    }
    if (one.kind === "group") {
      const found = parentOf(one, item);
      if (found !== null) {
        return found;
      }
    }
  }
  return null;
}

/** What is at a path; null if there is nothing. */
export function itemAt(root, path) {
  let item = root;
  for (const number of path) {
    item = item?.rows?.[number] ?? null;
  }
  return item;
}

/** Every row, in the order in which they are shown. */
export function* rowsOf(item) {
  if (item.kind === "row") {
    yield item;
    return;
  }
  for (const one of item.rows) {
    yield* rowsOf(one);
  }
}

/** Whether nobody has chosen anything yet. */
export function isUntouched(root) {
  return root.rows.every((one) => one.kind === "row" && one.field === null && one.literals.length === 0);
}

/** Whether something is in a group about elements, where `[*]` needs no `any` of its own. */
export function isAboutElements(root, item) {
  for (let one = parentOf(root, item); one !== null; one = parentOf(root, one)) {
    if (one.quantity !== null) {
      return true;
    }
  }
  return false;
}

/**
 * A new row after this one, with `and` or `or` between them, which binds as in the language:
 * `and` belongs to this row alone, `or` to all that `and` has joined before.
 */
export function join(root, item, logic) {
  const made = emptyRow();
  const parent = parentOf(root, item);
  if (parent.rows.length === 1) {
    parent.logic = logic;
  }
  if (parent.logic === logic) {
    insertAfter(parent, item, made);
  } else if (logic === "and") {
    replace(parent, item, group("and", [item, made]));
  } else {
    const around = parentOf(root, parent);
    if (around !== null && around.logic === "or" && isPlain(parent)) {
      insertAfter(around, parent, made);
    } else {
      parent.rows = [group(parent.logic, parent.rows), made];
      parent.logic = "or";
    }
  }
  return made;
}

/** A new row at the end of a group. */
export function append(parent) {
  const made = emptyRow();
  parent.rows.push(made);
  return made;
}

/** Put something into a group of its own, with a new row beside it. */
export function wrap(root, item) {
  const parent = parentOf(root, item);
  const made = emptyRow();
  replace(parent, item, group(parent.logic === "or" ? "and" : "or", [item, made]));
  return made;
}

/** Take something out of its group, to stand behind it. */
export function leave(root, item) {
  const parent = parentOf(root, item);
  const around = parentOf(root, parent);
  if (around === null) {
    return;
  }
  parent.rows.splice(parent.rows.indexOf(item), 1);
  insertAfter(around, parent, item);
  tidy(root);
}

/** Put the rows of a group where the group is. */
export function dissolve(root, item) {
  const parent = parentOf(root, item);
  parent.rows.splice(parent.rows.indexOf(item), 1, ...item.rows);
  tidy(root);
}

/** Move something among its neighbours; false if it is the first or last already. */
export function move(root, item, by) {
  const { rows } = parentOf(root, item);
  const from = rows.indexOf(item);
  const to = from + by;
  if (to < 0 || to >= rows.length) {
    return false;
  }
  rows.splice(from, 1);
  rows.splice(to, 0, item);
  return true;
}

/** Take something away; gives the row that is nearest then. */
export function remove(root, item) {
  const order = [...rowsOf(root)];
  const gone = new Set(rowsOf(item));
  const first = order.findIndex((one) => gone.has(one));
  const parent = parentOf(root, item);
  parent.rows.splice(parent.rows.indexOf(item), 1);
  tidy(root);
  const left = [...rowsOf(root)];
  return left[Math.min(Math.max(first, 0), left.length - 1)];
}

/** No groups that hold nothing, or that only hold one thing together. */
function tidy(root) {
  for (const one of [...root.rows]) {
    if (one.kind !== "group") {
      continue;
    }
    tidyGroup(one);
    if (one.rows.length === 0) {
      root.rows.splice(root.rows.indexOf(one), 1);
    } else if (one.rows.length === 1 && isPlain(one)) {
      replace(root, one, one.rows[0]);
    }
  }
  const [only] = root.rows;
  if (root.rows.length === 1 && only.kind === "group" && isPlain(only)) {
    root.logic = only.logic;
    root.rows = only.rows;
  }
  if (root.rows.length === 0) {
    root.rows.push(emptyRow());
  }
}

function tidyGroup(item) {
  for (const one of [...item.rows]) {
    if (one.kind !== "group") {
      continue;
    }
    tidyGroup(one);
    if (one.rows.length === 0) {
      item.rows.splice(item.rows.indexOf(one), 1);
    } else if (one.rows.length === 1 && isPlain(one)) {
      replace(item, one, one.rows[0]);
    }
  }
}

function insertAfter(parent, item, made) {
  parent.rows.splice(parent.rows.indexOf(item) + 1, 0, made);
}

function replace(parent, item, made) {
  parent.rows.splice(parent.rows.indexOf(item), 1, made);
}
