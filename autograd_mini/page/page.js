// The page: its state, what the reader does to it, and what is shown of it.

import { Book } from "./book.js";
import { byId, dress, html, moves } from "./dom.js";
import { showDoublings } from "./doublings.js";
import { Graph } from "./graph.js";
import { inspect } from "./inspector.js";
import { decoded, encoded, ORDERS } from "./link.js";
import { counted, named, shown } from "./names.js";
import { EXPRESSION, Network, NUMBERS } from "./network.js";
import { ReaderError, read } from "./reader.js";
import { nudged, Stage, scrub } from "./stage.js";
import { candidates, chosen, firstCome, inOrder, pathByPath, recursion, replay } from "./walks.js";
import { WORDS } from "./words.js";

const MOST = 300; // nodes
const CHIPS = 12; // leaves that have a field of their own
const FIRST = [2, 3, 1.5, 0.5, 4, 2.5]; // numbers of leaves that have none yet
const EXAMPLES = {
  why: ["s = x*x; s + s*s*s", [["x", 3]]],
  article: [
    "(a+b)*(b+1)",
    [
      ["a", 2],
      ["b", 1],
    ],
  ],
  tower: ["p = x*x; q = p*p; r = q*q; r*q + p", [["x", 1.5]]],
  net: [EXPRESSION, NUMBERS],
};
const WALKS = { order: inOrder, queue: firstCome, recursion, paths: pathByPath };
const PACE = 900; // milliseconds of a payment

const given = JSON.parse(byId("data").textContent);

const state = {
  expression: given.expression,
  numbers: given.numbers,
  order: "order",
  language: given.language,
  step: 0,
  choices: [],
  forgive: false,
  selected: null,
  doublings: 10,
  training: 0,
  closed: [],
};
let graph;
let names;
let walk;
let words = WORDS[state.language];
let speed = 1;
let playing = false;
let hurry = null; // ends the journey of a coin
let timer = 0;
let sitting = 0; // what was to follow a coin is forgotten in the next one
let lightRow = null;
const known = new Map(); // every number that a name has had
const network = new Network();
const stage = new Stage(byId("graph"), { node: pressNode, select, drag: dragLeaf, scope: toggleScope });
const book = new Book({
  go,
  light: (row) => {
    lightRow = row;
    paint();
  },
});

// ---- building ------------------------------------------------------------------------------------

/** Take the items of a graph; false, with an error shown, if there are too many. */
function take(items) {
  graph = new Graph(items);
  names = named(graph.nodes);
  state.selected = state.selected < graph.nodes.length ? state.selected : null;
  state.choices = state.choices.filter((index) => index < graph.nodes.length);
  const paths = new Set(
    graph.nodes.flatMap((node) => node.scope.map((_, i) => node.scope.slice(0, i + 1).join("::"))),
  );
  state.closed = state.closed.filter((path) => paths.has(path));
}

/** Read the expression of the state; returns the error, if there is one. */
function build() {
  if (state.expression === null) {
    take(given.items);
    for (const [label, x] of state.numbers) {
      const leaf = graph.leaves[Number(label)];
      if (leaf) leaf.value = x;
    }
    graph.update();
    return null;
  }
  try {
    const expression = read(state.expression);
    for (const [name, x] of state.numbers) known.set(name, x);
    state.numbers = expression.variables.map((name, i) => [name, known.get(name) ?? FIRST[i % FIRST.length]]);
    const items = expression.build(new Map(state.numbers));
    if (items.length > MOST) throw new ReaderError("too many", [items.length, MOST], null);
    take(items);
    return null;
  } catch (error) {
    if (!(error instanceof ReaderError)) throw error;
    return error;
  }
}

/** Everything anew: after another expression, a link, another language. */
function rebuild(isFirst = false) {
  halt();
  words = WORDS[state.language];
  document.documentElement.lang = state.language === "zh" ? "zh-Hans" : "en";
  const error = build();
  showError(error);
  if (error && isFirst) {
    state.expression = given.expression;
    state.numbers = given.numbers;
    build();
  }
  showWords();
  if (!error || isFirst) layOut();
  network.to(state.training);
  network.words = null;
  network.show(words);
  showDoublings(state.doublings, words);
}

function layOut() {
  stage.show(graph, names, new Set(state.closed), words);
  showLeaves();
  rewalk();
  state.step = Math.min(state.step, walk.steps.length);
  render();
}

