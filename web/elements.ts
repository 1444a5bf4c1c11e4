/** The page's elements by id, with their types. */

/** Throws when the page has no such element: page and script do not belong together. */
export function byId<Element extends HTMLElement>(id: string, type: new () => Element): Element {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`no ${type.name} with the id "${id}" in this page`);
}

export function button(id: string): HTMLButtonElement {
  return byId(id, HTMLButtonElement);
}

export function input(id: string): HTMLInputElement {
  return byId(id, HTMLInputElement);
}

export function box(id: string): HTMLElement {
  return byId(id, HTMLElement);
}

/** Sets a data attribute, or takes it off. */
export function setData(element: HTMLElement, name: string, value: string | number | undefined): void {
  if (value === undefined) delete element.dataset[name];
  else element.dataset[name] = String(value);
}

export function createElement(
  tag: "div" | "span" | "li" | "footer" | "article",
  className: string,
): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}

/** One of the icons in the page's sprite. */
export function createIcon(id: string, className: string): SVGSVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const icon = document.createElementNS(namespace, "svg");
  icon.setAttribute("class", className);
  icon.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(namespace, "use");
  use.setAttribute("href", `#${id}`);
  icon.append(use);
  return icon;
}
