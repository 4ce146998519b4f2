"use strict";
// Shows what animate.py has worked out: each step says which edge it walks and what a node holds after it.
// Texts go in as textContent only, so a label is never read as HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const slider = byId("step");
const ROW = 20, HEIGHT = 3 * ROW, MARGIN = 20;
let playing = null;

function make(parent, tag, attributes = {}, text = null) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

function curve(points) {
  let path = `M${points[0]}`;
  for (let i = 1; i < points.length; i++) {
    const [x, y] = points[i - 1], [u, v] = points[i], middle = (y + v) / 2;
    path += `C${x},${middle} ${u},${middle} ${u},${v}`;
  }
  return path;
}

function picture(place) {
  const [width, height] = [data.width + 2 * MARGIN, data.height + HEIGHT + 2 * MARGIN];
  const svg = make(place, "svg", { viewBox: `${-MARGIN} ${-MARGIN - HEIGHT / 2} ${width} ${height}`, role: "img" });
  // as large as the panel, between 0.7 and full size; what is larger still is scrolled to
  svg.style.width = `clamp(${0.7 * width}px, 100%, ${width}px)`;
  const edges = data.edges.map(edge => {
    const g = make(svg, "g", { class: edge.derivative === null ? "edge none" : "edge" });
    const points = edge.route.map(([x, y]) => [x, y]);
    points[0][1] -= HEIGHT / 2;
    points[points.length - 1][1] += HEIGHT / 2;
    make(g, "path", { d: curve(points) });
    return g;
  });
  data.edges.forEach((edge, i) => {  // after all the curves, so that none crosses a number
    if (edge.derivative === null) return;
    const [[x, y], [u, v]] = edge.route.slice(-2);
    make(edges[i], "text", { x: x + (u - x) * .66, y: (y - HEIGHT / 2) * .42 + (v + HEIGHT / 2) * .58 + 4 }, edge.derivative);
  });
  const nodes = data.nodes.map(node => {
    const g = make(svg, "g", { class: node.leaf ? "leaf" : "", transform: `translate(${node.x - node.width / 2},${node.y - HEIGHT / 2})` });
    make(g, "rect", { class: "box", width: node.width, height: HEIGHT, rx: 3 });
    make(g, "rect", { class: "head", width: node.width, height: ROW, rx: 3 });
    make(g, "text", { class: "name", x: node.width / 2, y: 14 }, node.text);
    make(g, "text", { class: "title", x: 6, y: 34 }, "value");
    make(g, "text", { class: "value", x: node.width / 2 + 22, y: 34 }, node.value);
    const bar = make(g, "rect", { class: "bar", x: 1, y: 2 * ROW, width: 0, height: ROW - 1 });
    make(g, "text", { class: "title", x: 6, y: 54 }, "grad");
    const grad = make(g, "text", { class: "grad", x: node.width / 2 + 22, y: 54 }, "");
    return { g, bar, grad, width: node.width };
  });
  return { edges, nodes };
}

function panel(id) {
  const root = byId(id);
  return { root, title: root.querySelector("h2"), note: root.querySelector(".note"), says: root.querySelector(".says"),
    scroll: root.querySelector(".scroll"), ...picture(root.querySelector(".scroll")) };
}

const panels = { right: panel("right"), other: panel("other") };
const other = () => data.walks[Number(byId("choice").value)];
const forward = data.nodes.length;

// Step 0 shows nothing; 1 to `forward` compute a node each; then come the payments of both walks.
function show() {
  const step = Number(slider.value);
  byId("count").textContent = `${step} / ${slider.max}`;
  const paid = step - forward;
  let caption = "Before anything is computed. Press → or space.";
  if (step > 0 && paid <= 0) caption = `Forward: ${data.nodes[step - 1].says}`;
  if (paid > 0) caption = `Backward: ${paid > 1 ? "an edge a step, on both sides." : data.walks[0].steps[0].says}`;
  byId("caption").textContent = caption;
  draw(panels.right, data.walks[0], step, paid);
  draw(panels.other, other(), step, paid);
  [...byId("ledger").tBodies[0].rows].forEach((row, i) => {
    row.className = i + 2 < paid ? "done" : i + 2 === paid ? "now" : "";
  });
}

