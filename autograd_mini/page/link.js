// The state as the part of the address behind #, and back. What cannot be understood is left out.

export const ORDERS = ["order", "queue", "recursion", "paths", "choose"];
const LANGUAGES = ["en", "zh"];

const whole = (text, most = 1e6) =>
  /^\d{1,7}$/.test(text ?? "") && Number(text) <= most ? Number(text) : null;

/** Read a state from a link. */
export function decoded(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const state = {};
  const keep = (key, value) => {
    if (value !== null && value !== undefined) state[key] = value;
  };
  keep("expression", fields.get("e"));
  const numbers = fields.getAll("v").map((text) => {
    const cut = text.lastIndexOf("=");
    return [text.slice(0, cut), Number(text.slice(cut + 1))];
  });
  keep("numbers", numbers.length ? numbers.filter(([name, x]) => name && !Number.isNaN(x)) : null);
  keep("order", ORDERS.includes(fields.get("o")) ? fields.get("o") : null);
  keep("language", LANGUAGES.includes(fields.get("l")) ? fields.get("l") : null);
  keep("step", whole(fields.get("t")));
  keep(
    "choices",
    fields.has("p")
      ? fields
          .get("p")
          .split(".")
          .map((x) => whole(x))
          .filter((x) => x !== null)
      : null,
  );
  keep("forgive", fields.has("f") ? true : null);
  keep("selected", whole(fields.get("n")));
  keep("doublings", whole(fields.get("d"), 100));
  keep("training", whole(fields.get("k"), 1000));
  keep("closed", fields.has("c") ? fields.getAll("c") : null);
  return state;
}

/** Write a state as a link. */
export function encoded(state) {
  const fields = new URLSearchParams();
  if (state.expression !== null) fields.set("e", state.expression);
  for (const [name, x] of state.numbers) fields.append("v", `${name}=${x}`);
  if (state.order !== "order") fields.set("o", state.order);
  if (state.language !== "en") fields.set("l", state.language);
  if (state.step) fields.set("t", state.step);
  if (state.choices.length) fields.set("p", state.choices.join("."));
  if (state.forgive) fields.set("f", "1");
  if (state.selected !== null) fields.set("n", state.selected);
  if (state.doublings !== 10) fields.set("d", state.doublings);
  if (state.training) fields.set("k", state.training);
  for (const path of state.closed) fields.append("c", path);
  return `#${fields}`;
}
