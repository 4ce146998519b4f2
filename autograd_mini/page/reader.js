// Text to nodes: the grammar of formulas/parse.py, from which the words and the rows of the table come.

import { GRAMMAR } from "./grammar.js";
import { TABLE } from "./table.js";
import { ERRORS } from "./words.js";

/** An expression that cannot be read; `position` is where, in UTF-16 units, or null. */
export class ReaderError extends Error {
  constructor(key, values, position) {
    super(ERRORS.en[key](...values));
    this.key = key;
    this.values = values;
    this.position = position;
  }

  in(language) {
    return (ERRORS[language][this.key] ?? ERRORS.en[this.key])(...this.values);
  }
}

const TOKEN =
  /(?<number>(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?)|(?<name>[\p{L}\p{N}_][\p{L}\p{N}_]*)|(?<sign>\*\*|\/\/|[<>=!:]=|[-+*/%(),;<>])|(?<blank>\s+)|(?<other>.)/gsu;

const COMPARES = 0;

const value = (name) => TABLE.get(name);
const apply = (name, ...operands) => record(value(name), operands);

const OPERATORS = new Map(
  [
    ["+", value("add").precedence, (x, y) => apply("add", x, y)],
    ["-", value("sub").precedence, (x, y) => apply("sub", x, y)],
    ["*", value("mul").precedence, (x, y) => apply("mul", x, y)],
    ["/", value("div").precedence, (x, y) => apply("div", x, y)],
    ["%", value("mod").precedence, (x, y) => apply("mod", x, y)],
    ["//", value("floordiv").precedence, (x, y) => apply("floordiv", x, y)],
    ["**", value("pow").precedence, (x, y) => apply("pow", x, y)],
    ["<", COMPARES, (x, y) => apply("less", x, y)],
    [">", COMPARES, (x, y) => apply("less", y, x)],
    ["==", COMPARES, (x, y) => apply("equal", x, y)],
    ["!=", COMPARES, (x, y) => apply("sub", 1, apply("equal", x, y))],
    ["<=", COMPARES, (x, y) => apply("add", apply("less", x, y), apply("equal", x, y))],
    [">=", COMPARES, (x, y) => apply("add", apply("less", y, x), apply("equal", x, y))],
  ].map(([sign, precedence, operation]) => [sign, { precedence, operation, operands: 2 }]),
);
const NEGATION = { precedence: value("neg").precedence, operation: (x) => apply("neg", x), operands: 1 };

/** A node, or the number itself where every operand is one. */
function record(row, operands) {
  if (operands.every((x) => typeof x === "number")) return row.value(...operands);
  return { row, operands, label: "" };
}

function fail(key, values, position) {
  throw new ReaderError(key, values, position);
}

const cut = (name) => ([...name].length <= 40 ? name : `${[...name].slice(0, 39).join("")}…`);

/** A text as Python's repr has it. */
export function quoted(text) {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replaceAll("\\", "\\\\").replaceAll(mark, `\\${mark}`);
  return mark + escaped + mark;
}

function unreadable(sign, position) {
  const shown = /[\p{C}\p{Z}]/u.test(sign)
    ? `the character U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`
    : quoted(sign);
  fail("unreadable", [shown, sign], position);
}

function tokens(text) {
  const found = [];
  let before = ["start", ";"];
  for (const match of text.matchAll(TOKEN)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    const position = match.index;
    let token = match[0];
    if (kind === "blank") continue;
    if (kind === "name") {
      let at = position;
      for (const [i, c] of [...token].entries()) {
        if (!(i ? /\p{XID_Continue}/u : /[\p{XID_Start}_]/u).test(c)) unreadable(c, at);
        at += c.length;
      }
      token = token.normalize("NFKC");
      if (GRAMMAR.keywords.includes(token)) fail("keyword", [quoted(token), token], position);
    } else if (!(token === "=" && before[0] === ";" && before[1] === "name")) {
      if (kind === "other" || (kind === "sign" && token in GRAMMAR.remedies)) unreadable(token, position);
    }
    before = [before[1], kind === "sign" ? token : kind];
    found.push({ kind, text: token, position });
  }
  found.push({ kind: "end", text: "", position: text.trimEnd().length });
  return found;
}

function number(token) {
  const good = /^(?:\d+(?:_\d+)*)?\.?(?:\d+(?:_\d+)*)?(?:[eE][-+]?\d+)?$/.test(token.text);
  if (!good) fail("number", [quoted(cut(token.text))], token.position);
  return Number(token.text.replaceAll("_", ""));
}

const FUNCTIONS = new Map([...TABLE.values()].flatMap((row) => row.aliases.map((alias) => [alias, row])));

function functionOf(token) {
  const row = TABLE.get(token.text) ?? FUNCTIONS.get(token.text);
  if (row) return row;
  const other = Object.hasOwn(GRAMMAR.otherNames, token.text) ? GRAMMAR.otherNames[token.text] : null;
  const close = other ?? closest([...token.text].slice(0, 40).join(""), [...TABLE.keys()]);
  return fail("function", [quoted(cut(token.text)), cut(token.text), close], token.position);
}

/** The most similar of some words, by the measure of Ratcliff and Obershelp, if it is similar at all. */
export function closest(word, words) {
  let best = [0.6, null];
  for (const other of words) {
    const ratio = (2 * matching(other, word)) / (other.length + word.length);
    if (ratio > best[0] || (ratio === best[0] && (best[1] === null || other > best[1])))
      best = [ratio, other];
  }
  return best[1];
}

function matching(a, b) {
  let [size, start, at] = [0, 0, 0];
  let lengths = new Map();
  for (let i = 0; i < a.length; i++) {
    const next = new Map();
    for (let j = 0; j < b.length; j++) {
      if (a[i] !== b[j]) continue;
      const k = (lengths.get(j - 1) ?? 0) + 1;
      next.set(j, k);
      if (k > size) [size, start, at] = [k, i - k + 1, j - k + 1];
    }
    lengths = next;
  }
  if (!size) return 0;
  return (
    size + matching(a.slice(0, start), b.slice(0, at)) + matching(a.slice(start + size), b.slice(at + size))
  );
}

class Reader {
  constructor(text) {
    this.tokens = tokens(text);
    this.steps = [];
    this.names = new Map(); // and where each first stands
    this.defined = new Set();
    this.open = [];
    this.brackets = []; // those of `open`
  }

  read() {
    if (this.tokens.length === 1) fail("empty", [], null);
    let [at, defines] = this.definition(0);
    for (;;) {
      at = this.operand(at);
      while (this.tokens[at].text === ")") this.close(this.tokens[at++]);
      const token = this.tokens[at];
      if (token.kind === "end" || token.text === ";") {
        this.end(token, defines);
        if (token.kind === "end") return this;
        [at, defines] = this.definition(at + 1);
      } else {
        this.binary(token);
        at += 1;
      }
    }
  }

  definition(at) {
    const token = this.tokens[at];
    if (token.kind !== "name" || this.tokens[at + 1].text !== "=") return [at, null];
    if (this.defined.has(token.text)) fail("defined twice", [quoted(cut(token.text))], token.position);
    if (this.names.has(token.text)) fail("used before", [quoted(cut(token.text))], token.position);
    return [at + 2, token];
  }

  end(token, defines) {
    if (this.brackets.length) fail("never closed", [], this.brackets.at(-1).position);
    this.settle(COMPARES);
    if (defines && token.kind === "end") fail("no result", [], token.position);
    if (!defines && token.text === ";") fail("no definition", [], token.position);
    if (defines) {
      this.steps.push({
        define: defines.text,
        isNew: typeof this.steps.at(-1) === "object" && "operation" in this.steps.at(-1),
      });
      this.defined.add(defines.text);
    }
  }

  operand(from) {
    for (let at = from; ; ) {
      const token = this.tokens[at];
      const after = this.tokens[Math.min(at + 1, this.tokens.length - 1)];
      at += 1;
      if (token.kind === "number") {
        this.steps.push(number(token));
        return at;
      }
      if (token.kind === "name") {
        if (after.text !== "(") {
          if (!this.defined.has(token.text) && !this.names.has(token.text))
            this.names.set(token.text, token.position);
          this.steps.push(token.text);
          return at;
        }
        this.enter({ position: after.position, row: functionOf(token) });
        at += 1;
      } else if (token.text === "(") this.enter({ position: token.position, row: null });
      else if (token.text === "-") this.open.push(NEGATION);
      else if (token.kind === "end") fail("ends", [], token.position);
      else if (token.text !== "+") fail("missing", [quoted(token.text)], token.position);
    }
  }

  binary(token) {
    const operator = OPERATORS.get(token.text);
    if (token.text === ",") {
      this.settle(COMPARES);
      const bracket = this.brackets.at(-1);
      if (!bracket?.row) fail("comma", [], token.position);
      bracket.operands += 1;
      bracket.compared = false;
    } else if (operator) {
      if (operator.precedence === COMPARES) this.compare(token);
      this.settle(operator.precedence + (token.text === "**" ? 1 : 0));
      this.open.push(operator);
    } else fail("no operator", [quoted(token.text)], token.position);
  }

  settle(precedence) {
    while (this.open.length && this.open.at(-1).operation && this.open.at(-1).precedence >= precedence) {
      this.steps.push(this.open.pop());
    }
  }

  enter(bracket) {
    const around = this.brackets.at(-1);
    bracket.inCondition = around !== undefined && mayCompare(around);
    bracket.operands = 0;
    bracket.compared = false;
    this.open.push(bracket);
    this.brackets.push(bracket);
  }

  close(token) {
    if (!this.brackets.length) fail("closes nothing", [], token.position);
    this.settle(COMPARES);
    this.open.pop();
    const { row: called, operands, position } = this.brackets.pop();
    if (!called) return;
    const given = operands + 1;
    const row = [called, TABLE.get(called.overload)].find((r) => r?.variadic || r?.operands.length === given);
    if (!row) fail("operands", [called.name, called.operands, given], position);
    this.steps.push({ operation: (...xs) => record(row, xs), operands: given });
  }

  compare(token) {
    const bracket = this.brackets.at(-1);
    if (!bracket || !mayCompare(bracket)) fail("compares", [quoted(token.text)], token.position);
    if (bracket.compared) fail("compares again", [quoted(token.text)], token.position);
    bracket.compared = true;
  }
}

function mayCompare(bracket) {
  return bracket.inCondition || (bracket.row?.name === "where" && !bracket.operands);
}

/** What an expression says: its `variables` and a function that builds its items from their numbers. */
export function read(text) {
  const length = [...text].length;
  if (length > GRAMMAR.longest) fail("long", [length, GRAMMAR.longest], null);
  const { steps, names } = new Reader(text).read();
  const variables = [...names.keys()].filter((name) => !Object.hasOwn(GRAMMAR.constants, name));
  return { text, variables, build: (numbers) => items(evaluated(steps, numbers)) };
}

function evaluated(steps, numbers) {
  const known = new Map(Object.entries(GRAMMAR.constants).map(([name, x]) => [name, Number(x)]));
  for (const [name, x] of numbers) known.set(name, { row: null, operands: [], label: name, value: x });
  const stack = [];
  for (const step of steps) {
    if (typeof step === "number") stack.push(step);
    else if (typeof step === "string") stack.push(known.get(step));
    else if ("define" in step) {
      const result = stack.pop();
      if (step.isNew && typeof result === "object") result.label += step.define;
      known.set(step.define, result);
    } else stack.push(step.operation(...stack.splice(stack.length - step.operands)));
  }
  const result = stack[0];
  return typeof result === "number" ? { row: null, operands: [], label: "", value: result } : result;
}

/** The nodes below a root as a list, operands before results, the first operand's side first. */
function items(root) {
  const index = new Map();
  const list = [];
  const stack = [root];
  while (stack.length) {
    const node = stack.at(-1);
    const waiting = node.operands.filter((x) => typeof x === "object" && !index.has(x));
    if (waiting.length) stack.push(...waiting.reverse());
    else {
      stack.pop();
      if (index.has(node)) continue;
      index.set(node, list.length);
      list.push({
        op: node.row?.name ?? null,
        operands: node.operands.map((x) =>
          typeof x === "object" ? index.get(x) : String(Object.is(x, -0) ? "-0" : x),
        ),
        label: cut(node.label),
        scope: [],
        value: node.value ?? null,
      });
    }
  }
  return list;
}
