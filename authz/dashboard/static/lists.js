// SPDX-License-Identifier: Apache-2.0
// Lists: choosing all items of a page, how many lines are written, a file instead of pasting, and
// from a line that is wrong to that line.

const LARGEST_FILE = 12 * 1024 * 1024;

function mountChoosing() {
  const form = document.getElementById("chosen");
  const all = form?.querySelector("[data-all]");
  if (!all) {
    return;
  }
  const boxes = [...form.querySelectorAll('input[name="item"]')];
  const count = form.querySelector("[data-count]");
  const remove = form.querySelector("[data-remove]");
  const show = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
    remove.disabled = chosen === 0;
    count.textContent = chosen === 0 ? "" : `${chosen} chosen`;
  };
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) {
      box.checked = all.checked;
    }
    show();
  });
  form.addEventListener("change", show);
  show();
}

function mountLines() {
  const text = document.getElementById("items");
  const count = document.querySelector("[data-lines]");
  if (!(text instanceof HTMLTextAreaElement) || count === null) {
    return;
  }
  let waiting = 0;
  const show = () => {
    const lines = text.value.split("\n").filter((line) => /^\s*[^\s#]/.test(line)).length;
    count.textContent = lines === 1 ? "1 item is written" : `${lines.toLocaleString("en")} items are written`;
  };
  text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 200);
  });
  show();
  for (const link of document.querySelectorAll("[data-line]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      select(text, Number(link.dataset.line));
    });
  }
  mountFile(text, count, show);
}

function mountFile(text, count, show) {
  const row = document.querySelector("[data-file]");
  if (row === null) {
    return;
  }
  row.hidden = false;
  row.querySelector("input").addEventListener("change", async (event) => {
    const file = event.target.files[0];
    if (!file) {
      return;
    }
    if (file.size > LARGEST_FILE) {
      count.textContent = "The file is too large: add it in several parts.";
      return;
    }
    text.value = await file.text();
    show();
    text.focus();
  });
}

function select(text, line) {
  const lines = text.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  text.focus();
  text.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  const height = text.scrollHeight / Math.max(lines.length, 1);
  text.scrollTop = Math.max(0, (line - 3) * height);
}

mountChoosing();
mountLines();
