/** An element with what is in it. Names come without their prefix, attributes are left out. */
export interface XmlElement {
  readonly name: string;
  /** All text directly inside, trimmed. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

interface OpenElement {
  readonly qualified: string;
  text: string;
  readonly children: XmlElement[];
}

const NAME = String.raw`[\p{L}_][\p{L}\p{N}_.-]*(?::[\p{L}_][\p{L}\p{N}_.-]*)?`;
const ATTRIBUTE = String.raw`\s+${NAME}\s*=\s*(?:"[^"<]*"|'[^'<]*')`;
const TOKEN = [
  String.raw`(?<skipped><!--(?:(?!--)[^])*-->|<\?[^]*?\?>)`,
  String.raw`<!\[CDATA\[(?<cdata>[^]*?)\]\]>`,
  String.raw`</(?<end>${NAME})\s*>`,
  String.raw`<(?<start>${NAME})(?:${ATTRIBUTE})*\s*(?<empty>/?)>`,
  String.raw`(?<text>[^<]+)`,
].join("|");
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const MAX_DEPTH = 64;

const localName = (qualified: string): string => qualified.slice(qualified.indexOf(":") + 1);

function decode(text: string): string {
  return text.replace(/&([^;]*)(;?)/g, (_all, name: string, end: string) => {
    const code = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name);
    const point = code ? parseInt(code[1] ?? code[2] ?? "", code[1] === undefined ? 10 : 16) : undefined;
    const known =
      point === undefined
        ? Object.hasOwn(ENTITIES, name)
          ? ENTITIES[name]
          : undefined
        : point <= 0x10ffff
          ? String.fromCodePoint(point)
          : undefined;
    if (known === undefined || end === "") throw new Error("the XML holds an unknown entity");
    return known;
  });
}

/**
 * Reads a small document that a trusted program made: elements and text. There are no document types and so no entities of its own.
 * Throws where it isn't well-formed.
 */
export function parseXml(source: string): XmlElement {
  const token = new RegExp(TOKEN, "uy");
  const open: OpenElement[] = [];
  let root: XmlElement | undefined;
  const close = ({ qualified, text, children }: OpenElement): void => {
    const element = { name: localName(qualified), text: text.trim(), children };
    const parent = open.at(-1);
    if (parent) parent.children.push(element);
    else root = element;
  };
  const add = (text: string): void => {
    const parent = open.at(-1);
    if (parent) parent.text += text;
    else if (text.trim() !== "") throw new Error("the XML holds text outside of its root");
  };
  const input = source.replace(/^\uFEFF/, "");
  while (token.lastIndex < input.length) {
    const groups = token.exec(input)?.groups;
    if (!groups) throw new Error("the XML isn't well-formed");
    const { skipped, cdata, end, start, empty, text } = groups;
    if (skipped !== undefined) continue;
    if (cdata !== undefined) add(cdata);
    else if (text !== undefined) add(decode(text));
    else if (end !== undefined) {
      const last = open.pop();
      if (last?.qualified !== end) throw new Error("the XML has an end tag that nothing began");
      close(last);
    } else if (start !== undefined) {
      if ((root && open.length === 0) || open.length === MAX_DEPTH) throw new Error("the XML has several roots, or is too deep");
      const element: OpenElement = { qualified: start, text: "", children: [] };
      if (empty === "") open.push(element);
      else close(element);
    }
  }
  if (!root || open.length > 0) throw new Error("the XML ends too early");
  return root;
}
