// The orders in which debts can be paid, each as a list of steps; a wrong one ends at its first false payment.

const LONGEST_WALK = 400; // steps of a walk that are shown

/** In topological order: each node pays once all that owe it have paid. */
export function inOrder(graph) {
  return { kind: "order", steps: graph.payments.map(payment), stop: null, cut: false };
}

/** Whoever is paid first pays first, once. */
export function firstCome(graph) {
  const queue = [graph.root];
  return premature(graph, "queue", (pay) => {
    const seen = new Set(queue);
    for (let at = 0; at < queue.length; at++) {
      for (const edge of graph.paying(queue[at])) {
        if (pay(edge)) return;
        if (!seen.has(edge.creditor)) {
          seen.add(edge.creditor);
          queue.push(edge.creditor);
        }
      }
    }
  });
}

/** Depth first: whoever is paid passes on at once all that it holds. */
export function recursion(graph) {
  return premature(graph, "recursion", (pay) => {
    const stack = [...graph.paying(graph.root)].reverse();
    while (stack.length) {
      const edge = stack.pop();
      if (pay(edge)) return;
      stack.push(...graph.paying(edge.creditor).reverse());
    }
  });
}

/** The reader's order: nodes pay in the order of `choices`. With `forgive`, false payments stand. */
export function chosen(graph, choices, forgive) {
  return premature(
    graph,
    "choose",
    (pay) => {
      for (const index of choices) for (const edge of graph.paying(index)) if (pay(edge)) return;
    },
    forgive,
  );
}

function payment(edge) {
  return { edge: edge.id, debtor: edge.debtor, creditor: edge.creditor };
}

/** Take steps until a node pays that is still owed something. */
function premature(graph, kind, walk, forgive = false) {
  const steps = [];
  const received = graph.nodes.map(() => 0);
  let stop = null;
  let cut = false;
  walk((edge) => {
    if (steps.length >= LONGEST_WALK + graph.payments.length) {
      cut = true;
      return true;
    }
    const early = received[edge.debtor] < graph.owed[edge.debtor];
    steps.push({ ...payment(edge), early });
    received[edge.creditor] += 1;
    if (early && !forgive) stop = { culprit: edge.debtor, creditor: edge.creditor };
    return stop !== null;
  });
  return { kind, steps, stop, cut };
}

/** Each leaf goes up every path to the root: a step is a whole path. */
export function pathByPath(graph) {
  const steps = [];
  const { count, length } = graph.paths();
  const leaves = graph.leaves.filter((leaf) => graph.owed[leaf.index]);
  const total = leaves.reduce((n, leaf) => n + count[leaf.index], 0n);
  const walked = leaves.reduce((n, leaf) => n + length[leaf.index], 0n);
  const reached = new Set(graph.order);
  for (const leaf of leaves) {
    const stack = [[leaf.index, []]];
    while (stack.length && steps.length < LONGEST_WALK) {
      const [index, edges] = stack.pop();
      if (index === graph.root) steps.push({ leaf: leaf.index, creditor: leaf.index, edges });
      const up = graph.above[index].filter((edge) => edge.derivative !== null && reached.has(edge.debtor));
      for (const edge of up.reverse()) stack.push([edge.debtor, [...edges, edge.id]]);
    }
  }
  return { kind: "paths", steps, stop: null, cut: BigInt(steps.length) < total, total, walked };
}

/** What everybody holds after so many steps, and what the last step was. */
export function replay(graph, walk, count) {
  const balances = graph.nodes.map(({ index }) => graph.start(index));
  const received = graph.nodes.map(() => 0);
  const paid = graph.nodes.map(() => 0);
  const amounts = graph.edges.map(() => null);
  const rows = walk.steps.slice(0, count).map((step) => {
    if (walk.kind === "paths") {
      const factors = step.edges.map((id) => graph.edges[id].derivative);
      const amount = factors.reduce((product, x) => product * x, 1);
      balances[step.leaf] += amount;
      received[step.leaf] += 1;
      return { ...step, amount, factors, balance: balances[step.leaf] };
    }
    const { derivative } = graph.edges[step.edge];
    const holds = balances[step.debtor];
    const amount = holds * derivative;
    balances[step.creditor] += amount;
    received[step.creditor] += 1;
    paid[step.debtor] += 1;
    amounts[step.edge] = amount;
    return { ...step, holds, derivative, amount, balance: balances[step.creditor] };
  });
  return { balances, received, paid, amounts, rows };
}

/** Who holds something and has not paid: those who may be chosen. */
export function candidates(graph, choices, state) {
  return graph.order.filter(
    (index) =>
      !choices.includes(index) &&
      graph.paying(index).length > 0 &&
      (index === graph.root || state.received[index] > 0),
  );
}
