/** JSON that is ready to be sent: response writers splice it in as it lies, without parsing it. */
export class JsonText {
  constructor(readonly text: string) {}

  toJSON(): unknown {
    return JSON.parse(this.text);
  }
}
