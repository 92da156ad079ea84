/** A glob of push rules: `*` stands for any characters, `?` for one. Text and pattern are expected in lower case. */
export interface Glob {
  readonly matches: (text: string) => boolean;
  /** An upper bound of the character comparisons that a text of this length may take. */
  readonly cost: (length: number) => number;
}

/** Whether a code unit is one of A-Z, a-z, 0-9 and `_`; anything else separates words. */
export function isWordUnit(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95;
}

/** Whether a match may start or end between text[at - 1] and text[at]. */
export function isWordBoundary(text: string, at: number): boolean {
  return at <= 0 || at >= text.length || !isWordUnit(text.charCodeAt(at - 1)) || !isWordUnit(text.charCodeAt(at));
}

/** The pieces between the stars, of which those with a question mark cannot be searched for by indexOf. */
interface Piece {
  readonly text: string;
  readonly literal: boolean;
}

const splitPattern = (pattern: string): Piece[] =>
  pattern
    .replace(/\*+/g, "*")
    .split("*")
    .map((text) => ({ text, literal: !text.includes("?") }));

/** Where the piece ends if it stands at `at`, else -1. A question mark takes a whole code point. */
function endOfPiece(text: string, at: number, piece: Piece): number {
  if (piece.literal) return text.startsWith(piece.text, at) ? at + piece.text.length : -1;
  let end = at;
  for (let i = 0; i < piece.text.length; i++) {
    if (end >= text.length) return -1;
    const wanted = piece.text.charCodeAt(i);
    if (wanted === 63) end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
    else if (text.charCodeAt(end++) !== wanted) return -1;
  }
  return end;
}

interface Place {
  readonly start: number;
  readonly end: number;
}

/** The first place at or after `from` where the piece stands and `fits` agrees. */
function findPiece(text: string, from: number, piece: Piece, fits: (start: number, end: number) => boolean): Place | undefined {
  for (let start = from; start <= text.length; start++) {
    if (piece.literal) {
      start = text.indexOf(piece.text, start);
      if (start < 0) return undefined;
    }
    const end = endOfPiece(text, start, piece);
    if (end >= 0 && fits(start, end)) return { start, end };
  }
  return undefined;
}

const anywhere = (): boolean => true;

/** Finds pieces one after another, each as early as possible, which is never worse than later. Gives the end of the last. */
function findInTurn(text: string, from: number, pieces: readonly Piece[]): number {
  let at = from;
  for (const piece of pieces) {
    const place = findPiece(text, at, piece, anywhere);
    if (!place) return -1;
    at = place.end;
  }
  return at;
}

function matchesWhole(text: string, pieces: readonly Piece[]): boolean {
  const [first, last] = [pieces[0], pieces.at(-1)];
  if (!first || !last) return false;
  if (pieces.length === 1) return endOfPiece(text, 0, first) === text.length;
  const head = endOfPiece(text, 0, first);
  if (head < 0) return false;
  const at = findInTurn(text, head, pieces.slice(1, -1));
  if (at < 0) return false;
  if (last.literal) return text.length - last.text.length >= at && text.endsWith(last.text);
  return findPiece(text, at, last, (_, end) => end === text.length) !== undefined;
}

function matchesWords(text: string, pieces: readonly Piece[]): boolean {
  const [first, last] = [pieces[0], pieces.at(-1)];
  if (!first || !last) return false;
  const startsWord = (start: number): boolean => isWordBoundary(text, start);
  const endsWord = (_: number, end: number): boolean => isWordBoundary(text, end);
  if (pieces.length === 1) return findPiece(text, 0, first, (start, end) => startsWord(start) && endsWord(start, end)) !== undefined;
  const head = findPiece(text, 0, first, startsWord);
  if (!head) return false;
  const at = findInTurn(text, head.end, pieces.slice(1, -1));
  if (at < 0) return false;
  // A star at the end takes all the rest, and the end of the text is the end of a word.
  return last.text === "" || findPiece(text, at, last, endsWord) !== undefined;
}

/**
 * Compiles a glob. "whole": it must match the entire text; "words": some part of the text that starts and ends at a word
 * boundary (push module, condition event_match).
 */
export function compileGlob(pattern: string, mode: "whole" | "words"): Glob {
  const lower = pattern.toLowerCase();
  const pieces = splitPattern(lower);
  const slowest = Math.max(1, ...pieces.filter((piece) => !piece.literal).map((piece) => piece.text.length));
  const cost = (length: number): number => (length + 1) * slowest;
  if (mode === "words") return { matches: (text) => matchesWords(text, pieces), cost };
  if (pieces.length === 1 && pieces[0]?.literal) return { matches: (text) => text === lower, cost: () => 1 };
  return { matches: (text) => matchesWhole(text, pieces), cost };
}

/** Whether `words` stands in text as it is, between word boundaries. Both in lower case. */
export function containsWords(text: string, words: string): boolean {
  if (words === "") return false;
  for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + 1)) {
    if (isWordBoundary(text, at) && isWordBoundary(text, at + words.length)) return true;
  }
  return false;
}
