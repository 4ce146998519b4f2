// What nodes are called and how numbers are written: as in show/names.py.

/** A number as Python's format has it in so many significant digits: %.5g. */
export function short(x, digits = 5) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (x === 0) return Object.is(x, -0) ? "-0" : "0";
  const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  const bare = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power < -4 || power >= digits) {
    return `${bare(mantissa)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return bare(x.toFixed(digits - 1 - power));
}

/** A number for a reader: a true minus sign, no -0, thin spaces between thousands. */
export function shown(x, digits = 5) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "∞" : "−∞";
  const text = String(Number(x.toPrecision(digits)));
  const [mantissa, exponent] = text.replace("-", "−").split("e");
  if (exponent) return `${mantissa}e${exponent.replace("+", "").replace("-", "−")}`;
  if (Math.abs(x) < 1e4) return text === "-0" ? "0" : mantissa;
  return grouped(mantissa);
}

const grouped = (text) => text.replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** A whole number, however large, for a reader. */
export function counted(n) {
  const text = String(n);
  if (text.length < 16) return grouped(text);
  const [mantissa, exponent] = Number(n).toExponential(2).split("e+");
  return `${mantissa} × 10${[...exponent].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]).join("")}`;
}

/** Of each node its label, else the next free letter; v1, v2, … if the letters do not suffice. */
export function named(nodes) {
  const taken = new Set(nodes.map((node) => node.label));
  const letters = [..."abcdefghijklmnopqrstuvwxyz"].filter((letter) => !taken.has(letter));
  const nameless = nodes.filter((node) => !node.label).length;
  let next = 0;
  const fresh = () => {
    if (nameless <= letters.length) return letters[next++];
    do next += 1;
    while (taken.has(`v${next}`));
    return `v${next}`;
  };
  return nodes.map((node) => node.label || fresh());
}

/** The operation that made a node, in the names of its operands; "" for a leaf. */
export function operation(node, names) {
  const { row } = node;
  if (row === null) return "";
  const texts = node.operands.map((k, i) => {
    const text = k < 0 ? short(node.constants[i]) : names[k];
    return k < 0 && text.startsWith("-") && row.precedence > 3 && row.precedence < 9 ? `(${text})` : text;
  });
  if (row.variadic) return `${row.name}(${texts.join(", ")})`;
  return row.form.replace(/\{(\w+)\}/g, (_, name) => texts[row.operands.indexOf(name)]);
}