/** The walk of the order that is looked at. */
function rewalk() {
  walk = state.order === "choose" ? chosen(graph, state.choices, state.forgive) : WALKS[state.order](graph);
  const isPaths = walk.kind === "paths";
  owed = isPaths
    ? graph.nodes.map((node) => (node.row ? 0 : graph.owed[node.index] ? graph.paths().count[node.index] : 0))
    : graph.owed;
  book.open(isPaths, words);
  byId("step").max = walk.steps.length;
  showOrders();
}
let owed = [];

// ---- words -----------------------------------------------------------------------------------------

/** The question, with the name in it in italics. */
function asked(name) {
  const [before, after] = words.why("\n").split("\n");
  return [before, html("i", {}, html("bdi", {}, name)), after];
}

/** The node that the question is about: where a wrong order goes wrong. */
function waiting() {
  const stop = firstCome(graph).stop ?? recursion(graph).stop;
  return stop ? names[stop.culprit] : null;
}

function showWords() {
  const name = waiting();
  const title = name === null ? words.whyNot : words.why(name);
  document.title = title;
  byId("title").replaceChildren(...(name === null ? [title] : asked(name)));
  const texts = {
    lead: words.lead(names[graph.root]),
    language: words.language,
    copy: words.copy,
    "expression-label": words.expression,
    "ledger-title": words.ledger,
    slower: words.slower,
    faster: words.faster,
    "doubling-title": words.doublingTitle,
    "doubling-lead": words.doublingLead,
    "doublings-label": words.doublings,
    "network-title": words.networkTitle,
    "network-lead": words.networkLead,
    "network-note": words.networkNote,
    "open-network": words.open,
    one: words.oneStep,
    hundred: words.hundredSteps,
    reset: words.startOver,
    "curve-caption": words.lossCurve,
    made: words.made,
  };
  for (const [id, text] of Object.entries(texts)) byId(id).textContent = text;
  const labels = {
    orders: words.orders,
    leaves: words.numbers,
    graph: words.stage,
    first: words.first,
    back: words.back,
    forward: words.forward,
    last: words.last,
    step: words.stepper,
    "zoom-in": words.zoomIn,
    "zoom-out": words.zoomOut,
    fit: words.fit,
  };
  for (const [id, text] of Object.entries(labels)) {
    byId(id).setAttribute("aria-label", text);
    if (byId(id).tagName === "BUTTON") byId(id).title = text;
  }
  byId("expression").placeholder = words.another;
  byId("language").lang = state.language === "en" ? "zh-Hans" : "en";
  const links = Object.entries(words.examples).map(([key, text]) => {
    const button = html("button", { type: "button", className: "link" }, text);
    button.addEventListener("click", () => open(...EXAMPLES[key]));
    return button;
  });
  byId("examples").replaceChildren(`${words.try}: `, ...links);
}

function showError(error) {
  const place = byId("error");
  const field = byId("expression");
  if (document.activeElement !== field) field.value = state.expression ?? "";
  field.setAttribute("aria-invalid", String(error !== null));
  place.hidden = error === null;
  if (error === null) return;
  const text = state.expression;
  let shownAt = "";
  if (error.position !== null) {
    const start = Math.max(text.lastIndexOf("\n", error.position - 1) + 1, error.position - 50, 0);
    const before = printable(text.slice(start, error.position));
    const after = printable(text.slice(error.position, error.position + 25).split("\n")[0]);
    shownAt = `\n  ${before}${after}\n  ${blank(before)}^`;
  }
  place.textContent = error.in(state.language) + shownAt;
}

const printable = (text) => text.replace(/\p{C}/gu, "\ufffd");
/** Spaces as wide as a text: a Chinese character takes two. */
const blank = (text) =>
  [...text]
    .map((c) =>
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60]/u.test(c)
        ? "\u3000"
        : " ",
    )
    .join("");

// ---- leaves ----------------------------------------------------------------------------------------

function showLeaves() {
  const leaves = graph.leaves.filter((leaf) => leaf.label || state.expression !== null);
  const fields = (leaves.length > CHIPS ? [] : leaves).map((leaf) => {
    const id = `leaf-${leaf.index}`;
    const input = html("input", { id, type: "number", step: "any", value: String(leaf.value) });
    const label = html("label", { htmlFor: id }, `${names[leaf.index]} =`);
    input.addEventListener("input", () => {
      if (input.value !== "" && Number.isFinite(input.valueAsNumber))
        dragLeaf(leaf.index, input.valueAsNumber, true);
    });
    input.addEventListener("keydown", (event) => {
      const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!direction) return;
      event.preventDefault();
      dragLeaf(leaf.index, nudged(leaf.value, direction), true);
    });
    scrub(
      label,
      () => leaf.value,
      (x, isDone) => dragLeaf(leaf.index, x, isDone),
      () => input.focus(),
    );
    return html("span", { className: "chip" }, label, input);
  });
  byId("leaves").replaceChildren(...fields);
}

