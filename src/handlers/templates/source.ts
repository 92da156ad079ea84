const TAGS = /\{\{[^]*?\}\}|\{%[^]*?%\}/g;
const LITERAL = `"(?:[^"\\\\]|\\\\.)*"|'(?:[^'\\\\]|\\\\.)*'`;
/** A text with placeholders, and what is put there: a name, or several in parentheses. */
const PERCENT = new RegExp(`(${LITERAL})\\s*%\\s*(?:([A-Za-z_][\\w.]*)|\\(([^()]*)\\))`, "g");
const MARKUP = /(\.body_text_html\b)(?!\s*\|)/g;

/**
 * The source of a template as our engine reads it, line for line: it has Jinja's syntax, but no `%` of Python's on texts, and cannot be told
 * that a value is markup already, as Synapse's `body_text_html` is.
 */
export function adaptSource(source: string): string {
  return source.replace(TAGS, (tag) =>
    tag
      .replace(PERCENT, (_, text: string, name: string | undefined, list: string | undefined) => `(${text}|format(${name ?? list ?? ""}))`)
      .replace(MARKUP, "$1|safe"),
  );
}
