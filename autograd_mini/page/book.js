// The ledger: a row for each payment so far.

import { byId, html, say } from "./dom.js";
import { shown } from "./names.js";

const ROW = 28; // pixels, near enough to know which rows are in sight

/** A table of payments, or of paths, that fills as they happen. */
export class Book {
  constructor(on) {
    this.body = byId("ledger").tBodies[0];
    this.head = byId("ledger").tHead;
    this.scroll = byId("ledger-scroll");
    this.rows = [];
    this.on = on;
    this.top = 0; // where it is scrolled to: to ask while painting would cost a layout
    this.scroll.addEventListener("scroll", () => {
      this.top = this.scroll.scrollTop;
    });
  }

  /** Begin a new ledger, of payments or of paths. */
  open(isPaths, words) {
    const heads = isPaths
      ? [words.leaves, words.product, words.amount, words.balance]
      : [
          words.debtor,
          words.holds,
          `× ${words.derivative}`,
          `= ${words.amount}`,
          words.creditor,
          words.balance,
        ];
    this.head.replaceChildren(html("tr", {}, ...heads.map((head) => html("th", { scope: "col" }, head))));
    const whos = isPaths ? [0, 1] : [0, 4];
    for (const i of whos) this.head.rows[0].cells[i].className = "who";
    this.whos = new Set(whos);
    this.size = heads.length;
    this.nothing = html(
      "tr",
      {},
      html("td", { className: "nothing", colSpan: this.size }, words.ledgerEmpty),
    );
    this.body.replaceChildren();
    this.rows = [];
  }

  /** Show these rows; hasty: only those in sight. */
  show(rows, names, { now, isFalse, isHasty }) {
    while (this.rows.length > rows.length) this.rows.pop().remove();
    while (this.rows.length < rows.length) this.add();
    if (!rows.length !== this.nothing.isConnected) {
      if (rows.length) this.nothing.remove();
      else this.body.append(this.nothing);
    }
    const first = isHasty ? Math.max(0, Math.floor(this.top / ROW) - 2) : 0;
    const last = isHasty ? Math.min(rows.length, first + 20) : rows.length;
    for (let i = first; i < last; i++) {
      const row = rows[i];
      const texts = row.factors
        ? [
            names[row.leaf],
            row.factors.map((x) => shown(x)).join(" × ") || "1",
            shown(row.amount),
            shown(row.balance),
          ]
        : [
            names[row.debtor],
            shown(row.holds),
            `× ${shown(row.derivative)}`,
            `= ${shown(row.amount)}`,
            names[row.creditor],
            shown(row.balance),
          ];
      texts.forEach((text, k) => {
        say(this.rows[i].cells[k].firstChild, text);
      });
      this.rows[i].className = i === now ? (isFalse ? "now false" : "now") : row.early ? "false" : "";
    }
    if (!isHasty && now >= 0 && this.rows[now]) {
      const { offsetTop, offsetHeight } = this.rows[now];
      const { scrollTop, clientHeight } = this.scroll;
      if (offsetTop < scrollTop + ROW) this.scroll.scrollTop = offsetTop - ROW;
      else if (offsetTop + offsetHeight > scrollTop + clientHeight)
        this.scroll.scrollTop = offsetTop + offsetHeight - clientHeight;
    }
  }

  add() {
    const row = html("tr");
    for (let k = 0; k < this.size; k++) {
      row.append(html("td", { className: this.whos.has(k) ? "who" : "" }, html("bdi")));
    }
    const number = this.rows.length;
    row.addEventListener("click", () => this.on.go(number + 1));
    row.addEventListener("mouseenter", () => this.on.light(number));
    row.addEventListener("mouseleave", () => this.on.light(null));
    this.rows.push(row);
    this.body.append(row);
  }
}
