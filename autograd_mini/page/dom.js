// Elements: text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** An HTML element with properties and children, which are elements or text. */
export function html(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** An SVG element with attributes, at the end of a parent. */
export function svg(tag, attributes = {}, parent = null, text = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  parent?.append(element);
  return element;
}

/** Set an element's text, unless it is that already: the browser then has nothing to draw. */
export function say(element, text) {
  if (element.said !== text) {
    element.said = text;
    element.textContent = text;
  }
}

/** Set an element's classes, likewise. */
export function dress(element, classes) {
  if (element.worn !== classes) {
    element.worn = classes;
    element.setAttribute("class", classes);
  }
}

/** Whether the reader wants things to move. */
export const moves = () => !matchMedia("(prefers-reduced-motion: reduce)").matches;

const pen = document.createElement("canvas").getContext("2d");

/** How wide a text is in the graph. */
export function width(text, font = "600 13px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace") {
  pen.font = font;
  return pen.measureText(text).width;
}
