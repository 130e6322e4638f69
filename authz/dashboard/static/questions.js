// SPDX-License-Identifier: Apache-2.0
// A question before a form that cannot be undone is sent: `data-question` has its text, and
// `data-answer` what the button says. Without JavaScript the form is sent at once: pages whose
// consequences are large have a page of their own for that.

/** Ask before forms below `root` that have a question. */
export function mountQuestions(root) {
  for (const form of root.querySelectorAll("form[data-question]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.answered === "yes") {
        return;
      }
      event.preventDefault();
      const by = event.submitter;
      ask(form.dataset.question, form.dataset.answer ?? "Continue", () => {
        form.dataset.answered = "yes";
        form.requestSubmit(by ?? undefined);
      });
    });
  }
}

function ask(question, answer, then) {
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  text.id = "question";
  text.textContent = question;
  dialog.setAttribute("aria-labelledby", "question");
  const row = document.createElement("div");
  row.className = "row end";
  const no = document.createElement("button");
  no.type = "button";
  no.textContent = "Cancel";
  const yes = document.createElement("button");
  yes.type = "button";
  yes.className = "danger";
  yes.textContent = answer;
  row.append(no, yes);
  dialog.append(text, row);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  no.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", () => {
    dialog.close();
    then();
  });
  dialog.showModal();
  no.focus();
}
