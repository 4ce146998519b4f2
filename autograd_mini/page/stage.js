// The picture of the graph: laid out by dagre, zoomed by d3-zoom, painted at every step.

import { dress, moves, say, svg, width } from "./dom.js";
import { operation, shown } from "./names.js";

const HEIGHT = 74;
const READABLE = 0.55; // the smallest scale at which a graph is shown at first
const CROWD = 120; // edges from which on their numbers hide while seen from afar

/** Draws one graph at a time; tells `on` of what the reader does. */
export class Stage {
  constructor(element, on) {
    this.element = element;
    this.on = on;
    this.world = svg("g", {}, element);
    this.zoom = d3
      .zoom()
      .scaleExtent([0.05, 3])
      .filter((event) => this.mayZoom(event))
      .on("zoom", ({ transform, sourceEvent }) => {
        this.world.setAttribute("transform", transform);
        if (sourceEvent) this.moved = true;
        element.classList.toggle("near", transform.k > this.whole * 1.05);
        this.isDistant = this.edges?.size > CROWD && transform.k < 0.5;
        element.classList.toggle("distant", this.isDistant);
      });
    d3.select(element).call(this.zoom).on("dblclick.zoom", null);
    element.addEventListener("click", (event) => {
      if (event.target === element) on.select(null);
    });
    new ResizeObserver(() => {
      if (this.extent && !this.moved) this.fit(false, true);
    }).observe(element);
    this.whole = 1;
  }

  mayZoom(event) {
    if (event.target.closest?.(".grip")) return false;
    if (event.type === "wheel") return event.ctrlKey || event.metaKey;
    if (event.type === "touchstart")
      return event.touches.length > 1 || this.element.classList.contains("near");
    return !event.ctrlKey && !event.button;
  }

  /** Lay out a graph; scopes whose name is in `closed` are one box each. */
  show(graph, names, closed, words) {
    this.graph = graph;
    this.names = names;
    this.closed = closed;
    this.home = graph.nodes.map((node) => this.homeOf(node));
    const layout = new dagre.graphlib.Graph({ multigraph: true, compound: true });
    layout.setGraph({ rankdir: "TB", nodesep: 26, ranksep: 34, edgesep: 14 });
    this.texts = graph.nodes.map((node) => {
      const made = operation(node, names);
      return made && made !== names[node.index] ? `${names[node.index]} = ${made}` : names[node.index];
    });
    const scopes = new Map();
    for (const node of [...graph.nodes].reverse()) {
      const home = this.home[node.index];
      if (typeof home === "number") {
        layout.setNode(String(home), { width: Math.max(168, width(this.texts[home]) + 26), height: HEIGHT });
      } else layout.setNode(home, { width: Math.max(168, width(home) + 60), height: HEIGHT });
      node.scope.forEach((_, depth) => {
        const path = node.scope.slice(0, depth + 1).join("::");
        scopes.set(path, (scopes.get(path) ?? 0) + 1);
      });
    }
    for (const node of graph.nodes) {
      let child = String(this.home[node.index]);
      for (let depth = node.scope.length; depth > 0; depth--) {
        const path = node.scope.slice(0, depth).join("::");
        if (path === child) continue;
        if ([...closed].some((name) => path === name || path.startsWith(`${name}::`))) continue;
        if (!layout.hasNode(`scope ${path}`)) layout.setNode(`scope ${path}`, {});
        layout.setParent(child, `scope ${path}`);
        child = `scope ${path}`;
      }
    }
    this.bundles = new Map(); // edges between two boxes, by the name that dagre knows them by
    for (const edge of graph.edges) {
      const ends = [this.home[edge.debtor], this.home[edge.creditor]].map(String);
      if (ends[0] === ends[1]) continue;
      const isPlain = this.home[edge.debtor] === edge.debtor && this.home[edge.creditor] === edge.creditor;
      const key = isPlain ? String(edge.id) : ends.join(" to ");
      if (!this.bundles.has(key)) {
        this.bundles.set(key, { ends, edges: [] });
        layout.setEdge(
          ends[0],
          ends[1],
          { width: isPlain ? 70 : 20, height: isPlain ? 44 : 10, labelpos: "c" },
          key,
        );
      }
      this.bundles.get(key).edges.push(edge.id);
    }
    dagre.layout(layout);
    this.draw(layout, scopes, words);
    this.moved = false;
    this.fit(false, true);
  }

