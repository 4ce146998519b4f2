// The article's network, trained twice: by its true gradient, and as the article's program has it.

import { byId, html, say, svg } from "./dom.js";
import { Graph } from "./graph.js";
import { shown } from "./names.js";
import { read } from "./reader.js";

export const EXPRESSION =
  "h1 = sigmoid(W11*x1 + W12*x2); h2 = sigmoid(W21*x1 + W22*x2); y = sigmoid(V1*h1 + V2*h2); 0.5*(0.5 - y)**2";
export const NUMBERS = [
  ["W11", 0.1],
  ["x1", 0.35],
  ["W12", 0.8],
  ["x2", 0.9],
  ["W21", 0.4],
  ["W22", 0.6],
  ["V1", 0.3],
  ["V2", 0.9],
];
const WEIGHTS = ["W11", "W12", "W21", "W22", "V1", "V2"];

/** A network with its weights, the losses so far, and one of two ways to move the weights. */
export class Learner {
  constructor(isTrue) {
    this.isTrue = isTrue;
    this.graph = new Graph(read(EXPRESSION).build(new Map(NUMBERS)));
    this.nodes = new Map(this.graph.nodes.filter((node) => node.label).map((node) => [node.label, node]));
    this.losses = [this.loss];
  }

  get loss() {
    return this.graph.nodes[this.graph.root].value;
  }

  /** What one step adds to each weight, in the order of WEIGHTS. */
  moves() {
    if (this.isTrue) return WEIGHTS.map((name) => -this.graph.gradient[this.nodes.get(name).index]);
    return this.printed();
  }

  /** The article's program, line by line, in numbers that the graph holds. */
  printed() {
    const value = (name) => this.nodes.get(name).value;
    const slope = (name) => this.graph.below[this.nodes.get(name).index][0].derivative;
    const output = this.nodes.get("y");
    const delta = -this.graph.gradient[output.operands[0]]; // (y - l2) · l2'
    const errors = [delta * value("V1"), delta * value("V2")]; // l1_error, a row
    const rows = ["h1", "h2"].map((name) => errors.map((error) => error * slope(name))); // l1_delta, 2 × 2
    const both = [0, 1].map((j) => value("x1") * rows[0][j] + value("x2") * rows[1][j]); // one row
    return [both[0], both[1], both[0], both[1], delta * value("h1"), delta * value("h2")];
  }

  step() {
    const moves = this.moves();
    WEIGHTS.forEach((name, i) => {
      this.nodes.get(name).value += moves[i];
    });
    this.graph.update();
    this.losses.push(this.loss);
  }
}

const PLACES = { x1: [56, 62], x2: [56, 208], h1: [250, 62], h2: [250, 208], y: [424, 135] };
const LINES = [
  ["W11", "x1", "h1", 0.5],
  ["W12", "x2", "h1", 0.28],
  ["W21", "x1", "h2", 0.28],
  ["W22", "x2", "h2", 0.5],
  ["V1", "h1", "y", 0.46],
  ["V2", "h2", "y", 0.46],
];
const TITLES = { x1: "x₁", x2: "x₂", h1: "h₁", h2: "h₂", y: "ŷ" };
const subscript = (name) => name.replace(/\d/g, (d) => "₀₁₂₃₄₅₆₇₈₉"[d]);

/** The scene: two learners side by side, and the curve of their losses. */
export class Network {
  constructor() {
    this.reset();
  }

  reset() {
    this.learners = [new Learner(true), new Learner(false)];
  }

  /** Train to so many steps. */
  to(steps) {
    if (steps < this.steps) this.reset();
    while (this.steps < steps) for (const learner of this.learners) learner.step();
  }

  get steps() {
    return this.learners[0].losses.length - 1;
  }

  show(words) {
    if (this.words !== words) {
      this.words = words;
      this.views = this.learners.map((learner) => drawLearner(learner, words));
      byId("learners").replaceChildren(...this.views.map((view) => view.element));
    }
    this.learners.forEach((learner, i) => {
      const view = this.views[i];
      const moves = learner.moves();
      WEIGHTS.forEach((name, k) => {
        say(
          view.weights.get(name),
          `${subscript(name)} ${learner.nodes.get(name).value.toFixed(5).replace("-", "−")}`,
        );
        say(view.moves.get(name), `${moves[k] < 0 ? "−" : "+"} ${amount(Math.abs(moves[k]))}`);
      });
      for (const [name, text] of view.values) say(text, shown(learner.nodes.get(name).value, 4));
      say(view.loss, scientific(learner.loss));
      say(view.output, learner.nodes.get("y").value.toFixed(5));
    });
    byId("steps-taken").textContent = words.after(this.steps);
    byId("one").disabled = this.steps >= 1000;
    byId("hundred").disabled = this.steps >= 1000;
    drawCurve(this.learners, words);
  }
}

