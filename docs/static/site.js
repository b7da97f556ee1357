// Search results show a part of each page, which a page opened from a disk may not read.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// Moving pictures get a button that holds them.
addEventListener("DOMContentLoaded", () => {
  for (const image of document.querySelectorAll("picture.moving img")) {
    const moving = image.getAttribute("src");
    const still = image.dataset.still;
    const button = document.createElement("button");
    button.className = "hold";
    const show = (moves) => {
      image.parentElement.querySelectorAll("source").forEach((source) => source.remove());
      image.src = moves ? moving : still;
      button.textContent = moves ? "Pause" : "Play";
    };
    button.addEventListener("click", () => show(button.textContent === "Play"));
    button.textContent = matchMedia("(prefers-reduced-motion: reduce)").matches ? "Play" : "Pause";
    image.parentElement.after(button);
    button.classList.add(...[...image.parentElement.classList].filter((name) => name.startsWith("only-")));
  }
});

// What scrolls sideways can be reached, and scrolled, with the keyboard.
const reachable = () => {
  for (const block of document.querySelectorAll("pre, .table-wrapper, .formula")) {
    if (block.scrollWidth > block.clientWidth) block.tabIndex = 0;
    else block.removeAttribute("tabindex");
  }
};
addEventListener("DOMContentLoaded", reachable);
addEventListener("resize", reachable);