function dragLeaf(index, x, isDone) {
  if (!Number.isFinite(x)) return;
  const leaf = graph.nodes[index];
  leaf.value = x;
  const field = byId(`leaf-${index}`);
  if (field && document.activeElement !== field) field.value = String(x);
  else if (field && field.valueAsNumber !== x) field.value = String(x);
  if (state.expression !== null)
    state.numbers = state.numbers.map(([name, y]) => [name, name === leaf.label ? x : y]);
  else {
    const place = String(graph.leaves.indexOf(leaf));
    state.numbers = [...state.numbers.filter(([key]) => key !== place), [place, x]];
  }
  const before = graph.payments.map((edge) => edge.id).join();
  graph.update();
  if (graph.payments.map((edge) => edge.id).join() !== before) {
    rewalk();
    state.step = Math.min(state.step, walk.steps.length);
  }
  if (isDone) render();
  else if (!dragLeaf.frame) {
    dragLeaf.frame = requestAnimationFrame(() => {
      dragLeaf.frame = 0;
      paint(true);
    });
  }
}

// ---- what is seen ------------------------------------------------------------------------------------

/** Show the state, and note it in the address. */
function render() {
  paint();
  inspect(graph, names, state.selected, words, () => select(null));
  save();
}

function paint(isHasty = false) {
  const replayed = replay(graph, walk, state.step);
  const last = replayed.rows.at(-1) ?? null;
  const isStopped = walk.stop !== null && state.step === walk.steps.length;
  const isChoosing = state.order === "choose" && !isStopped && state.step === walk.steps.length;
  const may = isChoosing ? candidates(graph, state.choices, replayed) : [];
  const row = lightRow === null ? null : replayed.rows[lightRow];
  const isFalse = isStopped || (last?.early ?? false);
  stage.paint({
    state: replayed,
    owed,
    words,
    now: new Set(last ? (last.edges ?? [last.edge]) : []),
    parties: new Set(last ? [last.debtor, last.creditor] : [graph.root]),
    isFalse,
    culprit: isFalse ? last.debtor : null,
    may: new Set(may),
    selected: state.selected,
    lit: row ? { edges: new Set(row.edges ?? [row.edge]), nodes: new Set(nodesOf(row)) } : traced(),
    isHasty,
  });
  book.show(replayed.rows, names, { now: state.step - 1, isFalse, isHasty });
  byId("step").value = state.step;
  byId("step").setAttribute("aria-valuetext", words.step(state.step, walk.steps.length));
  byId("count").textContent = words.step(state.step, walk.steps.length);
  byId("first").disabled = byId("back").disabled = state.step === 0;
  byId("forward").disabled = byId("last").disabled = state.step >= walk.steps.length;
  tell(replayed, last, isStopped, may, isHasty);
}

const nodesOf = (row) =>
  row.edges
    ? row.edges.flatMap((id) => [graph.edges[id].debtor, graph.edges[id].creditor])
    : [row.debtor, row.creditor];

/** The nodes and edges of the paths to the node that is looked at. */
function traced() {
  if (state.selected === null) return null;
  const nodes = graph.between(state.selected);
  const edges = graph.payments.filter((edge) => nodes.has(edge.debtor) && nodes.has(edge.creditor));
  return { nodes, edges: new Set(edges.map((edge) => edge.id)) };
}

function tell(replayed, last, isStopped, may, isHasty) {
  const { head, text, mood } = story(replayed, last, may);
  dress(byId("telling"), mood);
  const told = `${head ?? ""}\n${text}`;
  if (tell.told !== told) {
    tell.told = told;
    byId("caption").replaceChildren(...(head ? [html("strong", {}, head)] : []), text);
  }
  if (!isHasty) showChoices(replayed, isStopped, may);
}