  homeOf(node) {
    for (let depth = 1; depth <= node.scope.length; depth++) {
      const path = node.scope.slice(0, depth).join("::");
      if (this.closed.has(path)) return path;
    }
    return node.index;
  }

  draw(layout, scopes, words) {
    this.world.replaceChildren();
    const { width: w, height: h } = layout.graph();
    this.extent = [w, h];
    const grounds = svg("g", {}, this.world);
    const lines = svg("g", { "aria-hidden": "true" }, this.world);
    const boxes = svg("g", {}, this.world);
    this.coins = svg("g", { "aria-hidden": "true" }, this.world);
    for (const key of layout.nodes()) {
      if (key.startsWith("scope ")) this.drawScope(grounds, layout.node(key), key.slice(6), scopes, words);
    }
    this.edges = new Map();
    for (const key of layout.edges()) this.drawEdge(lines, layout.edge(key), key.name);
    this.boxes = new Map();
    const order = [...this.graph.order, ...this.graph.nodes.map((node) => node.index)];
    for (const index of order) {
      const home = this.home[index];
      if (this.boxes.has(home)) continue;
      const place = layout.node(String(home));
      this.boxes.set(
        home,
        typeof home === "number"
          ? this.drawNode(boxes, place, index)
          : this.drawClosed(boxes, place, home, scopes, words),
      );
    }
  }

  drawScope(parent, { x, y, width: w, height: h }, path, scopes, words) {
    const group = svg("g", { class: "scope", tabindex: 0, role: "button" }, parent);
    group.setAttribute("aria-label", words.scopeSays(path.split("::").at(-1), scopes.get(path), false));
    svg("rect", { x: x - w / 2, y: y - h / 2, width: w, height: h, rx: 14 }, group);
    svg("text", { x: x - w / 2 + 12, y: y - h / 2 + 17 }, group, `− ${path.split("::").at(-1)}`);
    this.press(group, () => this.on.scope(path, true));
  }

  drawClosed(parent, { x, y, width: w }, path, scopes, words) {
    const group = svg(
      "g",
      { class: "node", tabindex: 0, role: "button", transform: `translate(${x - w / 2},${y - HEIGHT / 2})` },
      parent,
    );
    group.setAttribute("aria-label", words.scopeSays(path.split("::").at(-1), scopes.get(path), true));
    svg("rect", { class: "box", width: w, height: HEIGHT, rx: 12, "stroke-dasharray": "3 4" }, group);
    svg("text", { class: "name", x: 12, y: 30 }, group, `+ ${path.split("::").at(-1)}`);
    svg("text", { class: "says", x: 12, y: 52 }, group, words.nodes(scopes.get(path)));
    this.press(group, () => this.on.scope(path, false));
    return { group, x, y };
  }

  drawNode(parent, { x, y, width: w }, index) {
    const node = this.graph.nodes[index];
    const group = svg(
      "g",
      {
        tabindex: 0,
        role: node.row ? "button" : "spinbutton",
        transform: `translate(${x - w / 2},${y - HEIGHT / 2})`,
      },
      parent,
    );
    svg("rect", { class: "box", width: w, height: HEIGHT, rx: node.row ? 12 : HEIGHT / 2.6 }, group);
    svg("text", { class: "name", x: 13, y: 22 }, group, this.texts[index]);
    const box = {
      group,
      x,
      y,
      value: svg("text", { class: "value", x: 13, y: 43 }, group),
      held: svg("text", { class: "held", x: w - 13, y: 43 }, group),
      says: svg("text", { class: "says", x: 13, y: 61 }, group),
      length: w - 26,
    };
    svg("rect", { class: "track", x: 13, y: HEIGHT - 8, width: w - 26, height: 3, rx: 1.5 }, group);
    box.bar = svg("rect", { class: "bar", x: 13, y: HEIGHT - 8, width: 0, height: 3, rx: 1.5 }, group);
    if (!node.row) {
      const grip = svg("rect", { class: "grip", width: w, height: HEIGHT, fill: "transparent" }, group);
      scrub(
        grip,
        () => node.value,
        (value, isDone) => this.on.drag(index, value, isDone),
        () => this.on.node(index),
      );
      group.addEventListener("keydown", (event) => {
        const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
        if (direction) {
          event.preventDefault();
          this.on.drag(index, nudged(node.value, direction * (event.shiftKey ? 10 : 1)), true);
        }
      });
    }
    this.press(group, () => this.on.node(index), !node.row);
    return box;
  }

