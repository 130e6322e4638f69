// SPDX-License-Identifier: Apache-2.0
// Moving rules of a list: by dragging their handles, or with the keyboard (Space, arrows, Space;
// Escape puts the rule back). Without it, the menu of each rule has "Move up" and "Move down".

import { post, Refused } from "./asking.js";

class Order {
  #table;
  #body;
  #said = document.getElementById("said");
  // The rule that is on its way, and the row that it stood in front of.
  #lifted = null;
  #home = null;
  #first = 1;

  constructor(table) {
    this.#table = table;
    this.#body = table.tBodies[0];
    this.#first = Number(this.#body.querySelector(".place-number").textContent);
    for (const row of this.#body.rows) {
      const handle = row.querySelector(".handle");
      handle.hidden = false;
      handle.setAttribute("aria-pressed", "false");
      handle.addEventListener("keydown", (event) => this.#key(event, row));
      handle.addEventListener("blur", () => this.#left(row));
      handle.addEventListener("pointerdown", (event) => this.#drag(event, row));
    }
    document.getElementById("how-to-move").hidden = false;
  }

  #key(event, row) {
    const moves = { ArrowUp: -1, ArrowDown: 1 };
    if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      if (this.#lifted === null) {
        this.#lift(row);
        this.#say(`${row.dataset.name} is lifted. Move it with the arrow keys.`);
      } else {
        this.#drop();
      }
    } else if (event.key === "Escape" && this.#lifted !== null) {
      event.preventDefault();
      this.#putBack();
      this.#say(`${row.dataset.name} is where it was.`);
    } else if (event.key in moves && this.#lifted === row) {
      event.preventDefault();
      const other = moves[event.key] < 0 ? row.previousElementSibling : row.nextElementSibling;
      if (other === null) {
        this.#say("There is no further place on this page.");
        return;
      }
      this.#body.insertBefore(row, moves[event.key] < 0 ? other : other.nextElementSibling);
      row.querySelector(".handle").focus();
      this.#number();
      this.#say(`Place ${this.#placeOf(row)}.`);
    }
  }

  #left(row) {
    // Moving a row takes the focus from its handle for a moment.
    requestAnimationFrame(() => {
      if (this.#lifted === row && !row.contains(document.activeElement) && !row.dragging) {
        this.#putBack();
      }
    });
  }

  #drag(event, row) {
    if (event.button !== 0) {
      return;
    }
    // No text is selected meanwhile.
    event.preventDefault();
    this.#lift(row);
    row.dragging = true;
    row.classList.add("dragged");
    const move = (moved) => {
      const over = this.#rowAt(moved.clientY);
      if (over !== null && over !== row) {
        const middle = over.getBoundingClientRect().top + over.offsetHeight / 2;
        this.#body.insertBefore(row, moved.clientY < middle ? over : over.nextElementSibling);
        this.#number();
      }
    };
    const end = (ended) => {
      document.removeEventListener("pointermove", move);
      document.removeEventListener("pointerup", end);
      document.removeEventListener("pointercancel", end);
      row.dragging = false;
      row.classList.remove("dragged");
      if (this.#lifted !== row) {
        return;
      }
      if (ended.type === "pointerup") {
        this.#drop();
      } else {
        this.#putBack();
      }
    };
    // Of the document: a row that moves loses what its handle had captured.
    document.addEventListener("pointermove", move);
    document.addEventListener("pointerup", end);
    document.addEventListener("pointercancel", end);
  }

  #rowAt(y) {
    for (const one of this.#body.rows) {
      const box = one.getBoundingClientRect();
      if (y >= box.top && y < box.bottom) {
        return one;
      }
    }
    return null;
  }

  #lift(row) {
    this.#lifted = row;
    this.#home = row.nextElementSibling;
    row.classList.add("lifted");
    row.querySelector(".handle").setAttribute("aria-pressed", "true");
  }

  #settle() {
    const row = this.#lifted;
    this.#lifted = null;
    row.classList.remove("lifted");
    row.querySelector(".handle").setAttribute("aria-pressed", "false");
    return row;
  }

  #putBack() {
    const row = this.#settle();
    this.#body.insertBefore(row, this.#home);
    this.#number();
    row.querySelector(".handle").focus();
  }

  async #drop() {
    const row = this.#lifted;
    if (row.nextElementSibling === this.#home) {
      this.#putBack();
      return;
    }
    const home = this.#home;
    this.#settle();
    const place = this.#placeOf(row);
    try {
      const answer = await post(this.#table.dataset.url, {
        rule: row.dataset.rule,
        place,
        basis: this.#table.dataset.basis,
      });
      this.#table.dataset.basis = answer.basis;
      for (const field of document.querySelectorAll('input[name="basis"]')) {
        field.value = answer.basis;
      }
      this.#say(`${row.dataset.name} is rule ${place} now.`);
    } catch (error) {
      this.#body.insertBefore(row, home);
      this.#number();
      this.#refused(error);
    }
  }

  #refused(error) {
    const told = error instanceof Refused ? error.message : "That did not work.";
    let notice = document.getElementById("refused");
    if (notice === null) {
      notice = document.createElement("div");
      notice.id = "refused";
      notice.className = "notice bad";
      notice.setAttribute("role", "alert");
      this.#table.parentElement.before(notice);
    }
    const again = document.createElement("a");
    again.href = location.href;
    again.textContent = "Show the rules as they are now";
    const text = document.createElement("p");
    text.append(`${told} `, again);
    notice.replaceChildren(text);
  }

  #placeOf(row) {
    return this.#first + [...this.#body.rows].indexOf(row);
  }

  #number() {
    [...this.#body.rows].forEach((row, index) => {
      row.querySelector(".place-number").textContent = String(this.#first + index);
    });
  }

  #say(text) {
    this.#said.textContent = text;
  }
}

// One menu at a time; Escape and a click elsewhere close it.
function mountMenus() {
  const menus = [...document.querySelectorAll(".row-menu")];
  for (const menu of menus) {
    menu.addEventListener("toggle", () => {
      if (menu.open) {
        menus.filter((one) => one !== menu).forEach((one) => (one.open = false));
      }
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && menu.open) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    });
  }
  document.addEventListener("click", (event) => {
    menus.filter((one) => one.open && !one.contains(event.target)).forEach((one) => (one.open = false));
  });
}

// The question before a rule is deleted names it.
function mountDeleting() {
  const form = document.getElementById("deletes");
  for (const button of document.querySelectorAll('[form="deletes"]')) {
    button.addEventListener("click", () => {
      const { name } = button.closest("[data-rule]").dataset;
      form.dataset.question = `Delete “${name}”? What it does ends at once.`;
    });
  }
}

for (const table of document.querySelectorAll("[data-rules]")) {
  new Order(table);
}
mountMenus();
mountDeleting();
