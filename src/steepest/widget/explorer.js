// The picture and the sliders of `explore`. Python computes each path; this file draws it over the picture.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 640, HEIGHT = 440;
const FAR = 5000;       // pixels beyond which a point of a path that diverged is not drawn
const MOST_DOTS = 80;   // of a longer path, only the line is drawn
const FINE = 200;       // the steps of the slider of learning rates
const [SLOW, FAST] = [0, FINE];
// Without this, JupyterLab takes the keys of an input, such as the arrows of a slider, for its own.
const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };

function made(parent, name, attributes = {}, text = "") {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  parent.append(element);
  return element;
}

function drawn(parent, name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

function shown(number) {
  return Number(number.toPrecision(3)).toString().replace("-", "−").replace("e+", "e");
}

function star([x, y], radius = 10) {
  const corners = [];
  for (let k = 0; k < 10; k++) {
    const [angle, r] = [Math.PI * (k / 5 - 0.5), k % 2 ? radius * 0.42 : radius];
    corners.push(`${(x + r * Math.cos(angle)).toFixed(1)},${(y + r * Math.sin(angle)).toFixed(1)}`);
  }
  return corners.join(" ");
}

function render({ model, el }) {
  // Each explorer loads this file anew, so that no counter could tell them apart.
  const id = `steepest-${Math.random().toString(36).slice(2)}`;
  const root = made(el, "div", { class: `steepest-explorer${model.get("is_curve") ? " curve" : ""}` });
  const figure = made(root, "figure");
  const stage = made(figure, "div", { class: "stage" });
  const image = made(stage, "img", { alt: "", src: model.get("picture") });
  image.draggable = false;
  const svg = drawn(stage, "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-labelledby": `${id}-words` });
  const words = made(made(figure, "figcaption"), "p", { id: `${id}-words`, role: "status" });

  const [left, top, right, bottom] = model.get("frame").map((share, k) => share * (k % 2 ? HEIGHT : WIDTH));
  const [[lowX, highX], [lowY, highY]] = model.get("box");
  const curve = model.get("is_curve");
  drawn(drawn(drawn(svg, "defs", {}), "clipPath", { id: `${id}-clip` }), "rect",
    { x: left - 12, y: top - 12, width: right - left + 24, height: bottom - top + 24 });
  const layer = drawn(svg, "g", { "clip-path": `url(#${id}-clip)` });

  const bounded = pixel => Math.min(Math.max(pixel, -FAR), FAR);
  const place = (x, y) => [
    bounded(left + (x - lowX) / (highX - lowX) * (right - left)),
    bounded(bottom - (y - lowY) / (highY - lowY) * (bottom - top)),
  ];

  function redraw() {
    const view = model.get("path");
    const bytes = view instanceof DataView ? view : new DataView(view ?? new ArrayBuffer(0));
    const points = [];
    for (let k = 0; k + 16 <= bytes.byteLength; k += 16) {
      const [x, y] = [bytes.getFloat64(k, true), bytes.getFloat64(k + 8, true)];
      if (Number.isFinite(x) && Number.isFinite(y)) points.push(place(x, y));
    }
    layer.replaceChildren();
    words.textContent = model.get("outcome");
    if (!points.length) return;
    const line = points.map(point => point.map(pixel => pixel.toFixed(1)).join(",")).join(" ");
    drawn(layer, "polyline", { class: "case", points: line });
    drawn(layer, "polyline", { class: "line", points: line });
    if (points.length <= MOST_DOTS) {
      for (const [x, y] of points.slice(1)) drawn(layer, "circle", { class: "dot", cx: x, cy: y, r: 3.2 });
    }
    const [x, y] = points[0];
    for (const look of ["pale", "begin"]) drawn(layer, "rect", { class: look, x: x - 7, y: y - 7, width: 14, height: 14 });
    const best = Math.min(model.get("best"), points.length - 1);
    if (best < points.length - 1) {
      const [endX, endY] = points[points.length - 1];
      for (const look of ["pale", "end"]) drawn(layer, "circle", { class: look, cx: endX, cy: endY, r: 6 });
    }
    drawn(layer, "polygon", { class: "star", points: star(points[best]) });
  }

  const controls = made(root, "div", { class: "controls" });
  const refresh = [];
  function slider(name, text, range, read, write, say) {
    made(controls, "label", { for: `${id}-${name}` }, text);
    const input = made(controls, "input", { id: `${id}-${name}`, type: "range", ...OWN_KEYS, ...range });
    // The slider itself says its value to those who hear it.
    const output = made(controls, "span", { class: "value", "aria-hidden": "true" });
    const update = () => {
      const value = model.get(name);
      if (write(Number(input.value)) !== value) input.value = read(value);
      output.textContent = say(value);
      input.setAttribute("aria-valuetext", say(value));
    };
    input.addEventListener("input", () => {
      model.set(name, write(Number(input.value)));
      model.save_changes();
      update();
    });
    model.on(`change:${name}`, update);
    refresh.push([`change:${name}`, update]);
    update();
  }
  const [slowest, fastest] = model.get("rates").map(Math.log);
  slider("learning_rate", "Learning rate", { min: SLOW, max: FAST, step: 1 },
    rate => Math.round((Math.log(rate) - slowest) / (fastest - slowest) * FINE),
    notch => Number(Math.exp(slowest + notch / FINE * (fastest - slowest)).toPrecision(3)), shown);
  slider("momentum", "Momentum", { min: 0, max: 0.99, step: 0.01 }, same => same, same => same, shown);
  slider("iterations", "Steps", { min: 1, max: Math.max(500, model.get("iterations")), step: 1 },
    same => same, same => same, String);

  made(controls, "span", { id: `${id}-start` }, "Start").style.fontWeight = "600";
  const starts = made(controls, "div", { class: "starts", role: "group", "aria-labelledby": `${id}-start` });
  const axes = curve ? [[lowX, highX]] : [[lowX, highX], [lowY, highY]];
  const fields = axes.map(([low, high], k) => {
    const label = made(starts, "label", {}, model.get("names")[k]);
    const input = made(label, "input", { type: "number", ...OWN_KEYS, step: Number(((high - low) / 50).toPrecision(1)) });
    input.addEventListener("input", () => {
      if (input.value === "" || !Number.isFinite(Number(input.value))) return;
      begin(fields.map(field => Number(field.value)));
    });
    return input;
  });
  function begin(point) {
    model.set("start", point);
    model.save_changes();
  }
  const follow = () => model.get("start").forEach((number, k) => {
    if (Number(fields[k].value) !== number) fields[k].value = Number(number.toPrecision(4));
  });
  model.on("change:start", follow);
  follow();
  made(root, "p", { class: "hint" }, "Click or drag on the picture to move the start.");

  let dragging = false;
  function move(event) {
    const bounds = svg.getBoundingClientRect();
    const x = (event.clientX - bounds.left) / bounds.width * WIDTH;
    const y = (event.clientY - bounds.top) / bounds.height * HEIGHT;
    const share = (pixel, from, to) => Math.min(Math.max((pixel - from) / (to - from), 0), 1);
    const rounded = (low, high, part) => Number((low + part * (high - low)).toPrecision(4));
    const point = [rounded(lowX, highX, share(x, left, right)), rounded(lowY, highY, share(y, bottom, top))];
    begin(curve ? point.slice(0, 1) : point);
  }
  stage.addEventListener("pointerdown", event => {
    if (event.button !== 0) return;
    dragging = true;
    stage.setPointerCapture(event.pointerId);
    move(event);
  });
  stage.addEventListener("pointermove", event => { if (dragging) move(event); });
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { dragging = false; });

  model.on("change:path", redraw);
  model.on("change:outcome", redraw);
  redraw();
  return () => {
    model.off("change:path", redraw);
    model.off("change:outcome", redraw);
    model.off("change:start", follow);
    for (const [event, update] of refresh) model.off(event, update);
  };
}

export default { render };
