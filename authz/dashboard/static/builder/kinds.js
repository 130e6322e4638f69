// SPDX-License-Identifier: Apache-2.0
// What fits together: which operators a value of a type has, what they are called, and which type
// a field has after its indexes and functions. All of it is the server's catalogue; here it is only
// looked up.

//: Each operator as people say it, and turned around; those without the second are turned around
//: only where an expression has them so.
const LABELS = {
  "is true": ["is true", null],
  "is false": ["is false", null],
  eq: ["equals", null],
  ne: ["does not equal", null],
  contains: ["contains", "does not contain"],
  starts_with: ["starts with", "does not start with"],
  ends_with: ["ends with", "does not end with"],
  in: ["is in", "is not in"],
  "in list": ["is in list", "is not in list"],
  wildcard: ["wildcard", "does not match wildcard"],
  "strict wildcard": ["strict wildcard", "does not match strict wildcard"],
  matches: ["matches regex", "does not match regex"],
  has_key: ["has the name", "does not have the name"],
  has_value: ["has the value", "does not have the value"],
  gt: ["greater than", null],
  lt: ["less than", null],
  ge: ["greater than or equal to", null],
  le: ["less than or equal to", null],
  bitwise_and: ["has a bit of", "has no bit of"],
};
const ORDER = Object.keys(LABELS);
const SAME = "the type of the arguments";

/** The catalogue, to look things up in. */
export class Kinds {
  constructor(catalogue) {
    this.sections = catalogue.sections;
    const fields = this.sections.flatMap((one) => one.fields);
    this.fields = new Map(fields.map((one) => [one.name, one]));
    this.functions = new Map(catalogue.functions.map((one) => [one.name, one]));
    this.lists = catalogue.lists;
    this.words = catalogue.words;
    this.operators = catalogue.operators;
  }

  /** The type of a row's value from the outside in, or null if that is not known. */
  shapeOf(row) {
    const field = this.fields.get(row.field);
    if (field === undefined) {
      return null;
    }
    let shape = field.shape.slice(row.indexes.length);
    let each = row.indexes.includes("*");
    for (const one of row.functions) {
      const known = this.functions.get(one.name);
      if (known === undefined) {
        return null;
      }
      const result = known.returns === SAME ? shape : [known.returns];
      const mapped = each ? one.indexes.slice(1) : one.indexes;
      shape = result.slice(mapped.length);
      each = each && (one.indexes.length === 0 || one.indexes[0] === "*");
    }
    return shape;
  }

  /** The type of a row's value: Bytes, Int, Ip, Bool, Map, Array; null if that is not known. */
  typeOf(row) {
    return this.shapeOf(row)?.[0] ?? null;
  }

  /** What may be asked of a row's value: `{operator, negated, label}`, as people look for it. */
  choicesFor(row) {
    const names = this.operators[this.typeOf(row)] ?? (row.field === null ? ["eq"] : [row.operator]);
    const sorted = [...names].sort((one, other) => ORDER.indexOf(one) - ORDER.indexOf(other));
    const quantified = row.quantity !== null;
    const choices = [];
    for (const operator of sorted) {
      const [label, turned] = LABELS[operator];
      if (quantified && operator === "is false") {
        continue;
      }
      choices.push({ operator, negated: quantified && row.negated, label });
      if (turned !== null && !quantified) {
        choices.push({ operator, negated: true, label: turned });
      }
    }
    const isOffered = choices.some((one) => one.operator === row.operator && one.negated === row.negated);
    if (!isOffered) {
      const label = LABELS[row.operator]?.[0] ?? row.operator;
      choices.push({
        operator: row.operator,
        negated: row.negated,
        label: row.negated && !quantified ? `not: ${label}` : label,
      });
    }
    return choices;
  }

  /** The indexes that a field of this shape is usually read with. */
  usualIndexes(shape) {
    const indexes = [];
    for (const kind of shape) {
      if (kind === "Map") {
        indexes.push({ key: null });
      } else if (kind === "Array") {
        indexes.push("*");
      }
    }
    return indexes;
  }

  /** The functions that can be put around a row's value. */
  functionsFor(row) {
    const type = this.typeOf(row);
    return [...this.functions.values()].filter((one) => one.around.includes(type));
  }

  /** The lists that a value of a type may be in; null if they may not be read. */
  listsOf(type) {
    return this.lists === null ? null : this.lists.filter((one) => one.type === type);
  }
}

/** Choose a field for a row; what was chosen before and fits stays. */
export function chooseField(kinds, row, name, aboutElements) {
  const before = kinds.typeOf(row);
  row.field = name;
  row.functions = [];
  row.indexes = kinds.usualIndexes(kinds.fields.get(name).shape);
  settle(kinds, row, aboutElements, before);
}

/** Make a row consistent after its value has changed: operator, literals, and what `[*]` needs. */
export function settle(kinds, row, aboutElements, typeBefore) {
  const each = row.indexes.includes("*");
  if (!each && row.quantity !== null) {
    row.quantity = null;
    row.negated = false;
  } else if (each && row.quantity === null && !aboutElements) {
    row.quantity = "any";
    row.negated = false;
  }
  for (const one of row.functions) {
    one.indexes = each ? ["*"] : [];
  }
  const type = kinds.typeOf(row);
  const offered = kinds.operators[type] ?? [];
  if (!offered.includes(row.operator)) {
    row.operator = offered.includes("eq") ? "eq" : (offered[0] ?? "eq");
    row.negated = row.quantity !== null && row.negated;
  }
  if (type !== typeBefore) {
    row.literals = [];
    row.list = null;
  }
}

/** Choose an operator for a row; literals that it takes as well stay. */
export function chooseOperator(row, operator, negated) {
  row.operator = operator;
  row.negated = negated;
  if (operator === "in list" || operator.startsWith("is ")) {
    row.literals = [];
  } else if (operator !== "in") {
    row.literals = row.literals.slice(0, 1);
  }
  if (operator === "matches") {
    // Patterns have escapes of their own.
    row.literals = row.literals.filter((one) => !one.escaped);
  }
  if (operator !== "in list") {
    row.list = null;
  }
}
