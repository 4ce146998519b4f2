// What one node gets: its sum by the chain rule, its paths, its check by differences.

import { byId, html } from "./dom.js";
import { counted, shown } from "./names.js";

/** Show the sum of a node, or nothing for null. */
export function inspect(graph, names, index, words, shut) {
  const panel = byId("inspector");
  panel.hidden = index === null;
  if (index === null) return;
  const [root, name] = [names[graph.root], names[index]];
  const close = html("button", { type: "button", className: "link shut" }, words.close);
  close.addEventListener("click", shut);
  const parts = [html("h3", {}, `${words.sumOf(root, name)} = ${shown(graph.gradient[index])}`)];
  const into = graph.payments.filter((edge) => edge.creditor === index);
  if (index === graph.root) parts.push(html("p", {}, words.startsWith(root)));
  else if (!into.length) parts.push(html("p", {}, words.reaches));
  else {
    const rows = into.slice(0, 12).map((edge, i) => {
      const owner = graph.gradient[edge.debtor];
      return html(
        "tr",
        {},
        html("td", {}, `${i ? "+ " : ""}${shown(owner)} × ${shown(edge.derivative)}`),
        html("td", {}, `= ${shown(owner * edge.derivative)}`),
        html("td", {}, html("bdi", {}, words.via(names[edge.debtor]))),
      );
    });
    if (into.length > 12) rows.push(html("tr", {}, html("td", {}, `+ … ${into.length - 12}`)));
    if (into.length > 1) {
      rows.push(
        html(
          "tr",
          { className: "total" },
          html("td", {}, words.sumOf(root, name)),
          html("td", {}, `= ${shown(graph.gradient[index])}`),
          html("td"),
        ),
      );
    }
    parts.push(html("table", {}, html("tbody", {}, ...rows)));
    parts.push(html("p", {}, words.pathCount(counted(graph.paths().count[index]), root, name)));
  }
  if (index !== graph.root) {
    const difference = graph.difference(index);
    const gradient = graph.gradient[index];
    const digits = Math.min(
      15,
      Math.floor(-Math.log10(Math.abs(difference - gradient) / Math.max(Math.abs(gradient), 1e-9))),
    );
    const verdict = digits >= 4 ? words.agrees(digits) : words.doubtful;
    parts.push(html("p", {}, `${words.differences}: ${shown(difference, 10)} · ${verdict}`));
  }
  panel.replaceChildren(close, ...parts);
}