const scientific = (x) =>
  x >= 1e-3 ? x.toFixed(7) : x.toExponential(8).replace("-", "−").replace("e−", "e−0").replace("e−01", "e−1");

/** The size of a move, in three digits. */
const amount = (x) => (x < 1e-3 ? x.toExponential(2).replace("-", "−") : shown(x, 3));

function drawLearner(learner, words) {
  const picture = svg("svg", { viewBox: "0 0 480 270", role: "img" });
  const title = learner.isTrue ? words.trueGradient : words.printed;
  picture.setAttribute("aria-label", title);
  const view = { weights: new Map(), moves: new Map(), values: [] };
  for (const [, from, to] of LINES) {
    const [[x1, y1], [x2, y2]] = [PLACES[from], PLACES[to]];
    svg("line", { x1, y1, x2, y2 }, picture);
  }
  for (const [name, from, to, t] of LINES) {
    const [[x1, y1], [x2, y2]] = [PLACES[from], PLACES[to]];
    const [x, y] = [x1 + (x2 - x1) * t, y1 + (y2 - y1) * t];
    view.weights.set(name, svg("text", { class: "weight", x, y: y - 3 }, picture));
    view.moves.set(name, svg("text", { class: "move", x, y: y + 12 }, picture));
  }
  for (const [name, [cx, cy]] of Object.entries(PLACES)) {
    svg("circle", { cx, cy, r: 31 }, picture);
    svg("text", { x: cx, y: cy - 4 }, picture, TITLES[name]);
    view.values.push([name, svg("text", { x: cx, y: cy + 13 }, picture)]);
  }
  view.loss = html("b");
  view.output = html("b");
  view.element = html(
    "div",
    { className: learner.isTrue ? "learner true" : "learner printed" },
    html("h3", {}, title),
    html("p", {}, `${words.loss} `, view.loss, `   ${words.output} `, view.output),
    picture,
  );
  return view;
}

function drawCurve(learners, words) {
  const picture = byId("curve");
  const size = picture.clientWidth || 900;
  const [left, right, top, bottom] = [56, 16, 14, 202];
  picture.setAttribute("viewBox", `0 0 ${size} 230`);
  picture.replaceChildren();
  const steps = learners[0].losses.length - 1;
  const span = Math.max(10, steps);
  const lowest = Math.min(
    -2,
    Math.floor(Math.log10(Math.min(...learners.map((l) => Math.max(1e-30, l.losses.at(-1)))))),
  );
  const x = (i) => left + ((size - left - right) * i) / span;
  const y = (loss) => top + ((bottom - top) * (-1 - Math.log10(Math.max(loss, 1e-30)))) / (-1 - lowest);
  const every = Math.ceil(-lowest / 6);
  for (let power = -1; power >= lowest; power -= every) {
    svg(
      "line",
      { class: "grid", x1: left, x2: size - right, y1: y(10 ** power), y2: y(10 ** power) },
      picture,
    );
    svg(
      "text",
      { x: left - 8, y: y(10 ** power) + 4, "text-anchor": "end" },
      picture,
      `1e${String(power).replace("-", "−")}`,
    );
  }
  for (const part of [0, 0.5, 1]) {
    const anchor = part === 1 ? "end" : part ? "middle" : "start";
    svg(
      "text",
      { x: x(span * part), y: bottom + 20, "text-anchor": anchor },
      picture,
      String(Math.round(span * part)),
    );
  }
  learners.forEach((learner) => {
    const kind = learner.isTrue ? "true" : "printed";
    svg(
      "path",
      {
        class: kind,
        d: `M${learner.losses.map((loss, i) => `${x(i).toFixed(1)},${y(loss).toFixed(1)}`).join("L")}`,
      },
      picture,
    );
  });
  learners.forEach((learner, i) => {
    const kind = learner.isTrue ? "true" : "printed";
    svg(
      "text",
      { class: kind, x: size - right - 4, y: top + 12 + 18 * i, "text-anchor": "end" },
      picture,
      learner.isTrue ? words.trueGradient : words.printed,
    );
  });
  const [one, other] = learners.map((learner) => scientific(learner.loss));
  picture.setAttribute("aria-label", words.networkSays(words.after(steps), one, other));
}