/** What the page says of this step. */
function story(replayed, last, may) {
  const root = names[graph.root];
  const isEnd = state.step === walk.steps.length;
  if (last === null) {
    const head = state.order === "choose" ? words.whoNext : null;
    return { head, text: words.start(root), mood: "" };
  }
  if (walk.kind === "paths") {
    const text = words.path(
      names[last.leaf],
      last.factors.map((x) => shown(x)).join(" × ") || "1",
      shown(last.amount),
      root,
    );
    if (!isEnd) return { head: null, text, mood: "" };
    const least = counted(graph.payments.length);
    const head = walk.cut
      ? words.cutPaths(counted(walk.steps.length), counted(walk.total), least)
      : words.donePaths(counted(walk.total), counted(walk.walked), least);
    return { head, text, mood: walk.cut ? "false" : "" };
  }
  const [debtor, creditor] = [names[last.debtor], names[last.creditor]];
  if (last.early) {
    const rest = graph.gradient[last.debtor] - last.holds;
    const head = words.still(debtor, shown(last.holds), shown(rest));
    const due = shown(graph.gradient[last.debtor] * last.derivative);
    const cost = { queue: words.queueCost, recursion: words.recursionCost, choose: words.chooseCost }[
      walk.kind
    ];
    const text = cost(creditor, shown(last.amount), due, debtor, shown(last.holds));
    return { head, text, mood: "false" };
  }
  const pays = words.pays(debtor, creditor, shown(last.holds), shown(last.derivative), shown(last.amount));
  const n = replayed.received[last.creditor];
  const of = graph.owed[last.creditor];
  const then = n < of ? words.waits(creditor, n, of) : words.full(creditor, shown(last.balance));
  const text = `${pays} ${then}`;
  if (!isEnd || may.length)
    return { head: state.order === "choose" && may.length ? words.whoNext : null, text, mood: "" };
  if (walk.cut) return { head: words.cut(walk.steps.length), text, mood: "" };
  if (walk.kind === "order") return { head: words.done(walk.steps.length), text, mood: "good" };
  if (walk.kind !== "choose") return { head: words.rightAnyway, text, mood: "good" };
  const wrong = graph.leaves.find(
    (leaf) => !agrees(replayed.balances[leaf.index], graph.gradient[leaf.index]),
  );
  if (!wrong) return { head: words.doneChoose, text, mood: "good" };
  const head = words.wrongEnd(
    names[wrong.index],
    shown(replayed.balances[wrong.index]),
    shown(graph.gradient[wrong.index]),
  );
  return { head, text, mood: "false" };
}

const agrees = (x, y) =>
  x === y || Math.abs(x - y) <= 1e-9 * Math.abs(y) || (Number.isNaN(x) && Number.isNaN(y));

function showChoices(replayed, isStopped, may) {
  const buttons = [];
  const offer = (text, action) => {
    const button = html("button", { type: "button" }, text);
    button.addEventListener("click", action);
    buttons.push(button);
  };
  if (state.order === "choose") {
    if (isStopped) {
      offer(words.takeBack, () => choose(state.choices.slice(0, -1)));
      offer(words.letStand, () => choose(state.choices, true));
    }
    for (const index of may) {
      const { balances, received } = replayed;
      const text =
        index === graph.root
          ? names[index]
          : words.chip(names[index], shown(balances[index]), received[index], graph.owed[index]);
      offer(text, () => pay(index));
    }
    if (state.choices.length && !may.length && !isStopped && state.step === walk.steps.length)
      offer(words.again, () => choose([]));
  }
  const had = byId("choices").contains(document.activeElement);
  byId("choices").replaceChildren(...buttons);
  if (had || (showChoices.waits && document.activeElement === byId("play"))) {
    (buttons[0] ?? byId("play")).focus();
    showChoices.waits = !buttons.length; // until the coins have arrived
  }
}

function showOrders() {
  const buttons = ORDERS.map((order) => {
    const isHere = order === state.order;
    const button = html(
      "button",
      { type: "button", role: "tab", id: `order-${order}`, tabIndex: isHere ? 0 : -1 },
      words[order],
    );
    button.setAttribute("aria-selected", String(isHere));
    button.setAttribute("aria-controls", "theatre");
    if (order === "paths") {
      const { total } = pathByPath(graph);
      button.append(" ", html("span", { className: "mark slow" }, `× ${counted(total)}`));
    } else if (order !== "choose") {
      const isRight = WALKS[order](graph).stop === null;
      const mark = html(
        "span",
        { className: `mark ${isRight ? "right" : "wrong"}`, role: "img" },
        isRight ? "✓" : "✗",
      );
      mark.setAttribute("aria-label", isRight ? words.right : words.wrong);
      button.append(" ", mark);
    }
    button.addEventListener("click", () => setOrder(order));
    return button;
  });
  const had = byId("orders").contains(document.activeElement);
  byId("orders").replaceChildren(...buttons);
  const here = byId(`order-${state.order}`);
  byId("orders").scrollLeft = here.offsetLeft - byId("orders").offsetLeft - 40;
  if (had) here.focus();
  byId("order-says").textContent = words[`${state.order}Says`];
}

