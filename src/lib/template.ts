import { escapeHtml } from "./html";

export type TemplateValues = Readonly<Record<string, string | boolean>>;

const TAG =
  /\{\{-?\s*([\w.]+)(?:\s*\|\s*(\w+))?\s*-?\}\}|\{%-?\s*(if|elif)\s+(not\s+)?(\w+)\s*-?%\}|\{%-?\s*(else|endif)\s*-?%\}|\{#[\s\S]*?#\}/g;

/** Throws for what a template cannot do here. */
export class TemplateError extends Error {}

/**
 * Fills in a page that was written for Jinja, as far as pages of operators go: `{{ name }}`, `{% if [not] name %}`, `{% elif %}`, `{% else %}`,
 * `{% endif %}`, comments. Values are escaped for HTML unless `| safe` follows. Unknown names are empty, as they are there.
 */
export function fillTemplate(text: string, values: TemplateValues): string {
  let out = "";
  let at = 0;
  /** Of each open condition: whether this branch is shown, and whether one was. */
  const open: { shown: boolean; done: boolean }[] = [];
  const isShown = (): boolean => open.every(({ shown }) => shown);
  const holds = (name: string, negated: string | undefined): boolean => Boolean(values[name]) === (negated === undefined);
  for (const match of text.matchAll(TAG)) {
    if (isShown()) out += text.slice(at, match.index);
    at = match.index + match[0].length;
    const [, name, filter, condition, negated, tested = "", end] = match;
    if (name !== undefined) {
      const value = String(values[name] ?? "");
      if (isShown()) out += filter === "safe" ? value : escapeHtml(value);
    } else if (condition === "if") {
      const shown = holds(tested, negated);
      open.push({ shown, done: shown });
    } else if (condition === "elif" || end === "else") {
      const last = open.at(-1);
      if (!last) throw new TemplateError("else without if");
      last.shown = !last.done && (end === "else" || holds(tested, negated));
      last.done ||= last.shown;
    } else if (end === "endif" && !open.pop()) throw new TemplateError("endif without if");
  }
  if (open.length > 0) throw new TemplateError("if without endif");
  const rest = text.slice(at);
  if (/\{%/.test(out + rest)) throw new TemplateError("there are tags that are not known here");
  return out + rest;
}