function draw(panel, walk, step, paid) {
  const taken = walk.steps.slice(0, Math.max(0, paid));
  const last = paid > 0 && paid <= walk.steps.length ? taken[taken.length - 1] : null;
  const visits = taken.filter(s => s.edge !== null).length;
  panel.title.textContent = walk.title;
  panel.note.textContent = walk.note;
  panel.says.replaceChildren();
  const count = document.createElement("span");
  count.className = "visits";
  count.textContent = `${visits} of ${walk.total} edge visits. `;
  panel.says.append(count, taken.length === walk.steps.length ? walk.verdict : last ? last.says : "");
  const held = new Map(taken.map(s => [s.node, s]));
  const walked = new Map();
  for (const s of taken) if (s.edge !== null) walked.set(s.edge, (walked.get(s.edge) || 0) + 1);
  panel.edges.forEach((g, i) => {
    g.classList.toggle("walked", walked.has(i));
    g.classList.toggle("now", last !== null && last.edge === i);
    g.firstChild.style.strokeWidth = walked.get(i) > 1 ? Math.min(7, 1.5 + Math.log2(walked.get(i))) : "";
  });
  const edge = last !== null && last.edge !== null ? data.edges[last.edge] : null;
  panel.nodes.forEach(({ g, bar, grad, width }, i) => {
    const holds = held.get(i);
    g.classList.toggle("unborn", i >= step);
    g.classList.toggle("settled", holds !== undefined && holds.share === 1);
    g.classList.toggle("over", holds !== undefined && holds.share > 1);
    g.classList.toggle("party", edge !== null && (edge.operand === i || edge.result === i));
    grad.textContent = holds ? holds.balance : "";
    bar.setAttribute("class", `bar ${holds ? holds.sign : ""}`);
    bar.setAttribute("width", holds ? Math.min(1, holds.share) * (width - 2) : 0);
  });
  if (edge !== null) follow(panel, edge);
}

function follow({ scroll }, edge) {
  const svg = scroll.firstElementChild, scale = svg.clientWidth / (data.width + 2 * MARGIN);
  const [a, b] = [data.nodes[edge.operand], data.nodes[edge.result]];
  scroll.scrollLeft = ((a.x + b.x) / 2 + MARGIN) * scale - scroll.clientWidth / 2;
  scroll.scrollTop = ((a.y + b.y) / 2 + MARGIN + HEIGHT / 2) * scale - scroll.clientHeight / 2;
}

function go(step) {
  slider.value = Math.max(0, Math.min(Number(slider.max), step));
  show();
}

function pause() {
  clearInterval(playing);
  playing = null;
  byId("play").textContent = "play";
}

function play() {
  if (playing !== null) return pause();
  if (slider.value === slider.max) go(0);
  byId("play").textContent = "pause";
  playing = setInterval(() => {
    go(Number(slider.value) + 1);
    if (slider.value === slider.max) pause();
  }, Math.max(80, Math.min(900, 40000 / Number(slider.max))));
}

function choose() {
  slider.max = forward + Math.max(data.walks[0].steps.length, other().steps.length);
  show();
}

data.walks.slice(1).forEach((walk, i) => byId("choice").add(new Option(walk.title, i + 1)));
data.payments.forEach((cells, i) => {
  const row = byId("ledger").tBodies[0].insertRow();
  for (const cell of cells) {
    const text = document.createElement("bdi");  // a name that runs from right to left keeps to itself
    text.textContent = cell;
    row.insertCell().append(text);
  }
  row.addEventListener("click", () => { pause(); go(forward + i + 2); });
});
byId("play").addEventListener("click", play);
byId("back").addEventListener("click", () => { pause(); go(Number(slider.value) - 1); });
byId("on").addEventListener("click", () => { pause(); go(Number(slider.value) + 1); });
byId("choice").addEventListener("change", () => { pause(); choose(); });
slider.addEventListener("input", () => { pause(); show(); });
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.id === "choice") return;
  const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  if (event.key === " ") play();
  else if (event.key in moves) { pause(); go(Number(slider.value) + moves[event.key]); }
  else return;
  event.preventDefault();
});
choose();