// ---- what is done ------------------------------------------------------------------------------------

/** Stop playing, and let a coin on its way arrive. */
function halt() {
  playing = false;
  sitting += 1;
  clearTimeout(timer);
  const arrive = hurry;
  hurry = null;
  arrive?.();
  dress(byId("transport"), "");
  byId("play").setAttribute("aria-label", words.play);
  byId("play").title = words.play;
}

/** Go to a step at once. */
function go(step) {
  halt();
  state.step = Math.max(0, Math.min(walk.steps.length, step));
  if (state.step && walk.kind !== "paths") stage.reveal(walk.steps[state.step - 1].debtor);
  render();
}

/** Take the next step, the coin first. */
function advance(then = () => {}) {
  if (state.step >= walk.steps.length) return then();
  const next = walk.steps[state.step];
  const now = sitting;
  const arrive = () => {
    hurry = null;
    state.step = Math.min(state.step + 1, walk.steps.length);
    render();
    if (now === sitting) then();
  };
  if (walk.kind === "paths") return arrive();
  stage.reveal(next.debtor);
  const { balances } = replay(graph, walk, state.step);
  const amount = balances[next.debtor] * graph.edges[next.edge].derivative;
  hurry = stage.send(
    next.edge,
    amount,
    walk.stop !== null && state.step === walk.steps.length - 1,
    PACE / speed,
    arrive,
  );
  return undefined;
}

function forward() {
  if (hurry) halt();
  else advance();
}

function play() {
  if (playing) {
    halt();
    return;
  }
  if (state.step >= walk.steps.length) state.step = 0;
  halt();
  playing = true;
  dress(byId("transport"), "playing");
  byId("play").setAttribute("aria-label", words.pause);
  byId("play").title = words.pause;
  paint();
  const next = () => {
    if (!playing) return;
    if (state.step >= walk.steps.length) {
      halt();
      return;
    }
    advance(() => {
      if (playing) timer = setTimeout(next, (moves() && walk.kind !== "paths" ? 260 : PACE) / speed);
    });
  };
  next();
}

function setSpeed(factor) {
  speed = Math.max(0.25, Math.min(16, speed * factor));
  byId("speed").textContent = `${speed}×`;
}

function setOrder(order) {
  halt();
  state.order = order;
  state.step = 0;
  state.choices = [];
  state.forgive = false;
  rewalk();
  if (order === "choose") byId("order-choose").focus();
  render();
}

function select(index) {
  state.selected = index;
  render();
}

function pressNode(index) {
  const isEnd = state.step === walk.steps.length && walk.stop === null;
  if (
    state.order === "choose" &&
    isEnd &&
    candidates(graph, state.choices, replay(graph, walk, state.step)).includes(index)
  )
    pay(index);
  else select(state.selected === index ? null : index);
}

/** The reader's choices so far; the steps of the last are taken one by one. */
function choose(choices, forgive = choices.length ? state.forgive : false) {
  halt();
  state.choices = choices;
  state.forgive = forgive;
  rewalk();
  state.step = Math.min(state.step, walk.steps.length);
  render();
  if (forgive) playOn();
}

function pay(index) {
  halt();
  state.selected = null;
  state.choices = [...state.choices, index];
  rewalk();
  render();
  playOn();
}

function playOn() {
  const next = () => {
    if (state.step < walk.steps.length) advance(next);
  };
  next();
}

function toggleScope(path, isClosing) {
  halt();
  state.closed = isClosing ? [...state.closed, path] : state.closed.filter((other) => other !== path);
  layOut();
}

/** Another expression. */
function open(expression, numbers) {
  halt();
  Object.assign(state, { expression, numbers, step: 0, choices: [], forgive: false, selected: null });
  byId("expression").blur();
  rebuild();
}

// ---- the address ---------------------------------------------------------------------------------------

const canLink = () => location.protocol !== "about:";