  press(group, action, byKeyOnly = false) {
    if (!byKeyOnly) group.addEventListener("click", action);
    group.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        event.stopPropagation();
        action();
      }
    });
  }

  drawEdge(parent, { points, x, y }, key) {
    const group = svg("g", {}, parent);
    const way = svg("path", { class: "way", d: curve(points) }, group);
    svg("path", { class: "tip", d: tip(points) }, group);
    const derivative = svg("text", { x, y: y - 5 }, group);
    const pill = svg("rect", { class: "pill", y: y + 1, height: 20, rx: 10 }, group);
    const amount = svg("text", { class: "amount", x, y: y + 15 }, group);
    this.edges.set(key, { group, way, derivative, amount, pill, x });
  }

  /** Show all of the graph; at first, of one too large to be read so, what is around the root. */
  fit(isSmooth = true, isFirst = false) {
    const { clientWidth: w, clientHeight: h } = this.element;
    if (!w || !h) return;
    const whole = Math.min(1.3, (w - 32) / this.extent[0], (h - 32) / this.extent[1]);
    const k = isFirst && whole < READABLE ? READABLE : whole;
    this.whole = whole;
    const root = this.boxes.get(this.home[this.graph.root]);
    const x = k === whole ? (w - k * this.extent[0]) / 2 : w / 2 - k * root.x;
    const to = d3.zoomIdentity.translate(x, Math.max(16, (h - k * this.extent[1]) / 2)).scale(k);
    const target = d3.select(this.element);
    (isSmooth && moves() ? target.transition().duration(350) : target).call(this.zoom.transform, to);
    this.moved = false;
  }

  by(factor) {
    d3.select(this.element).call(this.zoom.scaleBy, factor);
    this.moved = true;
  }

  /** Bring a box into sight, if it is out of it. */
  reveal(index) {
    const box = this.boxes.get(this.home[index]);
    const { clientWidth: w, clientHeight: h } = this.element;
    const [x, y] = d3.zoomTransform(this.element).apply([box.x, box.y]);
    if (x > 60 && x < w - 60 && y > 40 && y < h - 40) return;
    d3.select(this.element).call(this.zoom.translateTo, box.x, box.y);
  }

  /** Show the state: `view` has state, walk, now, culprit, may, selected, lit, words. */
  paint(view) {
    const { graph } = this;
    const { state, words } = view;
    for (const [home, box] of this.boxes) {
      if (typeof home !== "number") continue;
      const node = graph.nodes[home];
      const owed = view.owed[home];
      const received = state.received[home];
      const isRoot = home === graph.root;
      const holds = received > 0 || isRoot;
      const isFull = isRoot || (owed > 0 && received >= owed);
      say(box.value, shown(node.value));
      say(box.held, holds ? shown(state.balances[home]) : "");
      say(
        box.says,
        isRoot || !owed
          ? ""
          : isFull
            ? words.settled(counting(owed))
            : words.paidOf(received, counting(owed)),
      );
      const share = isRoot ? 1 : owed ? Math.min(1, received / Number(owed)) : 0;
      if (box.share !== share) {
        box.share = share;
        box.bar.setAttribute("width", share * box.length);
      }
      const classes = ["node"];
      if (!node.row) classes.push("leaf");
      if (isFull) classes.push("full");
      if (view.parties.has(home)) classes.push("party");
      if (view.culprit === home) classes.push("culprit");
      if (view.may.has(home)) classes.push("may");
      if (view.selected === home) classes.push("selected");
      if (view.lit?.nodes.has(home)) classes.push("lit");
      dress(box.group, classes.join(" "));
      if (!view.isHasty) this.describe(box.group, node, view, holds);
    }
    for (const [key, { edges }] of this.bundles) {
      const drawn = this.edges.get(key);
      const edge = graph.edges[edges[0]];
      const isPaid = edges.some((id) => state.amounts[id] !== null);
      const isNow = edges.some((id) => view.now.has(id));
      const classes = ["edge"];
      if (edges.every((id) => graph.edges[id].derivative === null)) classes.push("none");
      if (isPaid) classes.push("paid");
      if (isNow) classes.push("now", ...(view.isFalse ? ["false"] : []));
      if (edges.some((id) => view.lit?.edges.has(id))) classes.push("lit");
      dress(drawn.group, classes.join(" "));
      const isSeen = !(view.isHasty && this.isDistant); // while dragging, what is too far to read can wait
      if (isSeen && edges.length === 1 && key === String(edge.id)) {
        say(drawn.derivative, edge.derivative === null ? "" : `× ${shown(edge.derivative)}`);
        const amount = state.amounts[edge.id] === null ? "" : shown(state.amounts[edge.id]);
        if (amount !== drawn.amount.said) {
          say(drawn.amount, amount);
          if (drawn.size !== amount.length) {
            drawn.size = amount.length;
            const w = amount ? 7.3 * amount.length + 16 : 0;
            drawn.pill.setAttribute("width", w);
            drawn.pill.setAttribute("x", drawn.x - w / 2);
          }
        }
      }
    }
    this.element.classList.toggle("tracing", view.lit !== null);
  }

  describe(group, node, view, holds) {
    const { words, state } = view;
    const { index } = node;
    const held =
      holds && index !== this.graph.root
        ? words.held(shown(state.balances[index]), state.received[index], counting(view.owed[index]))
        : "";
    const text = words.nodeSays(this.texts[index], shown(node.value), held);
    group.setAttribute("aria-label", text);
    if (!node.row) {
      group.setAttribute("aria-valuenow", node.value);
      group.setAttribute("aria-valuetext", `${shown(node.value)}, ${words.drag}`);
    }
  }

  /** Let a coin travel along an edge, or be there at once; then call `done`. Returns what ends its journey. */
  send(id, amount, isFalse, milliseconds, done) {
    const key = [...this.bundles].find(([, { edges }]) => edges.includes(id))?.[0];
    if (key === undefined || !moves() || milliseconds <= 0 || document.hidden) {
      done();
      return null;
    }
    const { way } = this.edges.get(key);
    const length = way.getTotalLength();
    const text = shown(amount);
    const coin = svg("g", { class: isFalse ? "coin false" : "coin" }, this.coins);
    const w = Math.max(30, width(text, "700 13px monospace") + 18);
    svg("rect", { x: -w / 2, y: -13, width: w, height: 26, rx: 13 }, coin);
    svg("text", { y: 4.5 }, coin, text);
    let start = null;
    let frame = 0;
    const end = () => {
      cancelAnimationFrame(frame);
      coin.remove();
      done();
    };
    const move = (time) => {
      start ??= time;
      const t = Math.min(1, (time - start) / milliseconds);
      const eased = t * t * (3 - 2 * t);
      const { x, y } = way.getPointAtLength(eased * length);
      coin.setAttribute("transform", `translate(${x},${y})`);
      if (t < 1) frame = requestAnimationFrame(move);
      else end();
    };
    frame = requestAnimationFrame(move);
    return end;
  }
}

