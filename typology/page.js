// Answers follow what is typed. Without this script the same form is sent by its button.
"use strict";
(() => {
  const form = document.getElementById("site-form");
  const result = document.getElementById("result");
  const said = document.getElementById("said");
  const WAIT = 400;
  let timer = 0;
  let running = null;

  async function ask() {
    if (running) running.abort();
    const own = new AbortController();
    running = own;
    result.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch("/answer", {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        signal: own.signal,
      });
      if (!answer.ok) throw new Error(answer.status);
      result.innerHTML = await answer.text();
      say(document.getElementById("said-source").textContent);
      mark();
    } catch (error) {
      if (error.name === "AbortError") return;
      say("No answer: the page has lost its program. Start it again, then reload.");
    }
    result.removeAttribute("aria-busy");
  }

  function say(words) {
    if (said.textContent !== words) said.textContent = words;
  }

  function mark() {
    const wrong = new Map();
    for (const item of result.querySelectorAll("li[data-for]")) {
      wrong.set(item.dataset.for, item.dataset.words);
    }
    for (const input of form.querySelectorAll("input[aria-describedby]")) {
      const words = wrong.get(input.id) || "";
      document.getElementById(`${input.id}-mistake`).textContent = words;
      if (words) {
        input.setAttribute("aria-invalid", "true");
        const around = input.closest("details");
        if (around) around.open = true;
      } else input.removeAttribute("aria-invalid");
    }
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  });
  form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter.hasAttribute("formaction")) return;
    event.preventDefault();
    clearTimeout(timer);
    ask().then(() => document.getElementById("result-heading").focus());
  });
  // What was typed before this script came, or put back by the browser, is answered too.
  window.addEventListener("pageshow", () => {
    if ([...form.querySelectorAll("input")].some((one) => one.value !== one.defaultValue)) ask();
  });
  // After a form was sent, begin where its result stands.
  const heading = location.hash && document.getElementById(location.hash.slice(1));
  if (heading && heading.tabIndex === -1) heading.focus();
})();
