export interface Statement {
  readonly text: string;
  /** Its first word, in upper case. */
  readonly verb: string;
}

/** The statement of each template, with $1, $2 ... for its parameters: made once, found again by the identity of the template. */
export class Statements {
  private readonly known = new WeakMap<TemplateStringsArray, Statement>();

  of(strings: TemplateStringsArray): Statement {
    let statement = this.known.get(strings);
    if (!statement) {
      const text = strings.reduce((sum, part, i) => `${sum}$${i}${part}`).trim();
      statement = { text, verb: (/^\w+/.exec(text)?.[0] ?? "").toUpperCase() };
      this.known.set(strings, statement);
    }
    return statement;
  }
}
