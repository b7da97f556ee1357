"use strict";
const layers = {{ film.layers|tojson }};
const captions = {{ film.captions|tojson }};
const pause = {{ (1000 / film.fps)|round(3) }};
const part = name => document.getElementById(name);
const [layer, caption, scrub, play, speed] = ["layer", "caption", "scrub", "play", "speed"].map(part);
const last = layers.length - 1;
let frame = last, timer = null;

function show(k) {
  frame = Math.min(Math.max(k, 0), last);
  layer.src = layers[frame];
  caption.textContent = captions[frame];
  scrub.value = frame;
  scrub.setAttribute("aria-valuetext", captions[frame]);
}
function stop() {
  clearTimeout(timer);
  timer = null;
  play.textContent = "Play";
}
function advance() {
  if (frame === last) { stop(); return; }
  show(frame + 1);
  timer = setTimeout(advance, pause / speed.value);
}
function start() {
  if (frame === last) show(0);
  play.textContent = "Pause";
  timer = setTimeout(advance, pause / speed.value);
}
function toggle() { timer === null ? start() : stop(); }
function step(by) { stop(); show(frame + by); }

play.addEventListener("click", toggle);
part("back").addEventListener("click", () => step(-1));
part("next").addEventListener("click", () => step(1));
scrub.addEventListener("input", () => { stop(); show(Number(scrub.value)); });
{# On a page of its own the whole page takes the keys; elsewhere they scroll, unless the focus is in the player. #}
const stage = {% if film.alone %}document{% else %}part("controls"){% endif %};
stage.addEventListener("keydown", event => {
  const own = event.target.closest("input, select");
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === " " && !event.target.closest("button, select")) toggle();
  else if (event.key === "ArrowLeft" && !own) step(-1);
  else if (event.key === "ArrowRight" && !own) step(1);
  else if (event.key === "Home" && !own) step(-last);
  else if (event.key === "End" && !own) step(last);
  else return;
  event.preventDefault();
});
part("controls").hidden = false;
show(last);
{% if film.alone %}
if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
{% endif %}
