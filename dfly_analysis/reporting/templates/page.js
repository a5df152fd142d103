"use strict";
// Marks the chapter being read in the table of contents; adds copy buttons, filters by host and finding, local time beside UTC, and the
// values of a picture's marks under the pointer. The page says everything without it.
const links = new Map([...document.querySelectorAll(".toc a")].map((link) => [link.hash.slice(1), link]));
const visible = new Set();
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) visible[entry.isIntersecting ? "add" : "delete"](entry.target.id);
  const first = [...links.keys()].find((id) => visible.has(id));
  for (const [id, link] of links) link.ariaCurrent = id === first ? "true" : null;
}, { rootMargin: "-95px 0px -50% 0px" });
for (const id of links.keys()) observer.observe(document.getElementById(id));
for (const block of document.querySelectorAll(".copy")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = block.dataset.copy;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(block.querySelector("pre").textContent);
    } catch {
      getSelection().selectAllChildren(block.querySelector("pre"));
      document.execCommand("copy");
    }
    button.textContent = block.dataset.copied;
  });
  block.prepend(button);
}

const tools = document.querySelector(".tools");
const filters = [["host", "data-host"], ["finding", "data-finding"]];
function filter() {
  for (const [name, attribute] of filters) {
    const chosen = tools.elements[name].value;
    for (const one of document.querySelectorAll(`[${attribute}]`)) {
      one.classList.toggle(`other-${name}`, chosen !== "" && one.getAttribute(attribute) !== chosen);
      for (let fold = one.parentElement.closest("details"); chosen && !one.className.includes("other-") && fold; fold = fold.parentElement.closest("details")) fold.open = true;
    }
  }
}
for (const [name, attribute] of filters) {
  const select = tools.elements[name];
  const found = [...document.querySelectorAll(`[${attribute}]`)].map((one) => one.getAttribute(attribute));
  for (const value of [...new Set(found)].sort(new Intl.Collator("en", { numeric: true }).compare)) select.add(new Option(value));
  select.parentElement.hidden = select.length < 3;
  select.value = "";
}
tools.addEventListener("change", filter);
tools.hidden = false;

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const moment = /\b(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\b/g;
const local = new Intl.DateTimeFormat("sv", { dateStyle: "short", timeStyle: "medium" });
const localTime = (day, time) => {
  const [localDay, localClock] = local.format(new Date(`${day}T${time}Z`)).split(" ");
  return localDay === day ? localClock : `${localDay} ${localClock}`;
};
if (new Date().getTimezoneOffset() !== 0) {
  const walker = document.createTreeWalker(document.getElementById("content"), NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) {
    moment.lastIndex = 0;
    if (moment.test(walker.currentNode.data) && !walker.currentNode.parentElement.closest("pre, code, svg")) texts.push(walker.currentNode);
  }
  for (const text of texts) {
    for (const found of [...text.data.matchAll(moment)].reverse()) {
      const added = document.createElement("span");
      added.className = "local";
      added.textContent = ` (${localTime(found[1], found[2])})`;
      text.splitText(found.index + found[0].length).before(added);
    }
  }
  const box = tools.querySelector(".zone");
  box.hidden = false;
  box.querySelector("span").textContent = `(${zone})`;
  tools.elements.local.addEventListener("change", (event) => document.body.classList.toggle("no-local", !event.target.checked));
}

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
document.body.append(tip);
const values = new Map();
for (const title of document.querySelectorAll(".picture title")) {
  values.set(title.parentElement, title.textContent);
  title.remove();
}
document.addEventListener("pointerover", (event) => {
  const text = values.get(event.target);
  tip.hidden = text === undefined;
  if (tip.hidden) return;
  tip.textContent = new Date().getTimezoneOffset() === 0 ? text : text.replace(moment, (all, day, time) => `${all} (${localTime(day, time)})`);
  const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(left, 8)}px`;
  tip.style.top = `${event.clientY > 90 ? event.clientY - tip.offsetHeight - 12 : event.clientY + 22}px`;
});
