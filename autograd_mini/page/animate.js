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

// A point on the last stretch of a curve, from the operand's end at 0 to the result's at 1.
function along(points, share) {
  const [[x, y], [u, v]] = points.slice(-2);
  return [x + (u - x) * share ** 2 * (3 - 2 * share), y + (v - y) * (1.5 * share * (1 - share) + share ** 3)];
}

// An arrow's head at the end of a curve where a walk arrives: it goes up when creditors collect.
function tip(points, up) {
  const [[x, y], [u, v]] = up ? [points.at(-1), along(points, .8)] : [points[0], along(points.slice(0, 2), .2)];
  const scale = 14 / Math.hypot(x - u, y - v), [dx, dy] = [(x - u) * scale, (y - v) * scale];
  return `M${x},${y}L${x - dx - dy / 2},${y - dy + dx / 2}L${x - dx + dy / 2},${y - dy - dx / 2}z`;
}

function picture(place) {
  const [width, height] = [data.width + 2 * MARGIN, data.height + HEIGHT + 2 * MARGIN];
  const svg = make(place, "svg", { viewBox: `${-MARGIN} ${-MARGIN - HEIGHT / 2} ${width} ${height}`, role: "img" });
  // as large as the panel, but 0.7 of its size at least, which is scrolled to, and no larger than is of use
  const most = `max(${width}px, min(${1.3 * width}px, ${(60 * width / height).toFixed(2)}vh))`;
  svg.style.width = `clamp(${0.7 * width}px, 100%, ${most})`;
  const routes = data.edges.map(edge => {
    const points = edge.route.map(([x, y]) => [x, y]);
    points[0][1] -= HEIGHT / 2;
    points[points.length - 1][1] += HEIGHT / 2;
    return points;
  });
  const edges = data.edges.map((edge, i) => {
    const g = make(svg, "g", { class: edge.derivative === null ? "edge none" : "edge" });
    make(g, "path", { d: curve(routes[i]) });
    make(g, "path", { class: "tip" });
    return g;
  });
  const numbers = [];
  data.edges.forEach((edge, i) => {  // after all the curves, so that none crosses a number
    if (edge.derivative === null) return;
    const places = [.6, .45, .75, .3].map(share => along(routes[i], share));
    const half = 3.5 * edge.derivative.length + 2;
    const free = ([x, y]) => numbers.every(n => Math.abs(n.x - x) > n.half + half || Math.abs(n.y - y) > 12);
    const [x, y] = places.find(free) || places[0];
    numbers.push({ x, y, half });
    make(edges[i], "text", { x, y: y + 4 }, edge.derivative);
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
  return { edges, nodes, routes };
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
  const table = byId("ledger"), frame = table.parentElement;
  [...table.tBodies[0].rows].forEach((row, i) => {
    row.className = i + 2 < paid ? "done" : i + 2 === paid ? "now" : "";
    if (i + 2 === paid) frame.scrollTop = row.offsetTop - frame.clientHeight / 2;
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
    g.classList.toggle("unborn", data.edges[i].result >= step);
    g.querySelector(".tip").setAttribute("d", tip(panel.routes[i], walk.up));
    g.firstChild.style.strokeWidth = walked.get(i) > 1 ? Math.min(7, 1.5 + Math.log2(walked.get(i))) : "";
  });
  const edge = last !== null && last.edge !== null ? data.edges[last.edge] : null;
  const parties = edge !== null ? [edge.operand, edge.result] : step > 0 && paid <= 0 ? [step - 1] : [];
  panel.nodes.forEach(({ g, bar, grad, width }, i) => {
    const holds = held.get(i);
    g.classList.toggle("unborn", i >= step);
    g.classList.toggle("settled", holds !== undefined && holds.share === 1);
    g.classList.toggle("over", holds !== undefined && holds.share > 1);
    g.classList.toggle("party", parties.includes(i));
    grad.textContent = holds ? holds.balance : "";
    bar.setAttribute("class", `bar ${holds ? holds.sign : ""}`);
    bar.setAttribute("width", holds ? Math.min(1, holds.share) * (width - 2) : 0);
  });
  if (parties.length) follow(panel, parties.map(i => data.nodes[i]));
}

function follow({ scroll }, nodes) {
  const svg = scroll.firstElementChild, scale = svg.clientWidth / (data.width + 2 * MARGIN);
  const [a, b] = [nodes[0], nodes[nodes.length - 1]];
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