const counting = (n) => (typeof n === "bigint" ? Number(n) : n);

/** A number moved by so many steps of a hundredth of its size. */
export function nudged(value, steps) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(Math.abs(value), 1)) - 1);
  const next = value + steps * unit;
  return Number(next.toPrecision(12));
}

/** Let a number be changed by dragging sideways; a press that does not move is a click. */
export function scrub(element, read, write, click = () => {}) {
  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    event.stopPropagation();
    element.setPointerCapture(event.pointerId);
    element.closest("[tabindex]")?.focus?.();
    const start = read();
    let moved = false;
    const move = ({ clientX, shiftKey }) => {
      const distance = clientX - event.clientX;
      if (!moved && Math.abs(distance) < 3) return;
      moved = true;
      write(nudged(start, Math.round(distance / 4) / (shiftKey ? 10 : 1)), false);
    };
    const up = () => {
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", up);
      element.removeEventListener("pointercancel", up);
      if (moved) write(read(), true);
      else click();
    };
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", up);
    element.addEventListener("pointercancel", up);
  });
}

/** A smooth line through dagre's points. */
function curve(points) {
  const [first, ...rest] = points;
  let d = `M${first.x},${first.y}`;
  rest.forEach((point, i) => {
    const next = rest[i + 1];
    if (!next) d += `L${point.x},${point.y}`;
    else d += `Q${point.x},${point.y} ${(point.x + next.x) / 2},${(point.y + next.y) / 2}`;
  });
  return d;
}

/** The tip of the arrow, at the creditor. */
function tip(points) {
  const [before, { x, y }] = points.slice(-2);
  const angle = Math.atan2(y - before.y, x - before.x);
  const at = (turn, size) => `${x - size * Math.cos(angle + turn)},${y - size * Math.sin(angle + turn)}`;
  return `M${x},${y}L${at(0.42, 10)}L${at(-0.42, 10)}Z`;
}