function save() {
  if (!canLink()) return;
  clearTimeout(save.timer);
  save.timer = setTimeout(write, 150);
}

function write() {
  const link = encoded(changed());
  save.own = link === "#" ? "" : link;
  if (location.hash !== save.own)
    history.replaceState(null, "", save.own || location.pathname + location.search);
}

/** The state without what is as it was given. */
function changed() {
  const isGiven = state.expression === given.expression;
  const before = new Map(given.numbers);
  return {
    ...state,
    expression: isGiven ? null : state.expression,
    numbers: isGiven ? state.numbers.filter(([name, x]) => before.get(name) !== x) : state.numbers,
  };
}

function load(isFirst) {
  const found = canLink() ? decoded(location.hash) : {};
  const numbers = new Map(found.expression === undefined ? given.numbers : []);
  for (const [name, x] of found.numbers ?? []) numbers.set(name, x);
  Object.assign(
    state,
    {
      expression: given.expression,
      order: "order",
      step: 0,
      choices: [],
      forgive: false,
      selected: null,
      doublings: 10,
      training: 0,
      closed: given.closed,
      language: given.language,
    },
    found,
    { numbers: [...numbers] },
  );
  rebuild(isFirst);
}

async function copy() {
  write();
  try {
    await navigator.clipboard.writeText(location.href);
    byId("copy").textContent = words.copied;
  } catch {
    byId("copy").textContent = words.inAddress;
  }
}

// ---- listening -------------------------------------------------------------------------------------------

const clicks = {
  first: () => go(0),
  back: () => go(state.step - 1),
  play,
  forward,
  last: () => go(walk.steps.length),
  slower: () => setSpeed(0.5),
  faster: () => setSpeed(2),
  "zoom-in": () => stage.by(1.3),
  "zoom-out": () => stage.by(1 / 1.3),
  fit: () => stage.fit(),
  copy,
  language: () => {
    state.language = state.language === "en" ? "zh" : "en";
    rebuild();
  },
  one: () => train(network.steps + 1),
  hundred: () => train(Math.min(1000, network.steps + 100)),
  reset: () => train(0),
  "open-network": () => {
    const numbers = NUMBERS.map(([name]) => [name, network.learners[0].nodes.get(name).value]);
    open(EXPRESSION, numbers);
    byId("title").scrollIntoView();
  },
};
for (const [id, action] of Object.entries(clicks)) byId(id).addEventListener("click", action);

function train(steps) {
  network.to(steps);
  state.training = network.steps;
  network.show(words);
  save();
}

byId("step").addEventListener("input", () => go(Number(byId("step").value)));
byId("doublings").addEventListener("input", () => {
  state.doublings = Number(byId("doublings").value);
  showDoublings(state.doublings, words);
  save();
});
byId("expression").addEventListener("input", () => {
  halt();
  const text = byId("expression").value;
  Object.assign(state, { expression: text, step: 0, choices: [], forgive: false, selected: null });
  const error = build();
  showError(error);
  if (error) return;
  showWords();
  layOut();
});
byId("orders").addEventListener("keydown", (event) => {
  const to = { ArrowLeft: -1, ArrowRight: 1, Home: -ORDERS.length, End: ORDERS.length }[event.key];
  if (!to) return;
  event.preventDefault();
  event.stopPropagation();
  const at = Math.max(0, Math.min(ORDERS.length - 1, ORDERS.indexOf(state.order) + to));
  setOrder(ORDERS[at]);
  byId(`order-${ORDERS[at]}`).focus();
});
document.addEventListener("keydown", (event) => {
  const { key, target, ctrlKey, metaKey, altKey } = event;
  if (ctrlKey || metaKey || altKey || target.closest("input, select, textarea")) return;
  const actions = {
    ArrowRight: forward,
    ArrowLeft: () => go(state.step - 1),
    Home: () => go(0),
    End: () => go(walk.steps.length),
    Escape: () => select(null),
    "+": () => stage.by(1.3),
    "-": () => stage.by(1 / 1.3),
    0: () => stage.fit(),
  };
  if (key === " " && !target.closest("button, [role=button], [role=spinbutton]")) actions[" "] = play;
  if (!Object.hasOwn(actions, key)) return;
  event.preventDefault();
  actions[key]();
});
addEventListener("hashchange", () => {
  if (location.hash !== save.own) load(false);
});
let size = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === size) return;
  size = innerWidth;
  showDoublings(state.doublings, words);
  network.show(words);
});

load(true);
