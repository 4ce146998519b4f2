// The slider of doublings: paths against payments.

import { byId, html, svg } from "./dom.js";
import { counted, shown } from "./names.js";

const SIZES = [
  [60, 1, "seconds"],
  [3600, 60, "minutes"],
  [86400, 3600, "hours"],
  [31557600, 86400, "days"],
  [4.35e17, 31557600, "years"],
  [Infinity, 4.35e17, "ages"],
];

/** Show n doublings. */
export function showDoublings(n, words) {
  byId("doublings").value = n;
  byId("doublings").setAttribute("aria-valuetext", String(n));
  byId("doublings-count").textContent = n;
  const item = (number, word, classes) =>
    html("span", {}, html("b", { className: classes }, number), ` ${word}`);
  byId("tally").replaceChildren(
    item(counted(2n ** BigInt(n)), words.pathsWord, ""),
    item(counted(2 * n), words.paymentsWord, "few"),
  );
  const time = 2 ** n / 1e6;
  const [, unit, word] = SIZES.find(([limit]) => time < limit);
  const amount = time / unit;
  byId("doubling-time").textContent = words.doublingTime(
    words[word](amount < 1e4 ? shown(amount, 2) : counted(BigInt(Math.round(amount)))),
  );
  drawBeads(n);
}

function drawBeads(n) {
  const picture = byId("beads");
  const size = picture.clientWidth || 900;
  picture.setAttribute("viewBox", `0 0 ${size} 74`);
  picture.replaceChildren();
  const gap = Math.min(90, (size - 30) / n);
  const radius = Math.max(1.5, Math.min(11, gap / 5));
  const start = (size - gap * n) / 2;
  for (let i = 0; i < n; i++) {
    const [x, end] = [start + i * gap, start + (i + 1) * gap];
    const bend = Math.min(28, gap / 1.6);
    for (const y of [37 - bend, 37 + bend])
      svg("path", { d: `M${x},37Q${(x + end) / 2},${y} ${end},37` }, picture);
  }
  for (let i = 0; i <= n; i++) svg("circle", { cx: start + i * gap, cy: 37, r: radius }, picture);
}
