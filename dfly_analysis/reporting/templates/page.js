"use strict";
// Marks the chapter being read in the table of contents, and adds a button that copies to each block to be applied.
const links = new Map([...document.querySelectorAll(".toc a")].map((link) => [link.hash.slice(1), link]));
const visible = new Set();
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) visible[entry.isIntersecting ? "add" : "delete"](entry.target.id);
  const first = [...links.keys()].find((id) => visible.has(id));
  for (const [id, link] of links) link.ariaCurrent = id === first ? "true" : null;
}, { rootMargin: "-60px 0px -50% 0px" });
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
