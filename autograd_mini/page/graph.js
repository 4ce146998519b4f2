// Numbers and derivatives on a graph, node by node as the Python engine has them.

import { TABLE } from "./table.js";

/** A graph from its items, operands before results; the last is the root. */
export class Graph {
  constructor(items) {
    this.nodes = items.map((item, index) => ({
      index,
      row: item.op === null ? null : TABLE.get(item.op),
      operands: item.operands.map((x) => (typeof x === "string" ? -1 : x)),
      constants: item.operands.map((x) => (typeof x === "string" ? Number(x) : 0)),
      label: item.label,
      scope: item.scope,
      value: item.op === null ? Number(item.value) : 0,
    }));
    this.root = this.nodes.length - 1;
    this.edges = [];
    this.below = this.nodes.map(() => []); // of each node, the edges to its operands
    this.above = this.nodes.map(() => []);
    for (const node of this.nodes) {
      node.operands.forEach((creditor, position) => {
        if (creditor < 0) return;
        const edge = { id: this.edges.length, debtor: node.index, creditor, position, derivative: null };
        this.edges.push(edge);
        this.below[node.index].push(edge);
        this.above[creditor].push(edge);
      });
    }
    this.leaves = this.nodes.filter((node) => node.row === null);
    this.update();
  }

  numbers(node) {
    return node.operands.map((x, i) => (x < 0 ? node.constants[i] : this.nodes[x].value));
  }

  /** Compute every value, every derivative on an edge, the order and the gradient. */
  update() {
    for (const node of this.nodes) {
      if (node.row === null) continue;
      const numbers = this.numbers(node);
      node.value = node.row.value(...numbers);
      const { partials, variadic } = node.row;
      const all = variadic ? partials(node.value, numbers) : null;
      for (const edge of this.below[node.index]) {
        const rule = variadic ? null : partials[edge.position];
        edge.derivative = variadic ? all[edge.position] : (rule?.(node.value, ...numbers) ?? null);
      }
    }
    this.order = this.resultsFirst();
    const reached = new Set(this.order);
    this.owed = this.nodes.map(({ index }) =>
      this.above[index].reduce((n, edge) => n + (edge.derivative !== null && reached.has(edge.debtor)), 0),
    );
    this.payments = this.order.flatMap((index) => this.paying(index));
    this.gradient = this.settle();
  }

  /** The edges by which a node pays: those that have a derivative. */
  paying(index) {
    return this.below[index].filter((edge) => edge.derivative !== null);
  }

  /** The topological order: each node after all its users. */
  resultsFirst() {
    const order = [];
    const entered = new Set();
    const stack = [this.root];
    while (stack.length) {
      const index = stack.pop();
      if (index < 0) order.push(~index);
      else if (!entered.has(index)) {
        entered.add(index);
        stack.push(~index);
        for (const edge of this.below[index]) if (edge.derivative !== null) stack.push(edge.creditor);
      }
    }
    return order.reverse();
  }

  /** What a node has before it is paid: a leaf the 0 of a fresh gradient, others -0, where sums begin. */
  start(index) {
    if (index === this.root) return 1;
    return this.nodes[index].row === null ? 0 : -0;
  }

  /** The derivative of the root with respect to every node. */
  settle() {
    const balances = this.nodes.map(({ index }) => this.start(index));
    for (const { debtor, creditor, derivative } of this.payments) {
      balances[creditor] += balances[debtor] * derivative;
    }
    return balances;
  }

  /** The root's value were a node's value another. */
  valueIf(index, x) {
    const values = this.nodes.map((node) => node.value);
    values[index] = x;
    for (const node of this.nodes) {
      if (node.row === null || node.index <= index) continue;
      values[node.index] = node.row.value(
        ...node.operands.map((k, i) => (k < 0 ? node.constants[i] : values[k])),
      );
    }
    return values[this.root];
  }

  /** The derivative by central differences, at the step where two of them agree best. */
  difference(index) {
    const x = this.nodes[index].value;
    let best = { derivative: NaN, spread: Infinity };
    let last = NaN;
    for (let k = 2; k <= 10; k++) {
      const h = Math.max(Math.abs(x), 1) * 10 ** -k;
      const derivative = (this.valueIf(index, x + h) - this.valueIf(index, x - h)) / (x + h - (x - h));
      const spread = Math.abs(derivative - last);
      if (spread < best.spread) best = { derivative, spread };
      last = derivative;
    }
    return best.derivative;
  }

  /** How many paths lead from the root to each node, and how many edges all these paths have. */
  paths() {
    const count = this.nodes.map(() => 0n);
    const length = this.nodes.map(() => 0n);
    count[this.root] = 1n;
    for (const { debtor, creditor } of this.payments) {
      count[creditor] += count[debtor];
      length[creditor] += length[debtor] + count[debtor];
    }
    return { count, length };
  }

  /** The nodes through which a path from the root to a node leads. */
  between(index) {
    const found = new Set([index]);
    for (const above of [...this.order].reverse()) {
      if (this.paying(above).some((edge) => found.has(edge.creditor))) found.add(above);
    }
    return found;
  }
}
